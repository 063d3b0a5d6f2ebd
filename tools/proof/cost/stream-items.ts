/** Items of the bill for Firehose and S3. */
import type { Resource } from '../../template/assembly';
import { GB, type Item, item, KB, MONTH_DAYS, MONTH_SECONDS, sum } from './units';
import type { Times, Usage } from './usage';

const FIREHOSE_ROUNDING = 5 * KB;
/**
 * Smaller objects are not moved to infrequent access.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
 */
const LEAST_TRANSITION = 128 * KB;

export function streamItems(usage: Usage, times: Times): Item[] {
  let [rounded, puts, transitions, standard, infrequent] = [0, 0, 0, 0, 0];
  for (const stream of usage.assembly.ofType('AWS::KinesisFirehose::DeliveryStream')) {
    const calls = usage.calls.filter(({ resource }) =>
      usage.named(resource, 'AWS::KinesisFirehose::DeliveryStream').includes(stream),
    );
    const records = [
      ...calls.flatMap((call) => call.measured.records.map((bytes) => ({ bytes, count: times(call) }))),
      ...usage.direct
        .filter(({ resource }) => resource === stream)
        .map((delivery) => ({ bytes: delivery.payloadBytes, count: times(delivery) })),
    ];
    const bytes = sum(records, (record) => record.count * record.bytes);
    const count = sum(records, (record) => record.count);
    rounded += sum(
      records,
      (record) => record.count * Math.ceil(record.bytes / FIREHOSE_ROUNDING) * FIREHOSE_ROUNDING,
    );

    const {
      BufferingHints: hints = {},
      CompressionFormat: format,
      BucketARN: bucketArn,
    } = stream.properties.ExtendedS3DestinationConfiguration ?? {};
    const { IntervalInSeconds: interval = 300, SizeInMBs: size = 5 } = hints;
    // Full before its time, or else at each interval in which there is anything.
    const objects = Math.max(bytes / (size * 2 ** 20), Math.min(count, MONTH_SECONDS / interval));
    const kept = bytes * (format === 'GZIP' ? usage.measurement.compression : 1);
    const bucket = usage.assembly.ofType('AWS::S3::Bucket').find(({ arn }) => arn === bucketArn);
    const rules = bucket?.properties.LifecycleConfiguration?.Rules ?? [];
    const [rule = {}] = rules.filter(({ Status }: Resource['properties']) => Status === 'Enabled');
    const months = usage.monthsKept(Number(rule.ExpirationInDays ?? 0));
    const moved = rule.Transitions?.find(
      ({ StorageClass }: Resource['properties']) => StorageClass === 'STANDARD_IA',
    );
    const isMoved = moved && kept / objects >= LEAST_TRANSITION;
    const asStandard = isMoved ? Math.min(months, moved.TransitionInDays / MONTH_DAYS) : months;
    puts += objects;
    standard += (kept * asStandard) / GB;
    infrequent += (kept * (months - asStandard)) / GB;
    if (months > asStandard) transitions += objects;
  }
  return [
    item('Firehose: records', 'firehose.ingestion', rounded / GB),
    item('S3: writes', 's3.put', puts),
    item('S3: moves to infrequent access', 's3.transition', transitions),
    item('S3: storage', 's3.standard', standard),
    item('S3: storage, infrequent access', 's3.infrequent', infrequent),
  ];
}
