import type { FilterLogEventsCommandInput } from '@aws-sdk/client-cloudwatch-logs';
import { ServiceError } from '../services/service-error';
import { MODELS } from './models/models';
import { operation, type Service, type Services, validationError } from './service';

/** CloudWatch Logs, as far as `aws logs tail` reads it. */
export function logs({ logGroups, assembly }: Services): Service {
  const nameOf = (identifier: string) =>
    identifier.replace(/^arn:[^:]*:logs:[^:]*:[^:]*:log-group:/, '').replace(/:\*$/, '');

  return {
    name: 'logs',
    target: 'Logs_20140328',
    model: MODELS.logs,
    invalid: validationError('InvalidParameterException'),
    accessDenied: { code: 'AccessDeniedException', status: 400 },
    operations: {
      FilterLogEvents: operation<FilterLogEventsCommandInput>({
        resources: ({ logGroupName, logGroupIdentifier }) => [
          `arn:aws:logs:${assembly.region}:${assembly.account}:log-group:${nameOf(logGroupName ?? logGroupIdentifier ?? '')}:*`,
        ],
        run(input) {
          const { logGroupName, logGroupIdentifier, logStreamNames, logStreamNamePrefix } = input;
          if ((logGroupName === undefined) === (logGroupIdentifier === undefined)) {
            throw invalid('Exactly one of logGroupName and logGroupIdentifier must be given.');
          }
          if (logStreamNames && logStreamNamePrefix !== undefined) {
            throw invalid('logStreamNames and logStreamNamePrefix cannot both be given.');
          }
          const { events, nextToken } = logGroups.filter(nameOf(logGroupName ?? logGroupIdentifier ?? ''), {
            ...(logStreamNames && { streams: logStreamNames }),
            ...(logStreamNamePrefix !== undefined && { streamPrefix: logStreamNamePrefix }),
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
    },
  };
}

const invalid = (message: string) => new ServiceError('InvalidParameterException', message);
