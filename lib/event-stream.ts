import type { CfnRule } from 'aws-cdk-lib/aws-events';
import type { Construct } from 'constructs';
import { AnalyticsStream } from './analytics-stream';
import type { StageConfig } from './config';
import { streamMetric } from './metrics';
import { deliveryRole, type TargetParameters, type TargetSymptom, WatchedTarget } from './rule-target';

export interface EventStreamProps {
  readonly config: StageConfig;
  /** Physical name without the stack's prefix. */
  readonly name: string;
}

/**
 * Firehose stream to a bucket of its own, a line for each event, without a function: what each record is, the rule's input
 * says. No code of ours sees it, so personal data is refused.
 */
export class EventStream extends WatchedTarget {
  readonly name: string;
  readonly label: string;
  readonly delivery: AnalyticsStream;
  override readonly keepsData = true;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: EventStreamProps,
  ) {
    super(scope, id);
    const { config, name } = props;
    this.name = `${name}-stream`;
    this.label = `stream ${config.prefix}-${name}`;
    this.delivery = new AnalyticsStream(this, 'Delivery', config, { name, endsLines: true });
  }

  get targetArn(): string {
    return this.delivery.stream.attrArn;
  }

  allowRule(rule: CfnRule): TargetParameters {
    return { roleArn: deliveryRole(this, rule, ['firehose:PutRecord'], this.targetArn) };
  }

  override symptoms(): readonly TargetSymptom[] {
    const { streamAge, streamFailurePercent } = this.props.config.alarms;
    return [
      {
        kind: 'late',
        runbookEntry: 'stream-late',
        says: `A record in the ${this.label} has waited for S3 for more than ${streamAge} s.`,
        metric: streamMetric(this.delivery, 'DeliveryToS3.DataFreshness', 'Maximum'),
        threshold: streamAge,
      },
      {
        kind: 'writes',
        runbookEntry: 'stream-failing',
        says: `Writes of the ${this.label} to S3 fail. Firehose keeps its records for 24 hours.`,
        metric: streamMetric(this.delivery, 'DeliveryToS3.Success', 'Average'),
        threshold: 1 - streamFailurePercent / 100,
        below: true,
      },
    ];
  }

  override metrics() {
    const metric = (name: string, statistic: string) => streamMetric(this.delivery, name, statistic);
    return {
      taken: [metric('IncomingRecords', 'Sum'), metric('DeliveryToS3.Records', 'Sum')],
      failed: [metric('DeliveryToS3.DataFreshness', 'Maximum'), metric('ThrottledRecords', 'Sum')],
    };
  }
}
