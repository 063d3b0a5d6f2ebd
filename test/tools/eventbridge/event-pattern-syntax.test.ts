import {
  checkPatternLength,
  compile,
  InvalidEventPatternError,
} from '../../../tools/eventbridge/event-pattern';

/** The reason for which the service refuses the pattern. */
function refusal(pattern: string | object): string {
  return refuse(pattern).message.replace(/^Event pattern is not valid\. Reason: /, '');
}

function refuse(pattern: string | object): InvalidEventPatternError {
  try {
    compile(pattern);
  } catch (error) {
    if (error instanceof InvalidEventPatternError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

/** A pattern whose only field has this one value. */
const of = (value: unknown) => ({ detail: { field: [value] } });

test('an error is one line in the words of the service, with its code and the field', () => {
  const error = refuse(of({ prefix: 3 }));
  expect(error.message).toBe('Event pattern is not valid. Reason: prefix match pattern must be a string');
  expect(error.code).toBe('InvalidEventPatternException');
  expect(error.field).toBe('detail.field');
  expect(refuse('[]').field).toBeUndefined();
});

describe('the shape of a pattern', () => {
  test.each([
    ['[]', 'Filter is not an object'],
    ['"text"', 'Filter is not an object'],
    ['', 'Filter is not an object'],
    ['{}', 'Empty objects are not allowed'],
    ['{"a": {}}', 'Empty objects are not allowed'],
    ['{"a": []}', 'Empty arrays are not allowed'],
    ['{"a": "x"}', '"a" must be an object or an array'],
    ['{"a": 1}', '"a" must be an object or an array'],
    ['{"a": {"b": null}}', '"b" must be an object or an array'],
    ['{"a": [[1]]}', 'Match value must be String, number, true, false, or null'],
    ['{"a": [{}]}', 'Match expression name not found'],
    ['{"a": [{"like": "x"}]}', 'Unrecognized match type like'],
    ['{"a": [{"PREFIX": "x"}]}', 'Unrecognized match type PREFIX'],
  ])('%s: %s', (pattern, reason) => {
    expect(refusal(pattern)).toBe(reason);
  });
});

describe('JSON', () => {
  const value = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

  test.each([
    ["{'a': [1]}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"],
    ['{"a": [1],}', "Unexpected character ('}' (code 125)): was expecting double-quote to start field name"],
    [
      '{"a" [1]}',
      "Unexpected character ('[' (code 91)): was expecting a colon to separate field name and value",
    ],
    ['{"a": [1 2]}', "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries"],
    [
      '{"a": [1] "b": [1]}',
      `Unexpected character ('"' (code 34)): was expecting comma to separate Object entries`,
    ],
    ['{"a": [x1]}', `Unrecognized token 'x1': was expecting ${value}`],
    ['{"a": [nul]}', `Unrecognized token 'nul': was expecting ${value}`],
    ['{"a": [1,]}', `Unexpected character (']' (code 93)): expected a valid value ${value}`],
    ['{"a": [?]}', `Unexpected character ('?' (code 63)): expected a valid value ${value}`],
    ['{"a": [-]}', `Unexpected character ('-' (code 45)): expected a valid value ${value}`],
    ['}', `Unexpected character ('}' (code 125)): expected a valid value ${value}`],
    ['{"a": [01]}', 'Invalid numeric value: Leading zeroes not allowed'],
    [
      '{"a": [1}',
      `Unexpected close marker '}': expected ']' (for Array starting at [Source: (String)"{"a": [1}"; line: 1, column: 7])`,
    ],
    [
      '{\n "a": [1]\n]',
      `Unexpected close marker ']': expected '}' (for Object starting at [Source: (String)"{\n "a": [1]\n]"; line: 1, column: 1])`,
    ],
    [
      '{"a": [1]',
      'Unexpected end-of-input: expected close marker for Object (start marker at [Source: (String)"{"a": [1]"; line: 1, column: 1])',
    ],
    [
      '{"a": [1',
      'Unexpected end-of-input: expected close marker for Array (start marker at [Source: (String)"{"a": [1"; line: 1, column: 7])',
    ],
    ['{"a', 'Unexpected end-of-input: was expecting closing quote for a string value'],
    ['{"a": ["\\', 'Unexpected end-of-input: was expecting closing quote for a string value'],
    ['{"a": ["\\x"]}', "Unrecognized character escape 'x' (code 120)"],
    ['{"a": ["\\u12"]}', "Unrecognized character escape 'u' (code 117)"],
    [
      '{"a": ["\n"]}',
      'Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in string value',
    ],
    [`${'{"a":'.repeat(2_000)}[1]`, 'Document nesting depth (1001) exceeds the maximum allowed (1000)'],
  ])('%j is refused', (pattern, reason) => {
    expect(refusal(pattern)).toBe(reason);
  });

  test('is read with blanks, escapes and numbers of every form', () => {
    const pattern = compile(
      '\t{ "a\\u0062" :\r\n [ "\\"\\\\\\/\\n\\u00e9" , -1.5e+1 , true,false, null ] } \n',
    );
    for (const ab of ['"\\/\né', -15, true, false, null]) expect(pattern.matches({ ab })).toBe(true);
    expect(pattern.matches({ ab: 15 })).toBe(false);
  });
});

describe('operators', () => {
  test.each([
    [{ exactly: 1 }, 'exact match pattern must be a string'],
    [{ prefix: ['a'] }, 'prefix match pattern must be a string'],
    [{ prefix: null }, 'prefix match pattern must be a string'],
    [{ prefix: {} }, 'Prefix expression name not found'],
    [{ prefix: { suffix: 'a' } }, 'Unsupported prefix pattern: suffix'],
    [{ prefix: { 'equals-ignore-case': 1 } }, 'equals-ignore-case match pattern must be a string'],
    [{ prefix: { 'equals-ignore-case': 'a', b: 1 } }, 'Only one key allowed in match expression'],
    [{ prefix: { 'equals-ignore-case': 'a' }, b: 1 }, 'Only one key allowed in match expression'],
    [{ prefix: 'a', suffix: 'b' }, 'Only one key allowed in match expression'],
    [{ suffix: 1 }, 'suffix match pattern must be a string'],
    [{ suffix: {} }, 'Suffix expression name not found'],
    [{ suffix: { prefix: 'a' } }, 'Unsupported suffix pattern: prefix'],
    [{ suffix: { 'equals-ignore-case': [] } }, 'equals-ignore-case match pattern must be a string'],
    [{ 'equals-ignore-case': ['a'] }, 'equals-ignore-case match pattern must be a string'],
    [{ 'equals-ignore-case': 'a', b: 1 }, 'Only one key allowed in match expression'],
    [{ exists: 'yes' }, 'exists match pattern must be either true or false.'],
    [{ exists: true, b: 1 }, 'Only one key allowed in match expression'],
    [{ wildcard: 1 }, 'wildcard match pattern must be a string'],
    [{ wildcard: ['a*'] }, 'wildcard match pattern must be a string'],
    [{ wildcard: 'a**b' }, 'Consecutive wildcard characters at pos 2'],
    [{ wildcard: 'é**' }, 'Consecutive wildcard characters at pos 3'],
    [{ wildcard: 'a\\b' }, 'Invalid escape character at pos 2'],
    [{ wildcard: 'a\\' }, 'Invalid escape character at pos 2'],
    [{ cidr: 1 }, 'prefix match pattern must be a string'],
    [{ cidr: '10.0.0.0' }, "Malformed CIDR, one '/' required"],
    [{ cidr: '10.0.0.0/' }, "Malformed CIDR, one '/' required"],
    [{ cidr: '10.0.0.0/8/8' }, "Malformed CIDR, one '/' required"],
    [{ cidr: '10.0.0.0/x' }, 'Malformed CIDR, mask bits must be an integer'],
    [{ cidr: '10.0.0.0/99999999999' }, 'Malformed CIDR, mask bits must be an integer'],
    [{ cidr: '10.0.0.0/-1' }, 'Malformed CIDR, mask bits must not be negative'],
    [{ cidr: '10.0.0.0/32' }, 'IPv4 mask bits must be < 32'],
    [{ cidr: '::1/128' }, 'IPv6 mask bits must be < 128'],
    [{ cidr: 'host/8' }, 'Nonstandard IP address: host'],
    [{ cidr: '10.0.0.999/8' }, 'Invalid IP address: 10.0.0.999'],
    [{ cidr: '1:2/8' }, 'Invalid IP address: 1:2'],
  ])('%j: %s', (value, reason) => {
    expect(refusal(of(value))).toBe(reason);
  });
});

describe('numeric', () => {
  test.each([
    [10, 'Value of numeric must be an array.'],
    [[], 'Invalid member in numeric match: ]'],
    [[1, '>'], 'Invalid member in numeric match: 1'],
    [['=', '1'], 'Value of equals must be numeric'],
    [['='], 'Value of equals must be numeric'],
    [['=', 1, 2], 'Too many elements in numeric expression'],
    [['<', true], 'Value of < must be numeric'],
    [['<=', null], 'Value of <= must be numeric'],
    [['>', '1'], 'Value of > must be numeric'],
    [['>='], 'Value of >= must be numeric'],
    [['<', 1, '>', 0], 'Too many elements in numeric expression'],
    [['>', 1, '>', 2], 'Bad numeric range operator: >'],
    [['>', 1, 2], 'Bad value in numeric range: 2'],
    [['>', 1, '<'], 'Value of < must be numeric'],
    [['>', 1, '<=', 'x'], 'Value of <= must be numeric'],
    [['>', 1, '<', 1], 'Bottom must be less than top'],
    [['>=', 2, '<=', 1], 'Bottom must be less than top'],
    [['>', 1, '<', 2, false], 'Too many terms in numeric range expression'],
    [['==', 1], 'Unrecognized numeric range operator: =='],
  ])('%j: %s', (numeric, reason) => {
    expect(refusal(of({ numeric }))).toBe(reason);
  });

  test('has one key', () => {
    const reason = 'Too many elements in numeric expression';
    expect(refusal(of({ numeric: ['=', 1], b: 1 }))).toBe(reason);
    expect(refusal(of({ numeric: ['>', 1], b: 1 }))).toBe(reason);
    expect(refusal(of({ numeric: ['>', 1, '<', 2], b: 1 }))).toBe(reason);
  });

  test.each(['1e309', '-2.0e422', '1E-325', '9007199254740993', '0.1000000000000000055'])(
    'refuses %s, which no double holds',
    (number) => {
      expect(refusal(`{"a": [{"numeric": ["=", ${number}]}]}`)).toBe(`Cannot compare number : ${number}`);
      expect(refusal(`{"a": [{"numeric": [">", 0, "<", ${number}]}]}`)).toBe(
        `Cannot compare number : ${number}`,
      );
      expect(refusal(`{"a": [{"anything-but": [1, ${number}]}]}`)).toBe(`Cannot compare number : ${number}`);
      expect(() => compile(`{"a": [${number}]}`)).not.toThrow();
    },
  );

  test.each(['0', '-0.0', '0e5', '1.50', '100', '1e2', '0.001e3', '1E-7', '123456789012', '1e300', '-4e-6'])(
    'takes %s',
    (number) => {
      expect(() => compile(`{"a": [{"numeric": ["=", ${number}]}]}`)).not.toThrow();
    },
  );
});

describe('anything-but', () => {
  const notAValue = 'Value of anything-but must be an array or single string/number value.';
  const mixed =
    'Inside anything but list, either all values are number or string, mixed type is not supported';
  const many = 'Too many elements in numeric expression';

  test.each([
    [null, notAValue],
    [true, notAValue],
    [{}, 'Anything-But expression name not found'],
    [{ numeric: ['=', 1] }, 'Unsupported anything-but pattern: numeric'],
    [[], mixed],
    [['a', 1], mixed],
    [['a', null], 'Inside anything but list, start|null|boolean is not supported.'],
    [['a', ['b']], 'Inside anything but list, start|null|boolean is not supported.'],
    [{ prefix: '' }, 'Null prefix/suffix not allowed'],
    [{ suffix: ['a', ''] }, 'Null prefix/suffix not allowed'],
    [{ prefix: 1 }, 'prefix/suffix match pattern must be a string'],
    [{ suffix: ['a', 1] }, 'prefix/suffix match pattern must be a string'],
    [{ prefix: null }, notAValue],
    [{ prefix: { 'equals-ignore-case': 'a' } }, notAValue],
    [
      { 'equals-ignore-case': ['a', 1] },
      'Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.',
    ],
    [{ wildcard: 1 }, 'wildcard match pattern must be a string'],
    [{ wildcard: ['a', null] }, 'wildcard match pattern must be a string'],
    [{ wildcard: 'a**' }, 'Consecutive wildcard characters at pos 2'],
    [{ wildcard: ['a', 'b\\'] }, 'Invalid escape character at pos 2'],
    [{ prefix: 'a', suffix: 'b' }, many],
    [{ wildcard: ['a'], b: 1 }, many],
  ])('%j: %s', (value, reason) => {
    expect(refusal(of({ 'anything-but': value }))).toBe(reason);
  });

  test('has one key', () => {
    expect(refusal(of({ 'anything-but': 'a', b: 1 }))).toBe(many);
    expect(refusal(of({ 'anything-but': { prefix: 'a' }, b: 1 }))).toBe(many);
  });

  test('takes an empty string where it is a value', () => {
    for (const value of ['', [''], { 'equals-ignore-case': '' }, { wildcard: ['', 'a*'] }]) {
      expect(() => compile(of({ 'anything-but': value }))).not.toThrow();
    }
  });
});

describe('$or', () => {
  test.each([
    [{ $or: { a: [1] } }, 'It must be an Array followed with $or.'],
    [{ $or: [] }, 'There must have at least 2 Objects in $or relationship.'],
    [{ $or: [{ a: [1] }] }, 'There must have at least 2 Objects in $or relationship.'],
    [{ $or: [{ a: [1] }, 1] }, 'Only JSON object is allowed in array of $or relationship.'],
    [{ $or: [{ a: [1] }, [{ b: [1] }]] }, 'Only JSON object is allowed in array of $or relationship.'],
    [{ $or: [{ a: [1] }, {}] }, 'Empty objects are not allowed'],
    [{ $or: [{ a: [1] }, { b: 1 }] }, '"b" must be an object or an array'],
    [
      { $or: [{ numeric: ['>', 1] }, { a: [1] }] },
      'numeric is Ruler reserved fieldName which cannot be used inside $or.',
    ],
    [
      { $or: [{ a: { 'date-after': [1] } }, { a: [1] }] },
      'date-after is Ruler reserved fieldName which cannot be used inside $or.',
    ],
  ])('%j: %s', (pattern, reason) => {
    expect(refusal(pattern)).toBe(reason);
  });

  test('takes a name reserved inside of it anywhere else', () => {
    expect(compile({ numeric: { prefix: [1] } }).matches({ numeric: { prefix: 1 } })).toBe(true);
  });

  test('makes at most 1,000 combinations', () => {
    const or = (length: number) => ({ $or: Array.from({ length }, (_, i) => ({ [`f${i}`]: [1] })) });
    expect(() => compile({ a: or(10), b: or(10), c: or(10) })).not.toThrow();
    expect(() => compile(or(1_000))).not.toThrow();
    for (const pattern of [{ a: or(10), b: or(10), c: or(11) }, or(1_001), { a: or(32), b: or(32) }]) {
      const error = refuse(pattern);
      expect(error.code).toBe('LimitExceededException');
      expect(error.message).toBe('The $or arrays of the event pattern make more than 1000 rule combinations');
    }
    const explosive = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, or(10)]));
    expect(refuse(explosive).field).toBe('f3');
  });

  test('counts the arrays of its alternatives, too', () => {
    const or = (length: number, more: object = {}) => ({
      $or: Array.from({ length }, (_, i) => ({ [`f${i}`]: [1], ...(i === 0 && more) })),
    });
    expect(() => compile(or(30, or(30)))).not.toThrow();
    expect(refuse(or(40, or(40))).code).toBe('LimitExceededException');
  });
});

