import { CfnQueryDefinition, type ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { AnalyticsStream } from './analytics-stream';
import type { StageConfig } from './config';
import { constructsOf } from './constructs';
import { EventHandler } from './event-handler';

export interface LogQueriesProps {
  readonly config: StageConfig;
  readonly analyticsStream: AnalyticsStream;
}

/**
 * Saved queries of CloudWatch Logs Insights. The fields are those of `lambdas/telemetry.ts`, of Lambda's own
 * lines (`type`, `record`) and of Firehose's error log (`errorCode`, `message`).
 */
export class SavedQueries extends Construct {
  constructor(
    scope: Construct,
    id: string,
    private readonly props: LogQueriesProps,
  ) {
    super(scope, id);
    const { analyticsStream } = props;
    const handlers = constructsOf(this, EventHandler).map((handler) => handler.logGroup);
    this.#save('order', handlers, [
      '# The whole way of one order. Put its id in place of order-1001.',
      'fields @timestamp, service, message as event, outcome, eventId, correlationId, error, reason',
      '| filter orderId = "order-1001"',
      '| sort @timestamp asc',
      '| limit 1000',
    ]);
    this.#save('correlation-id', handlers, [
      '# Everything that one request caused. Put its correlation id in place of request-1001.',
      'fields @timestamp, service, message as event, outcome, orderId, eventId, error, reason',
      // A line has no correlation id if it is the event's own.
      '| filter coalesce(correlationId, eventId) = "request-1001"',
      '| sort @timestamp asc',
      '| limit 1000',
    ]);
    this.#save(
      'failures',
      [...handlers, analyticsStream.errorLogs],
      [
        '# All failures by reason: what the handlers say, what cut them off (timeout, memory, start), and what',
        '# kept Firehose from S3. Lambda tries a failed event 3 times: `calls` counts each.',
        'filter outcome in ["failed", "poison"] or ispresent(errorCode)',
        '    or (type in ["platform.report", "platform.initReport"]',
        '        and (record.status in ["timeout", "failure"] or record.errorType like /^Runtime/))',
        '| fields coalesce(outcome, record.status, errorCode) as failure,',
        '    coalesce(error, record.errorType, errorCode) as kind, coalesce(reason, message) as why',
        '| stats count(*) as calls, count_distinct(eventId) as events, min(@timestamp) as first,',
        '    max(@timestamp) as last, latest(eventId) as sampleEventId by @log, failure, kind, why',
        '| sort calls desc',
        '| limit 100',
      ],
    );
  }

  #save(name: string, logGroups: readonly ILogGroup[], query: readonly string[]): void {
    new CfnQueryDefinition(this, name, {
      name: `${this.props.config.prefix}/${name}`,
      queryString: query.join('\n'),
      logGroupNames: logGroups.map((group) => group.logGroupName),
    });
  }
}
