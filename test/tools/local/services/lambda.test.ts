import { once } from 'node:events';
import fs from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { ManualClock } from '../../../../tools/local/services/clock';
import { InFlight } from '../../../../tools/local/services/in-flight';
import { LambdaFunction, type LambdaOptions } from '../../../../tools/local/services/lambda';
import type { FunctionDefinition } from '../../../../tools/local/services/lambda-definition';
import { SystemWorld } from '../../../../tools/local/services/world';
import type { Step } from '../../../../tools/local/steps';
import type { Resource } from '../../../../tools/template/assembly';
import { invokeConfigOf } from '../../../../tools/template/invoke-config';
import { assemblyOf, functionResources } from '../../template/template';

// Each test starts a process or two, and the machine may be busy.
jest.setTimeout(20_000);

const START = Date.UTC(2026, 0, 15, 10);
const MINUTE = 60_000;

interface Harness {
  readonly worker: LambdaFunction;
  readonly clock: ManualClock;
  readonly inFlight: InFlight;
  readonly steps: Step[];
  /** Lines of the function's log. */
  readonly log: string[];
  /** Records that reached the failure destination. */
  // biome-ignore lint/suspicious/noExplicitAny: the envelope has no type of its own
  readonly envelopes: any[];
  kinds(): string[];
}

const running: LambdaFunction[] = [];
afterEach(() => Promise.all(running.splice(0).map((each) => each.stop())));

interface Setup {
  readonly properties?: object;
  readonly invokeConfig?: object;
  readonly files?: Readonly<Record<string, string>>;
  readonly destination?: (envelope: string) => void;
  readonly options?: Partial<LambdaOptions>;
}

/** @param code of `index.js` */
function start(code: string, { properties, invokeConfig, files, destination, options }: Setup = {}): Harness {
  const config = invokeConfig && {
    Config: {
      Type: 'AWS::Lambda::EventInvokeConfig',
      Properties: { FunctionName: 'worker', ...invokeConfig },
    },
  };
  const assembly = assemblyOf(
    { ...functionResources('Worker', properties), ...config },
    { Worker: files ?? { 'index.js': code } },
  );
  const resource = assembly.resources.get('Worker') as Resource;
  const clock = new ManualClock(START);
  const inFlight = new InFlight();
  const steps: Step[] = [];
  const log: string[] = [];
  const envelopes: unknown[] = [];
  const definition: FunctionDefinition = {
    resource,
    code: assembly.assetPath(resource),
    invokeConfig: invokeConfigOf(assembly, resource),
    onFailure: {
      arn: 'arn:aws:sqs:us-east-1:000000000000:failed',
      send: (envelope) => {
        destination?.(envelope);
        envelopes.push(JSON.parse(envelope));
      },
    },
  };
  const worker = new LambdaFunction(definition, {
    world: new SystemWorld(clock),
    inFlight,
    endpoint: () => 'http://127.0.0.1:4566',
    log: (_group, _stream, _timestamp, message) => void log.push(message),
    onStep: (step) => void (step.kind !== 'log-line' && steps.push(step)),
    ...options,
  });
  running.push(worker);
  return { worker, clock, inFlight, steps, log, envelopes, kinds: () => steps.map(({ kind }) => kind) };
}

const call = async ({ worker }: Harness, event: unknown = {}) => {
  const { payload, functionError } = await worker.invoke(JSON.stringify(event));
  return { functionError, result: JSON.parse(payload) };
};

const THROWS = `exports.handler = async (event) => { throw new TypeError('no ' + event.word); };`;
/** Waits until a file is there. */
const WAITS = `
  const fs = require('node:fs');
  exports.handler = async ({ until }) => {
    while (!fs.existsSync(until)) await new Promise((resolve) => setTimeout(resolve, 2));
    return 'old';
  };`;

