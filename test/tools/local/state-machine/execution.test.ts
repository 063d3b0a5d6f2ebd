/** Executions, by the rules of the Amazon States Language. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { StateJson } from '../../../../tools/local/state-machine/json-path';
import { matchesError, retryDelayMs } from '../../../../tools/local/state-machine/states-error';
import { chain, execute, fails, task } from './executions';

/** The value as JSON has it. */
const clone = (value: StateJson): StateJson => JSON.parse(JSON.stringify(value));

describe('data goes', () => {
  const input = { order: { id: 'o-1', items: [{ price: 2 }, { price: 3 }] }, keep: true };

  test.each<[string, object, unknown]>([
    ['through a Pass unchanged', { Type: 'Pass' }, input],
    ['by InputPath to the output', { Type: 'Pass', InputPath: '$.order.id' }, 'o-1'],
    ['nowhere with an InputPath of null', { Type: 'Pass', InputPath: null }, {}],
    ['nowhere with an OutputPath of null', { Type: 'Pass', OutputPath: null }, {}],
    ['past a result with a ResultPath of null', { Type: 'Pass', Result: 7, ResultPath: null }, input],
    ['beside a result', { Type: 'Pass', Result: 7, ResultPath: '$.a.b' }, { ...input, a: { b: 7 } }],
    [
      'into a result that takes the place of a field',
      { Type: 'Pass', InputPath: '$.keep', ResultPath: '$.order' },
      { order: true, keep: true },
    ],
    [
      'through Parameters, with paths, functions and the context object',
      {
        Type: 'Pass',
        Parameters: {
          'id.$': '$.order.id',
          'first.$': '$.order.items[0].price',
          'all.$': "$['order'].items[*].price",
          'last.$': '$.order.items[-1:].price',
          'text.$': "States.Format('{} of {}', $.order.id, $$.Execution.Name)",
          'state.$': '$$.State.Name',
          nested: [{ 'keep.$': '$.keep' }],
          plain: '$.order.id',
        },
      },
      {
        ...{ id: 'o-1', first: 2, all: [2, 3], last: [3], text: 'o-1 of e', state: 'S1' },
        ...{ nested: [{ keep: true }], plain: '$.order.id' },
      },
    ],
    [
      'by paths over fields, items and slices, of which those that find nothing give an empty list',
      {
        Type: 'Pass',
        Parameters: {
          'fields.$': '$.order.*',
          'first.$': '$.order.items[0:1]',
          'some.$': '$.order.items[:-1].price',
          'none.$': '$.keep[*]',
          'nobody.$': '$.keep[0:2]',
        },
      },
      {
        ...{ fields: ['o-1', [{ price: 2 }, { price: 3 }]], first: [{ price: 2 }], some: [2] },
        ...{ none: [], nobody: [] },
      },
    ],
    [
      'into an item of a list',
      { Type: 'Pass', Result: 7, ResultPath: '$.order.items[1]' },
      { order: { id: 'o-1', items: [{ price: 2 }, 7] }, keep: true },
    ],
    ['to the end with Succeed', { Type: 'Succeed', OutputPath: '$.keep' }, true],
    [
      'through a ResultSelector before the ResultPath',
      task({ ResultSelector: { 'id.$': '$.Payload.order.id' }, ResultPath: '$.done' }),
      { ...input, done: { id: 'o-1' } },
    ],
  ])('%s', async (_, state, output) => {
    expect(await execute(chain(state), input).output()).toEqual(output);
  });

  test.each<[string, object, object]>([
    [
      'States.Runtime where an InputPath finds nothing',
      { Type: 'Pass', InputPath: '$.no' },
      { error: 'States.Runtime' },
    ],
    [
      'States.ParameterPathFailure where Parameters find nothing',
      { Type: 'Pass', Parameters: { 'a.$': '$.no' } },
      { error: 'States.ParameterPathFailure' },
    ],
    [
      'States.ResultPathMatchFailure where a result has no place',
      { Type: 'Pass', Result: 1, ResultPath: '$.keep.a' },
      { error: 'States.ResultPathMatchFailure' },
    ],
    ...['$.order.items[2]', '$.order.items[-1]', '$.order[0]'].map((ResultPath): [string, object, object] => [
      `States.ResultPathMatchFailure where no item has its place at ${ResultPath}`,
      { Type: 'Pass', Result: 1, ResultPath },
      { error: 'States.ResultPathMatchFailure' },
    ]),
    ...['$.order.items[2]', '$.order[0]', '$.keep.a'].map((InputPath): [string, object, object] => [
      `States.Runtime where nothing is at ${InputPath}`,
      { Type: 'Pass', InputPath },
      { error: 'States.Runtime' },
    ]),
    [
      'the error and cause of a Fail',
      { Type: 'Fail', Error: 'Sold', CausePath: '$.order.id' },
      { error: 'Sold', cause: 'o-1' },
    ],
    ['the error of a Fail without a cause', { Type: 'Fail', ErrorPath: '$.order.id' }, { error: 'o-1' }],
    ['the cause of a Fail without an error', { Type: 'Fail', Cause: 'Why' }, { cause: 'Why' }],
    [
      'States.IntrinsicFailure where a function cannot',
      { Type: 'Pass', Parameters: { 'a.$': 'States.MathAdd($.keep, 1)' } },
      { error: 'States.IntrinsicFailure' },
    ],
    [
      'States.DataLimitExceeded where an output is too large, whatever is caught',
      task({
        Parameters: { Payload: 'x'.repeat(262_144) },
        Catch: [{ ErrorEquals: ['States.ALL'], Next: 'S1' }],
      }),
      { error: 'States.DataLimitExceeded' },
    ],
  ])('wrong with %s', async (_, state, failure) => {
    const { output, execution } = execute(chain(state), input);
    expect(await output()).toMatchObject(failure);
    expect(execution.status).toBe('FAILED');
    if ('Type' in state && state.Type === 'Fail') expect(execution.failure).toEqual(failure);
  });
});

