import fc from 'fast-check';
import type { BusEvent } from '../../../tools/eventbridge/event';
import {
  compileInput,
  InvalidTargetInputError,
  type TargetInput,
} from '../../../tools/eventbridge/input-transformer';

const context = {
  ruleArn: 'arn:aws:events:eu-west-1:210987654321:rule/shop/shipped',
  ruleName: 'shipped',
  ingestionTime: '2026-11-29T12:00:01Z',
};

function event(detail: unknown): BusEvent {
  return {
    version: '0',
    id: '6f1f7a52-4a0e-4d4e-9d2b-6c1f0a7b3c11',
    'detail-type': 'ParcelShipped',
    source: 'app.parcels',
    account: '210987654321',
    time: '2026-11-29T12:00:00Z',
    region: 'eu-west-1',
    resources: ['arn:aws:s3:::labels', 'arn:aws:s3:::invoices'],
    detail,
  };
}

const parcel = {
  parcelId: 'P-17',
  weight: 2.5,
  count: 3,
  express: false,
  insured: true,
  note: null,
  empty: '',
  address: { city: 'Köln', lines: ['Dom 1', 'Tor "B"'] },
  tags: ['fragile', 'gift'],
  items: [
    { sku: 'A1', sizes: [1, 2] },
    { sku: 'B2', sizes: [3] },
    { name: 'no sku', sizes: [] },
  ],
  'customer-email': 'anna@example.com',
  'a/b': 'slash',
};

type Delivery = ReturnType<ReturnType<typeof compileInput>>;

const transform = (input: Omit<TargetInput, 'Id'>, detail: unknown = parcel): Delivery =>
  compileInput({ Id: 'Courier', ...input })(event(detail), context);

/** The body made from a template whose variables are read from the detail, by the path that is given. */
const fill = (template: string, paths: Record<string, string> = {}, detail: unknown = parcel): Delivery =>
  transform({ InputTransformer: { InputPathsMap: paths, InputTemplate: template } }, detail);

const delivered = (body: string) => ({ delivered: true, body });
const notDelivered = (reason: string) => ({ delivered: false, reason: expect.stringContaining(reason) });

const compileTransformer = (template: string, paths?: Record<string, string>) =>
  compileInput({
    Id: 'Courier',
    InputTransformer: { InputTemplate: template, ...(paths && { InputPathsMap: paths }) },
  });

describe('without a transformer', () => {
  test('a target with no input settings gets the whole event as JSON', () => {
    expect(transform({})).toEqual(delivered(JSON.stringify(event(parcel))));
  });

  test('Input is delivered as it stands, blanks and all, whatever the event', () => {
    expect(transform({ Input: ' { "type" : "report" }\n' })).toEqual(delivered(' { "type" : "report" }\n'));
    expect(transform({ Input: '"hello"' })).toEqual(delivered('"hello"'));
  });

  test.each([
    ['an object', '$.detail.address', '{"city":"Köln","lines":["Dom 1","Tor \\"B\\""]}'],
    ['an array', '$.detail.tags', '["fragile","gift"]'],
    ['a string, with its quotes', '$.detail.parcelId', '"P-17"'],
    ['an empty string', '$.detail.empty', '""'],
    ['a number', '$.detail.weight', '2.5'],
    ['a boolean', '$.detail.express', 'false'],
    ['null', '$.detail.note', 'null'],
    ['a field of the envelope', '$.detail-type', '"ParcelShipped"'],
    ['everything', '$', JSON.stringify(event(parcel))],
  ])('InputPath delivers %s as JSON', (_what, path, body) => {
    expect(transform({ InputPath: path })).toEqual(delivered(body));
  });

  test('an InputPath that finds nothing delivers nothing', () => {
    expect(transform({ InputPath: '$.detail.nowhere' })).toEqual(notDelivered('$.detail.nowhere'));
  });
});

