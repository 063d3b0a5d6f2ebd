/** Adds to a test's coverage what the commands counted that it, or another test at the same time, has started. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { COMPILED, COUNTED } from './settings.cjs';

interface Counts {
  readonly hash: string;
  readonly s: Record<string, number>;
  readonly f: Record<string, number>;
  readonly b: Record<string, number[]>;
}

const files = (): string[] =>
  existsSync(COUNTED) ? readdirSync(COUNTED).filter((name) => name.endsWith('.json')) : [];

/** Takes a file, unless another worker of the test run was faster. */
function take(name: string): Record<string, Counts> {
  const mine = join(COUNTED, `${name}.taken`);
  try {
    renameSync(join(COUNTED, name), mine);
  } catch {
    return {};
  }
  const counts = JSON.parse(readFileSync(mine, 'utf8'));
  rmSync(mine);
  return counts;
}

function add(total: Counts, { s, f, b }: Counts): void {
  for (const [key, count] of Object.entries(s)) total.s[key] = (total.s[key] ?? 0) + count;
  for (const [key, count] of Object.entries(f)) total.f[key] = (total.f[key] ?? 0) + count;
  for (const [key, counts] of Object.entries(b)) {
    total.b[key] = counts.map((count, way) => count + (total.b[key]?.[way] ?? 0));
  }
}

afterAll(() => {
  const scope = globalThis as { __coverage__?: Record<string, Counts> };
  scope.__coverage__ ??= {};
  const totals = scope.__coverage__;
  for (const name of files()) {
    for (const [file, counts] of Object.entries(take(name))) {
      const total = totals[file];
      if (!total) {
        const places = JSON.parse(readFileSync(join(COMPILED, `${counts.hash}.json`), 'utf8'));
        totals[file] = { ...places, ...counts };
      } else if (total.hash === counts.hash) add(total, counts);
      // Otherwise the source was edited during the run, and its places are no longer the same.
    }
  }
});
