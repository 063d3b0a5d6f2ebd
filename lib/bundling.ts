/**
 * Bundling options of the handlers, for synthesis and for the local run, which rebuilds changed handlers. Must not import
 * the CDK, since `npm start` loads this file.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildOptions } from 'esbuild';

/** Options of esbuild for each handler; all are part of the asset's hash. */
export const ESBUILD_OPTIONS = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  minify: true,
  // The SDK's ES modules shake better than its CommonJS ones: 535 -> 335 KiB.
  mainFields: ['module', 'main'],
  alias: {
    // A function's credentials are in its environment; without the other sources the bundle is a third smaller.
    '@aws-sdk/credential-provider-node': './lambdas/environment-credentials.ts',
  },
} satisfies BuildOptions;

/**
 * @param functionName name that ends with the handler's folder, as `EventHandler` makes it
 * @returns the handler's file, relative to the project; undefined if no folder of `lambdas/` fits
 */
export function entryOf(functionName: string): string | undefined {
  const lambdas = join(__dirname, '..', 'lambdas');
  const entries = readdirSync(lambdas, { withFileTypes: true })
    .filter((each) => each.isDirectory() && functionName.endsWith(`-${each.name}`))
    .filter(({ name }) => existsSync(join(lambdas, name, 'handler.ts')))
    // Prefer the longer one of `order-processor` and `processor`.
    .sort((a, b) => b.name.length - a.name.length);
  return entries[0] && join('lambdas', entries[0].name, 'handler.ts');
}
