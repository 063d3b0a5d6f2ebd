import { compile } from '../../../tools/eventbridge/event-pattern';
import { entriesOption, exampleEntry } from '../../../tools/local/example-entry';
import type { Rule } from '../../../tools/local/services/rule';

const rule = (pattern: object, more: Partial<Rule> = {}) =>
  ({
    busName: 'default',
    state: 'ENABLED',
    eventPattern: JSON.stringify(pattern),
    pattern: compile(pattern),
    ...more,
  }) as Rule;

test('an entry of the first rule that takes events of an application', () => {
  const entry = exampleEntry([
    rule({ source: ['aws.s3'] }),
    rule({ source: ['off'] }, { state: 'DISABLED' }),
    rule({ source: ['⟨parameter Source⟩'] }),
    rule(
      { detail: { total: [{ numeric: ['>', 5] }], kind: { name: [{ prefix: "it's" }] } } },
      { busName: 'shop' },
    ),
    rule({ source: ['later'] }),
  ]);
  expect(entry).toEqual({
    EventBusName: 'shop',
    Source: 'example',
    DetailType: 'Example',
    Detail: '{"kind":{"name":"it\'s"},"total":6}',
  });
  expect(entriesOption(entry as NonNullable<typeof entry>)).toBe(
    `--entries '[{"EventBusName":"shop","Source":"example","DetailType":"Example","Detail":"{\\"kind\\":{\\"name\\":\\"it'\\''s\\"},\\"total\\":6}"}]'`,
  );
});

test('none if no rule takes any', () => {
  expect(
    exampleEntry([rule({ source: ['aws.ec2'] }), rule({ time: ['never'], source: [{ numeric: ['=', 1] }] })]),
  ).toBeUndefined();
});
