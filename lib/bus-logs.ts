import { RemovalPolicy } from 'aws-cdk-lib';
import { type CfnEventBus, IncludeDetail, Level, type LogConfig } from 'aws-cdk-lib/aws-events';
import { CfnDelivery, CfnDeliveryDestination, CfnDeliverySource, LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { StageConfig } from './config';

type LogLevel = Exclude<StageConfig['busLogLevel'], 'OFF'>;

/** Log types of each level: EventBridge delivers each type separately. */
const KINDS = {
  ERROR: ['ERROR_LOGS'],
  INFO: ['ERROR_LOGS', 'INFO_LOGS'],
  TRACE: ['ERROR_LOGS', 'INFO_LOGS', 'TRACE_LOGS'],
} as const satisfies Record<LogLevel, readonly string[]>;

/** Log configuration of the bus itself, without event details, which have personal data. */
export const busLogConfig = (level: StageConfig['busLogLevel']): { logConfig?: LogConfig } =>
  level === 'OFF' ? {} : { logConfig: { level: Level[level], includeDetail: IncludeDetail.NONE } };

/**
 * Logs of the bus in a log group: failed deliveries with their target and the reason. Besides the level of the bus they
 * need a source, a destination and a delivery between them.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-logs.html
 */
export class BusLogs extends Construct {
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, bus: CfnEventBus, level: LogLevel, config: StageConfig) {
    super(scope, id);
    const { prefix } = config;
    this.logGroup = new LogGroup(this, 'Logs', {
      // Log delivery may write to this prefix without a resource policy, of which an account can have ten.
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
