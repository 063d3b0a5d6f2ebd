import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnDeliveryStream } from 'aws-cdk-lib/aws-kinesisfirehose';
import { LogGroup, LogStream } from 'aws-cdk-lib/aws-logs';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  type LifecycleRule,
  StorageClass,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { StageConfig } from './config';
import type { EventHandler } from './event-handler';
import { bucketRemoval } from './removal';

export interface StreamProps {
  /** Physical name without the stack's prefix. @default analytics */
  readonly name?: string;
  /** Ends each record with a line break, for records that come without one. @default false */
  readonly endsLines?: boolean;
}

/** Firehose stream to S3: each event is a line of JSON, in compressed objects in a folder for each day. */
export class AnalyticsStream extends Construct {
  readonly stream: CfnDeliveryStream;
  readonly bucket: Bucket;
  readonly errorLogs: LogGroup;
  readonly role: Role;

  constructor(
    scope: Construct,
    id: string,
    config: StageConfig,
    { name = 'analytics', endsLines = false }: StreamProps = {},
  ) {
    super(scope, id);
    const streamName = `${config.prefix}-${name}`;
    this.bucket = new Bucket(this, 'Bucket', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      ...bucketRemoval(config),
      versioned: config.analyticsVersioning,
      ...(config.analyticsAccessLogs && {
        serverAccessLogsBucket: this.#accessLogsBucket(config),
        serverAccessLogsPrefix: 'access/',
      }),
      lifecycleRules: [expiry(config)],
    });
    Validations.of(this.bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Firehose alone writes to it; who reads is recorded by CloudTrail data events where an account has them.',
    });

    this.errorLogs = new LogGroup(this, 'ErrorLogs', {
      logGroupName: `/aws/kinesisfirehose/${streamName}`,
      retention: config.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const errorStream = new LogStream(this, 'ErrorStream', {
      logGroup: this.errorLogs,
      logStreamName: 'S3Delivery',
      removalPolicy: RemovalPolicy.DESTROY,
    });

    this.role = this.#role(streamName);
    this.stream = new CfnDeliveryStream(this, 'Stream', {
      deliveryStreamName: streamName,
      deliveryStreamType: 'DirectPut',
      deliveryStreamEncryptionConfigurationInput: { keyType: 'AWS_OWNED_CMK' },
      extendedS3DestinationConfiguration: {
        bucketArn: this.bucket.bucketArn,
        roleArn: this.role.roleArn,
        prefix: 'events/!{timestamp:yyyy/MM/dd}/',
        errorOutputPrefix: 'errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/',
        compressionFormat: 'GZIP',
        bufferingHints: { intervalInSeconds: 60, sizeInMBs: 5 },
        ...(endsLines && { processingConfiguration: LINES }),
        cloudWatchLoggingOptions: {
          enabled: true,
          logGroupName: this.errorLogs.logGroupName,
          logStreamName: errorStream.logStreamName,
        },
      },
    });
  }

  /** Role that delivers to the bucket, and logs what it could not. */
  #role(streamName: string): Role {
    // The actions of https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3
    const role = new Role(this, 'Role', {
      // Only for this stream, against the confused deputy. By name, since the stream needs the role first.
      // https://docs.aws.amazon.com/firehose/latest/dev/cross-service-confused-deputy-prevention.html
      assumedBy: new ServicePrincipal('firehose.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': Stack.of(this).account },
          ArnEquals: {
            'aws:SourceArn': Stack.of(this).formatArn({
              service: 'firehose',
              resource: 'deliverystream',
              resourceName: streamName,
            }),
          },
        },
      }),
      inlinePolicies: {
        deliver: new PolicyDocument({
          statements: [
            allow(
              ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'],
              this.bucket.bucketArn,
            ),
            allow(
              ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
              this.bucket.arnForObjects('*'),
            ),
            allow(['logs:PutLogEvents'], this.errorLogs.logGroupArn),
          ],
        }),
      },
    });
    Validations.of(role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::<${Stack.of(this).getLogicalId(this.bucket.node.defaultChild as CfnBucket)}.Arn>/*]`,
      reason: 'Firehose names each object itself; the bucket holds nothing else.',
    });
    return role;
  }

  /** Bucket for the access logs of the analytics objects, with the same retention. */
  #accessLogsBucket(config: StageConfig): Bucket {
    const bucket = new Bucket(this, 'AccessLogs', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      ...bucketRemoval(config),
      lifecycleRules: [{ id: 'expire', expiration: Duration.days(config.analyticsRetentionDays) }],
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'It holds access logs: its own would log their writing without end.',
    });
    return bucket;
  }

  /** Lets the handler put records; sets the stream's name and the recording of unknown events in its environment. */
  grantPut(handler: EventHandler, { unknownEventDetail }: StageConfig): void {
    handler.setEnvironment('UNKNOWN_EVENT_DETAIL', unknownEventDetail);
    handler.allow(['firehose:PutRecordBatch'], this.stream.attrArn);
    handler.setEnvironment('FIREHOSE_STREAM', this.stream.ref);
  }
}

/** Firehose's own processor, which is free. https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-new-line-delimiter.html */
const LINES = {
  enabled: true,
  processors: [
    {
      type: 'AppendDelimiterToRecord',
      parameters: [{ parameterName: 'Delimiter', parameterValue: '\\n' }],
    },
  ],
};

const allow = (actions: string[], resource: string) =>
  new PolicyStatement({ effect: Effect.ALLOW, actions, resources: [resource] });

/** Expiry of objects, and of earlier versions of them. */
const expiry = (config: StageConfig): LifecycleRule => ({
  id: 'expire',
  // S3 keeps objects in infrequent access for 30 days at least.
  ...(config.analyticsRetentionDays > 60 && {
    transitions: [{ storageClass: StorageClass.INFREQUENT_ACCESS, transitionAfter: Duration.days(30) }],
  }),
  expiration: Duration.days(config.analyticsRetentionDays),
  ...(config.analyticsVersioning && {
    noncurrentVersionExpiration: Duration.days(config.analyticsRetentionDays),
  }),
  abortIncompleteMultipartUploadAfter: Duration.days(7),
});
