import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { type EventOnBus, eventOnBus } from '../../../../tools/eventbridge/event';
import { Archive } from '../../../../tools/local/services/archive';
import { ManualClock } from '../../../../tools/local/services/clock';
import { SystemWorld } from '../../../../tools/local/services/world';
import type { Resource } from '../../../../tools/template/assembly';
import { ARN, assemblyOf, temporaryDirectory } from '../../template/template';

const START = Date.UTC(2026, 0, 15, 10);
const DAY = 24 * 60 * 60 * 1000;

const open: Archive[] = [];
afterEach(() => {
  for (const archive of open.splice(0)) archive.close();
});

async function openArchive(
  file: string,
  clock = new ManualClock(START),
  properties: object = {},
): Promise<Archive> {
  const Properties = { ArchiveName: 'all', SourceArn: ARN('events', 'event-bus/shop'), ...properties };
  const assembly = assemblyOf({ Archive: { Type: 'AWS::Events::Archive', Properties } });
  const archive = await Archive.open(
    assembly.resources.get('Archive') as Resource,
    new SystemWorld(clock),
    file,
  );
  open.push(archive);
  return archive;
}

const eventAt = (time: number, detail: unknown = {}, text = JSON.stringify(detail)): EventOnBus =>
  eventOnBus(
    {
      version: '0',
      id: 'id',
      'detail-type': 'Placed',
      source: 'app',
      account: '000000000000',
      time: `${new Date(time).toISOString().slice(0, 19)}Z`,
      region: 'us-east-1',
      resources: [],
      detail,
    },
    text,
  );

async function details(archive: Archive, from = 0, to = Number.MAX_SAFE_INTEGER): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { events } of archive.replay(from, to))
    found.push(...events.map(({ event }) => event.detail));
  return found;
}

const newFile = () => path.join(temporaryDirectory(), 'deep', 'all.jsonl');

test('an archive finds its events again after a restart', async () => {
  const file = newFile();
  const before = await openArchive(file);
  before.add(eventAt(START, { id: 1 }));
  before.add(eventAt(START, { id: 2 }));
  before.close();
  const after = await openArchive(file);
  expect([after.eventCount, after.sizeBytes]).toEqual([2, before.sizeBytes]);
  after.add(eventAt(START, { id: 3 }));
  expect(await details(after)).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
});

test('any event comes back as it was', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), async (values) => {
      const archive = await openArchive(newFile());
      for (const value of values) archive.add(eventAt(START, value));
      expect(await details(archive)).toEqual(JSON.parse(JSON.stringify(values)));
    }),
    { numRuns: 30 },
  );
});

test('the text of a detail comes back as it was put, after a restart, too', async () => {
  const file = newFile();
  const text = ' {"a" : 300.0,\n "b": 1e400, "c": 12345678901234567890, "c": "\\u00e4 "}';
  const before = await openArchive(file);
  before.add(eventAt(START, {}, text));
  before.close();
  const after = await openArchive(file);
  for await (const { events } of after.replay(0, Number.MAX_SAFE_INTEGER)) {
    expect(events.map((each) => each.text.slice(-text.length - 1))).toEqual([`${text}}`]);
  }
});

test('events that are larger than what is read at once come back as they were, whatever letters they have', async () => {
  const archive = await openArchive(newFile());
  const long = { text: 'ä\u2028\u2029\r\n€'.repeat(30_000) };
  for (let i = 0; i < 3; i++) archive.add(eventAt(START, long));
  expect(await details(archive)).toEqual([long, long, long]);
});

test('the events of one minute come in the order of their arrival, the minutes in the order of time', async () => {
  const archive = await openArchive(newFile());
  for (const [id, seconds] of [61, 5, 119, 1].entries()) archive.add(eventAt(START + 1000 * seconds, id));
  const minutes: [number, unknown[]][] = [];
  for await (const { minute, events } of archive.replay(START, START + DAY)) {
    minutes.push([minute - START, events.map(({ event }) => event.detail)]);
  }
  expect(minutes).toEqual([
    [0, [1, 3]],
    [60_000, [0, 2]],
  ]);
});

test('a window has both of its ends', async () => {
  const archive = await openArchive(newFile());
  for (const seconds of [0, 1, 2, 3]) archive.add(eventAt(START + 1000 * seconds, seconds));
  expect(await details(archive, START + 1000, START + 2000)).toEqual([1, 2]);
});

test('a restart drops what the retention has outlived', async () => {
  const file = newFile();
  const clock = new ManualClock(START);
  const before = await openArchive(file, clock, { RetentionDays: 10 });
  before.add(eventAt(START, 'old'));
  await clock.advance(9 * DAY);
  before.add(eventAt(START, 'new'));
  before.close();
  await clock.advance(2 * DAY);
  const after = await openArchive(file, clock, { RetentionDays: 10 });
  expect(after.eventCount).toBe(1);
  expect(await details(after)).toEqual(['new']);
  expect(fs.readFileSync(file, 'utf8')).not.toContain('old');
});

test('without a retention nothing gets too old', async () => {
  const clock = new ManualClock(START);
  const archive = await openArchive(newFile(), clock);
  archive.add(eventAt(START, 'old'));
  await clock.advance(10_000 * DAY);
  expect(await details(archive)).toEqual(['old']);
});

test('a last line that was not written whole is dropped', async () => {
  const file = newFile();
  const before = await openArchive(file);
  before.add(eventAt(START, 'whole'));
  before.close();
  fs.appendFileSync(file, '{"archivedAt": 1, "eve');
  const after = await openArchive(file);
  after.add(eventAt(START, 'next'));
  expect(await details(after)).toEqual(['whole', 'next']);
});

test('a line that is no JSON is an error that says where', async () => {
  const file = newFile();
  const before = await openArchive(file);
  before.add(eventAt(START));
  before.close();
  const offset = fs.statSync(file).size;
  fs.appendFileSync(file, 'oops\n');
  await expect(openArchive(file)).rejects.toThrow(
    expect.objectContaining({
      name: 'JournalError',
      message: expect.stringMatching(
        `^${file}, at byte ${offset}: .* Mend the line, or move the file away\\.$`,
      ),
    }),
  );
});

test('a closed archive takes no more events', async () => {
  const archive = await openArchive(newFile());
  archive.close();
  expect(() => archive.add(eventAt(START))).toThrow('The archive all is closed.');
});
