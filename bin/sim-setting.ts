/** Setting of the simulator for this app, in its own process and in those of its workers. */
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { BUNDLE_FILE, ESBUILD_OPTIONS, entryOf, LOADER } from '../lib/bundling';
import type { Picture, SimSetting } from '../tools/sim/setting';

// The same code runs in environment after environment: V8 compiles it once for all of them, at its first call, and does
// not throw it away while none of them uses it. A seed takes a fifth less of CPU.
for (const flag of ['--no-flush-bytecode', '--always-sparkplug']) setFlagsFromString(flag);

// Not before somebody asks: they bring in all that the handlers do.
const model = () => (require('./order-model') as typeof import('./order-model')).MODEL;
const mutants = () => (require('./order-mutants') as typeof import('./order-mutants')).MUTANTS;
const fuzzed = () => (require('./fuzzed-parsers') as typeof import('./fuzzed-parsers')).FUZZED;

/** The page of the local run, asked for its export without a socket. */
function picture(): Picture {
  const { PageAttachment }: typeof import('../tools/page/attachment') = require('../tools/page/attachment');
  const page = new PageAttachment({ app: () => model().app, measurement: () => undefined });
  return {
    onStep: page.onStep,
    html: async (stack) => {
      const [, token = ''] = page.attach(stack).split('#token=');
      const [[prefix, answer] = []] = Object.entries(page.handlers);
      const request = { method: 'POST', path: `${prefix}/api/export`, query: new URLSearchParams() };
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const context = { requestId: 'export', signal: new AbortController().signal };
      const reply = await answer?.({ ...request, headers, body: Buffer.from('{}') }, context);
      const { html, message }: { html?: string; message?: string } = JSON.parse(String(reply?.body));
      if (html === undefined) throw new Error(`The page has no export: ${message}`);
      return html;
    },
  };
}

const bundling = {
  project: process.cwd(),
  options: ESBUILD_OPTIONS,
  entryOf,
  bundleFile: BUNDLE_FILE,
  files: { [LOADER.file]: LOADER.code },
};

const workerFile = path.join(__dirname, 'sim-worker.ts');

export const SETTING: SimSetting = { model, mutants, fuzzed, picture, bundling, workerFile };
