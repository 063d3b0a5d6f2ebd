import { readFileSync } from 'node:fs';
import { ESBUILD_OPTIONS, entryOf } from '../lib/bundling';
import { createCommand, runCommand } from '../tools/cli/command';
import { Bundler } from '../tools/local/bundler';
import { nameSources } from '../tools/local/source-trace';

const bundling = { entryOf, options: ESBUILD_OPTIONS, app: 'bin/app.ts' };

const command = createCommand('npm run source-trace --')
  .description(
    "Reads a stack trace of a deployed function from stdin, and prints it with the TypeScript's files and lines. " +
      'Check out the commit that is deployed first.',
  )
  .argument('<function>', 'name of the function')
  .action(async (name: string) => {
    const text = readFileSync(0, 'utf8');
    process.stdout.write(await nameSources(text, name, new Bundler(process.cwd(), bundling)));
  });

void runCommand(command);
