import { type InsightsRow, parseQuery } from '../../../../tools/local/services/insights-query';

const row = (at: number, fields: Record<string, string | number>): InsightsRow => ({
  '@timestamp': Date.UTC(2026, 0, 16, 8, at),
  '@message': JSON.stringify(fields),
  '@log': '0:group',
  '@ptr': `p${at}`,
  ...fields,
});
const ROWS = [
  row(5, { orderId: 'o-1', outcome: 'failed', reason: 'no stock', eventId: 'e1' }),
  row(4, { orderId: 'o-2', outcome: 'handled', took: 12 }),
  row(3, { type: 'platform.report', 'record.status': 'timeout', eventId: 'e2' }),
  row(2, { orderId: 'o-1', outcome: 'failed', reason: 'no stock', eventId: 'e3' }),
  row(1, { type: 'platform.report', 'record.status': 'success', took: 4 }),
];
const run = (text: string) => parseQuery(text).run(ROWS, 10_000);
const rows = (text: string) => run(text).rows.map(({ '@ptr': _, ...each }) => each);

test('fields, filter, sort and limit, with a comment and an alias', () => {
  const text = `# The way of an order.
    fields @timestamp, orderId as order, coalesce(reason, outcome) as why
    | filter orderId = "o-1" or orderId = "o-2"
    | sort @timestamp asc
    | limit 2`;
  expect(rows(text)).toEqual([
    { '@timestamp': '2026-01-16 08:02:00.000', order: 'o-1', why: 'no stock' },
    { '@timestamp': '2026-01-16 08:04:00.000', order: 'o-2', why: 'handled' },
  ]);
  expect(run(text).matched).toBe(3);
});

test.each<[string, number]>([
  ['filter outcome in ["failed", "poison"]', 2],
  ['filter outcome not in ["failed"]', 3],
  ['filter ispresent(took) and not ispresent(outcome)', 1],
  ['filter took > 4', 1],
  ['filter took >= 4', 2],
  ['filter took < 12', 1],
  ['filter outcome != "failed"', 3],
  ['filter type like /^platform\\.re/', 2],
  ['filter type like "report"', 2],
  ['filter type not like /REPORT/i', 3],
  ['filter @message =~ /(?i)STOCK/', 2],
  ['filter record.status = "timeout" or (outcome = "failed" and eventId = "e1")', 2],
  ['filter took * 2 + 1 = 9', 1],
  ['filter strlen(orderId) = 3', 3],
  ['dedup outcome', 3],
  ['filter isempty(orderId)', 2],
  ['filter isblank(trim(outcome))', 2],
  ['filter concat(orderId, ":", outcome) = "o-1:failed"', 2],
  ['filter toupper(outcome) = "FAILED" and tolower("ABC") = "abc"', 2],
  ['filter isblank(toupper(outcome)) and isblank(tolower(outcome))', 2],
  ['filter took / 4 = 3', 1],
  ['filter took % 5 = 2', 1],
  ['filter took / 0 = 1', 0],
  ['filter -took = -12', 1],
  ['filter 3 - 1 < abs(took - 8) / 2 + 1', 2],
])('%s leaves %d', (text, count) => {
  expect(run(text).rows).toHaveLength(count);
});

test('stats count, tell apart, and find the first and last', () => {
  expect(
    rows(`stats count(*) as calls, count_distinct(eventId) as events, min(@timestamp) as first,
      max(@timestamp) as last, latest(eventId) as sample, earliest(eventId) as oldest, sum(took), avg(took) by outcome
      | sort calls desc, outcome desc`),
  ).toEqual([
    {
      ...{ outcome: 'failed', calls: '2', events: '2', sample: 'e1', oldest: 'e3' },
      ...{ first: String(Date.UTC(2026, 0, 16, 8, 2)), last: String(Date.UTC(2026, 0, 16, 8, 5)) },
      'sum(took)': '0',
    },
    {
      ...{ calls: '2', events: '1', sample: 'e2', oldest: 'e2', 'sum(took)': '4', 'avg(took)': '4' },
      ...{ first: String(Date.UTC(2026, 0, 16, 8, 1)), last: String(Date.UTC(2026, 0, 16, 8, 3)) },
    },
    {
      ...{ outcome: 'handled', calls: '1', events: '0', 'sum(took)': '12', 'avg(took)': '12' },
      ...{ first: String(Date.UTC(2026, 0, 16, 8, 4)), last: String(Date.UTC(2026, 0, 16, 8, 4)) },
    },
  ]);
  expect(rows('stats count(*) by bin(5m)')).toEqual([
    { 'bin(5m)': '2026-01-16 08:05:00.000', 'count(*)': '1' },
    { 'bin(5m)': '2026-01-16 08:00:00.000', 'count(*)': '4' },
  ]);
});

test('stats without a group tell of nothing, too', () => {
  expect(rows('filter orderId = "nobody" | stats count(*) as calls')).toEqual([{ calls: '0' }]);
  expect(rows('filter orderId = "nobody" | stats count(*) as calls by outcome')).toEqual([]);
});

test.each([
  ['parse @message "x"', 'the command parse is not known'],
  ['fields md5(a)', 'the function md5 is not known'],
  ['stats pct(a, 99)', 'the function pct of stats is not known'],
  ['filter a = ', 'unexpected symbol'],
  ['filter (a', 'unexpected symbol'],
  ['fields a b', 'unexpected symbol found b'],
  ['fields a; b', 'unexpected symbol found ;'],
  ['filter a = |', 'unexpected symbol'],
  ['stats count(*) by bin(x)', 'bin takes a period such as 5m'],
])('%s is refused by name', (text, message) => {
  expect(() => parseQuery(text)).toThrow(message);
});
