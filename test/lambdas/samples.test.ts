/** The samples are what they are called: what is said to be read is read, and what is poison is refused. */
import { readdirSync, readFileSync } from 'node:fs';
import { PoisonEventError } from '../../lambdas/contract';
import { findContract } from '../../lambdas/events';
import { NOTIFICATION_INPUT_PATHS, parseNotificationInput } from '../../lambdas/notification';

const read = (folder: string) =>
  readdirSync(`samples/${folder}`).map((file) => [
    file,
    JSON.parse(readFileSync(`samples/${folder}/${file}`, 'utf8')),
  ]);

interface Entry {
  readonly EventBusName: string;
  readonly Source: string;
  readonly DetailType: string;
  readonly Detail: string;
}

/** The reader of an event, or undefined for one of an unknown type. */
function readerOf(source: string, detailType: string, event: unknown): (() => unknown) | undefined {
  const contract = findContract(source, detailType);
  return contract && (() => contract.parse(event));
}

function expectAsNamed(file: string, read: (() => unknown) | undefined): void {
  if (file.startsWith('unknown-type')) expect(read).toBeUndefined();
  else if (file.startsWith('poison')) expect(read).toThrow(PoisonEventError);
  else expect(read).not.toThrow();
}

test.each(read('events'))('events/%s', (file, event) => {
  expectAsNamed(file, readerOf(event.source, event['detail-type'], event));
});

test.each(read('entries'))('entries/%s', (file, entries: Entry[]) => {
  const [[, envelope]] = read('events') as [[string, object]];
  for (const { EventBusName, Source, DetailType, Detail, ...rest } of entries) {
    expect(rest).toEqual({});
    expect(EventBusName).toBe('event-driven-bus');
    const event = { ...envelope, source: Source, 'detail-type': DetailType, detail: JSON.parse(Detail) };
    expectAsNamed(file, readerOf(Source, DetailType, event));
  }
});

test.each([
  ['notifier.json', 'order-shipped.json'],
  ['notifier-without-email.json', 'order-cancelled-without-email.json'],
])('inputs/%s is what the transformer makes of events/%s', (inputFile, eventFile) => {
  const input = JSON.parse(readFileSync(`samples/inputs/${inputFile}`, 'utf8'));
  const event = JSON.parse(readFileSync(`samples/events/${eventFile}`, 'utf8'));
  const at = (path: string) =>
    path
      .split('.')
      .slice(1)
      .reduce<unknown>((value, field) => (value as Record<string, unknown> | undefined)?.[field], event) ??
    '';
  const values = Object.entries(NOTIFICATION_INPUT_PATHS).map(([name, path]) => [name, at(path)]);
  const message = `Your order ${event.detail.orderId} has been ${event.detail.status}`;
  expect(input).toEqual({ ...Object.fromEntries(values), message });
  expect(parseNotificationInput(input)).toMatchObject({ orderId: event.detail.orderId, message });
});
