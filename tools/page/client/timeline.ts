/** The steps of an event as tracks of a timeline: one for the bus, each rule, each target. */
import type { EventPage, EventState, Hop, NumberedStep } from '../model';
import { short } from './event-list';

/** Milliseconds since the event was put. */
interface Bar {
  readonly from: number;
  readonly to: number;
  readonly tone: 'handled' | 'failed' | 'waiting';
}

export interface Track {
  readonly key: string;
  readonly kind: 'bus' | 'rule' | 'function' | 'target' | 'archive';
  readonly title: string;
  readonly note: string;
  readonly level: number;
  readonly state: EventState;
  readonly rule?: string;
  /** Physical name of the target. */
  readonly target?: string;
  readonly bars: readonly Bar[];
  /** Calls during the bar. */
  readonly marks: readonly { readonly at: number; readonly says: string }[];
  readonly tookMs?: number;
  readonly steps: readonly NumberedStep[];
}

export function timelineOf({ summary, steps }: EventPage): Track[] {
  const zero = Date.parse(summary.at);
  const at = (step: NumberedStep) => Math.max(0, Date.parse(step.at) - zero);
  const tracks: Track[] = [
    {
      ...{
        key: 'bus',
        kind: 'bus',
        title: 'bus',
        note: summary.eventId.slice(0, 8),
        level: 0,
        state: 'handled',
      },
      ...{ bars: [{ from: 0, to: 0, tone: 'handled' }], marks: [], steps },
    },
  ];
  for (const hop of summary.hops) tracks.push(...tracksOf(hop, steps, at));
  const archived = steps.filter(({ kind }) => kind === 'event-archived');
  for (const step of archived) {
    tracks.push({
      ...{
        key: `archive ${step.seq}`,
        kind: 'archive',
        title: 'archive',
        note: '',
        level: 1,
        state: 'handled',
      },
      ...{ bars: [{ from: 0, to: at(step), tone: 'handled' }], marks: [], steps: [step] },
    });
  }
  return tracks;
}

/** The rule's track, and its target's below it. */
function tracksOf(hop: Hop, steps: readonly NumberedStep[], at: (step: NumberedStep) => number): Track[] {
  const own = stepsOf(steps, hop.rule, hop.target);
  const first = own[0];
  const ruleAt = first ? at(first) : 0;
  const isTransformed = own.some(
    (step) => step.kind === 'delivered' && !step.payload.startsWith('{"version":"0"'),
  );
  const rule: Track = {
    ...{
      key: `rule ${hop.rule}`,
      kind: 'rule',
      title: short(hop.rule),
      note: isTransformed ? 'transforms' : '',
    },
    ...{ level: 1, state: 'handled', rule: hop.rule, marks: [], steps: own },
    bars: [{ from: 0, to: ruleAt, tone: 'handled' }],
  };
  const calls = own.filter(({ kind }) => CALLS.has(kind));
  const target: Track = {
    ...{
      key: `${hop.rule} ${hop.target}`,
      kind: own.some(({ kind }) => kind === 'invocation-started') ? 'function' : 'target',
    },
    ...{
      title: short(hop.target),
      note: doing(calls),
      level: 2,
      state: hop.state,
      rule: hop.rule,
      target: hop.target,
      steps: own,
    },
    bars: barsOf(own, at),
    marks: calls.map((step) => ({ at: at(step), says: step.kind.replaceAll('-', ' ') })),
    ...durationOf(own),
  };
  return [rule, target];
}

const CALLS: ReadonlySet<string> = new Set([
  ...['item-written', 'item-deleted', 'message-published', 'message-sent', 'records-put', 'access-denied'],
]);

function doing(calls: readonly NumberedStep[]): string {
  const counts = new Map<string, number>();
  const says: Record<string, string> = {
    'item-written': 'writes',
    'item-deleted': 'deletes',
    'message-published': 'publishes',
    'message-sent': 'sends',
    'records-put': 'puts records',
    'access-denied': 'is denied',
  };
  for (const { kind } of calls) counts.set(says[kind] ?? kind, (counts.get(says[kind] ?? kind) ?? 0) + 1);
  return [...counts].map(([word, count]) => (count > 1 ? `${word} ${count}` : word)).join(', ');
}

/** Steps of one delivery: those with its rule and target, and those of its invocations. */
function stepsOf(steps: readonly NumberedStep[], rule: string, target: string): NumberedStep[] {
  const requests = new Set<string>();
  const traces = new Set<string>();
  return steps.filter((step) => {
    if ('targetArn' in step) {
      const isOwn = step.rule === rule && step.targetArn.split(/[:/]/).at(-1) === target;
      if (isOwn && step.kind === 'delivered' && step.requestId !== undefined) requests.add(step.requestId);
      return isOwn;
    }
    if ('requestId' in step && step.requestId !== undefined) {
      if (!requests.has(step.requestId)) return false;
      if (step.kind === 'invocation-started') traces.add(step.callTrace);
      return true;
    }
    return step.trace !== undefined && traces.has(step.trace);
  });
}

function barsOf(steps: readonly NumberedStep[], at: (step: NumberedStep) => number): Bar[] {
  const bars: Bar[] = [];
  let from: number | undefined;
  for (const step of steps) {
    if (step.kind === 'invocation-started') from = at(step);
    else if (step.kind === 'invocation-succeeded' || step.kind === 'invocation-failed') {
      bars.push({
        from: from ?? at(step),
        to: at(step),
        tone: step.kind === 'invocation-failed' ? 'failed' : 'handled',
      });
      from = undefined;
    } else if (step.kind === 'delivery-failed') bars.push({ from: at(step), to: at(step), tone: 'failed' });
    else if (step.kind === 'delivered' && step.requestId === undefined)
      bars.push({ from: at(step), to: at(step), tone: 'handled' });
  }
  const last = steps.at(-1);
  if (from !== undefined && last) bars.push({ from, to: at(last), tone: 'waiting' });
  return bars;
}

function durationOf(steps: readonly NumberedStep[]): { tookMs?: number } {
  const ended = steps.findLast(
    (step) => step.kind === 'invocation-succeeded' || step.kind === 'invocation-failed',
  );
  return ended && 'durationMs' in ended ? { tookMs: ended.durationMs } : {};
}
