/** One entry of PutEvents, and what EventBridge refuses of it. */
import { isNestedDeeper } from '../../eventbridge/exact-json';
import { MAX_NESTING, PUT_EVENTS } from '../../eventbridge/service-facts';
import { ServiceError } from './service-error';

/** One entry of PutEvents, as it stands in the request. */
export interface PutEventsEntry {
  /** Seconds since 1970-01-01 UTC (the JSON protocol's timestamp) or ISO 8601. @default now */
  readonly Time?: number | string;
  readonly Source?: string | undefined;
  readonly Resources?: readonly string[] | undefined;
  readonly DetailType?: string | undefined;
  /** JSON text of an object. */
  readonly Detail?: string | undefined;
  /** Name or ARN. @default the default bus */
  readonly EventBusName?: string | undefined;
  readonly TraceHeader?: string | undefined;
}

/** Milliseconds since 1970-01-01 UTC. */
export function readTime(time: number | string): number {
  const ms = typeof time === 'number' ? 1000 * time : Date.parse(time);
  if (Math.abs(ms) <= 8.64e15) return ms;
  throw new ServiceError('SerializationException', `The Time ${time} of an entry is no timestamp.`);
}

/** undefined if it is not the JSON text of an object, or nested too deeply */
export function parseDetail(text: string | undefined): object | undefined {
  try {
    const detail = JSON.parse(text ?? '');
    const isDetail = typeof detail === 'object' && detail !== null && !Array.isArray(detail);
    return isDetail && !isNestedDeeper(detail, MAX_NESTING) ? detail : undefined;
  } catch {
    return undefined;
  }
}

/** @param isOfService whether AWS itself puts it: a service, or a partner's event source */
export function refuse(entry: PutEventsEntry, detail: object | undefined, isOfService: boolean) {
  for (const field of ['Source', 'DetailType', 'Detail'] as const) {
    if (entry[field]) continue;
    return {
      ErrorCode: 'InvalidArgument',
      ErrorMessage: `Parameter ${field} is not valid. Reason: ${field} is a required argument.`,
    };
  }
  if (!isOfService && entry.Source?.startsWith('aws.')) {
    return {
      ErrorCode: 'NotAuthorizedForSourceException',
      ErrorMessage: 'Not authorized for the source.',
    };
  }
  return detail ? undefined : { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
}

/** The service takes an event with a longer detail type, and delivers it to nobody. */
export function discarded(detailType: string): string | undefined {
  const { maxDetailTypeLength: max } = PUT_EVENTS;
  if (detailType.length <= max) return undefined;
  return `Its detail-type has ${detailType.length} characters; EventBridge takes at most ${max} and discards the event.`;
}
