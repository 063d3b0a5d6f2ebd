import fc from 'fast-check';
import { ExactSum } from '../../lambdas/analytics/exact-sum';

const sumOf = (...texts: string[]) => {
  const sum = new ExactSum();
  for (const text of texts) expect(sum.add(text)).toBe(true);
  return sum;
};

test.each(['', 'twelve', '1.2.3', '1e', 'Infinity'])(
  'what is no number is refused and adds nothing: %j',
  (text) => {
    const sum = sumOf('1.5');
    expect(sum.add(text)).toBe(false);
    expect(sum.value).toBe(1.5);
  },
);

test('a sum stays exact where numbers of floating point do not', () => {
  expect(sumOf('0.1', '0.2').value).toBe(0.3);
  expect(sumOf('1E-7', '1E+3', '-1000').value).toBe(1e-7);
});

test('whole cents are added exactly, however many there are', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 99_999_999_999_999 }), { maxLength: 200 }), (cents) => {
      const total = cents.reduce((sum, each) => sum + BigInt(each), 0n);
      const texts = cents.map((each) => `${Math.floor(each / 100)}.${String(each % 100).padStart(2, '0')}`);
      expect(sumOf(...texts).value).toBe(Number(total) / 100);
    }),
  );
});
