import type {
  DescribeLogGroupsCommandInput,
  DescribeLogStreamsCommandInput,
  DescribeQueryDefinitionsCommandInput,
  FilterLogEventsCommandInput,
  GetLogEventsCommandInput,
  GetQueryResultsCommandInput,
  StartQueryCommandInput,
  StopQueryCommandInput,
} from '@aws-sdk/client-cloudwatch-logs';
import { defined } from '../../defined';
import { InsightsError } from '../services/insights-query';
import { LogQueries } from '../services/log-queries';
import { ServiceError } from '../services/service-error';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services, validationError } from './service';

/** CloudWatch Logs, as far as logs are read and asked. */
export function logs(services: Services): Service {
  return {
    name: 'logs',
    target: 'Logs_20140328',
    model: MODELS.logs,
    invalid: validationError('InvalidParameterException'),
    accessDenied: { code: 'AccessDeniedException', status: 400 },
    operations: {
      ...groupOperations(services),
      ...eventOperations(services),
      ...queryOperations(services),
    },
  };
}

const invalid = (message: string) => new ServiceError('InvalidParameterException', message);

/** The group's name, from its name or ARN; an ARN of elsewhere stays what it is, and is found nowhere. */
function nameOf({ assembly }: Services, identifier: string): string {
  const { partition, region, account } = assembly;
  const prefix = `arn:${partition}:logs:${region}:${account}:log-group:`;
  return identifier.startsWith(prefix) ? identifier.slice(prefix.length).replace(/:\*$/, '') : identifier;
}

function arnOf(services: Services, identifier: string): string {
  const { partition, region, account } = services.assembly;
  return `arn:${partition}:logs:${region}:${account}:log-group:${nameOf(services, identifier)}:*`;
}

interface GroupInput {
  readonly logGroupName?: string | undefined;
  readonly logGroupIdentifier?: string | undefined;
}

/** @throws ServiceError (InvalidParameterException) unless one of both is given */
function readGroup(services: Services, { logGroupName, logGroupIdentifier }: GroupInput): string {
  if ((logGroupName === undefined) === (logGroupIdentifier === undefined)) {
    throw invalid('Exactly one of logGroupName and logGroupIdentifier must be given.');
  }
  return nameOf(services, String(logGroupName ?? logGroupIdentifier));
}

const resourcesOf =
  (services: Services) =>
  ({ logGroupName, logGroupIdentifier }: GroupInput) => [
    arnOf(services, logGroupName ?? logGroupIdentifier ?? ''),
  ];

function groupOperations(services: Services): Service['operations'] {
  const { logGroups, startedAt } = services;
  return {
    DescribeLogGroups: operation<DescribeLogGroupsCommandInput>({
      run({ logGroupNamePrefix: prefix, logGroupNamePattern: pattern, nextToken, limit = 50 }) {
        if (prefix !== undefined && pattern !== undefined) {
          throw invalid('LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.');
        }
        const found = logGroups.describe(prefix).filter(({ name }) => name.includes(pattern ?? ''));
        const { items, next } = page(found, limit, nextToken, 'InvalidParameterException');
        return {
          logGroups: items.map(({ name, retentionDays, storedBytes }) => ({
            ...{ logGroupName: name, arn: arnOf(services, name), creationTime: startedAt, storedBytes },
            ...{ logGroupArn: arnOf(services, name).replace(/:\*$/, ''), logGroupClass: 'STANDARD' },
            ...{ retentionInDays: retentionDays, metricFilterCount: 0 },
          })),
          nextToken: next,
        };
      },
    }),
    DescribeLogStreams: operation<DescribeLogStreamsCommandInput>({
      resources: resourcesOf(services),
      run({ logStreamNamePrefix: prefix, orderBy, descending = false, nextToken, limit = 50, ...group }) {
        if (prefix !== undefined && orderBy === 'LastEventTime') {
          throw invalid('Cannot order by LastEventTime with a logStreamNamePrefix.');
        }
        const name = readGroup(services, group);
        const streams = logGroups
          .describeStreams(name)
          .filter((stream) => stream.name.startsWith(prefix ?? ''))
          .sort((a, b) =>
            orderBy === 'LastEventTime' ? a.lastEventTime - b.lastEventTime : a.name < b.name ? -1 : 1,
          );
        if (descending) streams.reverse();
        const { items, next } = page(streams, limit, nextToken, 'InvalidParameterException');
        return {
          logStreams: items.map(({ name: stream, ...times }) => ({
            logStreamName: stream,
            creationTime: times.firstEventTime,
            firstEventTimestamp: times.firstEventTime,
            lastEventTimestamp: times.lastEventTime,
            lastIngestionTime: times.lastIngestionTime,
            arn: arnOf(services, name).replace(/\*$/, `log-stream:${stream}`),
            storedBytes: 0,
          })),
          nextToken: next,
        };
      },
    }),
  };
}

/** Events of one answer of GetLogEvents. */
const PAGE_EVENTS = 10_000;

