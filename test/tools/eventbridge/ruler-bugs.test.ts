import { compile } from '../../../tools/eventbridge/event-pattern';
import { rulerBugs } from '../../../tools/eventbridge/ruler-bugs';

test.each<[string, object, RegExp | undefined]>([
  [
    'a value in two alternatives',
    { $or: [{ c: ['x'] }, { c: ['x', 'y'] }] },
    /^c: two alternatives .* share a value/,
  ],
  [
    'a value in two alternatives with other fields',
    { $or: [{ c: ['x'], d: [1] }, { c: ['x', 'y'] }] },
    /^c: /,
  ],
  [
    'the same list in two alternatives',
    {
      $or: [
        { c: ['x'], d: [1] },
        { c: ['x'], e: [1] },
      ],
    },
    undefined,
  ],
  ['different values in two alternatives', { $or: [{ c: ['x'] }, { c: ['y'] }] }, undefined],
  ['a pair beyond U+FFFF in any case', { a: [{ 'equals-ignore-case': 'a😀' }] }, /^a: .* never finds "a😀"/],
  [
    'the same within anything-but',
    { a: [{ 'anything-but': { 'equals-ignore-case': '😀' } }] },
    /never finds/,
  ],
  ['such a pair as it is', { a: ['😀'] }, undefined],
  ['an IPv4 network', { a: [{ cidr: '10.0.0.0/8' }] }, /^a: .* IPv6/],
  ['an address', { a: ['10.0.0.1'] }, undefined],
  ['an IPv6 network', { a: [{ cidr: 'a00::/8' }] }, undefined],
  ['other letters beside a range', { a: ['ä', { numeric: ['>', 1] }] }, /^a: .* may miss "ä"/],
  ['ASCII beside a range', { a: ['a', { numeric: ['>', 1] }] }, undefined],
])('%s', (_name, pattern, warning) => {
  expect(rulerBugs(compile(pattern))).toEqual(warning ? [expect.stringMatching(warning)] : []);
});