describe('JSON paths', () => {
  test.each([
    ['dashes in a name', '$.detail.customer-email', 'anna@example.com'],
    ['a slash in a name', '$.detail.a/b', 'slash'],
    ['an index', '$.resources[1]', 'arn:aws:s3:::invoices'],
    ['an index followed by a name', '$.detail.items[1].sku', 'B2'],
    ['two indices', '$.detail.items[0].sizes[1]', 2],
    ['a wildcard over an array, past what lacks the field', '$.detail.items[*].sku', ['A1', 'B2']],
    ['a wildcard over an object', '$.detail.address.*', ['Köln', ['Dom 1', 'Tor "B"']]],
    ['two wildcards, as one flat array', '$.detail.items[*].sizes[*]', [1, 2, 3]],
    ['a wildcard that finds no branch', '$.detail.items[2].sizes[*]', []],
  ])('%s', (_what, path, value) => {
    expect(transform({ InputPath: path })).toEqual(delivered(JSON.stringify(value)));
  });

  test.each([
    ['an index past the end', '$.resources[2]'],
    ['an index into an object', '$.detail[0]'],
    ['a name in an array, even a number', '$.resources.0'],
    ['a name in an array, even length', '$.resources.length'],
    ['a name in a string', '$.detail.parcelId.length'],
    ['a name that every object inherits', '$.detail.toString'],
    ['a step beyond null', '$.detail.note.text'],
    ['a wildcard below nothing', '$.detail.nowhere[*].sku'],
  ])('%s finds nothing', (_what, path) => {
    expect(transform({ InputPath: path })).toEqual(notDelivered('finds nothing'));
  });

  test.each([
    ['no $', 'detail.parcelId'],
    ['nothing', ''],
    ['a dot without a name', '$.'],
    ['two dots', '$..parcelId'],
    ['a name in brackets', "$.detail['parcelId']"],
    ['a filter', '$.detail.items[?(@.sku)]'],
    ['a slice', '$.resources[0:1]'],
    ['a negative index', '$.resources[-1]'],
    ['an unclosed bracket', '$.resources[0'],
    ['a blank', '$.detail.parcel id'],
    ['a function', '$.resources.length()'],
  ])('%s is refused, in InputPath and in InputPathsMap alike', (_what, path) => {
    const message = 'InputPath for target Courier is invalid.';
    expect(() => compileInput({ Id: 'Courier', InputPath: path })).toThrow(message);
    expect(() => compileTransformer('{"a": <a>}', { a: path })).toThrow(message);
  });
});

