/** Actions of the page. Each takes the body of a request, and checks all of it before it has any effect. */

import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import type { App } from '../app';
import { defined } from '../defined';
import { arnName } from '../eventbridge/arn';
import type { StoredMessage } from '../local/services/queue';
import type { LocalStack } from '../local/stack';
import { type QueueMessage, readFailedEvent } from '../ops/failed-event';
import { NotRedeliverableError, type Redelivery, redelivery } from '../ops/redelivery';
import type { Broken, RedriveResult } from './model';
import type { Recorder } from './recorder';

/** Request that cannot be fulfilled; `message` is one line for the reader. */
export class PageInputError extends Error {
  override readonly name = 'PageInputError';
}

export const PutRequest = v.object({
  source: v.string(),
  detailType: v.string(),
  // A record takes a list, and makes an object of it.
  detail: v.pipe(
    v.unknown(),
    v.check((detail) => !Array.isArray(detail), 'it is a list, but PutEvents requires a JSON object'),
    v.record(v.string(), v.unknown()),
  ),
  bus: v.optional(v.string()),
});
export const SendRequest = v.object({ to: v.optional(v.string()) });
export const RedriveRequest = v.object({ messageIds: v.optional(v.array(v.string())), dryRun: v.boolean() });
export const SwitchRequest = v.object({ enabled: v.boolean() });
export const ReplayRequest = v.object({
  archive: v.string(),
  minutes: v.pipe(v.number(), v.minValue(1), v.maxValue(100_000)),
  rules: v.optional(v.array(v.string())),
});
export const FaultRequest = v.object({
  hop: v.string(),
  kind: v.picklist(['throttle', 'fail', 'time-out', 'deny']),
  calls: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000))),
});
export const ClockRequest = v.union([
  v.object({ to: v.literal('next') }),
  v.object({ seconds: v.pipe(v.number(), v.minValue(0), v.maxValue(366 * 86_400)) }),
]);

/** @throws PageInputError naming the field that is wrong */
export function parseBody<const Schema extends v.GenericSchema>(
  schema: Schema,
  body: unknown,
): v.InferOutput<Schema> {
  if (Array.isArray(body)) throw new PageInputError('The body is a list, but must be a JSON object.');
  const read = v.safeParse(schema, body);
  if (read.success) return read.output;
  const [issue] = read.issues;
  throw new PageInputError(`${v.getDotPath(issue) ?? 'The body'}: ${issue.message}.`);
}

export class Actions {
  constructor(
    private readonly stack: LocalStack,
    private readonly app: App,
    private readonly recorder: Recorder,
  ) {}

  async put(body: unknown): Promise<{ eventId: string }> {
    const { source, detailType, detail, bus = this.#defaultBus } = parseBody(PutRequest, body);
    const { eventBridge } = this.stack;
    const entry = {
      Source: source,
      DetailType: detailType,
      Detail: JSON.stringify(detail),
      EventBusName: bus,
    };
    // Nobody else plays the part of AWS's services here.
    const [result] = eventBridge.putEvents([entry], source.startsWith('aws.') ? 'service' : 'client');
    if (!result || !('EventId' in result)) {
      throw new PageInputError(`${result?.ErrorCode}: ${result?.ErrorMessage}`);
    }
    return { eventId: result.EventId };
  }

  /** Sends an event again: to the bus, or only to the function that failed, with the same payload. */
  async sendAgain(eventId: string, body: unknown): Promise<{ sentTo: string }> {
    const { to } = parseBody(SendRequest, body);
    const found = this.recorder.event(eventId);
    if (!found) throw new PageInputError(`The event ${eventId} is not known any more.`);
    if (to === undefined) {
      const event = found.event as { source: string; 'detail-type': string; detail: Record<string, unknown> };
      const bus =
        found.steps.flatMap((step) => (step.kind === 'event-put' ? [step.bus] : []))[0] ?? this.#defaultBus;
      await this.put({ source: event.source, detailType: event['detail-type'], detail: event.detail, bus });
      return { sentTo: bus };
    }
    const target = this.stack.functions.find(({ name }) => name === to);
    if (!target) throw new PageInputError(`to is ${to}, but must be a function of the stack.`);
    const delivered = found.steps.findLast(
      (step) => step.kind === 'delivered' && arnName(step.targetArn) === to,
    );
    if (delivered?.kind !== 'delivered') {
      throw new PageInputError(`The event ${eventId} was never given to ${to}.`);
    }
    target.invokeAsync(delivered.payload);
    return { sentTo: to };
  }

  async redrive(queueName: string, body: unknown): Promise<RedriveResult> {
    const { messageIds, dryRun } = parseBody(RedriveRequest, body);
    const queue = this.#queue(queueName);
    const left: { messageId: string; why: string }[] = [];
    let sent = 0;
    for (const message of queue.peek()) {
      if (messageIds && !messageIds.includes(message.id)) continue;
      const failed = readFailedEvent(queueMessage(message), this.app);
      const leave = (why: string) => left.push({ messageId: message.id, why });
      if (failed.kind === 'unreadable') {
        leave(failed.reason);
        continue;
      }
      // Poison is only sent if it is chosen by its id.
      if (failed.poison && !messageIds) {
        leave('it is poison');
        continue;
      }
      try {
        const send = this.#sender(redelivery(failed, this.#targetsOf(failed)));
        if (!dryRun) {
          send();
          queue.remove(message.id);
        }
        sent++;
      } catch (error) {
        if (!(error instanceof NotRedeliverableError)) throw error;
        leave(error.message);
      }
    }
    return { sent, left };
  }

  /** @throws NotRedeliverableError if the stack does not have the function or queue */
  #sender({ targetArn, payload, groupId }: Redelivery): () => void {
    const queue = this.stack.queues.find(({ arn }) => arn === targetArn);
    if (queue) {
      const deduplicationId = queue.isFifo ? randomUUID() : undefined;
      return () =>
        void queue.send({
          body: payload,
          ...defined({ groupId, deduplicationId }),
        });
    }
    const target = this.stack.functions.find(
      ({ arn }) => targetArn === arn || targetArn.startsWith(`${arn}:`),
    );
    if (!target) throw new NotRedeliverableError('its function or queue is not in the stack');
    return () => target.invokeAsync(payload);
  }

