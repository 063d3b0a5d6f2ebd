/** Node 24, which is what Lambda runs, for measuring on a machine that develops with another one. */
import { execFileSync } from 'node:child_process';

export interface MeasuredNode {
  /** The program. */
  readonly path: string;
  /** E.g. `v24.21.0`. */
  readonly version: string;
}

const LAMBDAS_MAJOR = 'v24.';

/**
 * Finds it: the running Node, `NODE_24` (a path), or the package `node@24`, which npx downloads once (190 MB).
 * @returns the running Node if there is none; its version says so
 */
export function findNode24(): MeasuredNode {
  const running = { path: process.execPath, version: process.version };
  if (running.version.startsWith(LAMBDAS_MAJOR)) return running;
  const print = 'console.log(JSON.stringify({ path: process.execPath, version: process.version }))';
  const ways: readonly (readonly [string, readonly string[]])[] = [
    ...(process.env.NODE_24 ? [[process.env.NODE_24, ['-e', print]] as const] : []),
    ['npx', ['--yes', 'node@24', '-e', print]],
  ];
  for (const [program, args] of ways) {
    try {
      const text = execFileSync(program, [...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const found: MeasuredNode = JSON.parse(text);
      if (found.version.startsWith(LAMBDAS_MAJOR)) return found;
    } catch {
      // The next way.
    }
  }
  return running;
}
