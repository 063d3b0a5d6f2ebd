/** Encryption of what stands on an event's way, and whether those who write to it can use the key. */
import type { Resource } from '../../template/assembly';
import { reasonsOf } from '../../template/placeholder';
import { type AuditedHop, withoutEnd } from './hops';
import { isKeyOfAws, type Permissions, type Sender } from './permissions';

/** Disks of SNS and Firehose are encrypted in any case. */
const UNDER_NO_KEY = 'what it holds is encrypted under no key of KMS';

/** Property, besides a key, on which the encryption depends, by type. */
const ENCRYPTED_BY: Readonly<Record<string, string>> = {
  'AWS::SQS::Queue': 'SqsManagedSseEnabled',
  'AWS::S3::Bucket': 'BucketEncryption',
  'AWS::KinesisFirehose::DeliveryStream': 'DeliveryStreamEncryptionConfigurationInput',
  'AWS::DynamoDB::Table': 'SSESpecification',
};

export class Encryption {
  readonly #permissions: Permissions;

  constructor(permissions: Permissions) {
    this.#permissions = permissions;
  }

  /** Encryption at rest, and TLS on the way there; what is missing is a gap of the hop. */
  of(hop: AuditedHop, resource: Resource, senders: readonly Sender[]): string {
    const { properties, type } = resource;
    const withKey = (key: string | undefined, otherwise?: string) =>
      this.withKey(hop, resource, key, senders, otherwise);
    const none = (why: string, what: string) => {
      hop.gap('encryption', resource, `${why}: ${what}`);
      return 'none';
    };
    const given: unknown = properties[ENCRYPTED_BY[type] ?? ''];
    const reason = typeof given === 'string' ? reasonsOf(given) : '';
    if (reason !== '') {
      hop.cannotTell('encryption', resource, `how what it holds is encrypted: ${reason}`);
      return 'not known';
    }
    switch (type) {
      case 'AWS::SQS::Queue': {
        const { KmsMasterKeyId: key, SqsManagedSseEnabled } = properties;
        const isManaged = String(SqsManagedSseEnabled) !== 'false';
        const atRest =
          key || isManaged
            ? withKey(key, 'SQS key')
            : none('SqsManagedSseEnabled is false', 'what it holds is not encrypted');
        return atRest + this.#tls(hop, resource, 'sqs:SendMessage');
      }
      case 'AWS::SNS::Topic': {
        const { KmsMasterKeyId: key } = properties;
        return (
          (key ? withKey(key) : none('it has no KmsMasterKeyId', UNDER_NO_KEY)) +
          this.#tls(hop, resource, 'sns:Publish')
        );
      }
      case 'AWS::S3::Bucket': {
        const [rule] = properties.BucketEncryption?.ServerSideEncryptionConfiguration ?? [];
        const key = rule?.ServerSideEncryptionByDefault?.KMSMasterKeyID;
        return withKey(key, 'S3 key') + this.#tls(hop, resource, 's3:PutObject');
      }
      case 'AWS::KinesisFirehose::DeliveryStream': {
        const input = properties.DeliveryStreamEncryptionConfigurationInput;
        // A stream that reads from a stream of Kinesis keeps nothing of its own.
        if (!input && properties.DeliveryStreamType === 'KinesisStreamAsSource') return 'by its source';
        if (!input) return none('it has no DeliveryStreamEncryptionConfigurationInput', UNDER_NO_KEY);
        // Firehose uses the key by a grant of its own, whoever puts the records.
        return this.withKey(hop, resource, input.KeyARN, [], 'Firehose key');
      }
      case 'AWS::DynamoDB::Table': {
        const { SSEEnabled: isManaged, KMSMasterKeyId: key } = properties.SSESpecification ?? {};
        return withKey(key, isManaged ? 'alias/aws/dynamodb' : 'DynamoDB key');
      }
      default: {
        // A bus or an archive: EventBridge uses the key, whoever puts the events.
        const bySelf = { service: 'events.amazonaws.com', sourceArn: resource.arn };
        return this.withKey(hop, resource, properties.KmsKeyIdentifier, [bySelf]);
      }
    }
  }

  /**
   * @param key as the resource names it
   * @param otherwise the key that the service uses when none is named
   */
  withKey(
    hop: AuditedHop,
    resource: Resource,
    key: string | undefined,
    senders: readonly Sender[],
    otherwise = 'AWS key',
  ): string {
    // The CDK writes an empty text where no key is named.
    if (!key) return otherwise;
    for (const sender of senders) {
      const { allowed, unknown, reason } = this.#permissions.mayWriteUnderKey(sender, key, resource);
      if (allowed) continue;
      const who = 'role' in sender ? sender.role : sender.service;
      if (unknown) {
        hop.cannotTell('permission', resource, `whether ${who} may use its key. ${withoutEnd(reason)}`);
        continue;
      }
      hop.gap('permission', resource, `${who} may not use its key. ${withoutEnd(reason)}`);
    }
    return isKeyOfAws(key) ? `alias/${key.split('alias/').at(-1)}` : 'own key';
  }

  #tls(hop: AuditedHop, resource: Resource, action: string): string {
    if (this.#permissions.isTlsOnly(resource, action)) return ', TLS only';
    hop.gap('encryption', resource, 'its policy does not deny requests without TLS (aws:SecureTransport)');
    return '';
  }
}
