/** Alarms of a function or another target, and of the deliveries to it. */
import {
  type Alarm,
  type CompositeAlarm,
  type IMetric,
  MathExpression,
  type Metric,
} from 'aws-cdk-lib/aws-cloudwatch';
import { METRICS } from '../lambdas/metrics';
import type { AlarmSet, AlarmText } from './alarm-set';
import type { StageConfig } from './config';
import { constructsOf } from './constructs';
import type { EventBus } from './event-bus';
import type { EventHandler } from './event-handler';
import { functionMetric, PERIOD, ruleMetric } from './metrics';
import { Outbox } from './outbox';
import { type RuleTarget, ruleName, type WatchedTarget } from './rule-target';
import { ScheduleGroup } from './schedule-group';

interface DeliveryWatch {
  readonly alarms: AlarmSet;
  readonly config: StageConfig;
  /** Evaluation that keeps an alarm on for the quiet periods after a failure. */
  readonly remembered: { readonly periods: number; readonly breaching: number };
}

interface WatchedRule {
  readonly id: string;
  readonly name: string;
  /** Name of the bus; none for the default bus. */
  readonly eventBusName?: string | undefined;
  /** True if an archive has its events. @default true on a bus with a name */
  readonly isArchived?: boolean;
}

/** Adds one page for all symptoms of lost or failed events of a function, or on the way to it. */
export function watchConsumer(watch: DeliveryWatch, bus: EventBus, handler: EventHandler): CompositeAlarm {
  const { alarms, config, remembered } = watch;
  const { entry } = handler.props;
  const { errors, dropped, poisonEvents } = config.alarms;
  const name = `${config.prefix}-${entry}`;
  const failure = (kind: string, text: AlarmText, metric: IMetric, threshold: number) =>
    alarms.symptom(`${entry}-${kind}`, { ...text, metric, threshold, ...remembered });
  const alarm = alarms.cause(`${entry}-failing`, {
    runbookEntry: 'consumer-failing',
    says: `Events for the function ${name} are not handled. Which symptom: see the reason, an alarm's name.`,
    of: [
      failure(
        'errors',
        {
          runbookEntry: 'errors',
          says: `More than ${errors} calls of the function ${name} failed within 5 minutes.`,
        },
        functionMetric(handler, 'Errors'),
        errors,
      ),
      failure(
        'poison',
        {
          runbookEntry: 'poison-events',
          says: `The function ${name} met an event that it cannot read, which no retry can help.`,
        },
        handler.metric(METRICS.poisonEvents),
        poisonEvents,
      ),
      failure(
        'dropped',
        {
          runbookEntry: 'dropped',
          says:
            `The function ${name} failed to handle events for the last time. ` +
            `They are in the queue ${config.prefix}-failed-events.`,
        },
        functionMetric(handler, 'AsyncEventsDropped'),
        dropped,
      ),
      failure(
        'lost',
        {
          runbookEntry: 'lost-by-function',
          says:
            `The function ${name} failed to handle events and Lambda could not put them into the queue ` +
            `${config.prefix}-failed-events. Only the archive may have them now.`,
        },
        functionMetric(handler, 'DestinationDeliveryFailures'),
        0,
      ),
      ...watchDeliveries(watch, bus, handler),
    ],
  });
  alarms.tell('page', `${entry}-failing`, alarm);
  return alarm;
}

/** Adds one page for all symptoms of lost or failed events of a target that is no function, or on the way to it. */
export function watchTarget(watch: DeliveryWatch, bus: EventBus, target: WatchedTarget): CompositeAlarm[] {
  const { alarms, remembered } = watch;
  const { name, label } = target;
  const symptoms = [
    ...target
      .symptoms()
      .map(({ kind, threshold = 0, ...symptom }) =>
        alarms.symptom(`${name}-${kind}`, { ...symptom, threshold, ...remembered }),
      ),
    ...watchDeliveries(watch, bus, target),
  ];
  // A target of a rule with several may have no symptom of its own.
  if (symptoms.length === 0) return [];
  const alarm = alarms.cause(`${name}-failing`, {
    runbookEntry: 'target-failing',
    says: `Events do not get to the ${label}, or no further. Which symptom: see the reason, an alarm's name.`,
    of: symptoms,
  });
  alarms.tell('page', `${name}-failing`, alarm);
  return [alarm];
}

