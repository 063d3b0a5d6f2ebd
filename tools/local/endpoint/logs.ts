import { ServiceError } from '../services/service-error';
import { boolean, integer, list, string } from './input';
import { operation, type Service, type Services } from './service';

const streamName = string({ min: 1, max: 512, pattern: /^[^:*]*$/ });

/** CloudWatch Logs, as far as `aws logs tail` reads it. */
export function logs({ logGroups, assembly }: Services): Service {
  const nameOf = (identifier: string) =>
    identifier.replace(/^arn:[^:]*:logs:[^:]*:[^:]*:log-group:/, '').replace(/:\*$/, '');

  return {
    name: 'logs',
    target: 'Logs_20140328',
    invalid: (problems) => {
      const count = `${problems.length} validation error${problems.length === 1 ? '' : 's'} detected`;
      return new ServiceError(
        'InvalidParameterException',
        `${count}: ${problems.map(({ text }) => text).join('; ')}`,
      );
    },
    accessDenied: { code: 'AccessDeniedException', status: 400 },
    operations: {
      FilterLogEvents: operation({
        input: {
          logGroupName: string({ min: 1, max: 512, pattern: /^[.\-_/#A-Za-z0-9]+$/ }),
          logGroupIdentifier: string({ min: 1, max: 2048, pattern: /^[\w#+=/:,.@-]*$/ }),
          logStreamNames: list(streamName, { min: 1, max: 100 }),
          logStreamNamePrefix: streamName,
          startTime: integer({ min: 0 }),
          endTime: integer({ min: 0 }),
          filterPattern: string({ max: 1024 }),
          nextToken: string({ min: 1 }),
          limit: integer({ min: 1, max: 10_000 }),
          interleaved: boolean,
        },
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
