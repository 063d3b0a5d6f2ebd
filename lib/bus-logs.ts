import { RemovalPolicy } from 'aws-cdk-lib';
import { type CfnEventBus, IncludeDetail, Level, type LogConfig } from 'aws-cdk-lib/aws-events';
import { CfnDelivery, CfnDeliveryDestination, CfnDeliverySource, LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { StageConfig } from './config';

type LogLevel = Exclude<StageConfig['busLogLevel'], 'OFF'>;

/** The kinds of log of each level: EventBridge delivers each kind by itself. */
const KINDS = {
  ERROR: ['ERROR_LOGS'],
  INFO: ['ERROR_LOGS', 'INFO_LOGS'],
  TRACE: ['ERROR_LOGS', 'INFO_LOGS', 'TRACE_LOGS'],
} as const satisfies Record<LogLevel, readonly string[]>;

/** The bus's own part: what it writes. The content of events stays out: it has personal data. */
export const busLogConfig = (level: StageConfig['busLogLevel']): { logConfig?: LogConfig } =>
  level === 'OFF' ? {} : { logConfig: { level: Level[level], includeDetail: IncludeDetail.NONE } };

/**
 * What EventBridge says about the bus, in a log group: which event it could not deliver, to whom, and why. The level
 * of the bus alone writes nothing: a source, a destination and the delivery between them are needed.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-logs.html
 */
export class BusLogs extends Construct {
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, bus: CfnEventBus, level: LogLevel, config: StageConfig) {
    super(scope, id);
    const { prefix } = config;
    this.logGroup = new LogGroup(this, 'Logs', {
      // Log delivery may write to this prefix without a policy for each group, of which an account has ten.
      logGroupName: `/aws/vendedlogs/events/${prefix}-bus`,
      retention: config.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const destination = new CfnDeliveryDestination(this, 'Destination', {
      name: `${prefix}-bus-logs`,
      destinationResourceArn: this.logGroup.logGroupArn,
    });
    for (const logType of KINDS[level]) {
      const source = new CfnDeliverySource(this, `Source${logType}`, {
        name: `${prefix}-bus-${logType.toLowerCase().replace('_', '-')}`,
        logType,
        resourceArn: bus.attrArn,
      });
      new CfnDelivery(this, `Delivery${logType}`, {
        deliverySourceName: source.ref,
        deliveryDestinationArn: destination.attrArn,
      });
    }
  }
}