/** Adds symptoms of failed deliveries by the target's rules. Those of a rule with several targets are of the first one. */
function watchDeliveries(watch: DeliveryWatch, bus: EventBus, target: RuleTarget): Alarm[] {
  return bus.subscriptions
    .filter(({ targets }) => targets[0] === target)
    .flatMap(({ rule }) =>
      watchDelivery(watch, { id: rule.node.id, name: ruleName(rule), eventBusName: rule.eventBusName }),
    );
}

/** Adds alarms of what brings events to the bus or to functions from elsewhere. */
export function watchSources(watch: DeliveryWatch, bus: EventBus): CompositeAlarm[] {
  return [...watchInflows(watch, bus), ...watchSchedules(watch, bus), ...watchOutboxes(watch, bus)];
}

/** Adds one page for each outbox whose items do not come to the bus. */
function watchOutboxes({ alarms, config, remembered }: DeliveryWatch, bus: EventBus): CompositeAlarm[] {
  return constructsOf(bus, Outbox).map((outbox) => {
    const { name, deadLetterQueue } = outbox;
    const retried = alarms.symptom(`${name}-retried`, {
      runbookEntry: 'outbox-retried',
      says:
        `The pipe ${outbox.pipeName} failed to put items of its table on the bus. It tries them again, and those that came ` +
        'after them wait.',
      metric: new MathExpression({
        expression: 'FILL(failed, 0) + FILL(partially, 0)',
        label: 'Failed tries',
        usingMetrics: {
          failed: outbox.metric('ExecutionFailed'),
          partially: outbox.metric('ExecutionPartiallyFailed'),
        },
        period: PERIOD,
      }),
      threshold: config.alarms.undelivered,
      ...remembered,
    });
    const givenUp = alarms.symptom(`${name}-given-up`, {
      runbookEntry: 'outbox-depth',
      says:
        `The pipe ${outbox.pipeName} gave up items of its table. Their places in the stream are in the queue ` +
        `${config.prefix}-${deadLetterQueue.props.name}; the stream has them for 24 hours, the table longer.`,
      metric: deadLetterQueue.metricApproximateNumberOfMessagesVisible({
        statistic: 'Maximum',
        period: PERIOD,
      }),
      threshold: 0,
      ...remembered,
    });
    const alarm = alarms.cause(`${name}-failing`, {
      runbookEntry: 'outbox-failing',
      says: `Events of the outbox ${outbox.pipeName} do not come to the bus. Which symptom: see the reason.`,
      of: [retried, givenUp],
    });
    alarms.tell('page', `${name}-failing`, alarm);
    return alarm;
  });
}

/** Adds one page for events of other buses that do not come to this one; none if there are no such events. */
function watchInflows(watch: DeliveryWatch, { inflows }: EventBus): CompositeAlarm[] {
  if (inflows.length === 0) return [];
  const { alarms, config } = watch;
  const alarm = alarms.cause('inflow-failing', {
    runbookEntry: 'inflow-failing',
    says: `Events of other buses do not come to the bus ${config.prefix}-bus. By which rule: see the reason.`,
    of: inflows.flatMap(({ rule }) =>
      watchDelivery(watch, {
        id: rule.node.id,
        name: ruleName(rule),
        eventBusName: rule.eventBusName,
        isArchived: false,
      }),
    ),
  });
  alarms.tell('page', 'inflow-failing', alarm);
  return [alarm];
}

