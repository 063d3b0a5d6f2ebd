/** Alarms of the template, by what they watch: the metric, its exact dimensions, and the direction of the threshold. */
import * as v from 'valibot';
import { evaluateComposite, UnknownAlarmError } from '../cloudwatch/alarm';
import { isKnown, type Maybe } from './placeholder';
import { boolean, number, readProperties, text } from './read';
import type { Assembly, Resource } from './resource';
import { AssemblyError } from './template';

export interface MetricIdentity {
  readonly namespace: string;
  readonly name: string;
  /** CloudWatch knows a metric by all of its dimensions: one more or less is another metric, without data. */
  readonly dimensions: Readonly<Record<string, string>>;
}

/** A metric that an alarm must watch. */
export interface Symptom extends MetricIdentity {
  /** A value that must set the alarm off. @default any large value: the exact threshold is up to the template */
  readonly at?: number;
  /** True if low values are the bad ones. @default false */
  readonly below?: boolean;
}

export interface Alarm {
  readonly name: string;
  readonly resource: Resource;
  /** ARNs of its own actions, e.g. a topic. */
  readonly actions: readonly string[];
  /** True if it notifies when it goes off, by itself or by a composite alarm that it sets off. */
  readonly tells: boolean;
  /** Number of metrics that it reads; each is billed. A composite alarm reads none. */
  readonly metricCount: number;
}

interface WatchedMetric extends MetricIdentity {
  readonly statistic: string;
}

interface ReadAlarm extends Alarm {
  readonly watched: readonly WatchedMetric[];
  readonly isMath: boolean;
  readonly operator: string;
  readonly threshold: Maybe<number>;
}

export class TemplateAlarms {
  readonly all: readonly Alarm[];
  readonly #alarms: readonly ReadAlarm[];

  constructor(assembly: Assembly) {
    const composites = new Composites(assembly.ofType('AWS::CloudWatch::CompositeAlarm'));
    this.#alarms = assembly.ofType('AWS::CloudWatch::Alarm').map((alarm) => readAlarm(alarm, composites));
    this.all = [...this.#alarms, ...composites.all];
  }

  /**
   * @returns the alarms that the symptom sets off; if there is none, the problem, in one line without a full stop; if each
   *   may not exist, the reason why that cannot be told
   */
  telling(symptom: Symptom): {
    readonly alarms: readonly Alarm[];
    readonly problem?: string;
    readonly unknown?: string;
  } {
    const { name, namespace, dimensions } = symptom;
    const candidates = this.#alarms.flatMap((alarm) =>
      alarm.watched
        .filter((metric) => metric.name === name && metric.namespace === namespace)
        .map((metric) => ({ alarm, metric, problem: mismatch(symptom, alarm, metric) })),
    );
    const telling = candidates.filter(({ problem }) => !problem).map(({ alarm }) => alarm);
    if (telling.length > 0) {
      const [{ resource } = { resource: undefined }] = telling;
      const isUncertain = telling.every((alarm) => alarm.resource.uncertain !== undefined);
      const unknown = `whether an alarm watches ${name} of ${namespace} with ${describe(dimensions)}: of ${resource?.name}, ${resource?.uncertain}`;
      return { alarms: [...new Set(telling)], ...(isUncertain && { unknown }) };
    }
    const missing = `no alarm watches ${name} of ${namespace} with ${describe(dimensions)}`;
    // The alarm that was probably meant: the one that shares most dimensions with the symptom.
    const [nearest] = candidates.sort((a, b) => shared(symptom, b.metric) - shared(symptom, a.metric));
    const isNear = nearest && (shared(symptom, nearest.metric) > 0 || candidates.length === 1);
    return { alarms: [], problem: isNear ? `${missing}: ${nearest.alarm.name} ${nearest.problem}` : missing };
  }
}

function mismatch(symptom: Symptom, alarm: ReadAlarm, metric: WatchedMetric): string | undefined {
  if (describe(metric.dimensions) !== describe(symptom.dimensions)) {
    return `watches it with ${describe(metric.dimensions)}`;
  }
  const { below = false, at = below ? 0 : Number.POSITIVE_INFINITY } = symptom;
  const isBelow = alarm.operator.startsWith('LessThan');
  if (isBelow !== below) return `goes off when it is ${isBelow ? 'small' : 'large'}`;
  const useless = below ? 'Maximum' : 'Minimum';
  if ([useless, 'SampleCount'].includes(metric.statistic)) return `watches its ${metric.statistic}`;
  // The result of an expression is not computed here, and a threshold may be known to AWS only.
  const { threshold } = alarm;
  if (alarm.isMath || !isKnown(threshold)) return undefined;
  const orEqual = alarm.operator.includes('OrEqualTo') && at === threshold;
  const goesOff = orEqual || (below ? at < threshold : at > threshold);
  return goesOff ? undefined : `does not go off at ${at}, only ${below ? 'below' : 'above'} ${threshold}`;
}

function shared({ dimensions }: MetricIdentity, other: MetricIdentity): number {
  return Object.entries(dimensions).filter(([name, value]) => other.dimensions[name] === value).length;
}

function describe(dimensions: MetricIdentity['dimensions']): string {
  const pairs = Object.entries(dimensions).map(([name, value]) => `${name}=${value}`);
  return pairs.sort().join(', ') || 'no dimensions';
}