test.each<[string, unknown]>([
  ["States.Format('a {} b', 1)", 'a 1 b'],
  ["States.StringToJson('[1, 2]')", [1, 2]],
  ['States.JsonToString($.list)', '[1,1,2]'],
  ["States.Array(1, 'two', true, null, $.list[0])", [1, 'two', true, null, 1]],
  ['States.ArrayPartition($.list, 2)', [[1, 1], [2]]],
  ['States.ArrayContains($.list, 2)', true],
  ['States.ArrayRange(1, 9, 4)', [1, 5, 9]],
  ['States.ArrayGetItem($.list, 2)', 2],
  ['States.ArrayLength($.list)', 3],
  ['States.ArrayUnique($.list)', [1, 2]],
  ["States.Base64Encode('ü')", 'w7w='],
  ["States.Base64Decode('w7w=')", 'ü'],
  ["States.Hash('x', 'SHA-1')", '11f6ad8ec52a2984abaafd7c3b516503785c2072'],
  ["States.Hash($.list, 'MD5')", createHash('md5').update('[1,1,2]').digest('hex')],
  ['States.ArrayRange(3, 1, -1)', [3, 2, 1]],
  ['States.ArrayRange(3, 1, 1)', []],
  ['States.JsonMerge($.a, $.b, false)', { x: { z: 2 }, y: 1 }],
  ['States.MathRandom(3, 4)', 3],
  ['States.MathAdd($.list[2], -1)', 1],
  ["States.StringSplit('a.b,c', '.,')", ['a', 'b', 'c']],
  ["States.Format('it\\'s {}', States.ArrayLength(States.Array()))", "it's 0"],
])('%s', async (expression, value) => {
  const input = { list: [1, 1, 2], a: { x: { y: 1 }, y: 1 }, b: { x: { z: 2 } } };
  const state = { Type: 'Pass', Parameters: { 'value.$': expression } };
  expect(await execute(chain(state), input).output()).toEqual({ value });
});

