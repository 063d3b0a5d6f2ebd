import { isNamed, readOnly } from '../../../tools/cli/only';

test('reads what is to be shown', () => {
  const read = readOnly('order');
  expect(['failed', 'rule=a', 'function=b', 'order=1=2'].map(read)).toEqual([
    { kind: 'failed' },
    { kind: 'rule', value: 'a' },
    { kind: 'function', value: 'b' },
    { kind: 'entity', value: '1=2' },
  ]);
});

test.each(['', 'rule', 'rule=', 'colour=red', 'invoice=1'])('refuses %j and says what is allowed', (text) => {
  expect(() => readOnly('order')(text)).toThrow('It must be failed, rule=NAME, function=NAME or order=ID.');
  expect(() => readOnly(undefined)(text)).toThrow('It must be failed, rule=NAME or function=NAME.');
});

test('a name may leave out its beginning', () => {
  expect(
    ['notifier', 'event-driven-notifier', 'tifier'].map((each) => isNamed('event-driven-notifier', each)),
  ).toEqual([true, true, false]);
});
