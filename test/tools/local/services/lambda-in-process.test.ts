/** An execution environment within this process: the handler's world is the run's. */
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock } from '../../../../tools/local/services/clock';
import { InProcessEnvironment } from '../../../../tools/local/services/lambda-in-process';
import { SystemWorld } from '../../../../tools/local/services/world';
import { temporaryDirectory } from '../../template/template';

const START = Date.parse('2026-01-15T10:00:00Z');

function environment(code: string, timeoutSeconds = 3, files: Record<string, string> = { 'index.js': code }) {
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
    { world, transport: () => Promise.reject(new Error('no network')) },
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
