/** The template's alarms, evaluated each minute of the stack's time, and their actions. */
import {
  type AlarmEvaluation,
  type AlarmState,
  evaluateAlarm,
  type Metric,
  type MetricAlarm,
  readComposite,
  UnknownAlarmError,
} from '../../cloudwatch/alarm';
import type { Resource } from '../../template/assembly';
import type { StepListener } from '../steps';
import type { Clock } from './clock';
import { isCounted, type MetricRecorder } from './metric-recorder';
import type { Metrics } from './metrics';
import { ServiceError } from './service-error';
import type { Topic } from './topic';

export interface AlarmStatus {
  readonly resource: Resource;
  readonly isComposite: boolean;
  readonly state: AlarmState;
  readonly reason: string;
  /** Milliseconds since 1970-01-01 UTC, as all times here. */
  readonly updatedAt: number;
  readonly changedAt: number;
}

export interface AlarmHistoryItem {
  readonly alarm: string;
  readonly isComposite: boolean;
  readonly at: number;
  readonly type: 'StateUpdate' | 'Action' | 'ConfigurationUpdate';
  readonly summary: string;
  /** JSON text. */
  readonly data: string;
}

export interface AlarmsOptions {
  readonly resources: { readonly metric: readonly Resource[]; readonly composite: readonly Resource[] };
  readonly metrics: Metrics;
  readonly recorder: MetricRecorder;
  readonly clock: Clock;
  readonly topics: readonly Topic[];
  readonly onStep?: StepListener;
}

const MINUTE_MS = 60_000;
/** Items of all alarms together. */
const MAX_HISTORY = 2_000;

export class AlarmMonitor {
  readonly #options: AlarmsOptions;
  readonly #statuses = new Map<string, AlarmStatus>();
  /** The latest last. */
  readonly #history: AlarmHistoryItem[] = [];
  /** Rules of the composite alarms that were evaluated. */
  readonly #composites = new Map<Resource, ReturnType<typeof readComposite>>();
  #timer: { cancel(): void } | undefined;

  constructor(options: AlarmsOptions) {
    this.#options = options;
  }