describe('a JSON template', () => {
  test.each([
    ['a string, with quotes', '$.detail.parcelId', '"P-17"'],
    ['a number', '$.detail.weight', '2.5'],
    ['a boolean', '$.detail.insured', 'true'],
    ['null', '$.detail.note', 'null'],
    ['an object', '$.detail.address', '{"city":"Köln","lines":["Dom 1","Tor \\"B\\""]}'],
    ['an array', '$.detail.tags', '["fragile","gift"]'],
    ['a missing path, as the empty string', '$.detail.nowhere', '""'],
    ['false, as itself', '$.detail.express', 'false'],
    ['the empty string', '$.detail.empty', '""'],
  ])('a bare variable inserts %s', (_what, path, json) => {
    expect(fill('{"value": <v>}', { v: path })).toEqual(delivered(`{"value": ${json}}`));
  });

  test.each([
    ['a string, without more quotes', '$.detail.parcelId', 'P-17'],
    ['a number', '$.detail.weight', '2.5'],
    ['a boolean', '$.detail.express', 'false'],
    ['null', '$.detail.note', 'null'],
    ['a missing path, as nothing', '$.detail.nowhere', ''],
  ])('a quoted variable inserts %s', (_what, path, text) => {
    expect(fill('{"value": "<v>", "in": "[<v>]"}', { v: path })).toEqual(
      delivered(`{"value": "${text}", "in": "[${text}]"}`),
    );
  });

  test.each([
    ['an object', { city: 'Ulm' }],
    ['an array of strings', ['a']],
    ['a string with a quote', 'say "hi"'],
    ['a string with a line break', 'one\ntwo'],
    ['a string that ends in a backslash', 'C:\\'],
  ])('a quoted variable with %s spoils the JSON, and nothing is delivered', (_what, value) => {
    expect(fill('{"value": "<v>"}', { v: '$.detail.value' }, { value })).toEqual(
      notDelivered('the transformed input is not valid JSON'),
    );
  });

  test('nothing is escaped inside quotes: a backslash of the event becomes an escape of the payload', () => {
    expect(fill('{"value": "<v>"}', { v: '$.detail.value' }, { value: 'a\\tb' })).toEqual(
      delivered('{"value": "a\\tb"}'),
    );
  });

  test('nothing is escaped inside quotes: quotes of the event can add fields to the payload', () => {
    expect(fill('{"value": "<v>"}', { v: '$.detail.value' }, { value: 'x", "admin": "true' })).toEqual(
      delivered('{"value": "x", "admin": "true"}'),
    );
  });

  test('a bare string with quotes and line breaks stays a JSON string', () => {
    expect(fill('{"value": <v>}', { v: '$.detail.value' }, { value: 'say "hi"\n' })).toEqual(
      delivered('{"value": "say \\"hi\\"\\n"}'),
    );
  });

  test('escaped quotes in the template do not end its string', () => {
    const template = '{"value": "so \\"<v>\\" it is", "again": <v>, "path": "C:\\\\", "last": <v>}';
    expect(fill(template, { v: '$.detail.parcelId' })).toEqual(
      delivered('{"value": "so \\"P-17\\" it is", "again": "P-17", "path": "C:\\\\", "last": "P-17"}'),
    );
  });

  test('blanks and line breaks of the template are delivered too', () => {
    expect(fill('\n  {\n "id" :<v> }\n\n', { v: '$.detail.parcelId' })).toEqual(
      delivered('\n  {\n "id" :"P-17" }\n\n'),
    );
  });

  test('what the event holds is never taken for a placeholder', () => {
    expect(
      fill('{"a": <a>, "b": "<b>"}', { a: '$.detail.a', b: '$.detail.b' }, { a: '<b>', b: '<a>' }),
    ).toEqual(delivered('{"a": "<b>", "b": "<a>"}'));
  });

  test('a template without variables is a constant, also with a < or a > in it', () => {
    expect(fill('{"a": [1, "2 < 3"]}')).toEqual(delivered('{"a": [1, "2 < 3"]}'));
    expect(fill('{"a": [1, "3 > 2"]}')).toEqual(delivered('{"a": [1, "3 > 2"]}'));
  });

  test.each([
    ['a missing brace', '{"a": <v>'],
    ['an unquoted word', '{"a": shipped}'],
    ['a missing comma', '{"a": <v> "b": <v>}'],
    ['a variable beside a value', '{"a": 1<v>}'],
    ['text after the object', '{"a": <v>} x'],
    ['two objects', '{"a": <v>}\n{"a": <v>}'],
    ['an escaped placeholder', '{"a": "\\<v>"}'],
    ['a variable as a key', '{<v>: 1}'],
    ['a variable in a key', '{"x<v>": 1}'],
    ['a variable in a key further down', '{"list": [{"<v>": 1}]}'],
    ['an array', '[<v>]'],
    ['a variable alone', '<v>'],
    ['a number', '42'],
    ['bare words', 'parcel <v> was shipped'],
    ['one quote', '"'],
    ['nothing', ''],
  ])('%s is refused as an invalid template', (_what, template) => {
    expect(() => compileTransformer(template, { v: '$.detail.parcelId' })).toThrow(InvalidTargetInputError);
    expect(() => compileTransformer(template, { v: '$.detail.parcelId' })).toThrow(
      /^Invalid InputTemplate for target Courier : \[.+\]\.$/s,
    );
  });

  test('the refusal of a key names the variable', () => {
    expect(() => compileTransformer('{"a": <v>, "<w>": 1}', { v: '$.id', w: '$.id' })).toThrow(
      'Invalid InputTemplate for target Courier : [the placeholder w cannot be used as an object key].',
    );
  });

  test('for all values: a bare variable delivers the value unchanged', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(fill('{"x": [<v>]}', { v: '$.detail.value' }, { value })).toEqual(
          delivered(`{"x": [${JSON.stringify(value)}]}`),
        );
      }),
    );
  });

  test('for all strings that JSON needs not escape: a quoted variable delivers them unchanged', () => {
    const plain = fc.string({ unit: 'grapheme' }).filter((text) => JSON.stringify(text) === `"${text}"`);
    fc.assert(
      fc.property(plain, (value) => {
        expect(fill('{"x": "<v>"}', { v: '$.detail.value' }, { value })).toEqual(
          delivered(`{"x": "${value}"}`),
        );
      }),
    );
  });
});

