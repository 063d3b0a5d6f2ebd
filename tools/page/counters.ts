/** Counts what the nodes and edges of the picture have seen. */
import { arnName } from '../eventbridge/arn';
import type { TimedStep } from '../local/steps';
import type { Counts } from './model';

export class Counters {
  /** Number of events at each node, by physical name. */
  readonly met: Record<string, number> = {};
  /** Number of times that an edge was passed, by the physical names of its ends, `from to`; `* to` from any node. */
  readonly passed: Record<string, number> = {};
  readonly #records: Record<string, number> = {};

  /** @param caller name of the function whose call the step is */
  count(step: TimedStep, caller: string | undefined): void {
    for (const name of nodesOf(step)) add(this.met, name);
    const edge = edgeOf(step, caller);
    if (edge !== undefined) add(this.passed, edge);
    if (step.kind === 'records-put') add(this.#records, step.stream, step.count);
  }

  /** Number of records that were put into each stream. */
  get records(): Counts {
    return this.#records;
  }
}

function add(counts: Record<string, number>, key: string, by = 1): void {
  counts[key] = (counts[key] ?? 0) + by;
}

/** The edge that a step passes, by the physical names of its ends. */
function edgeOf(step: TimedStep, caller: string | undefined): string | undefined {
  switch (step.kind) {
    case 'event-put':
      return `${step.event.source} ${step.bus}`;
    case 'event-archived':
      return `* ${step.archive}`;
    case 'rule-matched':
    case 'schedule-fired':
      return `* ${step.rule}`;
    case 'delivered':
      return `${step.rule} ${arnName(step.targetArn)}`;
    case 'dead-lettered':
      return `${step.rule} ${step.queue}`;
    case 'invocation-given-up':
      return `${step.function} ${arnName(step.destination)}`;
    case 'object-written':
      return `* ${step.bucket}`;
    default: {
      const [to] = caller === undefined ? [] : nodesOf(step);
      return to === undefined ? undefined : `${caller} ${to}`;
    }
  }
}

/** Physical names of the nodes of a step. */
function nodesOf(step: TimedStep): string[] {
  switch (step.kind) {
    case 'event-put':
      return [step.bus, step.event.source];
    case 'event-archived':
      return [step.archive];
    case 'rule-matched':
    case 'schedule-fired':
      return [step.rule];
    case 'delivered':
      return [arnName(step.targetArn)];
    case 'item-written':
      return [step.table];
    case 'message-published':
      return [step.topic];
    case 'records-put':
      return [step.stream];
    case 'object-written':
      return [step.bucket];
    case 'message-sent':
      return [step.queue];
    default:
      return [];
  }
}
