import type { DescribeAlarmsCommandInput } from '@aws-sdk/client-cloudwatch';
import type { Resource } from '../../template/assembly';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services, validationError } from './service';

const COMPARISONS: Readonly<
  Record<string, { words: string; holds: (value: number, threshold: number) => boolean }>
> = {
  GreaterThanOrEqualToThreshold: {
    words: 'greater than or equal to',
    holds: (value, limit) => value >= limit,
  },
  GreaterThanThreshold: { words: 'greater than', holds: (value, limit) => value > limit },
  LessThanThreshold: { words: 'less than', holds: (value, limit) => value < limit },
  LessThanOrEqualToThreshold: { words: 'less than or equal to', holds: (value, limit) => value <= limit },
};

/**
 * CloudWatch, as far as the state of the template's alarms is read from it. The metrics of queues are known; an
 * alarm on one is judged by the queue as it is now. Of any other metric there is no data here, and its alarm says so.
 */
export function cloudwatch({ assembly, clock, queues }: Services): Service {
  const started = new Date(clock.now());
  const measure = ({ Namespace, MetricName, Dimensions }: Resource['properties']): number | undefined => {
    if (Namespace !== 'AWS/SQS') return undefined;
    const name = Dimensions?.find((dimension: { Name: string }) => dimension.Name === 'QueueName')?.Value;
    const depth = queues.find((queue) => queue.name === name)?.depth();
    return {
      ApproximateNumberOfMessagesVisible: depth?.visible,
      ApproximateNumberOfMessagesNotVisible: depth?.inFlight,
      ApproximateNumberOfMessagesDelayed: depth?.delayed,
      ApproximateAgeOfOldestMessage: depth?.oldestAgeSeconds,
    }[MetricName as string];
  };
  const state = (properties: Resource['properties']) => {
    const value = measure(properties);
    const comparison = COMPARISONS[properties.ComparisonOperator];
    if (value === undefined || !comparison) {
      const reason = 'Unchecked: the local run measures queues only, and has no data of this metric.';
      return { StateValue: 'INSUFFICIENT_DATA', StateReason: reason, StateUpdatedTimestamp: started };
    }
    const threshold = Number(properties.Threshold);
    const crossed = comparison.holds(value, threshold);
    return {
      StateValue: crossed ? 'ALARM' : 'OK',
      StateReason: `Threshold Crossed: the queue's value now [${value}] was ${crossed ? '' : 'not '}${comparison.words} the threshold (${threshold}).`,
      StateUpdatedTimestamp: new Date(clock.now()),
    };
  };
  const describe = ({ name, arn, properties }: Resource) => ({
    AlarmName: name,
    AlarmArn: arn,
    AlarmDescription: properties.AlarmDescription,
    AlarmConfigurationUpdatedTimestamp: started,
    ActionsEnabled: properties.ActionsEnabled ?? true,
    OKActions: properties.OKActions ?? [],
    AlarmActions: properties.AlarmActions ?? [],
    InsufficientDataActions: properties.InsufficientDataActions ?? [],
  });
  const metricAlarm = (alarm: Resource) => {
    const { properties } = alarm;
    return {
      ...describe(alarm),
      ...state(properties),
      MetricName: properties.MetricName,
      Namespace: properties.Namespace,
      Statistic: properties.Statistic,
      ExtendedStatistic: properties.ExtendedStatistic,
      Dimensions: properties.Dimensions ?? [],
      Period: properties.Period,
      Unit: properties.Unit,
      EvaluationPeriods: properties.EvaluationPeriods,
      DatapointsToAlarm: properties.DatapointsToAlarm,
      Threshold: properties.Threshold,
      ComparisonOperator: properties.ComparisonOperator,
      TreatMissingData: properties.TreatMissingData,
      Metrics: properties.Metrics,
    };
  };
  const compositeAlarm = (alarm: Resource) => ({
    ...describe(alarm),
    AlarmRule: alarm.properties.AlarmRule,
    StateValue: 'INSUFFICIENT_DATA',
    StateReason: 'Unchecked: the local run does not evaluate composite alarms.',
    StateUpdatedTimestamp: started,
  });

  return {
    name: 'cloudwatch',
    signingName: 'monitoring',
    target: 'GraniteServiceVersion20100801',
    jsonVersion: '1.0',
    namespace: 'http://monitoring.amazonaws.com/doc/2010-08-01/',
    queryCodes: {},
    model: MODELS.cloudwatch,
    invalid: validationError('ValidationError'),
    accessDenied: { code: 'AccessDenied', status: 403 },
    operations: {
      DescribeAlarms: operation<DescribeAlarmsCommandInput>({
        run({
          AlarmNames,
          AlarmNamePrefix = '',
          AlarmTypes,
          StateValue,
          ActionPrefix,
          MaxRecords,
          NextToken,
        }) {
          // CloudWatch shows metric alarms alone unless it is asked for others.
          const types = AlarmTypes?.length ? AlarmTypes : ['MetricAlarm'];
          const alarms = [
            ...assembly.ofType('AWS::CloudWatch::Alarm').map(metricAlarm),
            ...assembly.ofType('AWS::CloudWatch::CompositeAlarm').map(compositeAlarm),
          ].filter(
            (alarm) =>
              types.includes('AlarmRule' in alarm ? 'CompositeAlarm' : 'MetricAlarm') &&
              (!AlarmNames?.length || AlarmNames.includes(alarm.AlarmName)) &&
              alarm.AlarmName.startsWith(AlarmNamePrefix) &&
              alarm.StateValue === (StateValue ?? alarm.StateValue) &&
              (!ActionPrefix || alarm.AlarmActions.some((action: string) => action.startsWith(ActionPrefix))),
          );
          const shown = page(alarms, MaxRecords ?? 50, NextToken, 'InvalidNextToken');
          return {
            MetricAlarms: shown.items.filter((alarm) => !('AlarmRule' in alarm)),
            CompositeAlarms: shown.items.filter((alarm) => 'AlarmRule' in alarm),
            NextToken: shown.next,
          };
        },
      }),
    },
  };
}
