/** An execution environment within this process: the handler's world is the run's. */
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock } from '../../../../tools/local/services/clock';
import type { HandlerRequest, Transport } from '../../../../tools/local/services/handler-http';
import { InProcessEnvironment } from '../../../../tools/local/services/lambda-in-process';
import { SystemWorld } from '../../../../tools/local/services/world';
import { temporaryDirectory } from '../../template/template';

const START = Date.parse('2026-01-15T10:00:00Z');

function environment(
  code: string,
  timeoutSeconds = 3,
  files: Record<string, string> = { 'index.js': code },
  transport: Transport = () => Promise.reject(new Error('no network')),
) {
  const folder = temporaryDirectory();
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
  const clock = new ManualClock(START);
  const world = new SystemWorld(clock);
  const lines: string[] = [];
  const started = new InProcessEnvironment(
    {
      taskRoot: folder,
      variables: { _HANDLER: 'index.handler', LAMBDA_TASK_ROOT: folder, OWN: 'own' },
      ...{ memorySizeMb: 128, timeoutSeconds, onEgressRefused: () => {} },
      onOutput: (line) => void lines.push(line),
    },
    { world, transport },
  );
  const invoke = () => started.invoke({ requestId: 'r', payload: '{}', functionArn: 'arn', trace: 't' });
  return { started, clock, lines, invoke };
}

test('a handler has the world of the run, and its own variables', async () => {
  const { invoke, clock } = environment(
    'exports.handler = async () => [Date.now(), new Date().toISOString(), performance.now(), process.env];',
  );
  const { payload } = await invoke();
  const [now, date, elapsed, variables] = JSON.parse(payload);
  expect([now, date, elapsed]).toEqual([clock.now(), new Date(START).toISOString(), START]);
  expect(variables).toMatchObject({ OWN: 'own', _X_AMZN_TRACE_ID: 't' });
  expect(variables.PATH).toBeUndefined();
});

test('a timer waits for the clock, and the time limit holds', async () => {
  const sleeping = environment('exports.handler = () => new Promise((r) => setTimeout(() => r(1), 2000));');
  const outcome = sleeping.invoke();
  await turn();
  await sleeping.clock.advance(2000);
  expect(await outcome).toMatchObject({ status: 'success', payload: '1', durationMs: 2000 });

  const hanging = environment('exports.handler = () => new Promise(() => {});');
  const late = hanging.invoke();
  await turn();
  await hanging.clock.advance(3000);
  expect(await late).toMatchObject({ status: 'timeout', error: { errorType: 'Sandbox.Timedout' } });
  expect(hanging.started.isAlive).toBe(false);
});

test('what a handler does after its end goes nowhere', async () => {
  const { started, clock, lines, invoke } = environment(
    'exports.handler = async () => { await new Promise((r) => setTimeout(r, 1000)); console.log("late"); };',
  );
  const outcome = invoke();
  await turn();
  started.kill();
  expect(await outcome).toMatchObject({ status: 'failure', error: { errorType: 'Runtime.ExitError' } });
  await clock.advance(5000);
  expect(lines).toEqual([]);
});

test.each([
  ['exports.handler = () => process.exit(3);', 'Runtime.ExitError'],
  ['exports.handler = async () => { throw new TypeError("no"); };', 'TypeError'],
  ['exports.handler = 3;', 'Runtime.HandlerNotFound'],
  ['exports.handler = (', 'Runtime.UserCodeSyntaxError'],
  ['require("./nothing"); exports.handler = () => 1;', 'Runtime.ImportModuleError'],
  ['require("node:net"); exports.handler = () => 1;', 'OwnProcessNeededError'],
])('%s fails with %s', async (code, errorType) => {
  expect(await environment(code).invoke()).toMatchObject({ error: { errorType } });
});