describe('a text template', () => {
  test('variables are inserted as text, and the quotes around are delivered', () => {
    expect(
      fill('"Parcel <id> (<w> kg, insured: <i>, note: <n>)"', {
        id: '$.detail.parcelId',
        w: '$.detail.weight',
        i: '$.detail.insured',
        n: '$.detail.note',
      }),
    ).toEqual(delivered('"Parcel P-17 (2.5 kg, insured: true, note: null)"'));
  });

  test('objects and arrays lose their quotes', () => {
    expect(
      fill(
        '"<a> to <b>"',
        { a: '$.detail.tags', b: '$.detail.address' },
        {
          tags: ['fragile', 1, true],
          address: { city: 'Ulm', zip: null },
        },
      ),
    ).toEqual(delivered('"[fragile,1,true] to {city:Ulm,zip:null}"'));
  });

  test('a missing path inserts nothing', () => {
    expect(fill('"[<v>]"', { v: '$.detail.nowhere' })).toEqual(delivered('"[]"'));
  });

  test('several quoted lines are delivered as they stand', () => {
    expect(
      fill('"<id> left"\n"for <city>"\n', { id: '$.detail.parcelId', city: '$.detail.address.city' }),
    ).toEqual(delivered('"P-17 left"\n"for Köln"\n'));
  });

  test('braces inside the quotes do not make it a JSON template', () => {
    expect(fill('"{<v>}"', { v: '$.detail.tags' })).toEqual(delivered('"{[fragile,gift]}"'));
  });

  test('quotes of the event are delivered unescaped, JSON or not', () => {
    expect(fill('"<v>"', { v: '$.detail.value' }, { value: 'say "hi"' })).toEqual(delivered('"say "hi""'));
  });

  test('quotes within the template, escaped or not, are delivered as they stand', () => {
    const paths = { v: '$.detail.parcelId' };
    expect(fill('"parcel \\"<v>\\" left"', paths)).toEqual(delivered('"parcel \\"P-17\\" left"'));
    expect(fill('"parcel "<v>" left"', paths)).toEqual(delivered('"parcel "P-17" left"'));
  });
});

