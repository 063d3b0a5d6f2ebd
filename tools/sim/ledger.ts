/**
 * The ledger of a run: each event and rule that matched it is in exactly one place, by the steps of the log alone. It
 * knows what should be where, and is compared with where the parts of the stack say it is.
 */

import { type App, consumerName } from '../app';
import { arnName } from '../eventbridge/arn';
import type { BusEvent } from '../eventbridge/event';
import { ASYNC_INVOCATION } from '../eventbridge/service-facts';
import type { LocalStack } from '../local/stack';
import type { TimedStep } from '../local/steps';
import { rulesOf } from '../template/rules';
import { DescribedRouting } from './described-routing';
import { Losses } from './losses';
import type { Violation } from './model';

/** Deliveries of an event by a rule. */
interface Delivery {
  /** Number of those under way: a replay sends the event through the rule once more, also while it is on its first way. */
  underWay: number;
  /** End of the last one that ended. */
  ended?: 'delivered' | 'dead-lettered' | 'lost';
}

export interface TrackedInvocation {
  readonly requestId: string;
  readonly consumer: string;
  /** Id of the event on the bus, if it is of one. */
  readonly eventId: string | undefined;
  readonly payload: unknown;
  state: 'waiting' | 'handled' | 'in a queue' | 'lost';
}

interface Expected {
  readonly event: BusEvent;
  readonly isReplayed: boolean;
  /** Consumers of the rules that matched. */
  readonly matched: string[];
}

export class Ledger {
  readonly #app: App;
  readonly #deliveries = new Map<string, Delivery>();
  readonly #invocations = new Map<string, TrackedInvocation>();
  /** Traces by the trace of a call. */
  readonly #traces = new Map<string, string>();
  /** Messages by queue. */
  readonly #queued = new Map<string, number>();
  readonly #events = new Map<string, Expected>();
  readonly #handled = new Set<string>();
  /** Attempts that failed, by request id. */
  readonly #attempts = new Map<string, number>();
  readonly #consumerOfRule = new Map<string, string>();
  readonly #consumerOfFunction = new Map<string, string>();
  readonly #described: DescribedRouting;
  /** Ids that publishers gave to the events on the bus. */
  readonly #published = new Set<string>();
  readonly #archived = new Set<string>();
  readonly #hasArchive: boolean;
  /** Events of the present step, whose rules are compared when it is over. */
  #fresh: Expected[] = [];
  #underWay = 0;
  #waiting = 0;
  readonly losses = new Losses();
  /** Consumers whose roles are refused everything now. */
  readonly revoked = new Set<string>();

  constructor(app: App, stack: LocalStack) {
    this.#app = app;
    this.#hasArchive = stack.eventBridge.archives.size > 0;
    const byArn = new Map<string, string>();
    for (const { name, arn, resource } of stack.functions) {
      const consumer = consumerName(app, resource.properties.Environment?.Variables) ?? name;
      this.#consumerOfFunction.set(name, consumer);
      byArn.set(arn, consumer);
    }
    for (const { name, targets } of rulesOf(stack.assembly)) {
      const consumer = targets.map(({ arn }) => byArn.get(arn)).find((each) => each !== undefined);
      if (consumer) this.#consumerOfRule.set(name, consumer);
    }
    this.#described = new DescribedRouting(app);
  }

  consumerOf(functionName: string): string {
    return this.#consumerOfFunction.get(functionName) ?? functionName;
  }

  invocation(requestId: string): TrackedInvocation | undefined {
    return this.#invocations.get(requestId);
  }

  requestOfTrace(trace: string | undefined): string | undefined {
    return trace === undefined ? undefined : this.#traces.get(trace);
  }

  /** True if nothing is on its way any more. */
  get isSettled(): boolean {
    return this.#underWay === 0 && this.#waiting === 0;
  }

  get summary(): string {
    return `${this.#underWay} deliveries and ${this.#waiting} invocations are under way`;
  }