describe('a handler', () => {
  test('gets the event, and its result is the payload', async () => {
    const harness = start('exports.handler = async (event) => ({ got: event });');
    expect(await call(harness, { a: [1, 'ü'] })).toEqual({ result: { got: { a: [1, 'ü'] } } });
  });

  test('lives in the time of the run, also when that is moved on', async () => {
    const harness = start(`exports.handler = (event, context) => ({
      now: Date.now(), made: new Date().toISOString(), called: Date.parse(Date()), isDate: new Date() instanceof Date,
      given: new Date(event.at).toISOString(), left: context.getRemainingTimeInMillis() });`);
    for (const hours of [0, 24]) {
      await harness.clock.advance(hours * 60 * MINUTE);
      const { result } = await call(harness, { at: START });
      expect(result).toMatchObject({ isDate: true, given: new Date(START).toISOString() });
      for (const time of [result.now, Date.parse(result.made), result.called]) {
        expect(Math.abs(time - harness.clock.now())).toBeLessThan(MINUTE);
      }
      expect(result.left).toBeLessThanOrEqual(3_000);
    }
  });

  test('may return nothing, which is null', async () => {
    expect(await call(start('exports.handler = () => {};'))).toEqual({ result: null });
  });

  test('may be an ES module', async () => {
    const files = { 'index.mjs': 'export const handler = async () => import.meta.url.slice(-9);' };
    expect(await call(start('', { files }))).toEqual({ result: 'index.mjs' });
  });

  test('may be a .js file of a package whose type is module', async () => {
    const files = { 'index.js': 'export const handler = () => "esm";', 'package.json': '{"type": "module"}' };
    expect(await call(start('', { files }))).toEqual({ result: 'esm' });
  });

  test('may lie in a folder, under another name', async () => {
    const files = { 'src/main.cjs': 'exports.run = () => __filename.slice(-12);' };
    const properties = { Handler: 'src/main.run' };
    expect(await call(start('', { files, properties }))).toEqual({ result: 'src/main.cjs' });
  });

  test('has a context with its names, limits and the time that is left', async () => {
    const harness = start(
      `exports.handler = (event, context) => ({
        ...context, left: context.getRemainingTimeInMillis(), type: typeof context.getRemainingTimeInMillis });`,
      { properties: { MemorySize: 192, Timeout: 7, LoggingConfig: { LogGroup: '/shop/worker' } } },
    );
    const { requestId, payload } = await harness.worker.invoke('{}');
    const { left, logStreamName, ...context } = JSON.parse(payload);
    expect(context).toEqual({
      awsRequestId: requestId,
      functionName: 'worker',
      functionVersion: '$LATEST',
      invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:worker',
      logGroupName: '/shop/worker',
      memoryLimitInMB: '192',
      type: 'function',
    });
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(7000);
    expect(logStreamName).toMatch(/^2026\/01\/15\/\[\$LATEST\][0-9a-f]{32}$/);
  });

  test("has the template's environment and Lambda's, and nothing of this process's", async () => {
    process.env.SECRET_OF_THE_DEVELOPER = 'x';
    const harness = start('exports.handler = () => process.env;', {
      properties: { Environment: { Variables: { TABLE: 'orders', SIZE: 3 } } },
    });
    const { result } = await call(harness);
    delete process.env.SECRET_OF_THE_DEVELOPER;
    expect(result).toMatchObject({
      TABLE: 'orders',
      SIZE: '3',
      AWS_REGION: 'us-east-1',
      AWS_LAMBDA_FUNCTION_NAME: 'worker',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
      AWS_LAMBDA_LOG_FORMAT: 'Text',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:4566',
      AWS_ACCESS_KEY_ID: 'LOCAL.worker',
    });
    expect(result.SECRET_OF_THE_DEVELOPER).toBeUndefined();
    expect(fs.existsSync(result.HOME)).toBe(false);
  });

  test('lives in UTC, wherever the developer does', async () => {
    const code = 'exports.handler = () => [new Date(0).getHours(), new Date().getTimezoneOffset()];';
    const zone = process.env.TZ;
    process.env.TZ = 'Asia/Tokyo';
    try {
      expect((await call(start(code))).result).toEqual([0, 0]);
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });

  test('finds the URL of a queue where the queue is', async () => {
    const url = 'https://sqs.us-east-1.amazonaws.com/000000000000/jobs';
    const harness = start('exports.handler = () => process.env.QUEUE_URL;', {
      properties: { Environment: { Variables: { QUEUE_URL: url } } },
    });
    expect((await call(harness)).result).toBe('http://127.0.0.1:4566/000000000000/jobs');
  });

  test('is traced by X-Ray if its function or its caller is', async () => {
    const sampled = async (properties: object, trace?: string) => {
      const { worker } = start('exports.handler = () => process.env._X_AMZN_TRACE_ID;', { properties });
      return /Sampled=(.)/.exec((await worker.invoke('{}', trace)).payload)?.[1];
    };
    expect(await sampled({ TracingConfig: { Mode: 'Active' } })).toBe('1');
    expect(await sampled({ TracingConfig: { Mode: 'PassThrough' } }, 'Root=1-a-b;Sampled=1')).toBe('1');
    expect(await sampled({ TracingConfig: { Mode: 'PassThrough' } }, 'Root=1-a-b;Sampled=0')).toBe('0');
    expect(await sampled({})).toBe('0');
  });

  test("calls others within the caller's trace, each invocation as a segment of its own", async () => {
    const { worker, steps } = start('exports.handler = () => process.env._X_AMZN_TRACE_ID;');
    const traces: string[] = [];
    for (let i = 0; i < 2; i++)
      traces.push(JSON.parse((await worker.invoke('{}', 'Root=1-abc-def;Parent=1')).payload));
    expect(traces[0]).toMatch(/^Root=1-abc-def;Parent=[0-9a-f]{16};Sampled=0$/);
    expect(traces[1]).not.toBe(traces[0]);
    expect(steps.flatMap((step) => (step.kind === 'invocation-started' ? step.callTrace : []))).toEqual(
      traces,
    );
  });
});

test('a function that is debugged has no time limit, and an environment before the first event', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: inspectPort } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const harness = start(
    'exports.handler = () => new Promise((resolve) => setTimeout(resolve, 1200, "late"));',
    {
      properties: { Timeout: 1 },
      options: { inspectPort },
    },
  );
  harness.worker.warmUp();
  const targets = async () => {
    for (;;) {
      const response = await fetch(`http://127.0.0.1:${inspectPort}/json/list`).catch(() => undefined);
      if (response) return (await response.json()) as object[];
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  expect(await targets()).toHaveLength(1);
  expect(await call(harness)).toEqual({ result: 'late' });
  harness.worker.update({ ...harness.worker.definition });
  expect(await targets()).toHaveLength(1);
  expect(await call(harness)).toEqual({ result: 'late' });
  expect(harness.log.join('\n')).not.toContain('Debugger');
});

describe('what goes wrong in a handler', () => {
  test('an error is the payload, with its type and trace', async () => {
    const { functionError, result } = await call(start(THROWS), { word: 'luck' });
    expect(functionError).toBe('Unhandled');
    expect(result).toMatchObject({ errorType: 'TypeError', errorMessage: 'no luck' });
    expect(result.trace[0]).toBe('TypeError: no luck');
  });

  test.each([
    ['a string', `throw 'plain'`, { errorType: 'string', errorMessage: 'plain' }],
    ['a rejection', 'return Promise.reject(new RangeError("far"))', { errorType: 'RangeError' }],
    ['a result that is no JSON', 'return 1n', { errorType: 'Runtime.MarshalError' }],
  ])('%s', async (_, body, expected) => {
    const { result } = await call(start(`exports.handler = async () => { ${body} };`));
    expect(result).toMatchObject(expected);
  });

  test.each([
    ['no such file', { 'main.js': '' }, 'Runtime.ImportModuleError', "Cannot find module 'index'"],
    [
      'no such export',
      { 'index.js': 'exports.other = 1' },
      'Runtime.HandlerNotFound',
      'index.handler is undefined',
    ],
    ['a syntax error', { 'index.js': 'exports.handler = (' }, 'Runtime.UserCodeSyntaxError', 'SyntaxError'],
    [
      'a module that the bundle lacks',
      { 'index.js': 'require("left-out")' },
      'Runtime.ImportModuleError',
      "Cannot find module 'left-out'",
    ],
    [
      'an error while it loads',
      { 'index.js': 'throw new Error("TABLE is not set")' },
      'Error',
      'TABLE is not set',
    ],
    [
      'a callback, which Node.js 24 has no more',
      { 'index.js': 'exports.handler = (event, context, callback) => callback()' },
      'Runtime.CallbackHandlerDeprecated',
      'callback-based',
    ],
  ])('%s', async (_, files, errorType, message) => {
    const { result } = await call(start('', { files }));
    expect(result.errorType).toBe(errorType);
    expect(result.errorMessage).toContain(message);
  });

  test('a handler that overruns is ended, which is a failure, and the next event finds a new environment', async () => {
    const harness = start('let n = 0; exports.handler = ({ hang }) => { n++; while (hang); return n; };', {
      properties: { Timeout: 1 },
    });
    expect(await call(harness)).toEqual({ result: 1 });
    const { requestId, payload } = await harness.worker.invoke('{"hang": true}');
    expect(JSON.parse(payload)).toEqual({
      errorType: 'Sandbox.Timedout',
      errorMessage: `RequestId: ${requestId} Error: Task timed out after 1.00 seconds`,
    });
    expect(await call(harness)).toEqual({ result: 1 });
  });

  test('a process that ends is a failure, and the next event finds a new one', async () => {
    const harness = start('exports.handler = ({ code }) => code === undefined || process.exit(code);');
    expect((await call(harness, { code: 0 })).result).toMatchObject({
      errorType: 'Runtime.ExitError',
      errorMessage: expect.stringMatching(/Runtime exited without providing a reason$/),
    });
    expect((await call(harness, { code: 3 })).result.errorMessage).toMatch(
      /exited with error: exit status 3$/,
    );
    expect(await call(harness)).toEqual({ result: true });
  });

  test('an error that nobody caught ends the process', async () => {
    const code = `exports.handler = () => { setImmediate(() => { throw new Error('later'); }); return new Promise(() => {}); }`;
    expect((await call(start(code))).result).toMatchObject({ errorType: 'Error', errorMessage: 'later' });
  });

  test('a rejection that nobody caught ends the process', async () => {
    const code = `exports.handler = () => { Promise.reject(new Error('later')); return new Promise(() => {}); }`;
    expect((await call(start(code))).result).toMatchObject({
      errorType: 'Runtime.UnhandledPromiseRejection',
      errorMessage: 'Error: later',
    });
  });

  test("the memory size is the heap's limit", async () => {
    const code = "exports.handler = () => require('node:v8').getHeapStatistics().heap_size_limit / 2 ** 20;";
    const limit = async (MemorySize: number) =>
      (await call(start(code, { properties: { MemorySize } }))).result as number;
    const small = await limit(192);
    expect(small).toBeGreaterThanOrEqual(192);
    // Beside it there is room for young objects, as much as the version of Node has for any size.
    expect((await limit(512)) - small).toBe(512 - 192);
  });

  test('a handler that needs more memory ends its process', async () => {
    const code =
      'exports.handler = () => { const all = []; for (;;) all.push(new Array(1e5).fill(all.length)); };';
    const { result } = await call(start(code, { properties: { MemorySize: 128, Timeout: 20 } }));
    expect(result).toMatchObject({
      errorType: 'Runtime.ExitError',
      errorMessage: expect.stringMatching(/Runtime exited with error: signal: aborted$/),
    });
  }, 20_000);
});

describe('environments', () => {
  test('stay warm for the next event', async () => {
    const harness = start('let calls = 0; exports.handler = () => ++calls;');
    expect([await call(harness), await call(harness)]).toEqual([{ result: 1 }, { result: 2 }]);
    const started = harness.steps.filter((step) => step.kind === 'invocation-started');
    expect(started.map((step) => step.kind === 'invocation-started' && step.coldStart)).toEqual([
      true,
      false,
    ]);
  });

  test('each handle one event at a time, and others wait when there are no more', async () => {
    const harness = start(
      `let busy = 0; exports.handler = async () => {
        busy++; await new Promise((resolve) => setTimeout(resolve, 5)); return [process.pid, busy--]; };`,
      { options: { maxEnvironments: 2 } },
    );
    const results = await Promise.all(Array.from({ length: 8 }, () => call(harness)));
    expect(new Set(results.map(({ result }) => result[0])).size).toBe(2);
    expect(results.map(({ result }) => result[1])).toEqual(Array(8).fill(1));
  });

  test('are ended with the function, whatever they do', async () => {
    const harness = start('exports.handler = ({ pid }) => { if (pid) return process.pid; for (;;); };');
    const { result: pid } = await call(harness, { pid: true });
    const hanging = harness.worker.invoke('{}');
    await harness.worker.stop();
    expect(JSON.parse((await hanging).payload).errorType).toBe('Runtime.ExitError');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  test('are not waited for any more when the function is stopped', async () => {
    const harness = start('exports.handler = () => { for (;;); };', { options: { maxEnvironments: 1 } });
    for (let event = 0; event < 3; event++) harness.worker.invokeAsync('{}');
    const waiting = harness.worker.invoke('{}');
    await Promise.all([harness.worker.stop(), expect(waiting).rejects.toThrow('The function was stopped.')]);
    await harness.inFlight.settled();
    expect(harness.kinds()).toEqual(['invocation-started']);
    await expect(harness.worker.invoke('{}')).rejects.toThrow('The function was stopped.');
  });

  test('are replaced by new code, while what runs ends as it began', async () => {
    const harness = start(WAITS);
    const assembly = assemblyOf(functionResources('Worker'), {
      Worker: { 'index.js': 'exports.handler = () => "new";' },
    });
    const resource = assembly.resources.get('Worker') as Resource;
    const until = path.join(assembly.directory, 'go');
    const old = call(harness, { until });
    harness.worker.update({
      resource,
      code: assembly.assetPath(resource),
      invokeConfig: invokeConfigOf(assembly, resource),
    });
    expect(await call(harness)).toEqual({ result: 'new' });
    fs.writeFileSync(until, '');
    expect(await old).toEqual({ result: 'old' });
    expect(await call(harness)).toEqual({ result: 'new' });
  });
});

describe('logs', () => {
  const SPEAKS = `exports.handler = async () => {
    console.log('a %s', 'line'); console.warn({ b: 1 }); process.stdout.write('raw\\n'); console.debug('quiet'); };`;

  test('in text have the time, the request and the level, between the lines of Lambda', async () => {
    const { worker, log } = start(SPEAKS);
    const { requestId, logTail } = await worker.invoke('{}');
    const lines = log.map((line) => line.replace(/\d{4}-[\dT:.-]+Z/, 'TIME').replaceAll(requestId, 'ID'));
    expect(lines.slice(0, 6)).toEqual([
      'START RequestId: ID Version: $LATEST',
      'TIME\tID\tINFO\ta line',
      'TIME\tID\tWARN\t{ b: 1 }',
      'raw',
      'TIME\tID\tDEBUG\tquiet',
      'END RequestId: ID',
    ]);
    expect(lines[6]).toMatch(
      /^REPORT RequestId: ID\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t$/,
    );
    expect(logTail).toBe(`${log.join('\n')}\n`);
  });

  test("in JSON obey the template's levels: no line of Lambda at WARN, no line of the handler below INFO", async () => {
    const { worker, log } = start(SPEAKS, {
      properties: {
        LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'INFO', SystemLogLevel: 'WARN' },
      },
    });
    const { requestId } = await worker.invoke('{}');
    expect(log.map((line) => (line === 'raw' ? line : JSON.parse(line)))).toEqual([
      { timestamp: expect.any(String), level: 'INFO', requestId, message: 'a line' },
      { timestamp: expect.any(String), level: 'WARN', requestId, message: { b: 1 } },
      'raw',
    ]);
  });

  test('in JSON have the parts of an error', async () => {
    const code = `exports.handler = () => { console.error(new RangeError('far')); console.error('oh', new Error('no')); };`;
    const { worker, log } = start(code, {
      properties: { LoggingConfig: { LogFormat: 'JSON', SystemLogLevel: 'WARN' } },
    });
    await worker.invoke('{}');
    expect(log.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        message: { errorType: 'RangeError', errorMessage: 'far', stackTrace: expect.any(Array) },
      }),
      expect.objectContaining({
        message: expect.stringMatching(/^oh Error: no/),
        errorType: 'Error',
        errorMessage: 'no',
      }),
    ]);
  });

  test('in JSON tell of a failure also at WARN', async () => {
    const properties = { LoggingConfig: { LogFormat: 'JSON', SystemLogLevel: 'WARN' } };
    const { worker, log } = start(THROWS, { properties });
    await worker.invoke('{"word": "luck"}');
    expect(log.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        level: 'ERROR',
        message: expect.objectContaining({ errorType: 'TypeError' }),
      }),
      expect.objectContaining({
        type: 'platform.runtimeDone',
        record: expect.objectContaining({ status: 'error' }),
      }),
      expect.objectContaining({ type: 'platform.report' }),
    ]);
  });

  test('are all there when the invocation is over, however much was written', async () => {
    const code =
      "exports.handler = () => { for (let i = 0; i < 20_000; i++) process.stdout.write('line ' + i + '\\n'); };";
    const harness = start(code);
    await call(harness);
    expect(harness.log.filter((line) => line.startsWith('line '))).toHaveLength(20_000);
    expect(harness.log.at(-1)).toMatch(/^REPORT/);
  });

  test('go to the group of the template, otherwise to that of the name', async () => {
    const groups: string[] = [];
    const log = (group: string) => void groups.push(group);
    await start('exports.handler = () => {}', { options: { log } }).worker.invoke('{}');
    const properties = { LoggingConfig: { LogGroup: '/shop/worker' } };
    await start('exports.handler = () => {}', { properties, options: { log } }).worker.invoke('{}');
    expect([...new Set(groups)]).toEqual(['/aws/lambda/worker', '/shop/worker']);
  });
});

