/**
 * Records the steps of a run and folds them into the state of each event when it is read. Until then a step costs only
 * a number, a time and an entry in a list.
 */
import { arnName } from '../eventbridge/arn';
import type { TimedStep } from '../local/steps';
import { Counters } from './counters';
import type { EventDetail, EventState, EventSummary, Hop, NumberedStep } from './model';

/** Maximum number of events that are kept. */
export const CAPACITY = 10_000;
/** Maximum number of steps that are kept, about twenty for each event. */
const MAX_STEPS = 20 * CAPACITY;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Collects the events that change from its making on. */
export interface Watch {
  /** Events that changed since the last call. */
  take(): EventSummary[];
  close(): void;
}

/** An event and its state so far. */
interface Followed {
  readonly summary: Mutable<Omit<EventSummary, 'hops'>> & { hops: Mutable<Hop>[] };
  readonly event: object;
  readonly steps: number[];
  readonly putAt: number;
}

/** Fields of the app's events that name an event on the page. */
export interface Naming {
  /** Field of the detail with the entity's id. */
  readonly idField?: string;
  /** Fields that distinguish events of a type, e.g. `status`; the first that is present is shown. */
  readonly labels: readonly string[];
  /** True if the tables were empty at the start of the run. */
  readonly beganEmpty: boolean;
}

export class Recorder {
  #naming: Naming = { labels: [], beganEmpty: false };
  #steps: TimedStep[] = [];
  /** Machine's time of each step, in milliseconds since 1970-01-01 UTC. */
  #walls: number[] = [];
  #first = 1;
  #seq = 0;
  #folded = 0;
  readonly #events = new Map<string, Followed>();
  /** The event and hop of an invocation, by request id. */
  readonly #invocations = new Map<string, { event: Followed; hop: Mutable<Hop> }>();
  /** Request id of the invocation that makes calls with a trace header. */
  readonly #callers = new Map<string, string>();
  readonly #counters = new Counters();
  /** Events of which a hop waits for a retry. */
  readonly #waiting = new Set<Followed>();
  readonly #watches = new Set<Set<Followed>>();
  #dropped = 0;

  /** Sets the fields that name events. Must precede the first read, since folded events are not renamed. */
  name(naming: Naming): void {
    this.#naming = naming;
  }

  readonly onStep = (step: TimedStep): void => {
    this.#steps.push(step);
    this.#walls.push(Date.now());
    this.#seq++;
    if (this.#steps.length <= MAX_STEPS * 1.1) return;
    // Fold before dropping, so that dropped events are counted.
    this.#fold();
    this.#steps = this.#steps.slice(-MAX_STEPS);
    this.#walls = this.#walls.slice(-MAX_STEPS);
    this.#first = this.#seq + 1 - this.#steps.length;
  };

  /** @returns undefined for a step that was dropped */
  #step(seq: number): NumberedStep | undefined {
    const step = this.#steps[seq - this.#first];
    const wall = this.#walls[seq - this.#first];
    return step && wall !== undefined ? { ...step, seq, wall: new Date(wall).toISOString() } : undefined;
  }

  get seq(): number {
    return this.#seq;
  }

  get dropped(): number {
    this.#fold();
    return this.#dropped;
  }

  get counters(): Counters {
    this.#fold();
    return this.#counters;
  }