test.each<[string, RegExp]>([
  ["States.Format('{} {}', 1)", /fewer values/],
  ["States.Format('{}', 1, 2)", /more values/],
  ['States.Format(1)', /must be a string/],
  ["States.StringToJson('{')", /States\.StringToJson: /],
  ['States.StringToJson(1)', /must be a string/],
  ["States.ArrayLength('a')", /must be an array/],
  ['States.ArrayPartition($.list, 0)', /at least 1/],
  ['States.ArrayRange(1, 9, 0)', /at most 1000/],
  ['States.ArrayRange(0, 1000, 1)', /at most 1000/],
  ['States.ArrayGetItem($.list, 3)', /no item 3/],
  ["States.Hash('x', 'CRC')", /no algorithm CRC/],
  ['States.JsonMerge($.a, $.a, true)', /third argument is false/],
  ['States.JsonMerge($.a, $.list, false)', /must be an object/],
  ['States.MathRandom(1, 9, 3)', /seed/],
  ["States.MathAdd('1', 1)", /must be a number/],
])('%s fails with States.IntrinsicFailure', async (expression, cause) => {
  const state = { Type: 'Pass', Parameters: { 'value.$': expression } };
  const input = { list: [1, 1, 2], a: {} };
  expect(await execute(chain(state), input).output()).toEqual({
    ...{ error: 'States.IntrinsicFailure', cause: expect.stringMatching(cause) },
  });
});

const { small } = fc.letrec<{ small: StateJson }>((tie) => ({
  small: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<StateJson>(0, 'a', null, true),
    fc.array(tie('small'), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('a', 'b'), tie('small')),
  ),
}));

test('an array contains what is the same JSON, whatever the order of fields', async () => {
  const state = { Type: 'Pass', Parameters: { 'value.$': 'States.ArrayContains($.list, $.wanted)' } };
  await fc.assert(
    fc.asyncProperty(fc.array(small, { maxLength: 3 }), small, async (list, wanted) => {
      const value = list.some((each) => isDeepStrictEqual(clone(each), clone(wanted)));
      expect(await execute(chain(state), { list, wanted }).output()).toEqual({ value });
    }),
    { examples: [[[{ a: 0, b: [null] }], { b: [null], a: 0 }]] },
  );
});

test.each<[object, boolean]>([
  [{ Variable: '$.n', NumericEquals: 2 }, true],
  [{ Variable: '$.n', NumericLessThanEquals: 1 }, false],
  [{ Variable: '$.n', NumericGreaterThanPath: '$.m' }, true],
  [{ Variable: '$.n', StringEquals: '2' }, false],
  [{ Variable: '$.s', StringLessThan: 'order-2' }, true],
  [{ Variable: '$.s', StringGreaterThanEquals: 'order' }, true],
  [{ Variable: '$.n', StringMatches: '2' }, false],
  [{ Variable: '$.s', BooleanEquals: true }, false],
  [{ Variable: '$.s', TimestampGreaterThan: '2026-01-01T00:00:00Z' }, false],
  [{ Variable: '$.s', StringMatches: 'order-*' }, true],
  [{ Variable: '$.s', StringMatches: 'order\\*' }, false],
  [{ Variable: '$.t', TimestampLessThan: '2026-01-01T00:00:00+01:00' }, true],
  [{ Variable: '$.b', BooleanEquals: true }, true],
  [{ Variable: '$.none', IsPresent: false }, true],
  [{ Variable: '$.nil', IsNull: true }, true],
  [{ Variable: '$.t', IsTimestamp: true }, true],
  [{ And: [{ Variable: '$.n', IsNumeric: true }, { Not: { Variable: '$.b', BooleanEquals: true } }] }, false],
  [
    {
      Or: [
        { Variable: '$.n', NumericLessThan: 0 },
        { Variable: '$.s', IsString: true },
      ],
    },
    true,
  ],
])('a Choice decides %j', async (rule, isTrue) => {
  const input = { n: 2, m: 1, s: 'order-1', t: '2025-12-31T22:00:00Z', b: true, nil: null };
  const choice = { Type: 'Choice', Choices: [{ ...rule, Next: 'S2' }], Default: 'S3' };
  const { output } = execute(
    chain(choice, { Type: 'Pass', Result: true, End: true }, { Type: 'Pass', Result: false }),
    input,
  );
  expect(await output()).toBe(isTrue);
});

