import fc from 'fast-check';
import { type BusEvent, eventOnBus, replayedEvent } from '../../../tools/eventbridge/event';
import { testEventPattern } from '../../../tools/eventbridge/event-pattern';
import { isNestedDeeper, parseExactly, stringifyExactly } from '../../../tools/eventbridge/exact-json';
import { compileInput, type TargetInput } from '../../../tools/eventbridge/input-transformer';
import textCases from './cases/event-texts.json';
import patternCases from './cases/patterns.json';

const EVENT: BusEvent = {
  version: '0',
  id: 'id',
  'detail-type': 'T',
  source: 's',
  account: '111122223333',
  time: '2026-01-01T00:00:00Z',
  region: 'us-east-1',
  resources: [],
  detail: {},
};
const CONTEXT = { ruleArn: 'arn', ruleName: 'rule', ingestionTime: '2026-01-01T00:00:00Z' };

function deliver(input: Omit<TargetInput, 'Id'>, detailText: string): string {
  const { event, text } = eventOnBus({ ...EVENT, detail: JSON.parse(detailText) }, detailText);
  const result = compileInput({ Id: 'target', ...input })(event, CONTEXT, text);
  return result.delivered ? result.body : `not delivered: ${result.reason}`;
}

test.each(patternCases)('pattern: $name', ({ patternText, eventText, expected }) => {
  expect(testEventPattern(patternText, eventText)).toBe(expected);
});

describe.each(textCases)('the text of a detail with $name', ({ detailText }) => {
  const whole = eventOnBus(EVENT, detailText).text;

  test('is in the event as it was put', () => {
    expect(whole).toContain(`"detail":${detailText}}`);
    expect(JSON.parse(whole)).toEqual({ ...EVENT, detail: JSON.parse(detailText) });
  });

  test('is in the replayed event as it was put', () => {
    const replayed = replayedEvent(eventOnBus(EVENT, detailText), 'a "replay"');
    expect(replayed.text).toContain(`"detail":${detailText},`);
    expect(JSON.parse(replayed.text)).toEqual({
      ...EVENT,
      detail: JSON.parse(detailText),
      'replay-name': 'a "replay"',
    });
  });

  test.each<[string, Omit<TargetInput, 'Id'>, string]>([
    ['a target that gets the whole event', {}, whole],
    ['the path $', { InputPath: '$' }, whole],
    [
      'the variable of the whole event',
      { InputTransformer: { InputTemplate: '{"e":<aws.events.event.json>}' } },
      `{"e":${whole}}`,
    ],
    [
      'a variable with the path $',
      { InputTransformer: { InputPathsMap: { e: '$' }, InputTemplate: '{"e":<e>}' } },
      `{"e":${whole}}`,
    ],
  ])('comes with %s as it was put', (_name, input, expected) => {
    expect(deliver(input, detailText)).toBe(expected);
  });

  test('keeps the spelling of its numbers in paths and variables', () => {
    const compact = stringifyExactly(parseExactly(detailText));
    expect(deliver({ InputPath: '$.detail' }, detailText)).toBe(compact);
    const variable = { InputPathsMap: { d: '$.detail' }, InputTemplate: '{"d":<d>}' };
    expect(deliver({ InputTransformer: variable }, detailText)).toBe(`{"d":${compact}}`);
  });
});

test.each([
  ['300.0', '{"n":300.0,"t":"300.0"}'],
  ['12345678901234567890', '{"n":12345678901234567890,"t":"12345678901234567890"}'],
  ['1e400', '{"n":1e400,"t":"1e400"}'],
  ['-0', '{"n":-0,"t":"-0"}'],
  ['[1.0,{"b":2.50}]', '{"n":[1.0,{"b":2.50}],"t":""}'],
])('a variable inserts %s as it was put', (number, expected) => {
  const isScalar = !number.startsWith('[');
  const InputTemplate = `{"n":<n>,"t":"${isScalar ? '<n>' : ''}"}`;
  const InputTransformer = { InputPathsMap: { n: '$.detail.a' }, InputTemplate };
  expect(deliver({ InputTransformer }, `{"a":${number}}`)).toBe(expected);
});

test('a number is no object: a path leads nowhere from it', () => {
  expect(deliver({ InputPath: '$.detail.a.spelling' }, '{"a":300.0}')).toMatch(/^not delivered/);
  expect(deliver({ InputPath: '$.detail.a.*' }, '{"a":300.0}')).toBe('[]');
});

/** A number of JSON in any spelling. */
const spelling = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.bigInt({ min: 0n, max: 10n ** 25n }),
    fc.option(fc.stringMatching(/^[0-9]{1,20}$/)),
    fc.option(fc.stringMatching(/^[eE][+-]?[0-9]{1,3}$/)),
  )
  .map(
    ([sign, whole, fraction, exponent]) =>
      `${sign}${whole}${fraction ? `.${fraction}` : ''}${exponent ?? ''}`,
  );

test('any JSON is written as it was read, but for blanks, and a number as it was spelled', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.array(spelling), fc.string({ unit: 'binary' }), (value, numbers, key) => {
      const text = `{${JSON.stringify(`k${key}`)}:[${numbers.join()}],"rest":${JSON.stringify(value)}}`;
      expect(stringifyExactly(parseExactly(text))).toBe(
        `{${JSON.stringify(`k${key}`)}:[${numbers.join()}],"rest":${JSON.stringify(JSON.parse(JSON.stringify(value)))}}`,
      );
    }),
  );
});

test('a long string is no obstacle', () => {
  const text = JSON.stringify({ a: 'ä"'.repeat(500_000) });
  expect(stringifyExactly(parseExactly(text.replace('}', ',"b":1.0}')))).toBe(text.replace('}', ',"b":1.0}'));
});

test('nesting is counted without end', () => {
  const nested = (depth: number) => JSON.parse(`${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`);
  expect([10, 100_000].map((depth) => isNestedDeeper(nested(depth), 10))).toEqual([false, true]);
  expect(isNestedDeeper(1, 0)).toBe(false);
});
