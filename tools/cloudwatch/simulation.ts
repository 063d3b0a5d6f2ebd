/** A template's alarms over time: evaluated once a minute, with the suppressors of composite alarms. */
import {
  type AlarmState,
  evaluateAlarm,
  evaluateComposite,
  type MetricAlarm,
  type MetricSource,
} from './alarm';

interface Actions {
  readonly AlarmName: string;
  readonly ActionsEnabled?: boolean;
  /** ARNs. */
  readonly AlarmActions?: readonly string[];
  readonly OKActions?: readonly string[];
  readonly InsufficientDataActions?: readonly string[];
}

/** Properties of `AWS::CloudWatch::CompositeAlarm`. */
export interface CompositeAlarm extends Actions {
  readonly AlarmRule: string;
  /** Name or ARN of an alarm. */
  readonly ActionsSuppressor?: string;
  /** Seconds. */
  readonly ActionsSuppressorWaitPeriod?: number | string;
  readonly ActionsSuppressorExtensionPeriod?: number | string;
}

/** A change of an alarm's state, or actions that were held back until now. */
export interface AlarmChange {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly time: number;
  readonly alarm: string;
  readonly state: AlarmState;
  readonly previous: AlarmState;
  /** ARNs of the performed actions. */
  readonly actions: readonly string[];
  /** True if the actions of the previous state were suppressed until its end. */
  readonly wasSuppressed: boolean;
}

const MINUTE_MS = 60_000;

export interface AlarmSimulationOptions {
  /** Milliseconds since 1970-01-01 UTC, as all times. */
  readonly start: number;
  readonly end: number;
  /** See `evaluateAlarm`. */
  readonly morePeriods?: number;
  /** Time between two evaluations. @default one minute, as in AWS */
  readonly step?: number;
}

/** Changes of alarms between two times, with alarms created at `start`. */
export function simulateAlarms(
  metricAlarms: readonly (MetricAlarm & Actions)[],
  compositeAlarms: readonly CompositeAlarm[],
  source: MetricSource,
  { start, end, morePeriods, step = MINUTE_MS }: AlarmSimulationOptions,
): AlarmChange[] {
  const states = new Map<string, AlarmState>();
  const stateOf = (nameOrArn: string): AlarmState => states.get(nameOf(nameOrArn)) ?? 'INSUFFICIENT_DATA';
  const composites = compositeAlarms.map((alarm) => new Composite(alarm));
  const changes: AlarmChange[] = [];
  for (let now = start; now < end; now += step) {
    for (const alarm of metricAlarms) {
      const previous = stateOf(alarm.AlarmName);
      const { state } = evaluateAlarm(alarm, source, now, previous, morePeriods);
      states.set(alarm.AlarmName, state);
      if (state !== previous) changes.push(change(alarm, now, state, previous));
    }
    // A composite alarm may depend on a later one: evaluate a second round.
    for (let round = 0; round < 2; round++) {
      for (const composite of composites) {
        states.set(composite.alarm.AlarmName, evaluateComposite(composite.alarm.AlarmRule, stateOf));
      }
    }
    for (const composite of composites) {
      const made = composite.step(now, stateOf);
      if (made) changes.push(made);
    }
  }
  return changes;
}

/**
 * A composite alarm waits for its suppressor to go off. While that is in alarm, and for the extension period after
 * it, its actions are suppressed. If it is still in alarm then, they are performed.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-suppression.html
 */
class Composite {
  #state: AlarmState = 'INSUFFICIENT_DATA';
  /** Due time of the actions; undefined if they have been performed, or it is not in alarm. */
  #due: number | undefined;
  #hasTold = false;

  constructor(readonly alarm: CompositeAlarm) {}

  step(now: number, stateOf: (nameOrArn: string) => AlarmState): AlarmChange | undefined {
    const { ActionsSuppressor: suppressor, ActionsSuppressorWaitPeriod: wait = 0 } = this.alarm;
    const previous = this.#state;
    const state = stateOf(this.alarm.AlarmName);
    this.#state = state;
    const isHeldBack = suppressor !== undefined && stateOf(suppressor) === 'ALARM';
    if (state !== previous)
      return this.#enter(now, state, previous, isHeldBack, suppressor ? Number(wait) : 0);
    if (this.#due === undefined) return undefined;
    const { ActionsSuppressorExtensionPeriod: extension = 0 } = this.alarm;
    if (isHeldBack) this.#due = Number.POSITIVE_INFINITY;
    else if (this.#due === Number.POSITIVE_INFINITY) this.#due = now + 1000 * Number(extension);
    if (now < this.#due) return undefined;
    this.#due = undefined;
    this.#hasTold = true;
    return change(this.alarm, now, state, previous);
  }

  #enter(
    now: number,
    state: AlarmState,
    previous: AlarmState,
    isHeldBack: boolean,
    waitSeconds: number,
  ): AlarmChange {
    const wasSuppressed = previous === 'ALARM' && !this.#hasTold;
    const isAlarm = state === 'ALARM';
    this.#due = undefined;
    if (isAlarm && isHeldBack) this.#due = Number.POSITIVE_INFINITY;
    else if (isAlarm && waitSeconds > 0) this.#due = now + 1000 * waitSeconds;
    this.#hasTold = isAlarm && this.#due === undefined;
    const made = change(this.alarm, now, state, previous);
    return { ...made, wasSuppressed, ...(isAlarm && !this.#hasTold && { actions: [] }) };
  }
}

/** The name in an alarm's ARN, or the name itself. */
const nameOf = (nameOrArn: string): string => nameOrArn.replace(/^arn:.*:alarm:/, '');

const ACTIONS = {
  OK: 'OKActions',
  ALARM: 'AlarmActions',
  INSUFFICIENT_DATA: 'InsufficientDataActions',
} as const;

function change(alarm: Actions, time: number, state: AlarmState, previous: AlarmState): AlarmChange {
  const actions = alarm.ActionsEnabled === false ? [] : (alarm[ACTIONS[state]] ?? []);
  return { time, alarm: alarm.AlarmName, state, previous, actions, wasSuppressed: false };
}
