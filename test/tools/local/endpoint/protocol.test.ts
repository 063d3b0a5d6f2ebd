import fc from 'fast-check';
import { XMLParser } from 'fast-xml-parser';
import { decodeCbor, encodeCbor } from '../../../../tools/local/endpoint/cbor';
import {
  boolean,
  integer,
  list,
  map,
  readInput,
  required,
  string,
  structure,
  timestamp,
} from '../../../../tools/local/endpoint/input';
import { decodeQuery, encodeXml } from '../../../../tools/local/endpoint/query';

describe('CBOR', () => {
  test.each<[unknown, string]>([
    [0, '00'],
    [23, '17'],
    [24, '1818'],
    [1000, '1b00000000000003e8'],
    [-1, '20'],
    [1.5, 'fb3ff8000000000000'],
    ['ü', '62c3bc'],
    [[1, [true, null]], '820182f5f6'],
    [{ a: false }, 'a16161f4'],
    [new Date(1_363_896_240_000), 'c1fb41d452d9ec000000'],
  ])('%j is written as %s', (value, hex) => {
    expect(encodeCbor(value).toString('hex')).toBe(hex);
  });

  // Of RFC 8949, appendix A: what other writers write for the same.
  test.each<[string, unknown]>([
    ['1903e8', 1000],
    ['3903e7', -1000],
    ['fa47c35000', 100_000],
    ['c11a514b67b0', new Date(1_363_896_240_000)],
    ['7f657374726561646d696e67ff', 'streaming'],
    ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
    ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }],
    ['4401020304', Buffer.from([1, 2, 3, 4])],
    ['5f42010243030405ff', Buffer.from([1, 2, 3, 4, 5])],
    ['f7', null],
  ])('%s is read', (hex, value) => {
    expect(decodeCbor(Buffer.from(hex, 'hex'))).toEqual(value);
  });

  test('whatever is written is read back', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.string({ unit: 'binary' }),
        fc.boolean(),
        fc.constant(null),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
        fc.date({ noInvalidDate: true }),
        fc.array(tie('any')),
        fc.dictionary(fc.string(), tie('any')).map((each) => ({ ...each })),
      ),
    })).any;
    fc.assert(fc.property(value, (each) => expect(decodeCbor(encodeCbor(each))).toEqual(each)));
  });

  test('bytes that are no CBOR are an error, and any bytes come to an end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodeCbor(Buffer.from(bytes));
        } catch (error) {
          expect(error).toMatchObject({ name: expect.stringMatching(/Error$/) });
        }
      }),
    );
    expect(() => decodeCbor(Buffer.from('8201', 'hex'))).toThrow();
    expect(() => decodeCbor(Buffer.from('0102', 'hex'))).toThrow(/1 bytes follow/);
    expect(() => decodeCbor(Buffer.from('1c', 'hex'))).toThrow(/reserved/);
    expect(() => decodeCbor(Buffer.from('e0', 'hex'))).toThrow(/simple value/);
  });
});

describe('the query protocol', () => {
  test('lists, maps and structures are read from the paths of the keys', () => {
    const form = new URLSearchParams([
      ['Action', 'Publish'],
      ['Names.member.2', 'b'],
      ['Names.member.1', 'a'],
      ...Array.from({ length: 10 }, (_, n): [string, string] => [`Many.member.${n + 1}`, String(n)]),
      ['Attributes.entry.1.key', 'Raw'],
      ['Attributes.entry.1.value', 'true'],
      ['MessageAttributes.entry.1.Name', 'email'],
      ['MessageAttributes.entry.1.Value.DataType', 'String'],
      ['MessageAttributes.entry.1.Value.StringValue', 'x=y&z'],
    ]);
    expect(decodeQuery(form)).toEqual({
      Action: 'Publish',
      Names: ['a', 'b'],
      Many: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
      Attributes: { Raw: 'true' },
      MessageAttributes: { email: { DataType: 'String', StringValue: 'x=y&z' } },
    });
  });

  test('keys cannot reach the prototypes of objects', () => {
    decodeQuery(
      new URLSearchParams('__proto__.polluted=1&constructor.prototype.polluted=1&a.__proto__.polluted=1'),
    );
    expect({}).not.toHaveProperty('polluted');
  });

  test('any text survives XML, but for characters that XML does not have', () => {
    const parser = new XMLParser({ parseTagValue: false, trimValues: false, htmlEntities: true });
    const text = fc.string({ unit: 'grapheme' }).filter((each) => each !== '');
    fc.assert(
      fc.property(text, (each) => {
        expect(parser.parse(`<Message>${encodeXml(each)}</Message>`)).toEqual({ Message: each });
      }),
    );
    expect(encodeXml('a\u0000b\u001bc\r\n')).toBe('a\ufffdb\ufffdc&#13;\n');
  });

  test('an output is written with members of lists and dates', () => {
    expect(encodeXml({ A: [{ B: 1 }, { B: true }], At: new Date(0), None: undefined, Empty: [] })).toBe(
      '<A><member><B>1</B></member><member><B>true</B></member></A><At>1970-01-01T00:00:00.000Z</At><Empty></Empty>',
    );
  });
});