describe('reserved variables', () => {
  test('name the rule and the time at which the event came in, bare and quoted', () => {
    const template =
      '{"arn": <aws.events.rule-arn>, "name": "by <aws.events.rule-name>", "at": <aws.events.event.ingestion-time>}';
    expect(fill(template)).toEqual(
      delivered(
        '{"arn": "arn:aws:events:eu-west-1:210987654321:rule/shop/shipped", "name": "by shipped", "at": "2026-11-29T12:00:01Z"}',
      ),
    );
    expect(fill('"<aws.events.rule-name> at <aws.events.event.ingestion-time>"')).toEqual(
      delivered('"shipped at 2026-11-29T12:00:01Z"'),
    );
  });

  test('aws.events.event.json is the whole event', () => {
    expect(fill('{"original": <aws.events.event.json>}')).toEqual(
      delivered(`{"original": ${JSON.stringify(event(parcel))}}`),
    );
  });

  test('aws.events.event has no detail, names the type detailType, and has the ingestion time', () => {
    const result = fill('{"original": <aws.events.event>}');
    expect(JSON.parse(result.delivered ? result.body : '')).toEqual({
      original: {
        version: '0',
        id: '6f1f7a52-4a0e-4d4e-9d2b-6c1f0a7b3c11',
        detailType: 'ParcelShipped',
        source: 'app.parcels',
        account: '210987654321',
        time: '2026-11-29T12:00:01Z',
        region: 'eu-west-1',
        resources: ['arn:aws:s3:::labels', 'arn:aws:s3:::invoices'],
      },
    });
  });

  test('the event inside a quoted string of a JSON template spoils it', () => {
    expect(fill('{"original": "<aws.events.event.json>"}')).toEqual(notDelivered('not valid JSON'));
  });

  test.each(['aws.events.event.json', 'aws.events.event'])('%s is refused in a text template', (name) => {
    expect(() => compileTransformer(`"got <${name}>"`)).toThrow(
      `InputTemplate for target Courier contains placeholder ${name} valid only for JSON template.`,
    );
  });
});

describe('what PutTargets refuses', () => {
  test.each([
    ['InputPath and InputTransformer', { InputPath: '$.detail', InputTransformer: { InputTemplate: '"x"' } }],
    ['Input and InputPath', { Input: '{}', InputPath: '$' }],
    ['Input and InputTransformer', { Input: '{}', InputTransformer: { InputTemplate: '"x"' } }],
    ['an empty Input beside an InputPath', { Input: '', InputPath: '$' }],
  ])('%s together', (_what, input) => {
    expect(() => compileInput({ Id: 'Courier', ...input })).toThrow(
      new InvalidTargetInputError(
        'Only one of Input, InputPath, or InputTransformer must be provided for target Courier.',
      ),
    );
  });

  test.each([
    ['unknown', '{"a": <other>}', 'other'],
    ['reserved by look only', '{"a": <aws.events.event.id>}', 'aws.events.event.id'],
    ['in another case', '{"a": <V>}', 'V'],
    ['with blanks', '{"a": < v >}', ' v '],
    ['empty', '{"a": "<>"}', ''],
    ['in a text template', '"<b>bold</b>"', 'b'],
    ['escaped', '"\\<other>"', 'other'],
    ['across a line break', '"1 < 2"\n"3 > 2"', ' 2"\n"3 '],
  ])('a placeholder that is %s', (_what, template, name) => {
    expect(() => compileTransformer(template, { v: '$.id' })).toThrow(
      new InvalidTargetInputError(`InputTemplate for target Courier contains invalid placeholder ${name}.`),
    );
  });

  test.each([
    ['a bare word', 'hello'],
    ['a trailing comma', '{"a": 1,}'],
    ['nothing', ''],
    ['two values', '"a"\n"b"'],
  ])('an Input that is no JSON: %s', (_what, input) => {
    expect(() => compileInput({ Id: 'Courier', Input: input })).toThrow(
      /^JSON syntax error in input for target Courier: \[.+\]$/s,
    );
  });

  test('an Input, a template or a path over its limit, and none at its limit', () => {
    const limited = (field: string, length: number, limit: number) =>
      new InvalidTargetInputError(
        `1 validation error detected: ${length} characters at '${field}' of target Courier failed to satisfy constraint: Member must have length less than or equal to ${limit}`,
      );
    const quoted = (length: number) => `"${'x'.repeat(length - 2)}"`;
    const path = (length: number) => `$.${'x'.repeat(length - 2)}`;

    expect(transform({ Input: quoted(8192) })).toEqual(delivered(quoted(8192)));
    expect(() => transform({ Input: quoted(8193) })).toThrow(limited('input', 8193, 8192));
    expect(fill(quoted(8192))).toEqual(delivered(quoted(8192)));
    expect(() => fill(quoted(8193))).toThrow(limited('inputTransformer.inputTemplate', 8193, 8192));
    expect(transform({ InputPath: path(256) })).toMatchObject({ delivered: false });
    expect(() => transform({ InputPath: path(257) })).toThrow(limited('inputPath', 257, 256));
    expect(fill('"<v>"', { v: path(256) })).toEqual(delivered('""'));
    expect(() => fill('"<v>"', { v: path(257) })).toThrow(
      limited('inputTransformer.inputPathsMap.v', 257, 256),
    );
  });

  test('more than 100 input paths; 100 are allowed, used or not', () => {
    const paths = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`v${index}`, '$.detail.parcelId']));
    expect(fill('"<v99>"', paths(100))).toEqual(delivered('"P-17"'));
    expect(() => fill('"<v99>"', paths(101))).toThrow(
      "1 validation error detected: 101 entries at 'inputTransformer.inputPathsMap' of target Courier failed to satisfy constraint: Member must have length less than or equal to 100",
    );
  });

  test.each([
    ['a dot', 'order.id'],
    ['a reserved name', 'aws.events.rule-name'],
    ['a blank', 'order id'],
    ['no characters', ''],
    ['257 characters', 'x'.repeat(257)],
  ])('a variable with %s in its name', (_what, name) => {
    expect(() => fill('"x"', { [name]: '$.id' })).toThrow(
      `the key '${name}' at 'inputTransformer.inputPathsMap' of target Courier failed to satisfy constraint`,
    );
  });

  test('a name of 256 letters, digits, dashes and underscores is a variable', () => {
    const name = `A-z_0${'9'.repeat(251)}`;
    expect(fill(`"<${name}>"`, { [name]: '$.detail.parcelId' })).toEqual(delivered('"P-17"'));
  });
});

