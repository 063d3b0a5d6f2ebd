/** `npm run cost -- --measure`: the project's own stack, synthesized, run, and measured. */
import { APP } from '../../../../bin/app-description';
import { CONSUMERS } from '../../../../lambdas/consumers';
import kept from '../../../../samples/measurements.json';
import { SystemWorld } from '../../../../tools/local/services/world';
import { LocalStack } from '../../../../tools/local/stack';
import { parseMix } from '../../../../tools/proof/cost/event-mix';
import { type CallMeasurement, type Measurement, measure } from '../../../../tools/proof/cost/measurement';
import { readAssembly } from '../../../../tools/template/assembly';
import { builtAssembly } from '../../../built';

let measured: Measurement;
beforeAll(async () => {
  measured = await measure(
    // With the function that a setting makes.
    readAssembly(builtAssembly({ orderReminderDays: 3 })),
    APP,
    parseMix(APP.mix ?? '', APP.contracts),
    (assembly, onStep) =>
      LocalStack.start({ assembly, world: new SystemWorld(), port: 0, maxEnvironments: 1, onStep }),
    { rounds: 2 },
  );
}, 120_000);

test('every consumer is measured with each event that it is given, and with the schedule that calls it', () => {
  const events = Object.entries(measured.functions).map(([service, { events }]) => [
    service,
    Object.keys(events),
  ]);
  expect(Object.fromEntries(events)).toEqual({
    'order-processor': ['OrderCreated', 'OrderStatusChanged'],
    notifier: ['OrderStatusChanged'],
    reminders: ['OrderCreated', 'OrderReminderDue'],
    analytics: [
      ...['OrderCreated', 'OrderStatusChanged', 'OrderReminderDue'],
      ...['Scheduled Event', 'DailyReportGenerated'],
    ],
  });
  expect(Object.keys(measured.functions).sort()).toEqual(Object.keys(CONSUMERS).sort());
});

test('calls and loading the code take time', () => {
  for (const { initMs, events } of Object.values(measured.functions)) {
    expect(initMs).toBeGreaterThan(1);
    for (const { durationMs } of Object.values(events)) expect(durationMs).toBeGreaterThan(0.1);
  }
});

test('an order is written whole, then its status; a notification is remembered before and after it is sent', () => {
  const { 'order-processor': processor, notifier } = measured.functions;
  expect(processor?.events.OrderCreated?.writes).toMatchObject([{ table: 'TABLE_NAME', isNew: true }]);
  expect(processor?.events.OrderStatusChanged?.writes).toMatchObject([
    { table: 'TABLE_NAME', isNew: false, changed: ['status', 'revision', 'updatedAt', 'fact_DELIVERED'] },
  ]);
  expect(notifier?.events.OrderStatusChanged).toMatchObject({
    writes: [
      { table: 'IDEMPOTENCY_TABLE_NAME', isNew: true, livesDays: 15 },
      { table: 'IDEMPOTENCY_TABLE_NAME', isNew: false, changed: ['status'] },
    ],
    messages: [expect.any(Number)],
    metrics: ['NotificationsSent'],
  });
});

test("Lambda's own lines are none at WARN, and more the more is asked for", () => {
  for (const { systemLines } of Object.values(measured.functions)) {
    const { 'JSON WARN': warn, 'JSON INFO': info = 0, 'JSON DEBUG': debug = 0, Text: text } = systemLines;
    expect(warn).toBe(0);
    expect(info).toBeGreaterThan(100);
    expect(debug).toBeGreaterThan(info);
    expect(text).toBeGreaterThan(100);
  }
});

test('records become smaller objects', () => {
  expect(measured.compression).toBeGreaterThan(0);
  expect(measured.compression).toBeLessThan(0.5);
});

test('what is kept of the last measurement still holds, or `npm run cost -- --measure` makes a new one', () => {
  // All but durations, within 5%.
  const sizes = ({ lines, metrics, writes, messages, records, published, calls }: CallMeasurement) => ({
    calls,
    lines: lines.map((line) => ({ ...line, bytes: near(line.bytes) })),
    metrics,
    writes: writes.map(({ attributes, ...write }) => ({
      ...write,
      attributes: Object.fromEntries(Object.entries(attributes).map(([name, bytes]) => [name, near(bytes)])),
    })),
    messages: messages.map(near),
    records: records.map(near),
    published,
  });
  for (const [service, { events }] of Object.entries<Measurement['functions'][string]>(kept.functions)) {
    for (const [detailType, call] of Object.entries(events)) {
      const now = measured.functions[service]?.events[detailType];
      expect({ service, detailType, ...now }).toMatchObject({ service, detailType, ...sizes(call) });
    }
  }
});

/** Matches numbers that differ by no more than 5%, or by 2. */
function near(expected: number) {
  const tolerance = Math.max(2, expected * 0.05);
  return {
    asymmetricMatch: (actual: unknown) =>
      typeof actual === 'number' && Math.abs(actual - expected) <= tolerance,
    toString: () => `about ${expected}`,
  };
}
