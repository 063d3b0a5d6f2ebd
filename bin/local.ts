import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../tools/cli/command';
import { localCommand } from '../tools/local/command';
import { PageAttachment } from '../tools/page/attachment';

const page = new PageAttachment({
  // Not before somebody looks: it brings in all that the handlers do.
  app: () => (require('./app-description') as typeof import('./app-description')).APP,
  measurement: () => JSON.parse(readFileSync(join(__dirname, '..', 'samples', 'measurements.json'), 'utf8')),
});

void runCommand(localCommand(process.cwd(), page));
