/** Cost of events and messages: EventBridge, SNS and SQS. */
import { type BusEvent, entrySize } from '../../eventbridge/event';
import { CHUNK, GB, type Item, item, jsonBytes, KB, sum } from './units';
import { asynchronousFailure, type Times, type Usage } from './usage';

/** Size of an event up to which it counts once for schema discovery, in bytes. */
const DISCOVERY_CHUNK = 8 * KB;
/** Requests of a message: it is sent, received and deleted. */
const REQUESTS_OF_MESSAGE = 3;

export function eventItems(usage: Usage, times: Times): Item[] {
  // Only the number is known of events that nobody described.
  const isDescribed = usage.published.length > 0;
  const chunks = isDescribed
    ? sum(usage.published, (each) => times(each) * Math.ceil(publishedSize(each.event) / CHUNK))
    : times({ perEvent: 1, perMonth: 0 });
  const archives = usage.assembly.ofType('AWS::Events::Archive').map(({ name, properties }) => {
    const { pattern } = usage.routing.archives.find((each) => each.name === name) ?? {};
    const kept = usage.published.filter(({ event }) => pattern?.matches(event));
    const bytes = sum(kept, (each) => times(each) * jsonBytes(each.event));
    const { RetentionDays: days = 0 } = properties;
    return { bytes, stored: bytes * usage.monthsKept(Number(days)) };
  });
  return [
    item('EventBridge: events', 'eventbridge.event', chunks),
    item('EventBridge: events of others', 'eventbridge.event', sum(usage.foreign, times)),
    item(
      'EventBridge: pipes',
      'eventbridge.pipe',
      sum(usage.piped, (each) => times(each) * Math.max(1, Math.ceil(each.bytes / CHUNK))),
    ),
    item('EventBridge: schema discovery', 'eventbridge.discovery', discovered(usage, times)),
    item('EventBridge: Scheduler', 'eventbridge.schedule', sum(usage.scheduled, times)),
    item('EventBridge: archive', 'eventbridge.archive', sum(archives, ({ bytes }) => bytes) / GB),
    item(
      'EventBridge: archive, kept',
      'eventbridge.archive-storage',
      sum(archives, ({ stored }) => stored) / GB,
    ),
  ];
}

/** Chunks of the events that discoverers look at: all on the bus of each. */
function discovered(usage: Usage, times: Times): number {
  const discoverers = usage.assembly.ofType('AWS::EventSchemas::Discoverer');
  const known = sum(
    usage.published,
    (each) => times(each) * Math.ceil(jsonBytes(each.event) / DISCOVERY_CHUNK),
  );
  return discoverers.length * (known + sum(usage.foreign, times));
}

export function messageItems(usage: Usage, times: Times): Item[] {
  let [published, mails, requests, queued, destined] = [0, 0, 0, 0, 0];
  for (const call of usage.calls) {
    const topics = usage.named(call.resource, 'AWS::SNS::Topic');
    for (const bytes of call.measured.messages) {
      published += times(call) * Math.ceil(bytes / CHUNK);
      for (const { properties } of usage.assembly.ofType('AWS::SNS::Subscription')) {
        if (!topics.some(({ arn }) => arn === properties.TopicArn)) continue;
        if (/^email/.test(properties.Protocol)) mails += times(call);
        if (/^https?$/.test(properties.Protocol)) requests += times(call);
      }
    }
    const { queue } = asynchronousFailure(usage.assembly, call.resource);
    if (queue) queued += (times(call) * usage.assumptions.failures) / 100;
  }
  for (const { resource, payloadBytes, ...delivery } of usage.direct) {
    const chunks = times(delivery) * Math.ceil(payloadBytes / CHUNK);
    if (resource.type === 'AWS::SQS::Queue') queued += chunks;
    if (resource.type === 'AWS::SNS::Topic') published += chunks;
    if (resource.type === 'AWS::Events::ApiDestination') destined += chunks;
  }
  return [
    item('EventBridge: API destinations', 'eventbridge.api-destination', destined),
    item('SNS: messages', 'sns.publish', published),
    item('SNS: mails', 'sns.email', mails),
    item('SNS: HTTP requests', 'sns.http', requests),
    item('SQS: requests', 'sqs.request', queued * REQUESTS_OF_MESSAGE),
  ];
}

/** Size of the PutEvents entry that the event was published by, in bytes. */
function publishedSize({ time, source, 'detail-type': DetailType, resources, detail }: BusEvent): number {
  return entrySize({
    Time: time,
    Source: source,
    DetailType,
    Resources: resources,
    Detail: JSON.stringify(detail),
  });
}
