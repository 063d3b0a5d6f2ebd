/** Start of a function, as bundled: it rehearses its first event, of which nobody else learns. */
import './environment';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build, type Metafile } from 'esbuild';
import { BUNDLE_FILE, ESBUILD_OPTIONS, LOADER } from '../../lib/bundling';

const HANDLERS = readdirSync('lambdas', { withFileTypes: true })
  .filter((each) => each.isDirectory())
  .map(({ name }) => name);

/**
 * The most that a bundle may have, in KiB, and what of it is evaluated when the function starts: each is read at every
 * cold start. A bundle that needs more gets it here, after `npm run bench -- cold-start` has told what it costs.
 */
const BUDGET: Readonly<Record<string, number>> = {
  'order-processor': 215,
  notifier: 268,
  reminders: 300,
  analytics: 345,
};

const directory = mkdtempSync(join(tmpdir(), 'rehearsal-'));
const metafiles = new Map<string, Metafile>();
let server: Server;
let requests: IncomingMessage[] = [];
/** Behaviour of the server. */
let isSilent = false;

beforeAll(async () => {
  await Promise.all(
    HANDLERS.map(async (entry) => {
      const { metafile } = await build({
        ...ESBUILD_OPTIONS,
        entryPoints: [`lambdas/${entry}/handler.ts`],
        outfile: join(directory, entry, BUNDLE_FILE),
        metafile: true,
      });
      metafiles.set(entry, metafile);
      writeFileSync(join(directory, entry, LOADER.file), LOADER.code);
    }),
  );
  server = createServer((request, response) => {
    requests.push(request);
    if (!isSilent) response.end('healthy');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  requests = [];
  isSilent = false;
});

const port = () => (server.address() as AddressInfo).port;

/** Starts a function without an event, as Lambda does. */
async function start(entry: string, variables: Readonly<Record<string, string>> = {}) {
  const code = `
    const begin = performance.now();
    import(process.argv[1]).then(async ({ handler }) => {
      const { ready } = require(process.argv[2]);
      console.log(JSON.stringify([typeof handler, await ready, Math.round(performance.now() - begin)]));
      process.exit();
    });`;
  const files = [LOADER.file, BUNDLE_FILE].map((file) => join(directory, entry, file));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['-e', code, ...files], {
    env: {
      ...process.env,
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port()}`,
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      ...variables,
    },
  });
  const [handler, isRehearsed, ms] = JSON.parse(stdout);
  return { handler, isRehearsed, ms, lines: stdout.trim().split('\n').length, stderr };
}

describe.each(HANDLERS)('%s', (entry) => {
  test('rehearses its first event to the end, and asks AWS for nothing but whether it is there', async () => {
    expect(await start(entry)).toMatchObject({
      handler: 'function',
      isRehearsed: true,
      lines: 1,
      stderr: '',
    });
    expect(requests.length).toBeGreaterThan(0);
    for (const { method, url, headers } of requests) {
      expect([method, url]).toEqual(['GET', '/ping']);
      // No signature: no permission is used, and no trail has it.
      expect(Object.keys(headers).sort()).toEqual(['connection', 'host']);
    }
  });

  test('starts without AWS, soon and without a word', async () => {
    const refused = { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' };
    expect(await start(entry, refused)).toMatchObject({ isRehearsed: true, lines: 1, stderr: '' });
  });

  test('starts without credentials, which the first event then misses', async () => {
    expect(await start(entry, { AWS_ACCESS_KEY_ID: '' })).toMatchObject({
      handler: 'function',
      isRehearsed: false,
      lines: 1,
      stderr: '',
    });
  });

  test('rehearses in Lambda only', async () => {
    expect(await start(entry, { AWS_LAMBDA_INITIALIZATION_TYPE: '' })).toMatchObject({ isRehearsed: false });
    expect(requests).toEqual([]);
  });

  test('has a bundle within its budget', () => {
    const [output] = Object.values(metafiles.get(entry)?.outputs ?? {});
    const inputs = Object.entries(output?.inputs ?? {})
      .sort(([, one], [, other]) => other.bytesInOutput - one.bytesInOutput)
      .slice(0, 12)
      .map(([file, { bytesInOutput }]) => `${bytesInOutput} ${file}`);
    const kib = (output?.bytes ?? Number.POSITIVE_INFINITY) / 1_024;
    // The largest parts, for whoever has to find what came in.
    expect(kib <= (BUDGET[entry] ?? 0) ? [] : [`${kib.toFixed(0)} KiB`, ...inputs]).toEqual([]);
  });

  test("reads of Node's modules only what it uses, which import() does not", () => {
    const [output] = Object.values(metafiles.get(entry)?.outputs ?? {});
    const imports = output?.imports ?? [];
    expect(imports.map(({ path }) => path)).toContain('node:http');
    expect(imports.filter(({ kind }) => kind !== 'require-call')).toEqual([]);
  });
});

test('a function whose connections hang waits for a second in all', async () => {
  isSilent = true;
  const { isRehearsed, ms } = await start('notifier');
  expect(isRehearsed).toBe(true);
  expect(ms).toBeGreaterThan(900);
  expect(ms).toBeLessThan(5_000);
});