test('an ES module may wait before its handler is there', async () => {
  const { invoke, clock } = environment('', 3, {
    'index.mjs': `
      import { createRequire } from 'node:module';
      import path, { basename as base } from 'node:path';
      const { answer } = createRequire(import.meta.url)('./answer.cjs');
      await new Promise((resolve) => setTimeout(resolve, 500));
      export const handler = async () => [answer, base(import.meta.url), path.sep, Date.now()];
    `,
    'answer.cjs': 'exports.answer = process.env.OWN;',
  });
  const outcome = invoke();
  await turn();
  await clock.advance(500);
  expect(JSON.parse((await outcome).payload)).toEqual(['own', 'index.mjs', '/', START + 500]);
});

test('modules are loaded once, by each kind of import, and one that throws throws again', async () => {
  const { invoke } = environment('', 3, {
    'index.mjs': `
      import './effect.cjs';
      import * as all from './both.mjs';
      import both, * as again from './both.mjs';
      import data from './data.json' with { type: 'json' };
      import { createRequire } from 'node:module';
      import { fileURLToPath } from 'node:url';
      const require = createRequire(fileURLToPath(import.meta.url));
      const fails = () => { try { return require('./broken.cjs'); } catch (error) { return error.message; } };
      export const named = 1;
      export { handler as default, handler };
      async function handler() {
        const lazy = await import('./both.mjs');
        const counter = require('./effect.cjs');
        const { sep } = await import('node:path');
        return [all.a, both, again.a, lazy === await import('./both.mjs'), counter.count,
          (await import('./effect.cjs')).default === counter, sep, data.n, fails(), fails()];
      }
    `,
    'both.mjs': 'export const a = 1; export default 2;',
    'effect.cjs': 'const before = globalThis.count ?? 0; exports.count = before + 1;',
    'broken.cjs': 'exports.part = 1; throw new Error("broken");',
    'data.json': '{"n": 7}',
  });
  const { payload } = await invoke();
  expect(JSON.parse(payload)).toEqual([1, 2, 1, true, 1, true, '/', 7, 'broken', 'broken']);
});

test('JSON is a module; a native one needs a process of its own', async () => {
  const files = { 'data.json': '{"n": 7}', 'native.node': '' };
  const code = 'exports.handler = async () => require("./data.json").n + require("./data.json").n;';
  expect((await environment('', 3, { 'index.js': code, ...files }).invoke()).payload).toBe('14');
  const native = environment('', 3, { 'index.js': 'require("./native.node");', ...files });
  expect(await native.invoke()).toMatchObject({
    error: { errorType: 'OwnProcessNeededError', errorMessage: expect.stringContaining('native.node') },
  });
});

test('a module without exports has no handler, and one that never ends its start is given up', async () => {
  expect(await environment('', 3, { 'index.mjs': 'export {};' }).invoke()).toMatchObject({
    error: { errorType: 'Runtime.HandlerNotFound' },
  });
  expect(await environment('', 3, {}).invoke()).toMatchObject({
    error: { errorType: 'Runtime.ImportModuleError' },
  });
  const hanging = environment('', 3, {
    'index.mjs': 'await new Promise(() => {}); export const handler = 1;',
  });
  const outcome = hanging.invoke();
  await turn();
  await hanging.clock.advance(10_000);
  expect(await outcome).toMatchObject({ status: 'failure', error: { errorType: 'Sandbox.Timedout' } });
});

test('what a handler writes is a line at a time, also without an end, and no empty ones', async () => {
  const { invoke, lines } = environment(`exports.handler = async () => {
    process.stdout.write('one\\n\\ntw');
    process.stdout.write(Buffer.from('o\\nrest'));
  };`);
  await invoke();
  expect(lines).toEqual(['one', 'two', 'rest']);
});

test.each([
  ['process.exit()', 'exited without providing a reason'],
  ['process.exit(3)', 'exited with error: exit status 3'],
])('%s ends the environment', async (exit, reason) => {
  const { invoke, started } = environment(`exports.handler = async () => { ${exit}; };`);
  expect(await invoke()).toMatchObject({ error: { errorMessage: expect.stringContaining(reason) } });
  expect(started.isAlive).toBe(false);
});

