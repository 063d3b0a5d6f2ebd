/** Reminders of orders that wait: when one is due, its event, and its schedule of EventBridge Scheduler. */
import { createHash } from 'node:crypto';
import type { CreateScheduleCommandInput } from '@aws-sdk/client-scheduler';
import {
  type DetailOf,
  type EventMetadata,
  type ParsedEvent,
  PoisonEventError,
  parseEnvelope,
} from '../contract';
import { OrderCreated, OrderReminderDue } from '../events';

const DAY_MS = 24 * 60 * 60_000;

export type ReminderEvent =
  | { readonly kind: 'placed'; readonly placed: PlacedOrder }
  | { readonly kind: 'due'; readonly due: DueReminder };

export interface PlacedOrder {
  readonly orderId: string;
  /** ISO 8601 with milliseconds, UTC. */
  readonly createdAt: string;
  readonly metadata: EventMetadata;
}

export interface DueReminder extends PlacedOrder {
  readonly dueAt: string;
}

/**
 * Reads an event that the reminders subscribe to.
 * @throws PoisonEventError if it is no event of those two contracts
 */
export function readReminderEvent(event: unknown): ReminderEvent {
  const { source, 'detail-type': type } = parseEnvelope(event);
  if (type === OrderCreated.detailType) return { kind: 'placed', placed: read(OrderCreated.parse(event)) };
  if (type === OrderReminderDue.detailType) {
    const parsed = OrderReminderDue.parse(event);
    return { kind: 'due', due: { ...read(parsed), dueAt: parsed.detail.dueAt } };
  }
  throw new PoisonEventError(
    `${source}/${type}`,
    'detail-type',
    `expected ${OrderCreated.detailType} or ${OrderReminderDue.detailType}.`,
  );
}

const read = ({
  detail: { orderId, createdAt },
  metadata,
}: ParsedEvent<Pick<DetailOf<typeof OrderCreated>, 'orderId' | 'createdAt'>>): PlacedOrder => ({
  orderId,
  createdAt,
  metadata,
});

/**
 * Computes when the reminder of an order is due.
 * @returns undefined if that is over: of orders that are taken over from elsewhere, or whose event came days late
 */
export function dueTime(createdAt: string, days: number, now: Date): Date | undefined {
  // A publisher's clock that is ahead puts nothing off.
  const placed = Math.min(Date.parse(createdAt), now.getTime());
  const due = new Date(placed + days * DAY_MS);
  return due > now ? due : undefined;
}

/** Characters of a schedule's name. https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html */
const NAME_LENGTH = 64;
const HASH_LENGTH = 32;

/**
 * Name of an order's schedule. Order ids may be longer, and have characters that names may not: what is left of the id is
 * for the reader, the hash tells orders apart.
 */
export function scheduleName(orderId: string): string {
  const hash = createHash('sha256').update(orderId).digest('hex').slice(0, HASH_LENGTH);
  const shown = orderId.replace(/[^\w.-]+/g, '-').slice(0, NAME_LENGTH - HASH_LENGTH - 1);
  return `${shown}-${hash}`;
}

/** Group of the schedules, and what each of them does. */
export interface ScheduleSettings {
  readonly groupName: string;
  readonly roleArn: string;
  readonly busArn: string;
  readonly deadLetterQueueArn: string;
  /** Tries after the first, and the seconds within which they are made: `3/3600`. */
  readonly retries: string;
}

/**
 * Request for the schedule of an order's reminder. The event that it puts on the bus has the order and its time, and no
 * personal data.
 */
export function scheduleOf(
  { orderId, createdAt, metadata: { eventId: causationId, correlationId } }: PlacedOrder,
  due: Date,
  { groupName, roleArn, busArn, deadLetterQueueArn, retries }: ScheduleSettings,
): CreateScheduleCommandInput {
  const name = scheduleName(orderId);
  // `at` takes whole seconds.
  const at = due.toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length);
  const ids = { eventId: `reminder-${name}`, correlationId, causationId };
  const [attempts, seconds] = retries.split('/').map(Number);
  return {
    Name: name,
    GroupName: groupName,
    ScheduleExpression: `at(${at})`,
    FlexibleTimeWindow: { Mode: 'OFF' },
    ActionAfterCompletion: 'DELETE',
    Target: {
      Arn: busArn,
      RoleArn: roleArn,
      EventBridgeParameters: { Source: OrderReminderDue.source, DetailType: OrderReminderDue.detailType },
      Input: JSON.stringify(OrderReminderDue.create({ orderId, createdAt, dueAt: due.toISOString() }, ids)),
      RetryPolicy: { MaximumRetryAttempts: attempts, MaximumEventAgeInSeconds: seconds },
      DeadLetterConfig: { Arn: deadLetterQueueArn },
    },
  };
}