/** Adds one page for each group of schedules of EventBridge Scheduler that do not what they are for. */
function watchSchedules(watch: DeliveryWatch, bus: EventBus): CompositeAlarm[] {
  const { alarms, config, remembered } = watch;
  return constructsOf(bus, ScheduleGroup).map((group) => {
    const { name, groupName, does } = group;
    const [dropped, sentToDlq] = ['InvocationDroppedCount', 'InvocationsSentToDeadLetterCount'].map(
      (metric) => group.metric(metric),
    ) as [Metric, Metric];
    const undelivered = alarms.symptom(`${name}-undelivered`, {
      runbookEntry: 'undelivered',
      says:
        `EventBridge Scheduler could not ${does} ${groupName}, for all its tries. ` +
        `What it was to hand over is in the queue ${config.prefix}-dlq.`,
      metric: new MathExpression({
        expression: 'MAX([dropped, sentToDlq])',
        label: 'Calls not made',
        usingMetrics: { dropped, sentToDlq },
        period: PERIOD,
      }),
      threshold: config.alarms.undelivered,
      ...remembered,
    });
    const lost = alarms.symptom(`${name}-lost`, {
      runbookEntry: 'lost-in-delivery',
      says:
        `EventBridge Scheduler could neither ${does} ${groupName} nor put what it was to hand over ` +
        `into the queue ${config.prefix}-dlq.`,
      metric: group.metric('InvocationsFailedToBeSentToDeadLetterCount'),
      threshold: 0,
      ...remembered,
    });
    const alarm = alarms.cause(`${name}-not-made`, {
      runbookEntry: 'schedule-failing',
      says: `EventBridge Scheduler does not ${does} ${groupName}. Which symptom: see the reason.`,
      of: [undelivered, lost],
    });
    alarms.tell('page', `${name}-not-made`, alarm);
    return alarm;
  });
}

/** Adds alarms for the recovery rules, which are created later and notify of these alarms, too: that may take another rule. */
export function watchRecoveries(watch: DeliveryWatch): void {
  const { alarms, config } = watch;
  const watched: string[] = [];
  const next = () => alarms.recoveryRules().find(({ id }) => !watched.includes(id))?.id;
  for (let id = next(); id !== undefined; id = next()) {
    watched.push(id);
    for (const alarm of watchDelivery(watch, { id, name: `${config.prefix}-${id}` }))
      alarms.tell('ticket', alarm.node.id, alarm);
  }
}

/** Adds symptoms of failed deliveries to the target of a rule. */
function watchDelivery(
  { alarms, config, remembered }: DeliveryWatch,
  { id, isArchived, ...rule }: WatchedRule,
): Alarm[] {
  const isKept = isArchived ?? rule.eventBusName !== undefined;
  return [
    alarms.symptom(`${id}-undelivered`, {
      runbookEntry: 'undelivered',
      says:
        `EventBridge gave up delivering events to the target of the rule ${rule.name}. ` +
        `They are in the queue ${config.prefix}-dlq.`,
      // Half of both: each event counts as a failed invocation, and then as a message.
      metric: new MathExpression({
        expression: 'MAX([failed, sentToDlq])',
        label: 'Events not delivered',
        usingMetrics: {
          failed: ruleMetric(rule, 'FailedInvocations'),
          sentToDlq: ruleMetric(rule, 'InvocationsSentToDlq'),
        },
        period: PERIOD,
      }),
      threshold: config.alarms.undelivered,
      ...remembered,
    }),
    alarms.symptom(`${id}-lost`, {
      runbookEntry: 'lost-in-delivery',
      says:
        `EventBridge could neither deliver events to the target of the rule ${rule.name} nor put them ` +
        `into the queue ${config.prefix}-dlq. ` +
        (isKept ? 'Only the archive has them now.' : 'They are lost.'),
      metric: ruleMetric(rule, 'InvocationsFailedToBeSentToDlq'),
      threshold: 0,
      ...remembered,
    }),
  ];
}
