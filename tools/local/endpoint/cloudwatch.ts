import type {
  DescribeAlarmHistoryCommandInput,
  DescribeAlarmsCommandInput,
  GetMetricDataCommandInput,
  GetMetricStatisticsCommandInput,
  ListMetricsCommandInput,
  MetricDatum,
  PutMetricDataCommandInput,
} from '@aws-sdk/client-cloudwatch';
import { evaluateQueries, type Metric, UnknownAlarmError } from '../../cloudwatch/alarm';
import type { AlarmStatus } from '../services/alarms';
import type { Metrics } from '../services/metrics';
import { ServiceError } from '../services/service-error';
import type { Input } from './input';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services, validationError } from './service';

/** CloudWatch: the template's alarms, and the metrics that the run counts. */
export function cloudwatch(services: Services): Service {
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
    operations: { ...alarmOperations(services), ...metricOperations(services) },
  };
}

const invalid = (message: string) => new ServiceError('InvalidParameterValue', message);

function alarmOperations({ alarms, startedAt }: Services): Service['operations'] {
  const describe = ({ resource, state, reason, updatedAt, changedAt }: AlarmStatus) => ({
    AlarmName: resource.name,
    AlarmArn: resource.arn,
    AlarmDescription: resource.properties.AlarmDescription,
    AlarmConfigurationUpdatedTimestamp: new Date(startedAt),
    ActionsEnabled: String(resource.properties.ActionsEnabled ?? true) === 'true',
    OKActions: resource.properties.OKActions ?? [],
    AlarmActions: resource.properties.AlarmActions ?? [],
    InsufficientDataActions: resource.properties.InsufficientDataActions ?? [],
    StateValue: state,
    StateReason: reason,
    StateUpdatedTimestamp: new Date(updatedAt),
    StateTransitionedTimestamp: new Date(changedAt),
  });
  const describeMetric = (status: AlarmStatus) => {
    const { properties } = status.resource;
    return {
      ...describe(status),
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
  const typeOf = (isComposite: boolean) => (isComposite ? 'CompositeAlarm' : 'MetricAlarm');
  return {
    DescribeAlarms: operation<DescribeAlarmsCommandInput>({
      run({
        AlarmNames = [],
        AlarmNamePrefix = '',
        AlarmTypes = [],
        StateValue,
        ActionPrefix = '',
        ...paging
      }) {
        // CloudWatch shows metric alarms alone unless it is asked for others.
        const types: readonly string[] = AlarmTypes.length > 0 ? AlarmTypes : ['MetricAlarm'];
        const found = alarms
          .statuses()
          .filter(
            ({ resource: { name, properties }, isComposite, state }) =>
              types.includes(typeOf(isComposite)) &&
              (AlarmNames.length === 0 || AlarmNames.includes(name)) &&
              name.startsWith(AlarmNamePrefix) &&
              state === (StateValue ?? state) &&
              (ActionPrefix === '' ||
                (properties.AlarmActions ?? []).some((action: string) => action.startsWith(ActionPrefix))),
          );
        const { items, next } = page(found, paging.MaxRecords ?? 50, paging.NextToken, 'InvalidNextToken');
        return {
          MetricAlarms: items.filter(({ isComposite }) => !isComposite).map(describeMetric),
          CompositeAlarms: items
            .filter(({ isComposite }) => isComposite)
            .map((status) => ({ ...describe(status), AlarmRule: status.resource.properties.AlarmRule })),
          NextToken: next,
        };
      },
    }),
    DescribeAlarmHistory: operation<DescribeAlarmHistoryCommandInput>({
      run({
        AlarmName,
        AlarmTypes = [],
        HistoryItemType,
        StartDate,
        EndDate,
        ScanBy,
        MaxRecords,
        NextToken,
      }) {
        const types: readonly string[] = AlarmTypes.length > 0 ? AlarmTypes : ['MetricAlarm'];
        const found = alarms.history.filter(
          ({ alarm, isComposite, type, at }) =>
            alarm === (AlarmName ?? alarm) &&
            (AlarmName !== undefined || types.includes(typeOf(isComposite))) &&
            type === (HistoryItemType ?? type) &&
            at >= (StartDate?.getTime() ?? 0) &&
            at <= (EndDate?.getTime() ?? Number.POSITIVE_INFINITY),
        );
        if (ScanBy !== 'TimestampAscending') found.reverse();
        const { items, next } = page(found, MaxRecords ?? 100, NextToken, 'InvalidNextToken');
        return {
          AlarmHistoryItems: items.map(({ alarm, isComposite, type, at, summary, data }) => ({
            ...{ AlarmName: alarm, AlarmType: typeOf(isComposite), Timestamp: new Date(at) },
            ...{ HistoryItemType: type, HistorySummary: summary, HistoryData: data },
          })),
          NextToken: next,
        };
      },
    }),
  };
}

const MINUTE_MS = 60_000;
/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html */
const MAX_DATAPOINTS = 1_440;
/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html */
const MAX_DATA_VALUES = 100_800;

/** Starts of the periods between two times, in their order. */
function periodsOf(start: Date, end: Date, seconds: number): number[] {
  if (start >= end) throw invalid('The parameter StartTime must be less than the parameter EndTime.');
  if (seconds < 60 || seconds % 60 !== 0) {
    throw invalid(
      'The parameter Period must be at least 60 and a multiple of 60: the local run counts by the minute.',
    );
  }
  const first = Math.floor(start.getTime() / MINUTE_MS) * MINUTE_MS;
  const count = Math.ceil((end.getTime() - first) / (1000 * seconds));
  if (count > MAX_DATA_VALUES) {
    throw new ServiceError(
      'InvalidParameterCombination',
      `The request would give ${count} datapoints; narrow it.`,
    );
  }
  return Array.from({ length: count }, (_, index) => first + index * 1000 * seconds);
}

function metricOf({ Namespace = '', MetricName = '', Dimensions = [] }: MetricInput): Metric {
  return {
    ...{ Namespace, MetricName },
    Dimensions: Dimensions.map(({ Name = '', Value = '' }) => ({ Name, Value })),
  };
}

interface MetricInput {
  readonly Namespace?: string | undefined;
  readonly MetricName?: string | undefined;
  readonly Dimensions?: readonly { readonly Name?: string; readonly Value?: string }[] | undefined;
}

function metricOperations({ metrics, world }: Services): Service['operations'] {
  const source = metrics.statistic.bind(metrics);
  return {
    ListMetrics: operation<ListMetricsCommandInput>({
      run({ Namespace, MetricName, Dimensions = [], NextToken }) {
        const found = metrics.all.filter(
          (metric) =>
            metric.Namespace === (Namespace ?? metric.Namespace) &&
            metric.MetricName === (MetricName ?? metric.MetricName) &&
            Dimensions.every(({ Name, Value }) =>
              metric.Dimensions?.some((each) => each.Name === Name && each.Value === (Value ?? each.Value)),
            ),
        );
        const { items, next } = page(found, 500, NextToken, 'InvalidParameterValue');
        return { Metrics: items, NextToken: next };
      },
    }),
    GetMetricStatistics: operation<GetMetricStatisticsCommandInput>({
      run({ StartTime, EndTime, Period, Statistics = [], ExtendedStatistics = [], Unit, ...input }) {
        if (Statistics.length + ExtendedStatistics.length === 0) {
          throw new ServiceError(
            'InvalidParameterCombination',
            'At least one of the parameters Statistics and ExtendedStatistics must be specified.',
          );
        }
        const times = periodsOf(StartTime, EndTime, Period);
        if (times.length > MAX_DATAPOINTS) {
          const message = `You have requested up to ${times.length} datapoints, which exceeds the limit of ${MAX_DATAPOINTS}.`;
          throw new ServiceError('InvalidParameterCombination', message);
        }
        const metric = metricOf(input);
        const read = (names: readonly string[], time: number) =>
          Object.fromEntries(names.map((name) => [name, source(metric, name, time, time + 1000 * Period)]));
        return {
          Label: metric.MetricName,
          Datapoints: times
            .filter((time) => source(metric, 'SampleCount', time, time + 1000 * Period) !== undefined)
            .map((time) => ({
              Timestamp: new Date(time),
              ...read(Statistics, time),
              ...(ExtendedStatistics.length > 0 && { ExtendedStatistics: read(ExtendedStatistics, time) }),
              Unit: Unit ?? 'None',
            })),
        };
      },
    }),
    GetMetricData: operation<GetMetricDataCommandInput>({
      run({ MetricDataQueries, StartTime, EndTime, ScanBy }) {
        const queries = MetricDataQueries.map(({ MetricStat, ...query }) => ({
          ...query,
          ...(MetricStat && { MetricStat: { ...MetricStat, Metric: metricOf(MetricStat.Metric) } }),
        }));
        const periods = queries.flatMap(({ MetricStat, Period }) => MetricStat?.Period ?? Period ?? []);
        const period = Math.max(60, ...periods);
        const times = periodsOf(StartTime, EndTime, period);
        let results: ReturnType<typeof evaluateQueries>;
        try {
          results = evaluateQueries(
            queries as Parameters<typeof evaluateQueries>[0],
            source,
            times,
            1000 * period,
          );
        } catch (error) {
          if (error instanceof UnknownAlarmError) throw new ServiceError('ValidationError', error.message);
          throw error;
        }
        return {
          MetricDataResults: queries
            .filter(({ ReturnData = true }) => ReturnData)
            .map(({ Id, Label, MetricStat }) => {
              const series = [...(results.get(Id) ?? [])].sort(([a], [b]) => a - b);
              if (ScanBy !== 'TimestampAscending') series.reverse();
              return {
                ...{ Id, Label: Label ?? MetricStat?.Metric.MetricName ?? Id, StatusCode: 'Complete' },
                Timestamps: series.map(([time]) => new Date(time)),
                Values: series.map(([, value]) => value),
              };
            }),
          Messages: [],
        };
      },
    }),
    PutMetricData: operation<PutMetricDataCommandInput>({
      run({ Namespace, MetricData = [] }) {
        if (Namespace.startsWith('AWS/')) {
          throw invalid("The value AWS/ for parameter Namespace is invalid: it is for AWS's own metrics.");
        }
        const now = world.now();
        // All of it is read before any of it counts.
        const puts = MetricData.map((datum) =>
          readDatum(metrics, metricOf({ ...datum, Namespace }), datum, now),
        );
        for (const put of puts) put();
        return undefined;
      },
    }),
  };
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** @throws ServiceError for what CloudWatch would not take */
function readDatum(metrics: Metrics, metric: Metric, datum: Input<MetricDatum>, now: number): () => void {
  const { Timestamp, Value, Values = [], Counts = [], StatisticValues } = datum;
  const at = Timestamp?.getTime() ?? now;
  if (at < now - 14 * DAY_MS || at > now + DAY_MS / 12) {
    throw invalid(
      'The parameter MetricData.member.Timestamp must be within two weeks before and two hours after now.',
    );
  }
  const given = [Value, Values.length > 0 ? Values : undefined, StatisticValues].filter(
    (each) => each !== undefined,
  );
  if (given.length !== 1) {
    throw new ServiceError(
      'InvalidParameterCombination',
      'Exactly one of the parameters Value, Values and StatisticValues must be specified.',
    );
  }
  if (Counts.length > 0 && Counts.length !== Values.length) {
    throw invalid('The parameters Values and Counts must have the same number of members.');
  }
  return () => {
    if (StatisticValues) metrics.addSet(metric, StatisticValues, at);
    if (Value !== undefined) metrics.add(metric, Value, at);
    for (const [index, value] of Values.entries()) metrics.add(metric, value, at, Counts[index] ?? 1);
  };
}