describe('an asynchronous invocation', () => {
  test('that succeeds is done', async () => {
    const { worker, inFlight, kinds, envelopes } = start('exports.handler = () => "ok";');
    worker.invokeAsync('{}');
    await inFlight.settled();
    expect(kinds()).toEqual(['invocation-started', 'invocation-succeeded']);
    expect(envelopes).toEqual([]);
    expect(worker.waitingForRetry).toBe(0);
  });

  test('that fails is tried again after one minute and after two more, then goes to the failure destination', async () => {
    const { worker, clock, inFlight, steps, envelopes } = start(THROWS);
    const requestId = worker.invokeAsync('{"word": "luck"}');
    await inFlight.settled();
    const attempts = () => steps.filter(({ kind }) => kind === 'invocation-started').length;
    expect(attempts()).toBe(1);
    await clock.advance(MINUTE - 1);
    expect(attempts()).toBe(1);
    await clock.advance(1);
    expect(attempts()).toBe(2);
    await clock.advance(2 * MINUTE - 1);
    expect(attempts()).toBe(2);
    expect(envelopes).toEqual([]);
    await clock.advance(1);
    expect(attempts()).toBe(3);
    expect(envelopes).toEqual([
      {
        version: '1.0',
        timestamp: '2026-01-15T10:03:00.000Z',
        requestContext: {
          requestId,
          functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:worker:$LATEST',
          condition: 'RetriesExhausted',
          approximateInvokeCount: 3,
        },
        requestPayload: { word: 'luck' },
        responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
        responsePayload: { errorType: 'TypeError', errorMessage: 'no luck', trace: expect.any(Array) },
      },
    ]);
    const failed = steps.flatMap((step) => (step.kind === 'invocation-failed' ? [step.retryInMs] : []));
    expect(failed).toEqual([MINUTE, 2 * MINUTE, undefined]);
  });

  test('that fails once and then succeeds is done', async () => {
    const code = 'let n = 0; exports.handler = () => { if (++n === 1) throw new Error("busy"); };';
    const { worker, clock, inFlight, envelopes, kinds } = start(code);
    worker.invokeAsync('{}');
    await inFlight.settled();
    await clock.advance(MINUTE);
    expect(kinds().at(-1)).toBe('invocation-succeeded');
    await clock.advance(10 * MINUTE);
    expect(kinds().filter((kind) => kind === 'invocation-started')).toHaveLength(2);
    expect(envelopes).toEqual([]);
  });

  test.each([0, 1])('is tried again as often as the template says: %i', async (MaximumRetryAttempts) => {
    const { worker, clock, inFlight, envelopes } = start(THROWS, { invokeConfig: { MaximumRetryAttempts } });
    worker.invokeAsync('{}');
    await inFlight.settled();
    await clock.advance(10 * MINUTE);
    expect(envelopes[0].requestContext.approximateInvokeCount).toBe(MaximumRetryAttempts + 1);
  });

  test('is given up when it gets too old before its next try', async () => {
    const { worker, clock, inFlight, envelopes } = start(THROWS, {
      invokeConfig: { MaximumEventAgeInSeconds: 90 },
    });
    worker.invokeAsync('{}');
    await inFlight.settled();
    await clock.advance(90_000);
    expect(envelopes).toEqual([]);
    await clock.advance(1);
    expect(envelopes[0].requestContext).toMatchObject({
      condition: 'EventAgeExceeded',
      approximateInvokeCount: 2,
    });
  });

  test('is lost, and says so, if there is no destination or it refuses', async () => {
    const { worker, inFlight, steps } = start(THROWS, {
      invokeConfig: { MaximumRetryAttempts: 0 },
      destination: () => {
        throw new Error('the role may not');
      },
    });
    worker.invokeAsync('{}');
    await inFlight.settled();
    expect(steps.at(-1)).toMatchObject({
      kind: 'invocation-lost',
      condition: 'RetriesExhausted',
      message: 'arn:aws:sqs:us-east-1:000000000000:failed could not be reached: the role may not',
    });
  });

  test('is throttled at the reserved concurrency, comes back after longer and longer waits, and loses no attempt', async () => {
    const harness = start('exports.handler = () => "ok";', {
      properties: { ReservedConcurrentExecutions: 0 },
    });
    const { worker, clock, inFlight, steps, kinds } = harness;
    worker.invokeAsync('{}');
    await inFlight.settled();
    await clock.advance(7000);
    const waits = steps.flatMap((step) => (step.kind === 'invocation-throttled' ? [step.retryInMs] : []));
    expect(waits).toEqual([1000, 2000, 4000, 8000]);
    worker.reservedConcurrency = 1;
    await clock.advance(8000);
    expect(steps.at(-1)).toMatchObject({ kind: 'invocation-succeeded', attempt: 1 });
    expect(kinds().filter((kind) => kind === 'invocation-started')).toHaveLength(1);
  });

  test('waits at most five minutes for the next try while it is throttled, and six hours in all', async () => {
    const { worker, clock, steps, envelopes } = start('exports.handler = () => {};', {
      properties: { ReservedConcurrentExecutions: 0 },
    });
    worker.invokeAsync('{"a": 1}');
    await clock.advance(6 * 60 * MINUTE + 1);
    const waits = steps.flatMap((step) => (step.kind === 'invocation-throttled' ? [step.retryInMs] : []));
    expect(Math.max(...waits)).toBe(5 * MINUTE);
    expect(envelopes).toEqual([
      {
        version: '1.0',
        timestamp: '2026-01-15T16:00:00.001Z',
        requestContext: expect.objectContaining({ condition: 'EventAgeExceeded', approximateInvokeCount: 0 }),
        requestPayload: { a: 1 },
      },
    ]);
  });

  test('beside one that runs is throttled by a reserved concurrency of one', async () => {
    const { worker, clock, inFlight, kinds } = start('exports.handler = () => {};', {
      properties: { ReservedConcurrentExecutions: 1 },
    });
    worker.invokeAsync('{}');
    worker.invokeAsync('{}');
    await inFlight.settled();
    expect(kinds().sort()).toEqual(['invocation-started', 'invocation-succeeded', 'invocation-throttled']);
    await clock.advance(1000);
    expect(kinds().filter((kind) => kind === 'invocation-succeeded')).toHaveLength(2);
  });
});

test('a synchronous invocation over the reserved concurrency is refused', async () => {
  const { worker } = start('exports.handler = () => {};', {
    properties: { ReservedConcurrentExecutions: 0 },
  });
  await expect(worker.invoke('{}')).rejects.toMatchObject({ code: 'TooManyRequestsException', status: 429 });
});

describe('a template with what the local run does not know', () => {
  test.each([
    [{ VpcConfig: {} }, 'does not know its property VpcConfig'],
    [{ Layers: [] }, 'does not know its property Layers'],
    [{ Runtime: 'python3.13' }, 'cannot run the runtime python3.13'],
    [{ PackageType: 'Image' }, 'cannot run images'],
  ])('is refused: %j', (properties, message) => {
    expect(() => start('', { properties })).toThrow(message);
  });

  test('is refused: a destination of what succeeded', () => {
    const invokeConfig = { DestinationConfig: { OnSuccess: {} } };
    expect(() => start('', { invokeConfig })).toThrow(
      'does not know its property DestinationConfig.OnSuccess',
    );
  });
});