describe('wildcards', () => {
  const tooComplex =
    'Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character';
  const letters = [...'abcdefghijkl'];
  const wildcards = (...patterns: string[]) => ({ field: patterns.map((wildcard) => ({ wildcard })) });

  test.each([
    [wildcards('*:*:*:*:*:event-bus/*')],
    [wildcards('*aaaaaaaaaaaaaaaaaaaa')],
    [wildcards('*:stack/A/*', '*:stack/B/*', '*:stack/C/*', '*:stack/D/*')],
    [wildcards('*/data/*.tif', '*/data/*.png', '*/data/*.jpg', '*/data/*.bmp')],
    [{ field: [{ 'anything-but': { wildcard: '*:*:*:*:*:event-bus/*' } }] }],
    [wildcards(...letters.map((letter) => `*${letter}`))],
    [{ $or: ['A', 'B', 'C', 'D'].map((name) => wildcards(`*:stack/${name}/*`)) }],
  ])('%j is too complex', (pattern) => {
    expect(refusal(pattern)).toBe(tooComplex);
    expect(refuse(pattern).field).toBe('field');
  });

  test.each([
    [wildcards('arn:aws:events:us-east-1:*:event-bus/*')],
    [wildcards('/Users/*/dir/dir/dir/dir/dir/doc.txt')],
    [wildcards('*:stack/A/*', '*:stack/B/*', '*:stack/C/*')],
    [wildcards('*:stack/A/*', '*:stack/A/*', '*:stack/A/*', '*:stack/A/*')],
    [wildcards('*.tif', '*.png', '*.jpg', '*.bmp')],
    [wildcards('a*x*y*z', 'b*x*y*z', 'c*x*y*z', 'd*x*y*z')],
    [wildcards('a*b*c*d*e*f*g*h*i')],
    [wildcards('aaaaaaaaaaaaaaaaaaaaaaaa\\*aaaaaaaaaaa')],
    [{ field: [{ 'anything-but': { wildcard: ['*/init/*', '*/dir/*', '*/tmp/*'] } }] }],
    [{ field: [{ 'anything-but': { wildcard: letters.map((letter) => `*${letter}`) } }] }],
    [{ $or: ['A', 'B', 'C', 'D'].map((name) => ({ by: [name], ...wildcards(`*:stack/${name}/*`) })) }],
    [{ first: wildcards('*:*:*:*:event-bus/*'), second: wildcards('*:*:*:*:event-bus/*') }],
  ])('%j is accepted', (pattern) => {
    expect(() => compile(pattern)).not.toThrow();
  });
});

describe('the length of a pattern', () => {
  const ofLength = (length: number) => ({ a: ['x'.repeat(length - '{"a":[""]}'.length)] });

  test('is at most 2,048 characters, however it is given', () => {
    for (const pattern of [ofLength(2_048), JSON.stringify(ofLength(2_048))]) {
      expect(() => checkPatternLength(pattern)).not.toThrow();
    }
    for (const pattern of [ofLength(2_049), JSON.stringify(ofLength(2_049))]) {
      expect(() => checkPatternLength(pattern)).toThrow(InvalidEventPatternError);
      expect(() => checkPatternLength(pattern)).toThrow(
        'The event pattern has 2049 characters, more than the 2048 that a rule may have',
      );
    }
  });

  test('is no matter for matching', () => {
    expect(compile(ofLength(5_000)).matches({ a: 'x' })).toBe(false);
  });
});
