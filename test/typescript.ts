import { join } from 'node:path';

/** Lets `node -r` run TypeScript, as the commands of `package.json` do. */
export const LOADER = join(__dirname, '..', 'bin', 'typescript.cjs');

/** Arguments of `node` that let a test start a program in TypeScript, e.g. `[...TYPESCRIPT, 'bin/ops.ts']`. */
export const TYPESCRIPT: readonly string[] = [
  '-r',
  // Set by jest.config.ts.
  process.env.COUNT_COVERAGE ? join(__dirname, 'coverage', 'register.cjs') : LOADER,
];
