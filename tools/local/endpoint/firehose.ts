import { ServiceError } from '../services/service-error';
import { integer, list, required, string, structure } from './input';
import { operation, type Service, type Services, validationError } from './service';

const streamName = required(string({ min: 1, max: 64, pattern: /^[a-zA-Z0-9_.-]+$/ }));
const record = structure({ Data: required(string()) });
/** https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html */
const MAX_RECORD_BYTES = 1000 * 1024;
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

export function firehose({ deliveryStreams, assembly }: Services): Service {
  const arnOf = (name: string) =>
    `arn:aws:firehose:${assembly.region}:${assembly.account}:deliverystream/${name}`;
  const resources = ({ DeliveryStreamName }: { readonly DeliveryStreamName: string }) => [
    arnOf(DeliveryStreamName),
  ];
  const find = (name: string) => {
    const stream = deliveryStreams.find((candidate) => candidate.name === name);
    if (stream) return stream;
    const message = `Firehose ${name} under account ${assembly.account} not found.`;
    throw new ServiceError('ResourceNotFoundException', message);
  };
  const invalid = validationError('ValidationException');
  const decode = (data: string, at: string) => {
    const bytes = Buffer.from(data, 'base64');
    if (bytes.length <= MAX_RECORD_BYTES) return bytes;
    const text = `Value at '${at}' failed to satisfy constraint: Member must have length less than or equal to ${MAX_RECORD_BYTES}`;
    throw invalid([{ at, text }]);
  };

  return {
    name: 'firehose',
    target: 'Firehose_20150804',
    invalid,
    accessDenied: { code: 'AccessDeniedException', status: 400 },
    operations: {
      PutRecord: operation({
        input: { DeliveryStreamName: streamName, Record: required(record) },
        resources,
        run({ DeliveryStreamName, Record }) {
          const stream = find(DeliveryStreamName);
          const [id] = stream.put([decode(Record.Data, 'record.data')]);
          return { RecordId: id, Encrypted: isEncrypted(stream.resource) };
        },
      }),
      PutRecordBatch: operation({
        input: { DeliveryStreamName: streamName, Records: required(list(record, { min: 1, max: 500 })) },
        resources,
        run({ DeliveryStreamName, Records }) {
          const stream = find(DeliveryStreamName);
          const data = Records.map(({ Data }, index) => decode(Data, `records.${index + 1}.member.data`));
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
      DescribeDeliveryStream: operation({
        input: { DeliveryStreamName: streamName, Limit: integer({ min: 1, max: 10_000 }) },
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
