import type {
  DescribeDeliveryStreamCommandInput,
  ListDeliveryStreamsCommandInput,
  PutRecordBatchCommandInput,
  PutRecordCommandInput,
} from '@aws-sdk/client-firehose';
import { ServiceError } from '../services/service-error';
import { MODELS } from './models/models';
import { operation, type Service, type Services, validationError } from './service';

/** https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

export function firehose({ deliveryStreams, assembly }: Services): Service {
  const arnOf = (name: string) =>
    `arn:${assembly.partition}:firehose:${assembly.region}:${assembly.account}:deliverystream/${name}`;
  const resources = ({ DeliveryStreamName }: { readonly DeliveryStreamName: string }) => [
    arnOf(DeliveryStreamName),
  ];
  const find = (name: string) => {
    const stream = deliveryStreams.find((candidate) => candidate.name === name);
    if (stream) return stream;
    const message = `Firehose ${name} under account ${assembly.account} not found.`;
    throw new ServiceError('ResourceNotFoundException', message);
  };
  return {
    name: 'firehose',
    target: 'Firehose_20150804',
    model: MODELS.firehose,
    invalid: validationError('ValidationException'),
    accessDenied: { code: 'AccessDeniedException', status: 400 },
    operations: {
      PutRecord: operation<PutRecordCommandInput>({
        resources,
        run({ DeliveryStreamName, Record }) {
          const stream = find(DeliveryStreamName);
          const [id] = stream.put([Buffer.from(Record.Data)]);
          return { RecordId: id, Encrypted: isEncrypted(stream.resource) };
        },
      }),
      PutRecordBatch: operation<PutRecordBatchCommandInput>({
        resources,
        run({ DeliveryStreamName, Records }) {
          const stream = find(DeliveryStreamName);
          const data = Records.map(({ Data }) => Buffer.from(Data));
          if (data.reduce((sum, bytes) => sum + bytes.length, 0) > MAX_BATCH_BYTES) {
            throw new ServiceError('InvalidArgumentException', 'Records size exceeds 4 MB limit');
          }
          const ids = stream.put(data);
          return {
            FailedPutCount: 0,
            Encrypted: isEncrypted(stream.resource),
            RequestResponses: ids.map((id) => ({ RecordId: id })),
          };
        },
      }),
      ListDeliveryStreams: operation<ListDeliveryStreamsCommandInput>({
        run({ Limit = 10, DeliveryStreamType: type = 'DirectPut', ExclusiveStartDeliveryStreamName: after }) {
          const names = deliveryStreams.map(({ name }) => name).sort();
          // All streams here are put to directly.
          const found =
            type === 'DirectPut' ? names.filter((name) => after === undefined || name > after) : [];
          return { DeliveryStreamNames: found.slice(0, Limit), HasMoreDeliveryStreams: found.length > Limit };
        },
      }),
      DescribeDeliveryStream: operation<DescribeDeliveryStreamCommandInput>({
        resources,
        run({ DeliveryStreamName }) {
          const { name, arn, createdAt, destination, resource } = find(DeliveryStreamName);
          const encryption = resource.properties.DeliveryStreamEncryptionConfigurationInput;
          return {
            DeliveryStreamDescription: {
              DeliveryStreamName: name,
              DeliveryStreamARN: arn,
              DeliveryStreamStatus: 'ACTIVE',
              DeliveryStreamType: 'DirectPut',
              VersionId: '1',
              CreateTimestamp: new Date(createdAt),
              ...(encryption && {
                DeliveryStreamEncryptionConfiguration: { ...encryption, Status: 'ENABLED' },
              }),
              Destinations: [
                {
                  DestinationId: 'destinationId-000000000001',
                  ExtendedS3DestinationDescription: {
                    EncryptionConfiguration: { NoEncryptionConfig: 'NoEncryption' },
                    CompressionFormat: 'UNCOMPRESSED',
                    BufferingHints: { SizeInMBs: 5, IntervalInSeconds: 300 },
                    ...destination,
                  },
                },
              ],
              HasMoreDestinations: false,
            },
          };
        },
      }),
    },
  };
}

const isEncrypted = ({
  properties,
}: {
  properties: { DeliveryStreamEncryptionConfigurationInput?: object };
}) => properties.DeliveryStreamEncryptionConfigurationInput !== undefined;
