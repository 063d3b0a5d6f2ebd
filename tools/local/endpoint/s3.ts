import { createHash } from 'node:crypto';
import type {
  GetObjectCommandInput,
  HeadBucketCommandInput,
  HeadObjectCommandInput,
  ListObjectsV2CommandInput,
} from '@aws-sdk/client-s3';
import { defined } from '../../defined';
import type { StoredObject } from '../services/delivery-stream';
import { ServiceError } from '../services/service-error';
import { type HttpRequest, header } from './http';
import type { Input } from './input';
import { MODELS } from './models/models';
import { encodeXml } from './query';
import { HttpReply, operation, type Service, type Services, validationError } from './service';

const XML = { 'content-type': 'application/xml' };

/** S3, as far as the objects that delivery streams wrote are listed and read. */
export function s3(services: Services): Service {
  const { deliveryStreams, assembly, startedAt } = services;
  const buckets = () => [
    ...new Set([
      ...assembly.ofType('AWS::S3::Bucket').map(({ name }) => name),
      ...deliveryStreams.map(({ bucket }) => bucket),
    ]),
  ];
  const requireBucket = (name: string) => {
    if (!buckets().includes(name)) {
      throw new ServiceError('NoSuchBucket', 'The specified bucket does not exist', 404, {
        BucketName: name,
      });
    }
  };
  /** Objects in the order of their keys. */
  const objectsOf = (bucket: string) => {
    requireBucket(bucket);
    const objects = deliveryStreams.flatMap((stream) => (stream.bucket === bucket ? stream.stored() : []));
    return objects.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  };
  const find = (bucket: string, key: string) => {
    const found = objectsOf(bucket).find((object) => object.key === key);
    if (!found) throw new ServiceError('NoSuchKey', 'The specified key does not exist.', 404, { Key: key });
    return found;
  };
  const bucketArn = (name: string) => `arn:${assembly.partition}:s3:::${name}`;
  const objectArn = ({ Bucket, Key }: { readonly Bucket: string; readonly Key: string }) => [
    `${bucketArn(Bucket)}/${Key}`,
  ];

  return {
    name: 's3',
    rest: 'xml',
    normalize: withBucketInPath,
    model: MODELS.s3,
    invalid: validationError('InvalidArgument'),
    accessDenied: { code: 'AccessDenied', status: 403 },
    operations: {
      ListBuckets: operation({
        action: 'ListAllMyBuckets',
        run: () => ({
          ListAllMyBucketsResult: {
            Owner: { ID: assembly.account },
            Buckets: { Bucket: each(buckets().map((Name) => ({ Name, CreationDate: new Date(startedAt) }))) },
          },
        }),
      }),
      HeadBucket: operation<HeadBucketCommandInput>({
        action: 'ListBucket',
        resources: ({ Bucket }) => [bucketArn(Bucket)],
        run({ Bucket }) {
          requireBucket(Bucket);
          return new HttpReply(200, { 'x-amz-bucket-region': assembly.region }, '');
        },
      }),
      ListObjectsV2: operation<ListObjectsV2CommandInput>({
        action: 'ListBucket',
        resources: ({ Bucket }) => [bucketArn(Bucket)],
        run: (input) => list(objectsOf(input.Bucket), input),
      }),
      GetObject: operation<GetObjectCommandInput>({
        resources: objectArn,
        run(input) {
          const object = find(input.Bucket, input.Key);
          const { status, headers, start, end } = read(object, input);
          return new HttpReply(status, headers, status < 300 ? object.read().subarray(start, end) : '');
        },
      }),
      HeadObject: operation<HeadObjectCommandInput>({
        action: 'GetObject',
        resources: objectArn,
        run(input) {
          const { status, headers, start, end } = read(find(input.Bucket, input.Key), input);
          // Length of what GetObject would send.
          return new HttpReply(status, { ...headers, 'content-length': String(end - start) }, '');
        },
      }),
    },
  };
}

/** The bucket in the name of the host, as clients write it for a host with a name, goes into the path. */
function withBucketInPath(request: HttpRequest): HttpRequest {
  const [, bucket] = /^(?!s3\.)(.+?)(?:\.s3)?\.localhost(?::\d+)?$/.exec(header(request, 'host') ?? '') ?? [];
  return bucket === undefined ? request : { ...request, path: `/${bucket}${request.path}` };
}

/** An element that is repeated without one around it. */
const each = <Item>(items: readonly Item[]) => new Set(items);

const etagOf = ({ key, size }: StoredObject) =>
  `"${createHash('md5').update(`${key} ${size}`).digest('hex')}"`;

const headersOf = (object: StoredObject) => ({
  'content-type': 'application/octet-stream',
  'last-modified': new Date(object.writtenAt).toUTCString(),
  etag: etagOf(object),
  'accept-ranges': 'bytes',
});

type ReadInput = Input<HeadObjectCommandInput>;

/** Parameters that would change what is read. */
const NOT_KNOWN = ['VersionId', 'PartNumber', 'SSECustomerAlgorithm', 'SSECustomerKey'] as const;

/** Answer to a read of an object: its headers, and the part of the body from `start` up to `end`. */
interface Reading {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly start: number;
  readonly end: number;
}

