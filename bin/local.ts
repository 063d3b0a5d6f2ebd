import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ESBUILD_OPTIONS, entryOf } from '../lib/bundling';
import { runCommand } from '../tools/cli/command';
import { localCommand } from '../tools/local/command';
import { PageAttachment } from '../tools/page/attachment';

// Not before somebody asks: it brings in all that the handlers do.
const app = () => (require('./app-description') as typeof import('./app-description')).APP;
const page = new PageAttachment({
  app,
  measurement: () => JSON.parse(readFileSync(join(__dirname, '..', 'samples', 'measurements.json'), 'utf8')),
});

const bundling = { entryOf, options: ESBUILD_OPTIONS, app: 'bin/app.ts' };

void runCommand(localCommand({ project: process.cwd(), page, bundling, entity: () => app().entity }));