  #targetsOf(failed: Parameters<typeof redelivery>[0]): Parameters<typeof redelivery>[1] {
    if (failed.kind !== 'undelivered') return [];
    const rule = this.stack.eventBridge.rules.find(({ arn }) => arn === failed.ruleArn);
    return (rule?.targets ?? []) as Parameters<typeof redelivery>[1];
  }

  async purge(queueName: string): Promise<object> {
    this.#queue(queueName).purge();
    return {};
  }

  async switchRule(name: string, body: unknown): Promise<object> {
    const { enabled } = parseBody(SwitchRequest, body);
    const rule = this.stack.eventBridge.rules.find((each) => each.name === name);
    if (!rule) throw new PageInputError(`The stack has no rule ${name}.`);
    if (enabled) rule.enable();
    else rule.disable();
    return {};
  }

  async replay(body: unknown): Promise<{ replay: string }> {
    const { archive: name, minutes, rules } = parseBody(ReplayRequest, body);
    const archive = this.stack.eventBridge.archives.get(name);
    if (!archive)
      throw new PageInputError(
        `archive is ${name}, but the stack has ${[...this.stack.eventBridge.archives.keys()].join(', ')}.`,
      );
    const end = Math.ceil(this.stack.now / 1_000);
    const FilterArns =
      rules && this.stack.eventBridge.rules.filter((rule) => rules.includes(rule.name)).map(({ arn }) => arn);
    const { ReplayName } = this.stack.eventBridge.startReplay({
      ReplayName: `page-${end}`,
      EventSourceArn: archive.arn,
      EventStartTime: end - 60 * minutes,
      EventEndTime: end,
      Destination: { Arn: archive.eventSourceArn, ...(FilterArns && { FilterArns }) },
    });
    return { replay: ReplayName };
  }

  breakHop(body: unknown): Broken {
    const { hop, kind, calls } = parseBody(FaultRequest, body);
    if (!this.stack.functions.some(({ name }) => name === hop)) {
      throw new PageInputError(`hop is ${hop}, but must be a function of the stack.`);
    }
    return this.stack.faults.add(hop, kind, calls);
  }

  mendHop(id: string): object {
    if (!this.stack.faults.remove(id)) throw new PageInputError(`Nothing is broken by the id ${id}.`);
    return {};
  }

  async moveClock(body: unknown): Promise<{ now: string }> {
    const wanted = parseBody(ClockRequest, body);
    const due = this.nextDue;
    if ('to' in wanted && due === undefined)
      throw new PageInputError('Nothing is due: no retry or schedule waits.');
    const to = 'to' in wanted ? (due as number) : this.stack.now + 1_000 * wanted.seconds;
    this.stack.advanceTo(to);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { now: new Date(this.stack.now).toISOString() };
  }

  /** Due time of the next retry or schedule, in milliseconds since 1970-01-01 UTC. */
  get nextDue(): number | undefined {
    const { now, eventBridge } = this.stack;
    const retries = this.recorder.retries.filter((at) => at >= now);
    const schedules = eventBridge.rules.flatMap(({ schedule, state }) => {
      const next = state === 'ENABLED' ? schedule?.next(new Date(now)) : undefined;
      return next ? [next.getTime()] : [];
    });
    const due = [...retries, ...schedules];
    return due.length === 0 ? undefined : Math.min(...due);
  }

  get #defaultBus(): string {
    return [...this.stack.eventBridge.buses.keys()].find((name) => name !== 'default') ?? 'default';
  }

  #queue(name: string) {
    const queue = this.stack.queues.find((each) => each.name === name);
    if (!queue) throw new PageInputError(`The stack has no queue ${name}.`);
    return queue;
  }
}

/** A message of the running stack as the operator's tool receives it. */
export function queueMessage({
  id,
  body,
  attributes,
  sentAt,
  groupId,
  deadLetterSourceArn,
}: StoredMessage): QueueMessage {
  const entries = Object.entries(attributes).map(([name, { StringValue = '' }]) => [name, StringValue]);
  return {
    ...{ id, body, sentAt, attributes: Object.fromEntries(entries) },
    ...defined({ movedFrom: deadLetterSourceArn, groupId }),
  };
}
