/** `npm start` as its user runs it, on this project and on a small one that is synthesized in no time. */

import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { Entity } from '../../../tools/app';
import { localCommand } from '../../../tools/local/command';
import { runInProcess } from '../../in-process';
import { temporaryDirectory } from '../template/template';
import { ENTRY, LocalRun, makeProject, objects, REPOSITORY } from './local-run';

// Each test starts a process or two, and the machine may be busy.
jest.setTimeout(60_000);

const run = (project: string, ...args: string[]) => new LocalRun(project, args).ended;

async function put(url: string, entry: object = ENTRY): Promise<void> {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
  const client = new EventBridgeClient({ endpoint: url, region: 'us-east-1', credentials });
  await client.send(new PutEventsCommand({ Entries: [entry] }));
  client.destroy();
}

describe('on this project', () => {
  const CDK_OUTDIR = temporaryDirectory();

  test('--once runs every sample to its expected effects, and a second start finds nothing to synthesize', async () => {
    const first = await new LocalRun(REPOSITORY, ['--once', '--port', '0'], { CDK_OUTDIR }).ended;
    expect(first.stderr).toBe('');
    expect(first.stdout).toContain('✓ Every sample had the effects that it must have; nothing was lost.');
    expect(first.stdout).toContain(
      '· order-status-changed: detail.status is "CONFIRMED", allowed: "SHIPPED"',
    );
    expect(first.stdout).not.toContain('\x1b[');
    expect(first.exitCode).toBe(0);

    const second = await new LocalRun(REPOSITORY, ['--once', '--json', '--port', '0'], { CDK_OUTDIR }).ended;
    expect(second).toMatchObject({ stderr: '', exitCode: 0 });
    const steps = objects(second.stdout);
    expect(steps[0]).toMatchObject({ kind: 'run-synthesized', stackName: 'event-driven', isUnchanged: true });
    expect(steps.at(-1)).toMatchObject({ kind: 'run-finished', failures: [] });
  }, 120_000);
});