test('a Choice without a rule that holds, or of a value that is not there, fails', async () => {
  const choice = (Variable: string) => ({
    Type: 'Choice',
    Choices: [{ Variable, NumericEquals: 1, Next: 'S1' }],
  });
  expect(await execute(chain(choice('$.n')), { n: 2 }).output()).toMatchObject({
    error: 'States.NoChoiceMatched',
  });
  expect(await execute(chain(choice('$.n'))).output()).toMatchObject({ error: 'States.Runtime' });
});

describe('a Wait', () => {
  test.each<StateJson>([-1, 'soon', null, 1e9])('for %j of the input is no time', async (seconds) => {
    expect(await execute(chain({ Type: 'Wait', SecondsPath: '$' }), seconds).output()).toMatchObject({
      ...{ error: 'States.Runtime', cause: expect.stringContaining(JSON.stringify(seconds)) },
    });
  });

  test.each<[string, object]>([
    ['seconds', { Seconds: 600 }],
    ['seconds of the input', { SecondsPath: '$.seconds' }],
    ['a time', { Timestamp: '2026-01-15T10:10:00Z' }],
    ['a time of the input', { TimestampPath: '$.time' }],
  ])('lasts for %s, and holds nobody up', async (_, until) => {
    const input = { seconds: 600, time: '2026-01-15T11:10:00+01:00' };
    const { clock, execution, settled } = execute(chain({ Type: 'Wait', ...until }), input);
    await settled();
    await clock.advance(599_000);
    expect(execution).toMatchObject({ status: 'RUNNING', isAsleep: true });
    await clock.advance(1_000);
    expect(execution.status).toBe('SUCCEEDED');
    expect(JSON.parse(execution.output ?? '')).toEqual(input);
  });

  test('ends when the execution has run for too long', async () => {
    const { clock, execution, settled } = execute({
      ...chain({ Type: 'Wait', Seconds: 600 }),
      TimeoutSeconds: 60,
    });
    await settled();
    await clock.advance(3_600_000);
    expect(execution).toMatchObject({ status: 'TIMED_OUT', endedAt: execution.startedAt + 60_000 });
  });
});