describe('references, for static analysis', () => {
  test('tell for each placeholder what it reads, how it is inserted, and which field it fills', () => {
    const template =
      '{"id": <id>, "to": {"mail": ["<mail>"]}, "text": "<id> for <mail> by <aws.events.rule-name>", "raw": <aws.events.event.json>}';
    const { references } = compileTransformer(template, {
      id: '$.detail.parcelId',
      mail: '$.detail.customer-email',
      unused: '$.detail.note',
    });
    expect(references).toEqual([
      { variable: 'id', path: '$.detail.parcelId', position: 'bare', field: '$.id' },
      { variable: 'mail', path: '$.detail.customer-email', position: 'quoted', field: '$.to.mail[0]' },
      { variable: 'id', path: '$.detail.parcelId', position: 'quoted', field: '$.text' },
      { variable: 'mail', path: '$.detail.customer-email', position: 'quoted', field: '$.text' },
      { variable: 'aws.events.rule-name', position: 'quoted', field: '$.text' },
      { variable: 'aws.events.event.json', path: '$', position: 'bare', field: '$.raw' },
    ]);
  });

  test('of a text template have no field and are quoted', () => {
    expect(compileTransformer('"<id> left"', { id: '$.detail.parcelId' }).references).toEqual([
      { variable: 'id', path: '$.detail.parcelId', position: 'quoted' },
    ]);
  });

  test('of an InputPath are that path, of no settings the whole event, of a constant none', () => {
    expect(compileInput({ Id: 'Courier', InputPath: '$.detail' }).references).toEqual([
      { path: '$.detail', position: 'bare', field: '$' },
    ]);
    expect(compileInput({ Id: 'Courier' }).references).toEqual([{ path: '$', position: 'bare', field: '$' }]);
    expect(compileInput({ Id: 'Courier', Input: '{}' }).references).toEqual([]);
  });
});