  /** Times of the next retries, in milliseconds since 1970-01-01 UTC. */
  get retries(): number[] {
    this.#fold();
    const times: number[] = [];
    for (const { summary } of this.#waiting)
      for (const { retryAt } of summary.hops) if (retryAt) times.push(Date.parse(retryAt));
    return times;
  }

  /** All kept events, oldest first. */
  get events(): EventSummary[] {
    this.#fold();
    return [...this.#events.values()].map(({ summary }) => summary);
  }

  /** @param after the first call of `take` returns the events with a step after the one with this number */
  watch(after: number): Watch {
    this.#fold();
    const followed = [...this.#events.values()];
    const changed = new Set(followed.filter(({ steps }) => (steps.at(-1) ?? 0) > after));
    this.#watches.add(changed);
    return {
      take: () => {
        this.#fold();
        const summaries = [...changed].map(({ summary }) => summary);
        changed.clear();
        return summaries;
      },
      close: () => this.#watches.delete(changed),
    };
  }

  /**
   * The item before the write of step `seq`.
   * @returns an empty object if the item is not known to this run
   */
  before(seq: number): { before?: object | null } {
    const written = this.#steps[seq - this.#first];
    if (written?.kind !== 'item-written') return {};
    const key = JSON.stringify(written.key);
    for (let i = seq - this.#first - 1; i >= 0; i--) {
      const step = this.#steps[i];
      if (step?.kind !== 'item-written' && step?.kind !== 'item-deleted') continue;
      if (step.table !== written.table || JSON.stringify(step.key) !== key) continue;
      return { before: step.kind === 'item-written' ? step.item : null };
    }
    return this.#first === 1 && this.#naming.beganEmpty ? { before: null } : {};
  }

  /** Messages that were published to a topic, newest first. */
  published(topic: string, most = 50): (NumberedStep & { kind: 'message-published' })[] {
    const found: (NumberedStep & { kind: 'message-published' })[] = [];
    for (let seq = this.#seq; seq >= this.#first && found.length < most; seq--) {
      const raw = this.#steps[seq - this.#first];
      if (raw?.kind !== 'message-published' || raw.topic !== topic) continue;
      const step = this.#step(seq);
      if (step?.kind === 'message-published') found.push(step);
    }
    return found;
  }

  /** @param after only steps after this number */
  steps(after = 0): readonly NumberedStep[] {
    const steps: NumberedStep[] = [];
    for (let seq = Math.max(after + 1, this.#first); seq <= this.#seq; seq++) {
      const step = this.#step(seq);
      if (step) steps.push(step);
    }
    return steps;
  }

  /** @returns undefined for an event that is not kept */
  event(eventId: string): EventDetail | undefined {
    this.#fold();
    const followed = this.#events.get(eventId);
    if (!followed) return undefined;
    const kept = followed.steps.filter((seq) => seq >= this.#first);
    return {
      summary: followed.summary,
      event: followed.event,
      steps: kept.flatMap((seq) => this.#step(seq) ?? []),
      incomplete: kept.length < followed.steps.length,
    };
  }

  #fold(): void {
    while (this.#folded < this.#seq) {
      const step = this.#steps[++this.#folded - this.#first];
      if (step) this.#take(step, this.#folded);
    }
  }

  #take(step: TimedStep, seq: number): void {
    if (step.kind === 'event-put' || step.kind === 'schedule-fired') this.#begin(step, seq);
    const invocation = this.#invocationOf(step);
    this.#counters.count(step, invocation?.hop.target);
    const eventId = 'eventId' in step ? step.eventId : invocation?.event.summary.eventId;
    const event = eventId === undefined ? undefined : this.#events.get(eventId);
    if (!event) return;
    event.steps.push(seq);
    this.#follow(event, step);
    const { summary } = event;
    summary.tookMs = Math.max(summary.tookMs, Date.parse(step.at) - event.putAt);
    summary.state = stateOf(summary.hops);
    summary.revision++;
    if (summary.hops.some(({ retryAt }) => retryAt !== undefined)) this.#waiting.add(event);
    else this.#waiting.delete(event);
    for (const changed of this.#watches) changed.add(event);
  }

  #begin(step: TimedStep & { kind: 'event-put' | 'schedule-fired' }, seq: number): void {
    const { event, eventId, at } = step;
    const wall = new Date(this.#walls[seq - this.#first] ?? 0).toISOString();
    const detail = (typeof event.detail === 'object' && event.detail !== null ? event.detail : {}) as Record<
      string,
      unknown
    >;
    const metadata = detail.metadata as { correlationId?: unknown } | undefined;
    const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
    const label = this.#naming.labels.map((field) => text(detail[field])).find(Boolean);
    const entity = this.#naming.idField && text(detail[this.#naming.idField]);
    const correlationId = text(metadata?.correlationId);
    const replay = text(event['replay-name']);
    this.#events.set(eventId, {
      event,
      steps: [],
      putAt: Date.parse(at),
      summary: {
        ...{ eventId, revision: 0, at, wall, source: event.source, detailType: event['detail-type'] },
        ...(entity && { entity }),
        ...(correlationId && { correlationId }),
        ...(label && { label }),
        ...(replay && { replay }),
        ...{ state: 'unmatched', hops: [], tookMs: 0 },
      },
    });
    if (this.#events.size <= CAPACITY) return;
    const [oldest] = this.#events;
    if (oldest === undefined) return;
    this.#events.delete(oldest[0]);
    this.#waiting.delete(oldest[1]);
    for (const changed of this.#watches) changed.delete(oldest[1]);
    this.#dropped++;
  }

  /** The invocation that a step is about or that made the step's call. */
  #invocationOf(step: TimedStep): { event: Followed; hop: Mutable<Hop> } | undefined {
    const requestId =
      ('requestId' in step ? step.requestId : undefined) ??
      (step.trace === undefined ? undefined : this.#callers.get(step.trace));
    return requestId === undefined ? undefined : this.#invocations.get(requestId);
  }

  #follow(event: Followed, step: TimedStep): void {
    switch (step.kind) {
      case 'delivered':
      case 'delivery-failed':
      case 'delivery-lost':
      case 'dead-lettered':
        this.#delivery(event, step);
        return;
      case 'invocation-started':
        remember(this.#callers, step.callTrace, step.requestId);
        this.#set(step.requestId, { state: 'on-its-way', attempt: step.attempt }, 'retryAt');
        return;
      case 'invocation-succeeded':
        this.#set(step.requestId, { state: 'handled' }, 'retryAt', 'reason');
        return;
      case 'invocation-failed': {
        const reason = `${step.errorType}: ${step.errorMessage}`.split('\n', 1)[0] ?? '';
        this.#set(step.requestId, { reason, ...waits(step) });
        return;
      }
      case 'invocation-throttled':
        this.#set(step.requestId, { reason: 'throttled', ...waits(step) });
        return;
      case 'invocation-given-up':
        this.#set(step.requestId, { state: 'failed', queue: arnName(step.destination) }, 'retryAt');
        return;
      case 'invocation-lost':
        this.#set(step.requestId, { state: 'failed', reason: step.message }, 'retryAt');
    }
  }

  #delivery(
    event: Followed,
    step: TimedStep & { kind: 'delivered' | 'delivery-failed' | 'delivery-lost' | 'dead-lettered' },
  ): void {
    const target = arnName(step.targetArn);
    let hop = event.summary.hops.find((each) => each.rule === step.rule && each.target === target);
    if (!hop) {
      hop = { rule: step.rule, target, state: 'on-its-way', attempt: 1 };
      event.summary.hops.push(hop);
    }
    if ('attempt' in step) hop.attempt = step.attempt;
    switch (step.kind) {
      case 'delivered':
        delete hop.retryAt;
        delete hop.reason;
        if (step.requestId === undefined) hop.state = 'handled';
        else {
          hop.state = 'on-its-way';
          remember(this.#invocations, step.requestId, { event, hop });
        }
        return;
      case 'delivery-failed':
        Object.assign(hop, { reason: `${step.code}: ${step.message}`, ...waits(step) });
        return;
      case 'dead-lettered':
        Object.assign(hop, { state: 'failed', queue: step.queue });
        return;
      case 'delivery-lost':
        Object.assign(hop, { state: 'failed', reason: step.message });
    }
  }

  #set(requestId: string, change: Partial<Hop>, ...without: ('retryAt' | 'reason')[]): void {
    const hop = this.#invocations.get(requestId)?.hop;
    if (!hop) return;
    for (const field of without) delete hop[field];
    Object.assign(hop, change);
  }
}

/** Keeps only the newest entries: log lines and effects follow their invocation within moments. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value);
  if (map.size <= 5 * CAPACITY) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

/** State of a hop after a failure: it waits if it is retried. */
function waits(step: { at: string; retryInMs?: number }): Partial<Hop> {
  if (step.retryInMs === undefined) return { state: 'failed' };
  return { state: 'waiting', retryAt: new Date(Date.parse(step.at) + step.retryInMs).toISOString() };
}

function stateOf(hops: readonly Hop[]): EventState {
  const has = (state: EventState) => hops.some((hop) => hop.state === state);
  if (hops.length === 0) return 'unmatched';
  return (['on-its-way', 'failed', 'waiting'] as const).find(has) ?? 'handled';
}
