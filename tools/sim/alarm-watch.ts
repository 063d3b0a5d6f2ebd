/** Checks that what failed for good has raised its alarm, and that the alarm has told somebody. */
import type { Metric, MetricAlarm } from '../cloudwatch/alarm';
import type { TimedStep } from '../local/steps';
import type { Assembly } from '../template/assembly';
import type { Violation } from './model';

/** Metric that counts each kind of step, and the name of the dimension that says of which part. */
const COUNTED_BY = {
  'dead-lettered': ['AWS/Events', 'InvocationsSentToDlq', 'RuleName'],
  'delivery-lost': ['AWS/Events', 'InvocationsFailedToBeSentToDlq', 'RuleName'],
  'invocation-given-up': ['AWS/Lambda', 'AsyncEventsDropped', 'FunctionName'],
  'invocation-lost': ['AWS/Lambda', 'DestinationDeliveryFailures', 'FunctionName'],
} as const;

/** Longer than the period of an alarm and the minute until it is evaluated. */
const RAISED_WITHIN_MS = 7 * 60_000;

interface Alarm {
  readonly name: string;
  readonly metrics: readonly Metric[];
  readonly hasActions: boolean;
  /** Rule of a composite alarm. */
  readonly rule: string;
}

interface Incident {
  readonly at: number;
  readonly kind: keyof typeof COUNTED_BY;
  /** Rule or function. */
  readonly of: string;
}

export class AlarmWatch {
  readonly #alarms: readonly Alarm[];
  readonly #incidents = new Map<string, Incident>();
  /** Times at which each alarm was raised, and at which it ended. */
  readonly #raised = new Map<string, { from: number; to: number }[]>();

  constructor(assembly: Assembly) {
    const types = ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm'];
    this.#alarms = types.flatMap(assembly.ofType).map(({ name, properties }) => ({
      name,
      metrics: metricsOf(properties as MetricAlarm),
      hasActions: String(properties.ActionsEnabled ?? true) === 'true' && properties.AlarmActions?.length > 0,
      rule: String(properties.AlarmRule ?? ''),
    }));
  }

  onStep(step: TimedStep): void {
    switch (step.kind) {
      case 'dead-lettered':
      case 'delivery-lost':
        this.#happened({ at: Date.parse(step.at), kind: step.kind, of: step.rule });
        return;
      case 'invocation-given-up':
      case 'invocation-lost':
        this.#happened({ at: Date.parse(step.at), kind: step.kind, of: step.function });
        return;
      case 'alarm-changed': {
        const times = this.#raised.get(step.alarm) ?? [];
        const last = times.at(-1);
        if (step.to === 'ALARM') times.push({ from: Date.parse(step.at), to: Number.POSITIVE_INFINITY });
        else if (last) last.to = Math.min(last.to, Date.parse(step.at));
        this.#raised.set(step.alarm, times);
        return;
      }
      default:
    }
  }

  /** A process that starts again has counted nothing, and what was raised in the one before is over. */
  restarted(at: number): void {
    for (const times of this.#raised.values()) for (const each of times) each.to = Math.min(each.to, at);
    for (const [key, incident] of this.#incidents) {
      if (!this.#isTold(incident)) this.#incidents.delete(key);
    }
  }

  /** Milliseconds until all must have been raised. */
  waitMs(now: number): number {
    const last = Math.max(0, ...[...this.#incidents.values()].map(({ at }) => at));
    return Math.max(0, last + RAISED_WITHIN_MS - now);
  }

  atEnd(): Violation | undefined {
    for (const incident of this.#incidents.values()) {
      if (this.#isTold(incident)) continue;
      const { kind, of, at } = incident;
      return {
        invariant: 'alarm',
        message: `${kind} of ${of} at ${new Date(at).toISOString()}, but no alarm told anybody of it`,
      };
    }
    return undefined;
  }

  /** Remembers the last incident of a part and kind only: an alarm that is up already tells no more. */
  #happened(incident: Incident): void {
    this.#incidents.set(`${incident.kind} ${incident.of}`, incident);
  }

  #isTold({ kind, of, at }: Incident): boolean {
    const [namespace, metricName, dimension] = COUNTED_BY[kind];
    const isCounting = ({ Namespace, MetricName, Dimensions = [] }: Metric) =>
      Namespace === namespace &&
      MetricName === metricName &&
      Dimensions.some(({ Name, Value }) => Name === dimension && Value === of);
    return this.#alarms
      .filter(({ name, metrics }) => metrics.some(isCounting) && this.#isUp(name, at))
      .some((alarm) => this.#tells(alarm, at, new Set()));
  }

  #isUp(name: string, at: number): boolean {
    return (this.#raised.get(name) ?? []).some(({ from, to }) => to > at && from <= at + RAISED_WITHIN_MS);
  }

  /** Checks whether the alarm has an action itself, or is a part of one that has, and is up. */
  #tells({ name, hasActions }: Alarm, at: number, seen: Set<string>): boolean {
    if (hasActions) return true;
    seen.add(name);
    return this.#alarms.some(
      (above) =>
        !seen.has(above.name) &&
        (above.rule.includes(`:${name}"`) || above.rule.includes(`"${name}"`)) &&
        this.#isUp(above.name, at) &&
        this.#tells(above, at, seen),
    );
  }
}

function metricsOf({ Namespace, MetricName, Dimensions = [], Metrics = [] }: MetricAlarm): Metric[] {
  const own = Namespace !== undefined && MetricName !== undefined;
  return [
    ...(own ? [{ Namespace, MetricName, Dimensions }] : []),
    ...Metrics.flatMap(({ MetricStat }) => (MetricStat ? [MetricStat.Metric] : [])),
  ];
}