function eventOperations(services: Services): Service['operations'] {
  const { logGroups } = services;
  return {
    GetLogEvents: operation<GetLogEventsCommandInput>({
      resources: resourcesOf(services),
      run({ logStreamName, startTime, endTime, nextToken, limit = PAGE_EVENTS, startFromHead, ...group }) {
        // The end is exclusive here, where that of FilterLogEvents is not.
        const last = endTime === undefined ? undefined : endTime - 1;
        const name = readGroup(services, group);
        const events = logGroups
          .events(name, startTime, last)
          .filter(({ stream }) => stream === logStreamName);
        if (
          events.length === 0 &&
          !logGroups.describeStreams(name).some((each) => each.name === logStreamName)
        ) {
          throw new ServiceError('ResourceNotFoundException', 'The specified log stream does not exist.');
        }
        const [, way = startFromHead ? 'f' : '', id = ''] = /^([fb])\/(\d*)$/.exec(nextToken ?? '') ?? [];
        if (nextToken !== undefined && way === '') throw invalid('The specified nextToken is invalid.');
        const shown =
          way === 'f'
            ? events.filter((event) => event.id > id).slice(0, limit)
            : events.filter((event) => id === '' || event.id < id).slice(-limit);
        return {
          events: shown.map(({ timestamp, message, ingestionTime }) => ({
            timestamp,
            message,
            ingestionTime,
          })),
          nextForwardToken: `f/${shown.at(-1)?.id ?? id}`,
          nextBackwardToken: `b/${shown[0]?.id ?? id}`,
        };
      },
    }),
    FilterLogEvents: operation<FilterLogEventsCommandInput>({
      resources: resourcesOf(services),
      run(input) {
        const { logStreamNames, logStreamNamePrefix } = input;
        const group = readGroup(services, input);
        if (logStreamNames && logStreamNamePrefix !== undefined) {
          throw invalid('logStreamNames and logStreamNamePrefix cannot both be given.');
        }
        const { events, nextToken } = logGroups.filter(group, {
          ...(logStreamNames && { streams: logStreamNames }),
          ...defined({ streamPrefix: logStreamNamePrefix }),
          ...(input.startTime !== undefined && { startTime: input.startTime }),
          ...(input.endTime !== undefined && { endTime: input.endTime }),
          ...(input.filterPattern !== undefined && { pattern: input.filterPattern }),
          ...(input.limit !== undefined && { limit: input.limit }),
          ...(input.nextToken !== undefined && { nextToken: input.nextToken }),
        });
        return {
          events: events.map(({ id, stream, timestamp, ingestionTime, message }) => ({
            logStreamName: stream,
            timestamp,
            message,
            ingestionTime,
            eventId: id,
          })),
          searchedLogStreams: [],
          nextToken,
        };
      },
    }),
  };
}

/** CloudWatch Logs Insights. */
function queryOperations(services: Services): Service['operations'] {
  const { logGroups, assembly } = services;
  const queries = new LogQueries(logGroups, assembly.account, services.world);
  return {
    StartQuery: operation<StartQueryCommandInput>({
      resources: ({ logGroupName, logGroupNames = [], logGroupIdentifiers = [] }) =>
        [logGroupName ?? [], logGroupNames, logGroupIdentifiers].flat().map((each) => arnOf(services, each)),
      run({ logGroupName, logGroupNames = [], logGroupIdentifiers = [], ...query }) {
        const groups = [logGroupName ?? [], logGroupNames, logGroupIdentifiers].flat();
        if (groups.length === 0) throw invalid('At least one log group must be given.');
        try {
          return {
            queryId: queries.start({
              groups: groups.map((each) => nameOf(services, each)),
              text: query.queryString,
              // Seconds.
              startTime: 1000 * query.startTime,
              endTime: 1000 * query.endTime + 999,
              ...(query.limit !== undefined && { limit: query.limit }),
            }),
          };
        } catch (error) {
          if (!(error instanceof InsightsError)) throw error;
          throw new ServiceError('MalformedQueryException', error.message);
        }
      },
    }),
    GetQueryResults: operation<GetQueryResultsCommandInput>({
      run({ queryId }) {
        const { rows, recordsMatched, recordsScanned, bytesScanned } = queries.results(queryId);
        return {
          queryLanguage: 'CWLI',
          status: 'Complete',
          results: rows.map((row) => Object.entries(row).map(([field, value]) => ({ field, value }))),
          statistics: { recordsMatched, recordsScanned, bytesScanned },
        };
      },
    }),
    StopQuery: operation<StopQueryCommandInput>({
      run({ queryId }) {
        queries.results(queryId);
        throw invalid('Provided query has already ended: it was answered at once.');
      },
    }),
    DescribeQueryDefinitions: operation<DescribeQueryDefinitionsCommandInput>({
      run({ queryDefinitionNamePrefix: prefix = '', maxResults = 1000, nextToken }) {
        const found = assembly
          .ofType('AWS::Logs::QueryDefinition')
          .filter(({ properties }) => String(properties.Name).startsWith(prefix));
        const { items, next } = page(found, maxResults, nextToken, 'InvalidParameterException');
        return {
          queryDefinitions: items.map(({ ref, properties }) => ({
            ...{ queryDefinitionId: ref, name: properties.Name, queryString: properties.QueryString },
            logGroupNames: properties.LogGroupNames ?? [],
          })),
          nextToken: next,
        };
      },
    }),
  };
}