  /** Records an invocation that no step tells of: of a redrive, or a second delivery. */
  invoked(requestId: string, functionName: string, payload: string, eventId?: string): void {
    if (this.#invocations.has(requestId)) return;
    const parsed: unknown = JSON.parse(payload);
    this.#invocations.set(requestId, {
      ...{ requestId, consumer: this.consumerOf(functionName), payload: parsed, state: 'waiting' },
      eventId: eventId ?? idOf(parsed),
    });
    this.#waiting++;
  }

  /** Payloads of the invocations with the event that the consumer got. */
  payloadsOf(eventId: string, consumer: string): unknown[] {
    return [...this.#invocations.values()]
      .filter((each) => each.eventId === eventId && each.consumer === consumer)
      .map(({ payload }) => payload);
  }

  /** A publisher was told that the bus has its events. */
  published(ids: readonly string[]): Violation | undefined {
    const missing = ids.find((id) => !this.#published.has(id));
    return missing === undefined
      ? undefined
      : violation('lost', `${missing} counts as published, but is not on the bus`);
  }

  deleted(queue: string): void {
    this.#count(queue, -1);
  }

  onStep(step: TimedStep): Violation | undefined {
    switch (step.kind) {
      case 'event-put':
        return this.#put(step.eventId, step.event);
      case 'rule-matched':
        this.#events.get(step.eventId)?.matched.push(this.#ruleConsumer(step.rule));
        return this.#begin(step.eventId, step.rule);
      case 'schedule-fired':
        return this.#begin(step.eventId, step.rule);
      case 'event-archived':
        this.#archived.add(step.eventId);
        return undefined;
      case 'access-denied':
        if (this.revoked.has(this.consumerOf(step.principal))) return undefined;
        return violation('permission', `${step.principal} may not ${step.action} on ${step.resource}`);
      case 'delivered':
        return this.#deliver(step);
      case 'dead-lettered':
        this.#count(step.queue, 1);
        return this.#end(step, 'dead-lettered') ?? undeliverable(step, this.#isPoison(step.eventId));
      case 'delivery-lost':
        if (
          !this.losses.add(this.#ruleConsumer(step.rule), step.eventId, this.#events.get(step.eventId)?.event)
        )
          return violation('lost', `${step.eventId} by ${step.rule}: ${step.message}`);
        return this.#end(step, 'lost');
      case 'event-dropped':
        return violation('lost', `${step.eventId}: ${step.reason}`);
      default:
        return this.#onInvocation(step);
    }
  }

  /** Compares, after each pick of the world, with the rules, and with the queues. */
  check(stack: LocalStack): Violation | undefined {
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const { event, isReplayed, matched } of fresh) {
      if (this.#hasArchive && !isReplayed && !this.#archived.has(event.id))
        return violation('archive', `${event['detail-type']} ${event.id} is not in it`);
      const expected = this.#described.receivers(event, isReplayed);
      if (String([...matched].sort()) !== String(expected)) {
        return violation(
          'routing',
          `${event['detail-type']} ${event.id}${isReplayed ? ' (replayed)' : ''} went to [${[...matched].sort()}], but [${expected}] receive it`,
        );
      }
    }
    for (const queue of stack.queues) {
      const known = this.#queued.get(queue.name) ?? 0;
      const there = queue.size;
      if (known !== there)
        return violation('one place', `${queue.name} has ${there} messages, but ${known} came to it`);
    }
    return undefined;
  }

  /**
   * Checks, when nothing is under way, that each event is with each of its consumers.
   * @param isExcused it may stay in a queue
   */
  atEnd(isExcused: (consumer: string, event: BusEvent) => boolean): Violation | undefined {
    if (!this.isSettled) return violation('drain', `it does not end: ${this.summary}`);
    for (const { event, isReplayed, matched } of this.#events.values()) {
      // No operator sends again what no code can read, also if it was never delivered.
      if (this.#described.isPoison(event)) continue;
      for (const consumer of matched) {
        if (this.#handled.has(`${event.id} ${consumer}`)) continue;
        // The archive brings it back to those that take replays.
        if (this.losses.has(consumer, event.id) && !this.#described.isReplayed(consumer)) continue;
        if (isExcused(consumer, event)) continue;
        const how = isReplayed ? 'replayed' : 'put';
        return violation(
          'forgotten',
          `${event['detail-type']} ${event.id} was ${how}, and ${consumer} never handled it`,
        );
      }
    }
    return undefined;
  }

  #put(eventId: string, event: BusEvent): undefined {
    const isReplayed = 'replay-name' in event;
    const expected = { event, isReplayed, matched: [] };
    this.#events.set(eventId, expected);
    const id = (event.detail as { metadata?: { eventId?: unknown } }).metadata?.eventId;
    if (typeof id === 'string') this.#published.add(id);
    this.#fresh.push(expected);
  }

  #begin(eventId: string, rule: string): undefined {
    const key = `${eventId} ${rule}`;
    const delivery = this.#deliveries.get(key) ?? { underWay: 0 };
    delivery.underWay++;
    this.#deliveries.set(key, delivery);
    this.#underWay++;
  }

  #deliver(step: TimedStep & { kind: 'delivered' }): Violation | undefined {
    if (step.requestId !== undefined) {
      const name = arnName(step.targetArn);
      this.invoked(step.requestId, name, step.payload, step.eventId);
    }
    return this.#end(step, 'delivered');
  }

  #end(
    { eventId, rule }: { readonly eventId: string; readonly rule: string },
    end: NonNullable<Delivery['ended']>,
  ): Violation | undefined {
    const delivery = this.#deliveries.get(`${eventId} ${rule}`);
    if (!delivery?.underWay) {
      const was = delivery?.ended ?? 'nowhere';
      return violation('one place', `${eventId} by ${rule} is ${end}, but was ${was}`);
    }
    delivery.underWay--;
    delivery.ended = end;
    this.#underWay--;
    return undefined;
  }

  #onInvocation(step: TimedStep): Violation | undefined {
    switch (step.kind) {
      case 'invocation-started':
        this.#traces.set(step.callTrace, step.requestId);
        return this.#waits(step.requestId, step.kind);
      case 'invocation-failed':
        this.#attempts.set(step.requestId, step.attempt);
        return this.#waits(step.requestId, step.kind);
      case 'invocation-throttled':
        return this.#waits(step.requestId, step.kind);
      case 'invocation-succeeded':
        return this.#finish(step.requestId, 'handled') ?? this.#isReadable(step.requestId);
      case 'invocation-given-up':
        this.#count(arnName(step.destination), 1);
        return this.#finish(step.requestId, 'in a queue') ?? this.#wasTried(step);
      case 'invocation-lost':
        return this.#loseInvocation(step);
      default:
        return undefined;
    }
  }

  /** Lambda itself tries again before an operator has to. */
  #wasTried({ requestId, condition }: TimedStep & { kind: 'invocation-given-up' }): Violation | undefined {
    const attempts = this.#attempts.get(requestId) ?? 0;
    if (attempts > ASYNC_INVOCATION.retryDelaysSeconds.length) return undefined;
    return violation('retries', `${requestId} was given up after ${attempts} attempts (${condition})`);
  }

  /** A consumer must not count as handled what it cannot read. */
  #isReadable(requestId: string): Violation | undefined {
    const { consumer, payload } = this.#invocations.get(requestId) as TrackedInvocation;
    try {
      this.#app.consumers[consumer]?.accepts(payload);
      return undefined;
    } catch (error) {
      return violation('poison', `${consumer} handled what it cannot read: ${(error as Error).message}`);
    }
  }

  #loseInvocation(step: TimedStep & { kind: 'invocation-lost' }): Violation | undefined {
    const { function: name, requestId, message } = step;
    const { eventId, payload } = this.#invocations.get(requestId) ?? {};
    if (!this.losses.add(this.consumerOf(name), eventId, payload))
      return violation('lost', `${name} ${requestId}: ${message}`);
    return this.#finish(requestId, 'lost');
  }

  #isPoison(eventId: string): boolean {
    const event = this.#events.get(eventId)?.event;
    return event !== undefined && this.#described.isPoison(event);
  }

  #ruleConsumer(rule: string): string {
    return this.#consumerOfRule.get(rule) ?? rule;
  }

  #waits(requestId: string, kind: string): Violation | undefined {
    const state = this.#invocations.get(requestId)?.state;
    return state === 'waiting'
      ? undefined
      : violation('one place', `${kind} of ${requestId}, which is ${state ?? 'unknown'}`);
  }

  #finish(requestId: string, state: TrackedInvocation['state']): Violation | undefined {
    const wrong = this.#waits(requestId, state);
    if (wrong) return wrong;
    const invocation = this.#invocations.get(requestId) as TrackedInvocation;
    invocation.state = state;
    this.#waiting--;
    if (state === 'handled' && invocation.eventId !== undefined) {
      this.#handled.add(`${invocation.eventId} ${invocation.consumer}`);
    }
    return undefined;
  }

  #count(queue: string, change: number): void {
    this.#queued.set(queue, (this.#queued.get(queue) ?? 0) + change);
  }
}

/** A delivery fails for good by a fault of the target only, or if no input can be made of the event. */
function undeliverable(
  { eventId, rule, attributes }: TimedStep & { kind: 'dead-lettered' },
  isPoison: boolean,
): Violation | undefined {
  const { ERROR_CODE: code = '', ERROR_MESSAGE: message = '' } = attributes;
  if (/^(ERROR_FROM_TARGET|THROTTLING)$/.test(code) || (code === 'INVALID_JSON' && isPoison))
    return undefined;
  return violation('delivery', `${eventId} by ${rule}: ${code}: ${message}`);
}

const violation = (invariant: string, message: string): Violation => ({ invariant, message });

/** An event's id in a payload that has one. */
function idOf(payload: unknown): string | undefined {
  const id = (payload as { readonly id?: unknown } | null)?.id;
  return typeof id === 'string' ? id : undefined;
}