describe('a failed task', () => {
  const retry = (errors: string[], more: object = {}) => ({ ErrorEquals: errors, ...more });

  test('is tried again by its own count for each Retry, and then caught with what failed', async () => {
    const errors = ['A', 'B', 'A', 'B', 'A'];
    const states = [
      task({
        Retry: [retry(['A'], { MaxAttempts: 2 }), retry(['B'], { IntervalSeconds: 5, BackoffRate: 3 })],
        Catch: [{ ErrorEquals: ['A'], Next: 'S2', ResultPath: '$.failed' }],
      }),
      { Type: 'Pass' },
    ];
    const { clock, failures, output, settled } = execute(chain(...states), { id: 1 }, () =>
      fails(errors.shift() ?? '', 'because')(),
    );
    await settled();
    await clock.advance(60_000);
    expect(failures).toEqual([
      { state: 'S1', error: 'A', retryInMs: 1_000 },
      { state: 'S1', error: 'B', retryInMs: 5_000 },
      { state: 'S1', error: 'A', retryInMs: 2_000 },
      { state: 'S1', error: 'B', retryInMs: 15_000 },
      { state: 'S1', error: 'A', caughtBy: 'S2' },
    ]);
    expect(await output()).toEqual({ id: 1, failed: { Error: 'A', Cause: 'because' } });
  });

  test('that took longer than it may fails with States.Timeout, and another does not', async () => {
    const states = chain(
      task({ TimeoutSeconds: 2, Catch: [{ ErrorEquals: ['States.Timeout'], Next: 'S2' }] }),
      {
        ...{ Type: 'Pass', Result: 'late' },
      },
    );
    const { execution, output } = execute(states, {}, undefined, 2_001);
    expect(await output()).toBe('late');
    expect(execution.history).toContainEqual(expect.objectContaining({ type: 'TaskTimedOut' }));
    expect(await execute(chain(task({ TimeoutSeconds: 2 })), {}, undefined, 2_000).output()).toEqual({
      Payload: {},
    });
  });

  test('is not tried again with MaxAttempts 0', async () => {
    const states = [task({ Retry: [retry(['A'], { MaxAttempts: 0 }), retry(['States.ALL'])] })];
    const { failures, output } = execute(chain(...states), {}, fails('A'));
    expect(await output()).toMatchObject({ error: 'A' });
    expect(failures).toEqual([{ state: 'S1', error: 'A' }]);
  });

  test('knows in the context object how often it was tried', async () => {
    let calls = 0;
    const states = [
      task({
        Parameters: { 'Payload.$': '$$.State.RetryCount' },
        Retry: [retry(['States.ALL'])],
        ResultPath: '$',
      }),
    ];
    const { clock, output, settled } = execute(chain(...states), {}, (parameters) =>
      ++calls === 3 ? parameters : fails('A')(),
    );
    await settled();
    await clock.advance(10_000);
    expect(await output()).toEqual({ Payload: 2 });
  });

  test('can be redriven: the execution goes on there', async () => {
    let isBroken = true;
    const states = [{ Type: 'Pass', Result: 1, ResultPath: '$.first' }, task()];
    const { execution, output } = execute(chain(...states), {}, (parameters) =>
      isBroken ? fails('A')() : parameters,
    );
    expect(await output()).toMatchObject({ error: 'A' });
    isBroken = false;
    execution.redrive();
    expect(await output()).toEqual({ Payload: { first: 1 } });
    const entered = execution.history
      .filter(({ type }) => /Entered$/.test(type))
      .map(({ details }) => details.name);
    expect(entered).toEqual(['S1', 'S2', 'S2']);
  });
});

describe('branches', () => {
  const branch = (state: object) => chain(state);

  test('run at the same time, and give their outputs in their order', async () => {
    const parallel = {
      Type: 'Parallel',
      Branches: [
        { ...chain({ Type: 'Wait', Seconds: 60 }, { Type: 'Pass', Result: 'slow' }) },
        branch({ Type: 'Pass', Result: 'quick' }),
      ],
      ResultPath: '$.results',
    };
    const { clock, output, settled } = execute(chain(parallel), { id: 1 });
    await settled();
    await clock.advance(60_000);
    expect(await output()).toEqual({ id: 1, results: ['slow', 'quick'] });
  });

  test('end with the first that fails, by its own error', async () => {
    const parallel = {
      Type: 'Parallel',
      Branches: [
        branch({ Type: 'Wait', Seconds: 60 }),
        branch({ Type: 'Fail', Error: 'Broken', Cause: 'c' }),
      ],
      Catch: [{ ErrorEquals: ['Broken'], Next: 'S2' }],
    };
    const { output, clock } = execute(chain(parallel, { Type: 'Pass' }));
    expect(await output()).toEqual({ Error: 'Broken', Cause: 'c' });
    await clock.advance(60_000);
  });

  test('of a Map get an item each, and no more run at once than may', async () => {
    let running = 0;
    let most = 0;
    const map = {
      Type: 'Map',
      ItemsPath: '$.items',
      ItemSelector: { 'item.$': '$$.Map.Item.Value', 'at.$': '$$.Map.Item.Index', 'of.$': '$.id' },
      MaxConcurrency: 2,
      ItemProcessor: {
        ...chain(task({ ResultSelector: { 'value.$': '$.Payload' }, ResultPath: '$.got' }), {
          Type: 'Wait',
          Seconds: 1,
        }),
        ProcessorConfig: { Mode: 'INLINE' },
      },
    };
    const { clock, output, settled } = execute(
      chain(map),
      { id: 'm', items: ['a', 'b', 'c'] },
      (parameters) => {
        most = Math.max(most, ++running);
        return parameters;
      },
    );
    await settled();
    expect(running).toBe(2);
    await clock.advance(2_000);
    const [first, , third] = await output();
    expect(first).toEqual({ item: 'a', at: 0, of: 'm', got: { value: { item: 'a', at: 0, of: 'm' } } });
    expect(third).toMatchObject({ item: 'c', at: 2 });
    expect(running).toBe(3);
  });

  test('of a Map without items give an empty list', async () => {
    const map = { Type: 'Map', Iterator: chain({ Type: 'Pass' }) };
    expect(await execute(chain(map), []).output()).toEqual([]);
    expect(await execute(chain(map), {}).output()).toMatchObject({ error: 'States.Runtime' });
  });
});

