import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { ManualClock } from '../../../../tools/local/services/clock';
import { JournalError } from '../../../../tools/local/services/journal';
import { compileFilterPattern } from '../../../../tools/local/services/log-filter-pattern';
import {
  LogGroups,
  type LogGroupsOptions,
  type LogPage,
  type LogQuery,
} from '../../../../tools/local/services/log-groups';
import { resource } from '../../template/resource';

const START = 1_767_225_600_000;
let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock(START);
});

const makeGroups = (options: LogGroupsOptions = {}) =>
  new LogGroups([resource('AWS::Logs::LogGroup', '/aws/lambda/it', { RetentionInDays: 14 })], clock, options);
const messages = ({ events }: LogPage) => events.map(({ message }) => message);

test('events come in the order of their time, and of arrival where that is the same', () => {
  const groups = makeGroups();
  for (const [at, message] of [
    [2, 'c'],
    [1, 'a'],
    [2, 'd'],
    [1, 'b'],
    [3, 'e'],
  ] as const) {
    groups.append('/aws/lambda/it', 's', START + at, message);
  }
  expect(messages(groups.filter('/aws/lambda/it'))).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test.each<[LogQuery, string[]]>([
  [{ startTime: START + 2 }, ['b', 'c', 'd']],
  [{ endTime: START + 2 }, ['a', 'b']],
  [{ streams: ['two'] }, ['b', 'd']],
  [{ streamPrefix: 'on' }, ['a', 'c']],
  [{ pattern: '?a ?d' }, ['a', 'd']],
  [{ limit: 3 }, ['a', 'b', 'c']],
])('%j finds %j', (query, found) => {
  const groups = makeGroups();
  for (const [index, message] of ['a', 'b', 'c', 'd'].entries()) {
    groups.append('/aws/lambda/it', index % 2 ? 'two' : 'one', START + index + 1, message);
  }
  expect(messages(groups.filter('/aws/lambda/it', query))).toEqual(found);
});

test('pages of any size put together are the whole, whatever the times', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 30 }),
      fc.integer({ min: 1, max: 7 }),
      (times, limit) => {
        const groups = makeGroups();
        for (const [index, at] of times.entries()) groups.append('g', 's', START + at, String(index));
        if (times.length === 0) return;
        const all: string[] = [];
        let page: LogPage = { events: [] };
        do {
          page = groups.filter('g', { limit, ...(page.nextToken && { nextToken: page.nextToken }) });
          expect(page.events.length).toBeLessThanOrEqual(limit);
          all.push(...messages(page));
        } while (page.nextToken);
        expect(all).toEqual(messages(groups.filter('g')));
        expect(all).toHaveLength(times.length);
      },
    ),
  );
});

test('a page has at most 1 MB', () => {
  const groups = makeGroups();
  for (let n = 0; n < 3; n++) groups.append('g', 's', START, 'x'.repeat(500_000));
  const page = groups.filter('g');
  expect(page.events).toHaveLength(2);
  expect(groups.filter('g', { nextToken: page.nextToken ?? '' }).events).toHaveLength(1);
});

test('events are gone after the retention of their group', async () => {
  const groups = makeGroups();
  groups.append('/aws/lambda/it', 's', START, 'old');
  groups.append('/aws/lambda/it', 's', START + 1, 'new');
  await clock.advance(14 * 24 * 60 * 60 * 1000);
  expect(messages(groups.filter('/aws/lambda/it'))).toEqual(['new']);
});

test('the oldest events make room when a group is full', () => {
  const groups = makeGroups({ maxBytes: 5000 });
  for (let n = 0; n < 5000; n++) groups.append('g', 's', START + n, String(n).padStart(5, '0'));
  const kept = messages(groups.filter('g'));
  expect(kept).toHaveLength(1000);
  expect(kept[0]).toBe('04000');
});

test('a group that was never written to and is not in the template is not there', () => {
  const groups = makeGroups();
  expect(() => groups.filter('nowhere')).toThrow(
    expect.objectContaining({ code: 'ResourceNotFoundException' }),
  );
  groups.append('nowhere', 's', START, 'a');
  expect(groups.names).toEqual(['/aws/lambda/it', 'nowhere']);
});

test('a token that no page gave is refused', () => {
  expect(() => makeGroups().filter('/aws/lambda/it', { nextToken: 'x' })).toThrow(/nextToken/);
});