/** @throws ServiceError (PreconditionFailed, InvalidRange, NotImplemented) */
function read(object: StoredObject, input: ReadInput): Reading {
  for (const name of NOT_KNOWN) {
    if (input[name] === undefined) continue;
    throw new ServiceError(
      'NotImplemented',
      `The local run's buckets do not know the parameter ${name}.`,
      501,
    );
  }
  const headers = { ...headersOf(object), ...givenHeaders(input) };
  if (isUnmodified(object, input)) return { status: 304, headers, start: 0, end: 0 };
  const { size } = object;
  const range = input.Range === undefined ? undefined : rangeOf(input.Range, size);
  if (!range) return { status: 200, headers, start: 0, end: size };
  const [first, last] = range;
  const part = { 'content-range': `bytes ${first}-${last}/${size}` };
  return { status: 206, headers: { ...headers, ...part }, start: first, end: last + 1 };
}

/** Headers that the client asks the answer to have. */
function givenHeaders(input: ReadInput): Record<string, string> {
  return defined({
    'content-type': input.ResponseContentType,
    'content-disposition': input.ResponseContentDisposition,
    'content-encoding': input.ResponseContentEncoding,
    'content-language': input.ResponseContentLanguage,
    'cache-control': input.ResponseCacheControl,
    expires: input.ResponseExpires?.toUTCString(),
  });
}

/**
 * @returns whether the client has the object already
 * @throws ServiceError (PreconditionFailed)
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-precedence-of-preconditions
 */
function isUnmodified(
  object: StoredObject,
  { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince }: ReadInput,
): boolean {
  const names = (tags: string) => tags === '*' || tags.split(/, */).includes(etagOf(object));
  // Headers have whole seconds.
  const isNewer = (than: Date) => Math.floor(object.writtenAt / 1000) > Math.floor(than.getTime() / 1000);
  const fails = (Condition: string) =>
    new ServiceError(
      'PreconditionFailed',
      'At least one of the pre-conditions you specified did not hold',
      412,
      { Condition },
    );
  if (IfMatch !== undefined && !names(IfMatch)) throw fails('If-Match');
  if (IfMatch === undefined && IfUnmodifiedSince && isNewer(IfUnmodifiedSince))
    throw fails('If-Unmodified-Since');
  if (IfNoneMatch !== undefined) return names(IfNoneMatch);
  return IfModifiedSince !== undefined && !isNewer(IfModifiedSince);
}

/**
 * First and last byte. What is no range of bytes with a beginning before its end is passed over, as in S3, and several
 * ranges are.
 * @throws ServiceError (InvalidRange) for a range that begins after the object's end, and for its last 0 bytes
 */
function rangeOf(range: string, size: number): [number, number] | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  if (from === '' && to === '') return undefined;
  if (from !== '' && to !== '' && Number(from) > Number(to)) return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (start <= end) return [start, end];
  throw new ServiceError('InvalidRange', 'The requested range is not satisfiable', 416, {
    RangeRequested: range,
    ActualObjectSize: String(size),
  });
}

const MAX_KEYS = 1000;

type ListInput = Pick<
  ListObjectsV2CommandInput,
  'Bucket' | 'Prefix' | 'Delimiter' | 'MaxKeys' | 'StartAfter' | 'ContinuationToken' | 'EncodingType'
>;

function list(objects: readonly StoredObject[], input: ListInput): object {
  const { Bucket, Prefix = '', Delimiter = '', MaxKeys = MAX_KEYS, EncodingType } = input;
  const start = input.ContinuationToken
    ? Buffer.from(input.ContinuationToken, 'base64url').toString()
    : (input.StartAfter ?? '');
  const written = (text: string) =>
    EncodingType === 'url' ? encodeURIComponent(text).replaceAll('%2F', '/') : text;
  const contents: StoredObject[] = [];
  const prefixes = new Set<string>();
  let last = '';
  let isTruncated = false;
  for (const object of objects) {
    if (!object.key.startsWith(Prefix) || object.key <= start) continue;
    const end = Delimiter === '' ? -1 : object.key.indexOf(Delimiter, Prefix.length);
    const prefix = end < 0 ? undefined : object.key.slice(0, end + Delimiter.length);
    if (prefix !== undefined && (prefixes.has(prefix) || start.startsWith(prefix))) {
      last = object.key;
      continue;
    }
    if (contents.length + prefixes.size >= Math.min(MaxKeys, MAX_KEYS)) {
      isTruncated = true;
      break;
    }
    if (prefix === undefined) contents.push(object);
    else prefixes.add(prefix);
    last = object.key;
  }
  const next = isTruncated && last !== '' ? Buffer.from(last).toString('base64url') : undefined;
  const result = {
    ...{ Name: Bucket, Prefix: written(Prefix), MaxKeys, IsTruncated: isTruncated, EncodingType },
    Delimiter: input.Delimiter === undefined ? undefined : written(Delimiter),
    KeyCount: contents.length + prefixes.size,
    ContinuationToken: input.ContinuationToken,
    NextContinuationToken: next,
    Contents: each(
      contents.map((object) => ({
        Key: written(object.key),
        LastModified: new Date(object.writtenAt),
        ETag: etagOf(object),
        Size: object.size,
        StorageClass: 'STANDARD',
      })),
    ),
    CommonPrefixes: each([...prefixes].map((prefix) => ({ Prefix: written(prefix) }))),
  };
  return new HttpReply(
    200,
    XML,
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${encodeXml(result)}</ListBucketResult>`,
  );
}
