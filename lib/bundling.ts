/**
 * Bundling options of the handlers, for synthesis and for the local run, which rebuilds changed handlers. Must not
 * import the CDK, since `npm start` loads this file.
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
  // `import('node:http')`, which the SDK does, reads every export of that module, and one of them (WebSocket) loads a
  // whole HTTP client: 15 ms of CPU at each start. `require`, which takes its place, reads what is used.
  supported: { 'dynamic-import': false },
  alias: {
    // A function's credentials are in its environment; without the other sources the bundle is a third smaller.
    '@aws-sdk/credential-provider-node': './lambdas/environment-credentials.ts',
    '@aws-lambda-powertools/jmespath': './lambdas/left-out.ts',
    '@aws-lambda-powertools/jmespath/functions': './lambdas/left-out.ts',
    '@smithy/core/event-streams': './lambdas/left-out.ts',
  },
} satisfies BuildOptions;

/** File of the bundle in a function's code. */
export const BUNDLE_FILE = 'index.cjs';

/**
 * Module that Lambda loads in place of the bundle: an ES module that waits for the handler's rehearsal
 * (`lambdas/rehearsal.ts`). Lambda waits for an ES module's top-level await before it gives the function an event,
 * and for no promise of a CommonJS one.
 */
export const LOADER = {
  file: 'index.mjs',
  code: `import { createRequire } from 'node:module';
const { handler, ready } = createRequire(import.meta.url)('./${BUNDLE_FILE}');
await ready;
export { handler };
`,
} as const;

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
