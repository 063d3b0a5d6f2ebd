import fc from 'fast-check';
import { escapeAllControl, escapeControl, printableJson } from '../../../tools/cli/escape-control';

/** Any text, with control characters in it more often than not. */
const text = fc.string({
  unit: fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    fc.constantFrom('\x1b', '\x07', '\x9b', '\x7f', '\r', '\n', '\u202e', '\u2066', '\u2028'),
  ),
});
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/u;

test('no control character is left, and other text is as it was', () => {
  expect(escapeControl('a\x1b]0;title\x07b\nc\u202edcba ü 漢 🙂')).toBe(
    'a\\x1b]0;title\\x07b\\nc\\u202edcba ü 漢 🙂',
  );
  fc.assert(fc.property(text, (each) => !UNSAFE.test(escapeControl(each))));
  fc.assert(fc.property(text, (each) => UNSAFE.test(each) || escapeControl(each) === each));
});

test('values keep their shape', () => {
  expect(escapeAllControl({ 'a\x1b': ['\x9b31m', 1, null, { b: true }] })).toEqual({
    'a\\x1b': ['\\x9b31m', 1, null, { b: true }],
  });
});

test('no text in a value has a control character, wherever it is', () => {
  const value = fc.jsonValue({
    stringUnit: fc.constantFrom(
      'a',
      '"',
      '\\',
      'n',
      '\n',
      '\x1b',
      '\x9b',
      '\u2028',
      '\u202e',
      '\u{1f600}',
    ) as never,
  });
  const texts = (each: unknown): string[] =>
    typeof each === 'string'
      ? [each]
      : Object.entries(Object(each)).flatMap(([key, child]) => [key, ...texts(child)]);
  fc.assert(
    fc.property(value, (each) => {
      expect(texts(escapeAllControl(each)).join('')).toBe(
        texts(each)
          .map((text) => escapeControl(text))
          .join(''),
      );
    }),
  );
});

test('JSON is printable and means the same', () => {
  fc.assert(
    fc.property(fc.dictionary(text, fc.oneof(text, fc.double({ noNaN: true }))), (value) => {
      const json = printableJson(value);
      expect(UNSAFE.test(json)).toBe(false);
      expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(JSON.parse(printableJson(value, 2))).toEqual(JSON.parse(json));
    }),
  );
});
