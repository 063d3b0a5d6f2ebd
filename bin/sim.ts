import { BUNDLE_FILE, ESBUILD_OPTIONS, entryOf, LOADER } from '../lib/bundling';
import { runCommand } from '../tools/cli/command';
import { simCommand } from '../tools/sim/command';

// Not before somebody asks: they bring in all that the handlers do.
const model = () => (require('./order-model') as typeof import('./order-model')).MODEL;
const mutants = () => (require('./order-mutants') as typeof import('./order-mutants')).MUTANTS;
const fuzzed = () => (require('./fuzzed-parsers') as typeof import('./fuzzed-parsers')).FUZZED;

const bundling = {
  project: process.cwd(),
  options: ESBUILD_OPTIONS,
  entryOf,
  bundleFile: BUNDLE_FILE,
  files: { [LOADER.file]: LOADER.code },
};

void runCommand(simCommand({ model, mutants, fuzzed, bundling }));