const Dimensions = v.optional(v.array(v.looseObject({ Name: v.string(), Value: text })), []);
const MetricProperties = v.looseObject({ Namespace: v.string(), MetricName: v.string(), Dimensions });
const Query = v.looseObject({
  Id: v.string(),
  Expression: v.optional(v.string()),
  ReturnData: v.optional(boolean, true),
  MetricStat: v.optional(v.looseObject({ Metric: MetricProperties, Stat: v.string() })),
});
const AlarmProperties = v.looseObject({
  ActionsEnabled: v.optional(boolean, true),
  AlarmActions: v.optional(v.array(v.string()), []),
  InsufficientDataActions: v.optional(v.array(v.string()), []),
  ComparisonOperator: v.optional(v.string(), ''),
  Threshold: v.optional(number, 0),
  Statistic: v.optional(v.string()),
  ExtendedStatistic: v.optional(v.string()),
  Namespace: v.optional(v.string(), ''),
  MetricName: v.optional(v.string(), ''),
  Dimensions,
  Metrics: v.optional(v.array(Query)),
});

const ActionProperties = v.looseObject({
  ActionsEnabled: v.optional(boolean, true),
  AlarmActions: v.optional(v.array(v.string()), []),
  InsufficientDataActions: v.optional(v.array(v.string()), []),
});
const CompositeProperties = v.looseObject({
  ActionsSuppressor: v.optional(v.string()),
  AlarmRule: v.string(),
});

/** Composite alarms: they tell of other alarms, and may hold each other's actions back. */
class Composites {
  readonly all: readonly Alarm[];
  readonly #resources: readonly Resource[];

  constructor(resources: readonly Resource[]) {
    this.#resources = resources;
    this.all = resources.map((resource) => ({
      name: resource.name,
      resource,
      actions: actionsOf(resource),
      // One that only holds others back tells by them: they are told of, or have been.
      tells:
        this.tellsOf(resource) ||
        resources.some((other) =>
          isSame(readProperties(CompositeProperties, other).ActionsSuppressor, resource),
        ),
      metricCount: 0,
    }));
  }

  /** Checks whether the alarm alone notifies, by its own actions or those of a composite alarm. */
  tellsOf(alarm: Resource, seen: readonly Resource[] = []): boolean {
    if (actionsOf(alarm).length > 0) return true;
    return this.#resources.some(
      (composite) =>
        !seen.includes(composite) &&
        composite !== alarm &&
        isSetOff(composite, alarm) &&
        this.tellsOf(composite, [...seen, alarm]),
    );
  }
}

function isSetOff(composite: Resource, by: Resource): boolean {
  const stateOf = (reference: string) => (isSame(reference, by) ? 'ALARM' : 'OK');
  try {
    return evaluateComposite(readProperties(CompositeProperties, composite).AlarmRule, stateOf) === 'ALARM';
  } catch (error) {
    // A rule that is not one, or that names what the template does not have, tells nobody.
    if (error instanceof UnknownAlarmError || error instanceof AssemblyError) return false;
    throw error;
  }
}

const isSame = (reference: unknown, { name, arn }: Resource) => reference === name || reference === arn;

/** Actions of an alarm, those included that tell when its metric has no data any more. */
function actionsOf(alarm: Resource): string[] {
  const read = readProperties(ActionProperties, alarm);
  return read.ActionsEnabled === false ? [] : [...read.AlarmActions, ...read.InsufficientDataActions];
}

/** @throws AssemblyError if it has not the shape of an alarm */
function readAlarm(resource: Resource, composites: Composites): ReadAlarm {
  const read = readProperties(AlarmProperties, resource);
  const { Metrics: queries, Statistic, ExtendedStatistic = '' } = read;
  return {
    name: resource.name,
    resource,
    actions: actionsOf(resource),
    tells: composites.tellsOf(resource),
    watched: queries ? readMath(queries) : [readMetric(read, Statistic ?? ExtendedStatistic)],
    metricCount: queries ? queries.filter(({ MetricStat }) => MetricStat).length : 1,
    isMath: queries?.some(({ Expression }) => Expression) ?? false,
    operator: read.ComparisonOperator,
    threshold: read.Threshold,
  };
}

function readMetric(
  { Namespace, MetricName, Dimensions: given }: v.InferOutput<typeof MetricProperties>,
  statistic: string,
): WatchedMetric {
  const dimensions = Object.fromEntries(given.map(({ Name, Value }) => [Name, Value]));
  return { namespace: Namespace, name: MetricName, dimensions, statistic };
}

/** Metrics that the returned expression uses; the others of the alarm are not watched. */
function readMath(queries: readonly v.InferOutput<typeof Query>[]): WatchedMetric[] {
  const used = new Set<string>();
  const use = (query: v.InferOutput<typeof Query> | undefined) => {
    if (!query || used.has(query.Id)) return;
    used.add(query.Id);
    for (const id of query.Expression?.match(/\b[a-z]\w*/g) ?? []) use(queries.find(({ Id }) => Id === id));
  };
  use(queries.find(({ ReturnData }) => ReturnData !== false));
  return queries.flatMap(({ Id, MetricStat }) =>
    MetricStat && used.has(Id) ? [readMetric(MetricStat.Metric, MetricStat.Stat)] : [],
  );
}
