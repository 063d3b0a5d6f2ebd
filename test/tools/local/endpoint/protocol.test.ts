import fc from 'fast-check';
import { XMLParser } from 'fast-xml-parser';
import { decodeCbor, encodeCbor } from '../../../../tools/local/endpoint/cbor';
import { InputReader } from '../../../../tools/local/endpoint/input';
import type { ApiModel } from '../../../../tools/local/endpoint/models/model';
import { decodeQuery, encodeXml } from '../../../../tools/local/endpoint/query';
import { matchOperation } from '../../../../tools/local/endpoint/rest';

describe('CBOR', () => {
  test('a date is written as a timestamp, and what is undefined is left out', () => {
    const value = {
      at: new Date(1_363_896_240_000),
      none: undefined,
      list: [undefined, { none: undefined }],
    };
    expect(decodeCbor(encodeCbor(value))).toEqual({
      at: expect.objectContaining({ tag: 1, value: 1_363_896_240 }),
      list: [null, {}],
    });
  });

  test('whatever is written is read back', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.string(),
        fc.boolean(),
        fc.constant(null),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
        fc.array(tie('any')),
        fc.dictionary(fc.stringMatching(/^[A-Za-z]+$/), tie('any')).map((each) => ({ ...each })),
      ),
    })).any;
    fc.assert(fc.property(value, (each) => expect(decodeCbor(encodeCbor(each))).toEqual(each)));
  });

  test('a length of 64 bits is refused without a word on the terminal, wherever it stands', () => {
    const warn = jest.spyOn(console, 'warn');
    try {
      for (const head of ['5b', '7b', '9b', 'bb']) {
        const long = `${head}7fffffffffffffff`;
        for (const hex of [
          long,
          `81${long}`,
          `a16161${long}`,
          `9f${long}ff`,
          `c1${long}`,
          `8261${'61'}${long}`,
        ])
          expect(() => decodeCbor(Buffer.from(hex, 'hex'))).toThrow('A length goes beyond its end.');
      }
      // Not where it is the content of a text.
      const text = Buffer.from('\x7b\x7f'.repeat(20)).toString();
      expect(decodeCbor(encodeCbor({ [text]: text }))).toEqual({ [text]: text });
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
          try {
            decodeCbor(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
          }
        }),
        { numRuns: 2_000 },
      );
      expect(warn).not.toHaveBeenCalled();
    } finally {
      warn.mockRestore();
    }
  });

  test.each([
    [
      'a key that is a number, which the library takes for the length of a text',
      'a11b7fffffffffffffff01',
      'A key is no text.',
    ],
    ['the same in a map without a length', '81bf3b7fffffffffffffff01ff', 'A key is no text.'],
    ['a list in a list, without end', '81'.repeat(100_000), 'nested too deeply'],
    ['a second item', '0101', 'More follows.'],
  ])('%s is refused', (_, hex, message) => {
    expect(() => decodeCbor(Buffer.from(hex, 'hex'))).toThrow(message);
  });

  test('bytes that are no CBOR are an error, never a value of something else', () => {
    for (const hex of ['', '81', '1b00', 'fc', '5f41']) {
      expect(() => decodeCbor(Buffer.from(hex, 'hex'))).toThrow(Error);
    }
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
  const reader = new InputReader({
    source: 'this test',
    apiVersion: '2026-01-01',
    operations: {
      Do: { input: 'DoRequest', http: { method: 'POST', requestUri: '/' } },
      Ping: { http: { method: 'POST', requestUri: '/' } },
      ...Object.fromEntries(
        ['Absent', 'Odd', 'Bare', 'BareMap', 'Empty'].map((input) => [
          input,
          { input, http: { method: 'POST', requestUri: '/' } },
        ]),
      ),
    },
    shapes: {
      Odd: { type: 'document' },
      Bare: { type: 'list' },
      BareMap: { type: 'map' },
      Empty: { type: 'structure' },
      DoRequest: {
        type: 'structure',
        required: ['Name'],
        members: {
          ...{ Name: { shape: 'Name' }, Kind: { shape: 'Kind' }, Limit: { shape: 'Limit' } },
          ...{ Ratio: { shape: 'Ratio' }, Dry: { shape: 'Dry' }, At: { shape: 'At' } },
          ...{ Items: { shape: 'Items' }, Tags: { shape: 'Tags' }, Data: { shape: 'Data' } },
        },
      },
      Name: { type: 'string', min: 2, max: 4, pattern: '[a-z]*' },
      Kind: { type: 'string', enum: ['one', 'two'] },
      Limit: { type: 'integer', min: 1, max: 10 },
      Ratio: { type: 'double' },
      Dry: { type: 'boolean' },
      At: { type: 'timestamp' },
      Items: { type: 'list', member: { shape: 'Item' }, min: 1, max: 2 },
      Item: {
        type: 'structure',
        required: ['Id'],
        members: { Id: { shape: 'Id' }, Inner: { shape: 'Item' } },
      },
      Id: { type: 'string' },
      Tags: { type: 'map', key: { shape: 'Id' }, value: { shape: 'Tag' } },
      Tag: { type: 'string', max: 1 },
      Data: { type: 'blob', max: 3 },
    },
  });
  const problems = (value: unknown) => reader.read('Do', value, 'typed').problems.map(({ text }) => text);

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
    expect(reader.read('Do', value, 'typed')).toEqual({
      input: {
        Name: 'abc',
        Limit: 3,
        Dry: false,
        At: new Date(1500),
        Items: [{ Id: 'x' }],
        Tags: { a: 'b' },
      },
      problems: [],
    });
  });

  test('is nothing, if the operation takes nothing', () => {
    expect(reader.read('Ping', { Any: 1 }, 'typed')).toEqual({ input: {}, problems: [] });
    expect(reader.read('Empty', { Any: 1 }, 'typed')).toEqual({ input: {}, problems: [] });
  });

  test.each([
    ['Absent', {}, 'The API model has no shape Absent.'],
    ['Odd', {}, 'The API model has a shape of the type document.'],
    ['Bare', [1], 'The API model has no shape .'],
    ['BareMap', { a: 1 }, 'The API model has no shape .'],
  ])('is not read by a model that is not whole: %s', (operation, value, message) => {
    expect(() => reader.read(operation, value, 'typed')).toThrow(message);
  });

  test('is read from text where the protocol has nothing else', () => {
    const empty = reader.read('Do', { Name: 'abc', Items: '' }, 'text');
    expect(empty.problems.map(({ text }) => text)).toEqual([expect.stringContaining("'[]' at 'items'")]);
    expect(() => reader.read('Do', { Name: 'abc', At: [] }, 'text')).toThrow('at must be a timestamp');
    const value = {
      Name: 'abc',
      Limit: '3',
      Dry: 'true',
      At: '1970-01-01T00:00:01.5Z',
      Items: [{ Id: 'x' }],
      Tags: {},
    };
    expect(reader.read('Do', value, 'text').input).toMatchObject({ Limit: 3, Dry: true, At: new Date(1500) });
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
      "Value '[]' at 'items' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ],
    [
      { Name: 'ab', Items: [{ Id: 'x' }, { Id: 'y', Inner: null }, { Id: 'z' }] },
      "Value '[Item(id=x, inner=null), Item(id=y, inner=null), Item(id=z, inner=null)]' at 'items' failed to satisfy constraint: Member must have length less than or equal to 2",
    ],
    [
      { Name: 'ab', Items: [null] },
      "Value null at 'items.1.member' failed to satisfy constraint: Member must not be null",
    ],
    [
      { Name: 'ab', Data: 'AAAAAA==' },
      "Value '\u0000\u0000\u0000\u0000' at 'data' failed to satisfy constraint: Member must have length less than or equal to 3",
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

  test('a time is a tagged number of CBOR as well', () => {
    const at = (At: unknown) => reader.read('Do', { Name: 'ab', At }, 'typed').input;
    expect(at({ tag: 1, value: 2 })).toMatchObject({ At: new Date(2_000) });
    expect(() => at({ tag: 0, value: 2 })).toThrow('at must be a timestamp');
  });

  test('keys of a map are those of the client, whatever JavaScript takes them for', () => {
    const Tags = JSON.parse('{"__proto__":"a","constructor":"b"}');
    const { input } = reader.read('Do', { Name: 'ab', Tags }, 'typed');
    expect(JSON.stringify(input)).toBe('{"Name":"ab","Tags":{"__proto__":"a","constructor":"b"}}');
  });

  test.each([
    [[], 'The request must be an object, not a list'],
    [{ Name: 1 }, 'name must be a string, not a value of type number'],
    [{ Name: 'ab', Limit: '3' }, 'limit must be an integer'],
    [{ Name: 'ab', Limit: 1.5 }, 'limit must be an integer'],
    [{ Name: 'ab', Dry: 'true' }, 'dry must be a boolean'],
    [{ Name: 'ab', At: 'soon' }, 'at must be a timestamp'],
    [{ Name: 'ab', Items: {} }, 'items must be a list'],
    [null, 'The request must be an object, not null'],
    [{ Name: 'ab', Items: [1] }, 'items.1.member must be an object, not a value of type number'],
    [{ Name: 'ab', Items: [{ Id: 'x', Inner: { Id: 1 } }] }, 'items.1.member.inner.id must be a string'],
    [{ Name: 'ab', At: 253_402_300_800 }, 'at must be a timestamp'],
    [{ Name: 'ab', At: '2026-01-01T00:00:00Z' }, 'STRING_VALUE cannot be converted to Date'],
    [{ Name: 'ab', Limit: 2 ** 60 }, 'limit must be an integer'],
    [{ Name: 'ab', Ratio: 'NaN' }, 'ratio must be a number'],
    [{ Name: 'ab', Data: 'no base64' }, 'data must be base64'],
    [{ Name: 'ab', Tags: [] }, 'tags must be a map, not a list'],
  ])('%j is of the wrong type', (value, message) => {
    expect(() => reader.read('Do', value, 'typed')).toThrow(
      expect.objectContaining({ code: 'SerializationException', message: expect.stringContaining(message) }),
    );
  });
});

describe('a request of REST', () => {
  const model: ApiModel = {
    ...{ source: 'this test', apiVersion: '2026-01-01' },
    operations: {
      Ping: { http: { method: 'GET', requestUri: '/ping' } },
      Nothing: { input: 'Nothing', http: { method: 'GET', requestUri: '/nothing' } },
      Get: { input: 'GetRequest', http: { method: 'GET', requestUri: '/things/{Name}?get' } },
    },
    shapes: {
      ...{ Name: { type: 'string' }, Flag: { type: 'boolean' }, Count: { type: 'integer' } },
      Nothing: { type: 'structure' },
      GetRequest: {
        type: 'structure',
        members: {
          Name: { shape: 'Name', location: 'uri' },
          Dry: { shape: 'Flag', location: 'querystring', locationName: 'dry' },
          Count: { shape: 'Count', location: 'querystring' },
          Token: { shape: 'Name', location: 'header', locationName: 'X-Token' },
        },
      },
    },
  };
  const match = (path: string, search = '', headers: Record<string, string | string[]> = {}) =>
    matchOperation(model, {
      ...{ method: 'GET', path, headers },
      query: new URLSearchParams(search),
      body: Buffer.alloc(0),
    });

  test.each([
    ['true', true],
    ['false', false],
    ['yes', 'yes'],
  ])('is read from its path, query string and headers: dry=%s', (dry, Dry) => {
    expect(match('/things/a%20b', `get=&dry=${dry}&Count=7`, { 'x-token': ['s', 't'] })).toEqual({
      operation: 'Get',
      input: { Name: 'a b', Dry, Count: 7, Token: expect.stringMatching(/^s, ?t$/) },
    });
  });

  test('is of no operation that is not in the model', () => {
    expect(match('/ping')).toEqual({ operation: 'Ping', input: {} });
    expect(match('/nothing')).toEqual({ operation: 'Nothing', input: {} });
    expect(match('/things/a')).toBeUndefined();
    expect(match('/things/a/b', 'get=')).toBeUndefined();
    expect(() => match('/things/%zz', 'get=')).toThrow('malformed part');
  });
});
