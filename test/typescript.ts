import { join } from 'node:path';

/** Arguments of `node` that let a test start a program in TypeScript, e.g. `[...TYPESCRIPT, 'bin/ops.ts']`. */
export const TYPESCRIPT: readonly string[] = [
  '-r',
  // Set by jest.config.ts.
  process.env.COUNT_COVERAGE
    ? join(__dirname, 'coverage', 'register.cjs')
    : join(__dirname, '..', 'bin', 'typescript.cjs'),
];