describe('a run', () => {
  test('stays until Ctrl-C, takes events from any client, and leaves nothing behind', async () => {
    const project = makeProject({
      code: 'exports.handler = async ({ detail }) => ({ ...detail, pid: process.pid });',
    });
    const temporary = temporaryDirectory();
    const local = new LocalRun(project, ['--json', '--port', '0'], { TMPDIR: temporary });
    await local.until('run-samples-sent');
    await put(await local.url(), { ...ENTRY, Detail: '{"id": "from outside"}' });
    const output = await local.until('\\"id\\":\\"from outside\\",\\"pid\\"');
    expect(fs.readdirSync(temporary)).toHaveLength(1);
    const { exitCode, stderr } = await local.interrupt();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(fs.readdirSync(temporary)).toEqual([]);
    const pid = Number(/pid\\":(\d+)/.exec(output)?.[1]);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  test('ends with its verdict, whatever a handler goes on to write', async () => {
    const code =
      'setInterval(() => process.stderr.write("still here\\n"), 1);' +
      'exports.handler = () => new Promise((resolve) => setTimeout(resolve, 20));';
    const { stdout } = await new LocalRun(makeProject({ code }), ['--once', '--json', '--port', '0']).ended;
    expect(stdout).toContain('still here');
    expect(objects(stdout).at(-1)).toMatchObject({ kind: 'run-finished' });
  });

  test('ends cleanly while a handler is at work', async () => {
    const local = new LocalRun(makeProject({ code: 'exports.handler = () => { for (;;); };' }), [
      '--json',
      '--port',
      '0',
    ]);
    await local.until('invocation-started');
    expect(await local.interrupt()).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('ends cleanly when nobody reads its log any more', async () => {
    // Without samples, whose steps would end it before the event is put.
    const local = new LocalRun(makeProject(), ['--json', '--port', '0', '--no-samples']);
    const url = await local.url();
    local.process.stdout?.destroy();
    await put(url);
    expect(await local.ended).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('tells people how to talk to it, and shows their events', async () => {
    const local = new LocalRun(makeProject(), ['--port', '0']);
    const output = await local.until('Ctrl-C ends the run.');
    expect(output).toMatch(/^shop {2}5 resources, 1 rule, 1 function; synthesized in \d+\.\d s\n/);
    expect(output).toMatch(
      /\n {2}aws --endpoint-url http:\/\/127\.0\.0\.1:\d+ events put-events --entries file:/,
    );
    expect(output).toContain('✓ placed → worker');
    expect(output).toContain('returns   {"heard":{"id":7}}');
    expect(output).toMatch(/First event handled \d+\.\d s after the start\./);
    expect((await local.interrupt()).stdout).toMatch(/Stopping\.\n$/);
  });

  test('with --no-samples sends nothing', async () => {
    const local = new LocalRun(makeProject(), ['--json', '--port', '0', '--no-samples']);
    await local.url();
    expect(objects((await local.interrupt()).stdout).map(({ kind }) => kind)).toEqual([
      ...['run-synthesized', 'run-ready', 'run-stopping'],
    ]);
  });

  test('with --speed runs a minute in a moment', async () => {
    const code = 'exports.handler = async () => { throw new Error("no"); };';
    const local = new LocalRun(makeProject({ code }), ['--json', '--port', '0', '--speed', '6000']);
    const output = await local.until('invocation-lost');
    const times = objects(output.slice(0, output.lastIndexOf('\n')))
      .filter(({ kind }) => kind === 'invocation-started')
      .map(({ at }) => Date.parse(String(at)));
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(60_000);
    await local.interrupt();
  });

  test('with --watch takes over changed code, and runs on as it was when the app is broken', async () => {
    const project = makeProject();
    const local = new LocalRun(project, ['--json', '--port', '0', '--watch']);
    await local.until('run-samples-sent');
    fs.writeFileSync(path.join(project, 'lib/settings.json'), '{"broken": true}');
    await local.until('"run-not-updated","message":"The colour is green; allowed are red and blue."');
    fs.writeFileSync(path.join(project, 'lib/settings.json'), '{}');
    fs.writeFileSync(path.join(project, 'lambdas/index.js'), 'exports.handler = async () => "new";');
    await local.until('run-updated');
    await put(await local.url());
    await local.until('"result":"\\"new\\""');
    expect(await local.interrupt()).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

test('findings of rule packs are warnings, also when nothing has to be synthesized', async () => {
  const project = makeProject({ settings: { warns: true } });
  for (const isUnchanged of [false, true]) {
    const { exitCode, stdout } = await run(project, '--once', '--json', '--port', '0');
    expect(exitCode).toBe(0);
    expect(objects(stdout)[0]).toMatchObject({ isUnchanged });
    expect(objects(stdout).filter(({ kind }) => kind === 'run-notice')).toMatchObject([
      { message: 'warning: Rule-1 shop/Bus: The bus is open.' },
    ]);
  }
});

test('assets that were removed from the assembly are made again', async () => {
  const project = makeProject();
  const out = path.join(project, 'cdk.out');
  expect((await run(project, '--once', '--json', '--port', '0')).exitCode).toBe(0);
  fs.rmSync(path.join(out, 'asset.worker'), { recursive: true });
  const { exitCode, stdout } = await run(project, '--once', '--json', '--port', '0');
  expect(exitCode).toBe(0);
  expect(objects(stdout)[0]).toMatchObject({ kind: 'run-synthesized', isUnchanged: false });
});

describe('--once', () => {
  test('lets what waits be tried again without waiting for it, and fails for an event that is lost', async () => {
    const code = 'exports.handler = async () => { throw new Error("no luck"); };';
    const { exitCode, stdout } = await run(makeProject({ code }), '--once', '--port', '0');
    expect(stdout).toContain('again in 60 s');
    expect(stdout).toContain('LOST      The function has no destination for failures.');
    expect(stdout).toMatch(/✗ An event was lost: \{.*"kind":"invocation-lost"/);
    expect(exitCode).toBe(1);
  });

  test('fails for an event that is sent to a bus which is not there', async () => {
    const entries = [{ ...ENTRY, EventBusName: 'shop' }];
    const { exitCode, stdout } = await run(makeProject({ entries }), '--once', '--port', '0');
    expect(stdout).toContain('There is no event bus shop in this stack.');
    expect(exitCode).toBe(1);
  });

  test('fails for an expected effect that is missing', async () => {
    const expected = [
      { kind: 'invocation-succeeded', result: { heard: { id: 7 } } },
      { kind: 'invocation-succeeded', result: { heard: { id: 8 } } },
    ];
    const { exitCode, stdout } = await run(makeProject({ expected }), '--once', '--json', '--port', '0');
    expect(objects(stdout).at(-1)).toMatchObject({
      kind: 'run-finished',
      failures: [
        'Sample one: this did not happen: {"kind":"invocation-succeeded","result":{"heard":{"id":8}}}',
      ],
    });
    expect(exitCode).toBe(1);
  });

  test('that is interrupted has not succeeded', async () => {
    const local = new LocalRun(makeProject({ code: 'exports.handler = () => { for (;;); };' }), [
      '--json',
      '--once',
      '--port',
      '0',
    ]);
    await local.until('invocation-started');
    expect((await local.interrupt()).exitCode).toBe(130);
  });
});

describe('bad input is one line and exit code 2', () => {
  test.each([
    [['--bogus'], "error: unknown option '--bogus'\n"],
    [['extra'], 'error: too many arguments. Expected 0 arguments but got 1.\n'],
    [
      ['--port', '70000'],
      "error: option '--port <number>' argument '70000' is invalid. It must be a whole number from 0 to 65535.\n",
    ],
    [
      ['--speed', 'fast'],
      "error: option '--speed <factor>' argument 'fast' is invalid. It must be a number above 0, at most 100000.\n",
    ],
    [
      ['--allow-origin', 'https://shop.example/path'],
      "error: option '--allow-origin <url>' argument 'https://shop.example/path' is invalid. It must be an origin without path, such as http://localhost:5173.\n",
    ],
    [
      ['--allow-host', 'http://devbox'],
      "error: option '--allow-host <name>' argument 'http://devbox' is invalid. It must be a host name without port, such as host.docker.internal.\n",
    ],
    [['--data'], "error: option '--data <dir>' argument missing\n"],
    [
      ['--allow-egress', 'https://devbox'],
      "error: option '--allow-egress <host>' argument 'https://devbox' is invalid. It must be the name of a host, e.g. api.example.com, or of a host and a port.\n",
    ],
    [
      ['--allow-origin', 'ftp://shop.example'],
      "error: option '--allow-origin <url>' argument 'ftp://shop.example' is invalid. It must be an origin without path, such as http://localhost:5173.\n",
    ],
    [
      ['--parameter', 'novalue'],
      "error: option '--parameter <name=value>' argument 'novalue' is invalid. Expected name=value.\n",
    ],
    [['--template', 'no-such'], '--template no-such is not a file; expected one with a template.\n'],
    [['--assembly', 'no-such'], '--assembly no-such is not a folder; expected one that `cdk synth` wrote.\n'],
    [
      ['--assembly', 'cdk.out', '--template', 'template.json'],
      '--assembly and --template exclude each other.\n',
    ],
  ])('%j', async (args, stderr) => {
    const command = localCommand({ project: REPOSITORY });
    expect(await runInProcess(command, args)).toEqual({ exitCode: 2, stdout: '', stderr });
  });

  test.each(['http://localhost:5173/?a=1', 'http://localhost:5173/#a'])(
    'an origin is no more than %s',
    async (url) => {
      const { stderr } = await runInProcess(localCommand({ project: REPOSITORY }), ['--allow-origin', url]);
      expect(stderr).toMatch(/must be an origin without path/);
    },
  );

  test('an option that may be repeated takes good values, and what is wrong comes after them', async () => {
    const order = { name: 'order', idField: 'orderId' } as Entity;
    const command = localCommand({ project: REPOSITORY, entity: () => order });
    const good = [
      ...['--allow-origin', 'http://localhost:5173', '--allow-host', 'host.docker.internal', '--speed', '60'],
      ...['--allow-egress', '[::1]:80', '--allow-egress', 'api.example.com', '--only', 'order=1'],
      ...['--only', 'failed', '--beside', '111122223333/eu-central-1=cdk.out'],
    ];
    const { stderr } = await runInProcess(command, [...good, '--assembly', 'no-such']);
    expect(stderr).toMatch(/^--assembly no-such is not a folder/);
    const nobody = localCommand({ project: REPOSITORY });
    expect(await runInProcess(nobody, ['--only', 'order=1'])).toMatchObject({ exitCode: 2 });
  });

  test('of the process as well', async () => {
    const stderr = "error: unknown option '--bogus'\n";
    expect(await run(REPOSITORY, '--bogus')).toEqual({ exitCode: 2, stdout: '', stderr });
  });

  const startOf = (project: string, ...args: string[]) => run(project, '--json', '--port', '0', ...args);

  test('the app refuses', async () => {
    expect(await startOf(makeProject({ settings: { broken: true } }))).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'The colour is green; allowed are red and blue.\n',
    });
  });

  test('the template has what the local run does not know', async () => {
    expect(await startOf(makeProject({ settings: { unknown: true } }))).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /^AWS::SQS::Queue Odd: the local run does not know its property FifoThroughputLimit\..*\n$/,
      ),
    });
  });

  test('there is no app', async () => {
    const project = temporaryDirectory();
    expect(await startOf(project)).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(/^Cannot read .*cdk\.json: ENOENT.*\n$/),
    });
    fs.writeFileSync(path.join(project, 'cdk.json'), '{}');
    expect((await startOf(project)).stderr).toMatch(
      /cdk\.json does not say how to run the app \("app"\)\.\n$/,
    );
  });

  test.each([
    [{ entries: { Source: 'app' } }, /entries\/one\.json: expected a list of objects\.\n$/],
    [{ expected: [1] }, /expected\/one\.json: expected a list of objects\.\n$/],
  ])('a sample is malformed: %j', async (files, stderr) => {
    const ended = await startOf(makeProject(files));
    expect(ended).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringMatching(stderr) });
  });

  test('a sample has no expectations', async () => {
    const project = makeProject();
    fs.rmSync(path.join(project, 'samples/expected'), { recursive: true });
    expect(await startOf(project)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^.*expected\/one\.json: ENOENT.*\n$/),
    });
  });

  test('the port is taken, which is found before the app is synthesized', async () => {
    const server = http.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const ended = await run(makeProject(), '--json', '--port', `${port}`);
    server.close();
    expect(ended).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: `Port ${port} on 127.0.0.1 is in use. Choose another one, or none to take the next free one from 4566.\n`,
    });
  });

  test.each([
    ['cdk.json is broken', '{"app":\n  nothing\n}', /^Cannot read .*cdk\.json: .*not valid JSON\n$/],
    ['cdk.json holds no object', '[]', /cdk\.json does not say how to run the app \("app"\)\.\n$/],
  ])('%s', async (_, text, stderr) => {
    const project = makeProject();
    fs.writeFileSync(path.join(project, 'cdk.json'), text);
    const ended = await startOf(project);
    expect(ended).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringMatching(stderr) });
    expect(ended.stderr.match(/\n/g)).toHaveLength(1);
  });

  test('--inspect names no function', async () => {
    expect(await startOf(makeProject(), '--inspect', 'wroker')).toMatchObject({
      exitCode: 2,
      stderr: '--inspect wroker: there is no such function. There are: shop-worker.\n',
    });
  });

  test('--once is to use the folder of another run', async () => {
    const project = makeProject();
    const data = path.join(project, 'data');
    expect((await startOf(project, '--once', '--data', data)).exitCode).toBe(0);
    expect(await startOf(project, '--once', '--data', data)).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `--data ${data} is not empty. With --once the samples must have their effects again, so it needs a new folder.\n`,
    });
  });
});

test('--help says all of it', async () => {
  const { exitCode, stdout } = await run(REPOSITORY, '--help');
  for (const option of [
    '--once',
    '--json',
    '--watch',
    '--no-samples',
    '--port',
    '--speed',
    '--data',
    '--allow-origin',
    '--allow-host',
  ]) {
    expect(stdout).toContain(option);
  }
  expect(stdout).toContain('Exit codes: 0');
  expect(exitCode).toBe(0);
});