describe('with a directory', () => {
  let directory: string;
  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'logs-'));
  });
  afterEach(() => fs.rmSync(directory, { recursive: true }));

  test('a restart finds the events again', () => {
    const groups = makeGroups({ directory });
    groups.append('/aws/lambda/it', 'stream', START + 2, 'b');
    groups.append('/aws/lambda/it', 'stream', START + 1, 'a');
    groups.close();
    const page = makeGroups({ directory }).filter('/aws/lambda/it');
    expect(page.events).toMatchObject([
      { message: 'a', stream: 'stream', timestamp: START + 1, ingestionTime: START },
      { message: 'b' },
    ]);
  });

  test('the file does not grow beyond what the group keeps', () => {
    const groups = makeGroups({ directory, maxBytes: 1000 });
    for (let n = 0; n < 5000; n++) groups.append('g', 's', START + n, 'x'.repeat(10));
    groups.close();
    const lines = fs.readFileSync(path.join(directory, 'g.jsonl'), 'utf8').split('\n');
    expect(lines.length).toBeLessThan(1500);
  });

  test('a file that is no log is an error with its name', () => {
    fs.writeFileSync(path.join(directory, '%2Faws%2Flambda%2Fit.jsonl'), '{"n":1}\n');
    expect(() => makeGroups({ directory })).toThrow(JournalError);
    expect(() => makeGroups({ directory })).toThrow(/it\.jsonl, line 1: it is not a log event/);
  });
});

describe('a filter pattern', () => {
  const line = JSON.stringify({
    level: 'ERROR',
    orderId: 'order-1',
    durationMs: 12.5,
    retry: true,
    cause: null,
    detail: { items: [{ sku: 'a "b"' }] },
  });

  test.each([
    '',
    'ERROR',
    'ERROR order',
    '"order-1"',
    '"level\\":\\"ERROR"',
    '?WARN ?ERROR',
    'ERROR -WARN',
    'ERROR -"order-2"',
    '{ $.level = "ERROR" }',
    '{ $.level = ERROR }',
    '{$.level="ERROR"}',
    '{ $.orderId = "order-*" }',
    '{ $.orderId != "order-2" }',
    '{ $.durationMs > 12 }',
    '{ $.durationMs = 12.5 && $.durationMs >= 12.5 && $.durationMs <= 12.5 }',
    '{ $.durationMs < 1e2 }',
    '{ $.retry IS TRUE }',
    '{ $.cause IS NULL }',
    '{ $.nothing NOT EXISTS }',
    '{ $.detail.items[0].sku = "a \\"b\\"" }',
    '{ ($.level = "WARN") || ($.orderId = "order-1") }',
    '{ $.level = "WARN" && $.retry IS TRUE || $.orderId = "order-1" }',
  ])('%s matches', (pattern) => {
    expect(compileFilterPattern(pattern)(line)).toBe(true);
  });

  test.each([
    'WARN',
    'ERROR WARN',
    'error',
    '?WARN ?INFO',
    'ERROR -order',
    '{ $.level = "WARN" }',
    '{ $.level != "ERROR" }',
    '{ $.nothing != "ERROR" }',
    '{ $.durationMs > 12.5 }',
    '{ $.durationMs = "12.5" }',
    '{ $.level > 1 }',
    '{ $.retry IS FALSE }',
    '{ $.nothing IS NULL }',
    '{ $.level NOT EXISTS }',
    '{ $.level.deeper = "ERROR" }',
    '{ $.level = "ERROR" && ($.retry IS FALSE || $.cause = "x") }',
  ])('%s does not match', (pattern) => {
    expect(compileFilterPattern(pattern)(line)).toBe(false);
  });

  test('for JSON does not match text', () => {
    const matches = compileFilterPattern('{ $.level NOT EXISTS }');
    expect([matches('plain'), matches('{broken'), matches('{}')]).toEqual([false, false, true]);
  });

  test.each([
    ['order-1', "Invalid character(s) in term 'order-1'"],
    ['"open', 'Invalid'],
    ['ERROR ?WARN', 'cannot stand beside'],
    ['[a, b]', 'Space-delimited'],
    ['%ERR.*%', 'Regular expressions'],
    ['{ $.a = 1', "must end with '}'"],
    ['{ }', 'is not a selector'],
    ['{ level = "x" }', "'level' is not a selector"],
    ['{ $.a }', 'an operator and a value are missing'],
    ['{ $.a = 1 $.b = 2 }', "unexpected '$.b'"],
    ['{ ($.a = 1 }', "')' is missing"],
    ['{ $.a < "x" }', "'<' takes a number"],
    ['{ $.a LIKE 1 }', "'LIKE' is not an operator"],
    ['{ $.a = 1 & $.b = 2 }', "unexpected '& $.b = 2'"],
  ])('%s is refused', (pattern, message) => {
    expect(() => compileFilterPattern(pattern)).toThrow(
      expect.objectContaining({
        code: 'InvalidParameterException',
        message: expect.stringContaining(message),
      }),
    );
  });
});
