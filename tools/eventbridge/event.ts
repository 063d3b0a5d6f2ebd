/** An event as PutEvents takes it, and as EventBridge delivers it. */

/** An entry of PutEvents, as far as its size depends on it. */
export interface SizedEntry {
  readonly Time?: unknown;
  readonly Source?: string | undefined;
  readonly DetailType?: string | undefined;
  /** JSON text of an object. */
  readonly Detail?: string | undefined;
  readonly Resources?: readonly string[] | undefined;
}

/** An event as EventBridge delivers it, read by JavaScript: numbers may have lost digits that its text has. */
export interface BusEvent {
  version: string;
  id: string;
  'detail-type': string;
  source: string;
  account: string;
  /** ISO 8601, whole seconds, UTC. */
  time: string;
  region: string;
  resources: string[];
  detail: unknown;
  /** Name of the replay, on replayed events only. */
  'replay-name'?: string;
}

/** An event as a bus takes and delivers it: what rules read, and what targets get. */
export interface EventOnBus {
  readonly event: BusEvent;
  /** JSON text; the detail stands in it as it was put. */
  readonly text: string;
  /** True if a rule put it on its bus: EventBridge hands it on to no other. */
  readonly isForwarded?: true;
}

/** @param detailText JSON text of the detail, as it was put */
export function eventOnBus(event: BusEvent, detailText: string = JSON.stringify(event.detail)): EventOnBus {
  const { detail: _, ...envelope } = event;
  return { event, text: `${JSON.stringify(envelope).slice(0, -1)},"detail":${detailText}}` };
}

/** The event as a replay sends it again. */
export function replayedEvent({ event, text }: EventOnBus, replayName: string): EventOnBus {
  return {
    event: { ...event, 'replay-name': replayName },
    text: `${text.slice(0, -1)},"replay-name":${JSON.stringify(replayName)}}`,
  };
}

/** Size of an entry's `Time`, in bytes. */
const TIME_SIZE = 14;

/**
 * Size of an entry in bytes, as the service counts it.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevents-size
 */
export function entrySize({ Time, Source, DetailType, Detail, Resources = [] }: SizedEntry): number {
  const texts = [Source, DetailType, Detail, ...Resources];
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ''), 0);
  return bytes + (Time === undefined ? 0 : TIME_SIZE);
}

/** An event with a fixed id and time, for questions about events that were not published. */
export function sampleEvent(
  event: Pick<BusEvent, 'source' | 'detail-type' | 'detail'>,
  { account, region }: { readonly account: string; readonly region: string },
): BusEvent {
  return {
    version: '0',
    id: '6a7e8feb-b491-4cf7-a9f1-bf3703467718',
    'detail-type': event['detail-type'],
    source: event.source,
    account,
    time: '2026-01-15T10:00:00Z',
    region,
    resources: [],
    detail: event.detail,
  };
}
