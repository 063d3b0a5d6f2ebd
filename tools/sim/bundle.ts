/** The publisher's code, bundled as the app bundles its handlers. */
import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type BuildOptions, buildSync } from 'esbuild';

/** @returns the folder with `index.js` */
export function bundlePublisher(entry: string, options: BuildOptions): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sim-publisher-'));
  buildSync({ ...options, entryPoints: [entry], outfile: path.join(folder, 'index.js') });
  return folder;
}
