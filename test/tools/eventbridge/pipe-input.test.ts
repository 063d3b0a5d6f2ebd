import fc from 'fast-check';
import {
  compilePipeParameter,
  compilePipeTemplate,
  InvalidPipeInputError,
} from '../../../tools/eventbridge/pipe-input';

const CONTEXT = {
  pipeArn: 'arn:aws:pipes:us-east-1:111122223333:pipe/p',
  pipeName: 'p',
  sourceArn: 'source',
  targetArn: 'target',
  ingestionTime: '2026-01-15T10:00:00.000Z',
};
const RECORD = {
  eventName: 'INSERT',
  dynamodb: { NewImage: { id: { S: 'a-1' }, total: { N: '12.5' }, tags: { L: [{ S: 'x' }, { S: 'y' }] } } },
};
const filled = (template: string | undefined) => compilePipeTemplate(template)(RECORD, CONTEXT);

test.each([
  ['{"id": <$.dynamodb.NewImage.id.S>}', '{"id": "a-1"}'],
  ['{"id": "order <$.dynamodb.NewImage.id.S>"}', '{"id": "order a-1"}'],
  // A table's number is text.
  ['{"total": <$.dynamodb.NewImage.total.N>}', '{"total": "12.5"}'],
  ['{"id": <$.dynamodb.NewImage.id>}', '{"id": {"S":"a-1"}}'],
  ['{"second": <$.dynamodb.NewImage.tags.L[1].S>}', '{"second": "y"}'],
  // An object in quotes loses its own, and a path that finds nothing leaves nothing.
  ['{"id": "<$.dynamodb.NewImage.id>"}', '{"id": "{S:a-1}"}'],
  ['{"id": "<$.dynamodb.NewImage.none.S>"}', '{"id": ""}'],
  ['{"id": <$.dynamodb.NewImage.none.S>}', '{"id": }'],
  ['{"a\\"": <$.eventName>}', '{"a\\"": "INSERT"}'],
  [
    '{"pipe": <aws.pipes.pipe-name>, "at": "<aws.pipes.event.ingestion-time>"}',
    `{"pipe": "p", "at": "${CONTEXT.ingestionTime}"}`,
  ],
])('the template %s makes %s', (template, text) => {
  expect(filled(template)).toBe(text);
});

test('without a template the target gets the record', () => {
  expect(filled(undefined)).toBe(JSON.stringify(RECORD));
  expect(filled('{"all": <aws.pipes.event.json>}')).toBe(`{"all": ${JSON.stringify(RECORD)}}`);
});

test('a bare variable keeps a template JSON, whatever the text', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const made = compilePipeTemplate('{"a": <$.text>, "b": [<$.text>]}')({ text }, CONTEXT);
      expect(JSON.parse(made)).toEqual({ a: text, b: [text] });
    }),
  );
});

test.each([
  ['{"a": <detail>}', 'its InputTemplate has no variable <detail>'],
  ['{"a": <$.a[*]>}', 'the path $.a[*] has a syntax that is not known here'],
  [' '.repeat(8193), 'its InputTemplate has 8193 characters; Pipes takes 8192'],
])('the template %j is refused', (template, message) => {
  expect(() => filled(template)).toThrow(new InvalidPipeInputError(message));
});

test('a parameter is a text, or a path into the record', () => {
  expect(compilePipeParameter('app.orders')(RECORD)).toBe('app.orders');
  expect(compilePipeParameter('$.dynamodb.NewImage.id.S')(RECORD)).toBe('a-1');
  expect(compilePipeParameter('$.dynamodb.NewImage.tags.L')(RECORD)).toBe('[{"S":"x"},{"S":"y"}]');
  expect(compilePipeParameter('$.dynamodb.OldImage.id.S')(RECORD)).toBeUndefined();
});