  /**
   * Starts the evaluation. The first states do not perform actions: the stack counts as deployed earlier.
   */
  start(): void {
    this.#evaluateAll({ isFirst: true });
    this.#wait();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Present states, in the order of the template. */
  statuses(): readonly AlarmStatus[] {
    this.#options.recorder.sample();
    this.#evaluateAll({ isAsked: true });
    return [...this.#statuses.values()];
  }

  /** The latest last. */
  get history(): readonly AlarmHistoryItem[] {
    return this.#history;
  }

  #wait(): void {
    const { clock, recorder } = this.#options;
    const now = clock.now();
    this.#timer = clock.after(MINUTE_MS - (now % MINUTE_MS), () => {
      // Present values belong to the minute that ends.
      recorder.sample(clock.now() - 1);
      this.#evaluateAll();
      this.#wait();
    });
  }

  #evaluateAll({ isFirst = false, isAsked = false } = {}): void {
    const { metric, composite } = this.#options.resources;
    for (const resource of metric) this.#set(resource, false, this.#evaluate(resource, isAsked), isFirst);
    for (const resource of composite) this.#set(resource, true, this.#evaluateComposite(resource), isFirst);
  }

  #evaluate({ name, properties }: Resource, isAsked: boolean): Omit<AlarmEvaluation, 'datapoints'> {
    const alarm = properties as MetricAlarm;
    const uncounted = metricsOf(alarm).find(
      (metric) => !isCounted(metric) && !this.#options.metrics.has(metric),
    );
    if (uncounted) {
      const { Namespace, MetricName } = uncounted;
      return unchecked(`the local run does not count ${MetricName} of ${Namespace}.`);
    }
    const { clock, metrics } = this.#options;
    const source = metrics.statistic.bind(metrics);
    const before = this.#statuses.get(name)?.state;
    try {
      const evaluation = evaluateAlarm(alarm, source, clock.now(), before);
      // To whoever asks, what is too much shows at once; what is too little only at the end of its minute.
      const isEarly = isAsked && alarm.ComparisonOperator.startsWith('Greater');
      if (!isEarly || evaluation.state === 'ALARM') return evaluation;
      const early = evaluateAlarm(alarm, source, clock.now() + MINUTE_MS, before);
      return early.state === 'ALARM' || evaluation.state === 'INSUFFICIENT_DATA' ? early : evaluation;
    } catch (error) {
      if (error instanceof UnknownAlarmError || error instanceof ServiceError)
        return unchecked(error.message);
      throw error;
    }
  }

  #evaluateComposite(resource: Resource): Omit<AlarmEvaluation, 'datapoints'> {
    const { properties } = resource;
    try {
      let rule = this.#composites.get(resource);
      if (!rule) {
        rule = readComposite(String(properties.AlarmRule));
        this.#composites.set(resource, rule);
      }
      const state = rule((nameOrArn) => this.#stateOf(nameOrArn));
      return { state, reason: `The rule ${properties.AlarmRule} is ${state === 'ALARM'}.` };
    } catch (error) {
      if (error instanceof UnknownAlarmError) return unchecked(error.message);
      throw error;
    }
  }

  #stateOf(nameOrArn: string): AlarmState | undefined {
    const named = this.#statuses.get(nameOrArn);
    if (named) return named.state;
    return [...this.#statuses.values()].find(({ resource }) => nameOrArn === resource.arn)?.state;
  }

  #set(
    resource: Resource,
    isComposite: boolean,
    { state, reason }: Omit<AlarmEvaluation, 'datapoints'>,
    isFirst: boolean,
  ): void {
    const now = this.#options.clock.now();
    const before = this.#statuses.get(resource.name);
    const isChange = before !== undefined && before.state !== state;
    const changedAt = before && !isChange ? before.changedAt : now;
    this.#statuses.set(resource.name, { resource, isComposite, state, reason, updatedAt: now, changedAt });
    if (isChange && !isFirst) this.#tell(resource, isComposite, before.state, state, reason);
  }

  #tell(resource: Resource, isComposite: boolean, from: AlarmState, to: AlarmState, reason: string): void {
    const { name, properties } = resource;
    this.#options.onStep?.({ kind: 'alarm-changed', alarm: name, from, to, reason });
    const states = { oldState: { stateValue: from }, newState: { stateValue: to, stateReason: reason } };
    this.#remember(resource, isComposite, 'StateUpdate', `Alarm updated from ${from} to ${to}`, states);
    if (String(properties.ActionsEnabled ?? true) !== 'true') return;
    const actions = { ALARM: 'AlarmActions', OK: 'OKActions', INSUFFICIENT_DATA: 'InsufficientDataActions' }[
      to
    ];
    for (const arn of (properties[actions] ?? []) as readonly string[]) {
      this.#act(resource, isComposite, arn, from, to, reason);
    }
  }

  #act(
    resource: Resource,
    isComposite: boolean,
    arn: string,
    from: AlarmState,
    to: AlarmState,
    reason: string,
  ): void {
    const topic = this.#options.topics.find((each) => each.arn === arn);
    const remember = (summary: string, error?: string) =>
      this.#remember(resource, isComposite, 'Action', summary, {
        actionState: error === undefined ? 'Succeeded' : 'Failed',
        notificationResource: arn,
        stateUpdateTimestamp: this.#options.clock.now(),
        error: error ?? null,
      });
    if (!topic) {
      remember(`Failed to execute action ${arn}`, 'The local run tells topics of this stack only.');
      return;
    }
    const { name, properties } = resource;
    const message = {
      AlarmName: name,
      AlarmDescription: properties.AlarmDescription ?? null,
      AWSAccountId: resource.arn.split(':')[4],
      NewStateValue: to,
      NewStateReason: reason,
      StateChangeTime: new Date(this.#options.clock.now()).toISOString(),
      Region: resource.arn.split(':')[3],
      AlarmArn: resource.arn,
      OldStateValue: from,
    };
    try {
      topic.publish({ message: JSON.stringify(message), subject: `${to}: "${name}"`.slice(0, 100) });
      remember(`Successfully executed action ${arn}`);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      remember(`Failed to execute action ${arn}`, error.message);
    }
  }

  #remember(
    { name }: Resource,
    isComposite: boolean,
    type: AlarmHistoryItem['type'],
    summary: string,
    data: object,
  ): void {
    const at = this.#options.clock.now();
    this.#history.push({ alarm: name, isComposite, at, type, summary, data: JSON.stringify(data) });
    if (this.#history.length > MAX_HISTORY) this.#history.shift();
  }
}

const unchecked = (reason: string) => ({
  state: 'INSUFFICIENT_DATA' as const,
  reason: `Unchecked: ${reason}`,
});

function metricsOf({ Namespace, MetricName, Dimensions = [], Metrics = [] }: MetricAlarm): readonly Metric[] {
  const own =
    Namespace !== undefined && MetricName !== undefined ? [{ Namespace, MetricName, Dimensions }] : [];
  return [...own, ...Metrics.flatMap(({ MetricStat }) => (MetricStat ? [MetricStat.Metric] : []))];
}