test('timers repeat until they are cleared', async () => {
  const { invoke, clock } = environment(`exports.handler = () => new Promise((resolve) => {
    let count = 0;
    clearTimeout(undefined);
    clearTimeout(setTimeout(() => { count = 100; }, 5));
    const timer = setInterval(() => {
      if (++count < 3) return;
      clearInterval(timer);
      setTimeout(() => resolve([count, Date.now()]), 100);
    }, 10);
  });`);
  const outcome = invoke();
  await turn();
  await clock.advance(1_000);
  expect(JSON.parse((await outcome).payload)).toEqual([3, START + 130]);
});

test("an answer that comes after the time limit is nobody's", async () => {
  const { invoke, clock } = environment(
    'exports.handler = () => new Promise((r) => { globalThis.late = r; setTimeout(r, 5000); });',
    1,
  );
  const outcome = invoke();
  await turn();
  await clock.advance(10_000);
  expect(await outcome).toMatchObject({ status: 'timeout' });
});

describe('calls by node:http and node:https', () => {
  const CALL = `
    const https = require('node:https');
    const http = require('http');
    const answered = (request) => new Promise((resolve, reject) => {
      request.on('error', (error) => resolve(error.code ?? error.message));
      request.on('response', async (response) => {
        let text = '';
        for await (const part of response) text += part;
        resolve([response.statusCode, response.statusMessage, text]);
      });
    });
  `;
  const echo: Transport = async ({ method, path: asked, host, headers, body }: HandlerRequest) => {
    if (asked === '/lost') throw Object.assign(new Error('lost'), { code: 'ECONNRESET' });
    if (asked === '/empty') return { status: 204, headers: {}, body: Buffer.alloc(0) };
    const shown = { method, asked, host, headers, body: body.toString() };
    return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(shown)) };
  };
  const run = async (body: string) => {
    const code = `${CALL} exports.handler = async () => { ${body} };`;
    const { payload, error } = await environment(code, 3, { 'index.js': code }, echo).invoke();
    return error ?? JSON.parse(payload);
  };

  test.each<[string, object]>([
    ["https.get('https://a.example/x?y=1')", { method: 'GET', asked: '/x?y=1', host: 'a.example:443' }],
    ["http.get(new URL('http://a.example/'))", { asked: '/', host: 'a.example:80' }],
    ["http.get(new URL('http://a.example:8080/x'), {})", { asked: '/x', host: 'a.example:8080' }],
    [
      "https.request('https://a.example/', { method: 'PUT', headers: { 'X-List': ['a', 'b'] } }).end('text')",
      { method: 'PUT', headers: { 'x-list': 'a, b' }, body: 'text' },
    ],
    ["http.get({ hostname: 'h', port: 81, path: '/p' })", { asked: '/p', host: 'h:81' }],
    ["http.get({ host: 'i', hostname: 'h' })", { host: 'i:80' }],
    ['http.get({})', { method: 'GET', asked: '/', host: 'localhost:80', body: '' }],
  ])('%s', async (request, expected) => {
    const [status, message, text] = await run(`return answered(${request});`);
    expect([status, message]).toEqual([200, 'OK']);
    expect(JSON.parse(text)).toMatchObject(expected);
  });

  test('an answer without a body, one to a listener, and a connection that is lost', async () => {
    expect(await run("return answered(http.get('http://a/empty'));")).toEqual([204, 'No Content', '']);
    const listened =
      "return new Promise((resolve) => http.get('http://a/', (response) => resolve(response.statusCode)));";
    expect(await run(listened)).toBe(200);
    expect(await run("return answered(http.get('http://a/lost'));")).toBe('ECONNRESET');
  });

  test('a request that is destroyed is closed once, with its error if there is one, and gets no answer', async () => {
    const destroyed = (how: string) =>
      run(`const seen = [];
        const request = http.request('http://a/');
        for (const name of ['response', 'error', 'close']) request.on(name, () => seen.push(name));
        request.end();
        ${how}
        for (let tick = 0; tick < 50; tick++) await undefined;
        return seen;`);
    expect(await destroyed('request.destroy(); request.destroy(new Error("x")); request.abort();')).toEqual([
      'close',
    ]);
    expect(await destroyed('request.destroy(new Error("x"));')).toEqual(['error', 'close']);
  });
});
