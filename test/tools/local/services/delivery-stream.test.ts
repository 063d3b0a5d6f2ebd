import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { ManualClock } from '../../../../tools/local/services/clock';
import { DeliveryStream, type DeliveryStreamOptions } from '../../../../tools/local/services/delivery-stream';
import { SystemWorld } from '../../../../tools/local/services/world';
import type { Step } from '../../../../tools/local/steps';
import { resource } from '../../template/resource';

let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock(Date.parse('2026-01-02T23:59:30Z'));
});

function makeStream(destination: object = {}, options: DeliveryStreamOptions = {}): DeliveryStream {
  const properties = {
    ExtendedS3DestinationConfiguration: {
      BucketARN: 'arn:aws:s3:::lake',
      Prefix: 'events/!{timestamp:yyyy/MM/dd}/',
      ErrorOutputPrefix: 'errors/!{firehose:error-output-type}/',
      CompressionFormat: 'GZIP',
      BufferingHints: { IntervalInSeconds: 60, SizeInMBs: 1 },
      ...destination,
    },
  };
  return new DeliveryStream(
    resource('AWS::KinesisFirehose::DeliveryStream', 'stream', properties),
    new SystemWorld(clock),
    options,
  );
}
const lines = (...texts: string[]) => texts.map((text) => Buffer.from(`${text}\n`));

test('records are written as one object when the first of them has waited for the interval', async () => {
  const stream = makeStream();
  stream.put(lines('a', 'b'));
  await clock.advance(59_000);
  stream.put(lines('c'));
  expect(stream.objects).toEqual([]);
  await clock.advance(1000);
  expect(stream.objects).toMatchObject([{ bucket: 'lake', records: 3 }]);
  expect(zlib.gunzipSync(stream.objects[0]?.body ?? '').toString()).toBe('a\nb\nc\n');
});

test('the key has the prefix, the name and the time of the oldest record', async () => {
  const stream = makeStream();
  stream.put(lines('a'));
  await clock.advance(60_000);
  expect(stream.objects[0]?.key).toMatch(
    /^events\/2026\/01\/02\/stream-1-2026-01-02-23-59-30-[0-9a-f-]{36}\.gz$/,
  );
});

test.each([
  [{ Prefix: undefined }, /^2026\/01\/02\/23\/stream-/],
  [{ Prefix: 'raw/' }, /^raw\/2026\/01\/02\/23\/stream-/],
  [{ Prefix: "d=!{timestamp:yyyy-MM-dd'T'HH:mm:ss}/" }, /^d=2026-01-02T23:59:30\/stream-/],
  [{ Prefix: '!{firehose:random-string}/!{timestamp:yyyy}/' }, /^[\w-]{11}\/2026\/stream-/],
  [{ CompressionFormat: 'UNCOMPRESSED' }, /[0-9a-f]{12}$/],
  [{ FileExtension: '.jsonl.gz' }, /[0-9a-f]{12}\.jsonl\.gz$/],
])('%j gives keys like %s', async (destination, key) => {
  const stream = makeStream(destination);
  stream.put(lines('a'));
  await stream.flush();
  expect(stream.objects[0]?.key).toMatch(key);
});

test('records are written at once when there are as many bytes as the buffer holds', async () => {
  const stream = makeStream({ CompressionFormat: 'UNCOMPRESSED' });
  stream.put([Buffer.alloc(1024 * 1024 - 1)]);
  stream.put([Buffer.from('x')]);
  stream.put(lines('later'));
  await stream.flush();
  expect(stream.objects.map(({ records }) => records)).toEqual([2, 1]);
});

test('nothing is written when nothing was put', async () => {
  const stream = makeStream();
  await stream.flush();
  await clock.advance(600_000);
  expect(stream.objects).toEqual([]);
});

test('with a directory, objects are files under their bucket and key', async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'objects-'));
  const steps: Step[] = [];
  const stream = makeStream({}, { directory, onStep: (step) => steps.push(step) });
  expect(stream.put(lines('a', 'b'))).toHaveLength(2);
  await stream.flush();
  expect(steps).toMatchObject([
    { kind: 'records-put', stream: 'stream', count: 2, bytes: 4 },
    { kind: 'object-written', bucket: 'lake', records: 2 },
  ]);
  const key = steps[1]?.kind === 'object-written' ? steps[1].key : '';
  expect(zlib.gunzipSync(fs.readFileSync(path.join(directory, 'lake', key))).toString()).toBe('a\nb\n');
  fs.rmSync(directory, { recursive: true });
});

test('memory holds the latest objects only', async () => {
  const stream = makeStream({
    CompressionFormat: 'UNCOMPRESSED',
    BufferingHints: { SizeInMBs: 128, IntervalInSeconds: 60 },
  });
  for (const letter of ['a', 'b', 'c']) {
    stream.put([Buffer.alloc(15 * 1024 * 1024, letter)]);
    await stream.flush();
  }
  expect(stream.objects.map(({ body }) => body.toString('utf8', 0, 1))).toEqual(['b', 'c']);
});

test("a processor's delimiter ends each record", async () => {
  const Parameters = [{ ParameterName: 'Delimiter', ParameterValue: '\\n' }];
  const Processors = [{ Type: 'AppendDelimiterToRecord', Parameters }];
  const stream = makeStream({
    CompressionFormat: 'UNCOMPRESSED',
    ProcessingConfiguration: { Enabled: true, Processors },
  });
  stream.put([Buffer.from('a'), Buffer.from('b')]);
  await stream.flush();
  expect(stream.objects.map(({ body }) => body.toString())).toEqual(['a\nb\n']);
});

test.each([
  [
    { ProcessingConfiguration: { Enabled: true, Processors: [{ Type: 'Lambda' }] } },
    /knows no processor but AppendDelimiterToRecord with a Delimiter/,
  ],
  [{ DynamicPartitioningConfiguration: {} }, /DynamicPartitioningConfiguration/],
  [{ CompressionFormat: 'Snappy' }, /does not know CompressionFormat Snappy/],
  [{ Prefix: '!{partitionKeyFromQuery:id}/' }, /does not know !\{partitionKeyFromQuery:id\}/],
  [{ Prefix: '!{timestamp:EEEE}/' }, /does not know !\{timestamp:EEEE\}/],
  [{ Prefix: "!{timestamp:yyyy'}/" }, /does not know !\{timestamp:yyyy'\}/],
])('what would be delivered differently (%j) stops the start with its name', (destination, message) => {
  expect(() => makeStream(destination)).toThrow(message);
});

test('a stream from Kinesis is refused', () => {
  const properties = { DeliveryStreamType: 'KinesisStreamAsSource', ExtendedS3DestinationConfiguration: {} };
  const create = () =>
    new DeliveryStream(
      resource('AWS::KinesisFirehose::DeliveryStream', 's', properties),
      new SystemWorld(clock),
    );
  expect(create).toThrow(/DirectPut/);
});
