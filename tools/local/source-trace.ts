/** Stack traces of deployed functions, named by the TypeScript that the bundle was made of. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { InputError } from '../cli/errors';
import type { Bundler } from './bundler';
import { SourcePositions } from './services/source-positions';

/** Folder into which Lambda puts a function's code. */
const TASK_ROOT = '/var/task';

/**
 * @param text e.g. a line of the function's log; it must be of the code that the project's files are now
 * @returns the text with `/var/task/index.cjs:1:2345` as `lambdas/shop/handler.ts:12:3`
 * @throws InputError if the function's code is not made of the project's, or cannot be bundled
 */
export async function nameSources(text: string, functionName: string, bundler: Bundler): Promise<string> {
  if (!bundler.isKnown(functionName)) throw new InputError(`There is no handler of ${functionName}.`);
  const { code, map } = await bundler.bundle(functionName);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'source-trace-'));
  try {
    fs.writeFileSync(path.join(folder, 'index.cjs'), code);
    const positions = new SourcePositions(() => map);
    return positions
      .named(text.replaceAll(TASK_ROOT, folder), functionName, folder)
      .replaceAll(folder, TASK_ROOT);
  } finally {
    fs.rmSync(folder, { recursive: true });
    await bundler.stop();
  }
}
