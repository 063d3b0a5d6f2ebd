/** Alarms of rules that match nothing. */
import { Duration } from 'aws-cdk-lib';
import { MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import { METRICS } from '../lambdas/metrics';
import type { AlarmSet } from './alarm-set';
import type { StageConfig } from './config';
import type { EventBus, Subscription } from './event-bus';
import type { EventHandler } from './event-handler';
import { ruleMetric } from './metrics';

interface Watched {
  readonly config: StageConfig;
  readonly bus: EventBus;
}

/**
 * Adds alarms for rules that match nothing while events of their type arrive. EventBridge's metrics have no types, so the
 * handler that records all events counts them. Only for rules that match every event of their types. Two consecutive
 * hours, since an event may be recorded an hour after it was matched.
 */
export function watchSilentRules(
  alarms: AlarmSet,
  { bus, config }: Watched,
  handlers: readonly EventHandler[],
): void {
  const recorder = handlers.find(({ props }) => props.counts?.includes(METRICS.eventsReceived));
  if (!recorder) return;
  const period = Duration.hours(1);
  for (const { rule, types } of bus.subscriptions.flatMap(wholeTypes)) {
    const received = Object.fromEntries(
      types.map((eventType, index) => [
        `type${index}`,
        recorder.metric(METRICS.eventsReceived, { eventType }).with({ period }),
      ]),
    );
    const come = Object.keys(received).map((id) => `FILL(${id}, 0)`);
    const name = `${rule.node.id}-silent`;
    const alarm = alarms.symptom(name, {
      runbookEntry: 'silent-rule',
      says: `The rule ${config.prefix}-${rule.node.id} has matched nothing for two hours, though ${types.join(' and ')} came.`,
      metric: new MathExpression({
        expression: `IF((${come.join(' + ')}) > 0 AND FILL(matched, 0) == 0, 1, 0)`,
        label: 'Events came, none was matched',
        usingMetrics: { ...received, matched: ruleMetric(rule, 'MatchedEvents').with({ period }) },
        period,
      }),
      threshold: 0,
      periods: 2,
    });
    alarms.tell('page', name, alarm);
  }
}

/** A rule with its event types, if it matches every event of these types, replayed ones included. */
function wholeTypes({
  rule,
  pattern,
  replayed,
}: Subscription): { rule: Subscription['rule']; types: string[] }[] {
  const { source, 'detail-type': types, ...more } = (pattern ?? {}) as Record<string, unknown>;
  const isWhole =
    replayed &&
    Object.keys(more).length === 0 &&
    Array.isArray(source) &&
    Array.isArray(types) &&
    types.every((type) => typeof type === 'string');
  return isWhole ? [{ rule, types: types as string[] }] : [];
}