test('an execution that is stopped is over at once, and what it waited for does not come', async () => {
  const { clock, execution, settled } = execute(chain({ Type: 'Wait', Seconds: 60 }, { Type: 'Pass' }));
  await settled();
  execution.stop({ error: 'Stopped' });
  await settled();
  await clock.advance(60_000);
  expect(execution).toMatchObject({ status: 'ABORTED', failure: { error: 'Stopped' } });
});

test('an execution that goes round for ever ends at the largest history', async () => {
  const { execution, output } = execute(chain({ Type: 'Pass', Next: 'S1' }));
  expect(await output()).toMatchObject({ error: 'States.Runtime' });
  expect(execution.history.length).toBeLessThanOrEqual(25_001);
});

describe('names of errors', () => {
  test.each<[string[], string, boolean]>([
    [['States.ALL'], 'Anything', true],
    [['States.ALL'], 'States.Timeout', true],
    [['States.ALL'], 'States.Runtime', false],
    [['States.ALL'], 'States.DataLimitExceeded', false],
    [['States.TaskFailed'], 'Anything', true],
    [['States.TaskFailed'], 'States.Timeout', false],
    [['States.TaskFailed', 'States.Timeout'], 'States.Timeout', true],
    [['Order'], 'OrderNotFound', false],
    [['order'], 'Order', false],
  ])('%j match %s: %s', (names, error, is) => {
    expect(matchesError(names, error)).toBe(is);
  });
});

test('delays of retries never fall, stay under the limit, and jitter only shortens them', () => {
  const retrier = fc.record({
    errors: fc.constant(['States.ALL']),
    intervalSeconds: fc.integer({ min: 1, max: 1_000 }),
    backoffRate: fc.double({ min: 1, max: 10, noNaN: true }),
    maxAttempts: fc.constant(99),
    maxDelaySeconds: fc.oneof(fc.integer({ min: 1_001, max: 30_000 }), fc.constant(Number.POSITIVE_INFINITY)),
    isJittered: fc.constant(false),
  });
  fc.assert(
    fc.property(
      retrier,
      fc.integer({ min: 1, max: 20 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (each, n, random) => {
        const delay = retryDelayMs(each, n, random);
        expect(retryDelayMs(each, 1, random)).toBe(1_000 * each.intervalSeconds);
        expect(retryDelayMs(each, n + 1, random)).toBeGreaterThanOrEqual(delay);
        expect(delay).toBeLessThanOrEqual(1_000 * each.maxDelaySeconds);
        const jittered = retryDelayMs({ ...each, isJittered: true }, n, random);
        expect(jittered).toBeGreaterThanOrEqual(0);
        expect(jittered).toBeLessThanOrEqual(delay);
      },
    ),
  );
});