describe('what an operation takes', () => {
  const shape = {
    Name: required(string({ min: 2, max: 4, pattern: /^[a-z]*$/ })),
    Kind: string({ values: ['one', 'two'] }),
    Limit: integer({ min: 1, max: 10 }),
    Dry: boolean,
    At: timestamp,
    Items: list(structure({ Id: required(string()) }), { min: 1, max: 2 }),
    Tags: map(string({ max: 1 })),
  };
  const problems = (value: unknown) => readInput(shape, value, false).problems.map(({ text }) => text);

  test('is taken over, without what it does not know', () => {
    const value = {
      Name: 'abc',
      Limit: 3,
      Dry: false,
      At: 1.5,
      Items: [{ Id: 'x', Other: 1 }],
      Tags: { a: 'b' },
      Other: 1,
    };
    expect(readInput(shape, value, false)).toEqual({
      input: { Name: 'abc', Limit: 3, Dry: false, At: 1500, Items: [{ Id: 'x' }], Tags: { a: 'b' } },
      problems: [],
    });
  });

  test('is read from text where the protocol has nothing else', () => {
    const value = {
      Name: 'abc',
      Limit: '3',
      Dry: 'true',
      At: '1970-01-01T00:00:01.5Z',
      Items: [{ Id: 'x' }],
      Tags: {},
    };
    expect(readInput(shape, value, true).input).toMatchObject({ Limit: 3, Dry: true, At: 1500 });
  });

  test.each([
    [{}, "Value null at 'name' failed to satisfy constraint: Member must not be null"],
    [
      { Name: 'a' },
      "Value 'a' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 2",
    ],
    [
      { Name: 'abcde' },
      "Value 'abcde' at 'name' failed to satisfy constraint: Member must have length less than or equal to 4",
    ],
    [
      { Name: 'AB' },
      "Value 'AB' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]*",
    ],
    [
      { Name: 'ab', Kind: 'six' },
      "Value 'six' at 'kind' failed to satisfy constraint: Member must satisfy enum value set: [one, two]",
    ],
    [
      { Name: 'ab', Limit: 0 },
      "Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
    ],
    [
      { Name: 'ab', Limit: 11 },
      "Value '11' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10",
    ],
    [
      { Name: 'ab', Items: [] },
      "Value '[0 members]' at 'items' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ],
    [
      { Name: 'ab', Items: [{}] },
      "Value null at 'items.1.member.id' failed to satisfy constraint: Member must not be null",
    ],
    [
      { Name: 'ab', Tags: { k: 'long' } },
      "Value 'long' at 'tags.k.member' failed to satisfy constraint: Member must have length less than or equal to 1",
    ],
  ])('%j breaks a constraint', (value, text) => {
    expect(problems(value)).toEqual([text]);
  });

  test.each([
    [[], 'The request must be an object, not a list'],
    [{ Name: 1 }, 'name must be a string, not a value of type number'],
    [{ Name: 'ab', Limit: '3' }, 'limit must be an integer'],
    [{ Name: 'ab', Limit: 1.5 }, 'limit must be an integer'],
    [{ Name: 'ab', Dry: 'true' }, 'dry must be a boolean'],
    [{ Name: 'ab', At: 'soon' }, 'at must be a timestamp'],
    [{ Name: 'ab', Items: {} }, 'items must be a list'],
    [{ Name: 'ab', Items: [null] }, 'items.1.member must be an object, not null'],
    [{ Name: 'ab', Tags: [] }, 'tags must be a map, not a list'],
  ])('%j is of the wrong type', (value, message) => {
    expect(() => readInput(shape, value, false)).toThrow(
      expect.objectContaining({ code: 'SerializationException', message: expect.stringContaining(message) }),
    );
  });
});
