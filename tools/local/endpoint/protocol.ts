/** Finds out what a request wants, by the protocol that the client speaks, and writes the answer in it. */
import { STATUS_CODES } from 'node:http';
import { ServiceError } from '../services/service-error';
import { decodeCbor, encodeCbor } from './cbor';
import { decodeQuery, encodeXml } from './query';
import type { Service } from './service';

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** One request, understood, and how to answer it. */
export interface Exchange {
  readonly service: Service;
  readonly operation: string;
  readonly input: unknown;
  /** The protocol has nothing but text: numbers and booleans are read from it. */
  readonly text?: boolean;
  reply(output: object | undefined, requestId: string): Reply;
  refuse(error: ServiceError, requestId: string): Reply;
}

/** A request that cannot be understood, with the answer to it. */
export class UnknownRequestError extends Error {
  override readonly name = 'UnknownRequestError';
  constructor(readonly reply: Reply) {
    super('The request is for nothing that the endpoint speaks for.');
  }
}

/**
 * @param signedFor the service that the credential's scope names
 * @throws UnknownRequestError
 */
export function understand(services: readonly Service[], request: HttpRequest, signedFor: string): Exchange {
  const target = header(request, 'x-amz-target');
  if (target !== undefined) {
    const [, prefix, name = ''] = /^(.*)\.(.*)$/.exec(target) ?? [];
    const service = services.find((candidate) => candidate.target === prefix);
    if (!service) throw new UnknownRequestError(refuseJson('1.1', unknown(target)));
    return json(service, name, request);
  }
  const rpc = /^\/service\/([^/]+)\/operation\/([^/]+)$/.exec(request.path);
  if (rpc) {
    // A page can send any other type without asking first.
    if (header(request, 'content-type') !== CBOR_HEADERS['content-type'])
      throw new UnknownRequestError(refuseCbor(NOT_CBOR));
    const service = services.find((candidate) => candidate.target === rpc[1]);
    if (!service) throw new UnknownRequestError(refuseCbor(unknown(`${rpc[1]}.${rpc[2]}`)));
    return cbor(service, String(rpc[2]), request);
  }
  for (const service of services) {
    const exchange = service.rest?.(request);
    if (exchange) return { service, ...exchange };
  }
  const isForm = header(request, 'content-type')?.startsWith('application/x-www-form-urlencoded');
  const form = isForm ? new URLSearchParams(request.body.toString('utf8')) : request.query;
  const action = form.get('Action');
  if (action !== null) {
    const service = services.find(
      ({ name, signingName = name, namespace }) => namespace && signingName === signedFor,
    );
    const name = `${signedFor}:${action}`;
    if (!service) throw new UnknownRequestError(refuseXml(undefined, unknown(name, 'InvalidAction')));
    return query(service, action, form);
  }
  const name = `${signedFor}: ${request.method} ${request.path}`;
  throw new UnknownRequestError({
    status: 501,
    headers: { 'content-type': 'application/xml' },
    body: `<Error>${encodeXml({ Code: 'NotImplemented', Message: `The local run does not know ${name}` })}</Error>`,
  });
}

/** The error for an operation that is not here. */
export const unknown = (operation: string, code = 'UnknownOperationException') =>
  new ServiceError(code, `The local run does not know the operation ${operation}`);

/** A header's value; several of one name are one, as HTTP has it. */
export function header({ headers }: HttpRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function json(service: Service, operation: string, { body }: HttpRequest): Exchange {
  const version = service.jsonVersion ?? '1.1';
  const refuse = (error: ServiceError) => refuseJson(version, error, service);
  let input: unknown;
  try {
    input = body.length === 0 ? {} : JSON.parse(body.toString('utf8'));
  } catch {
    throw new UnknownRequestError(
      refuse(new ServiceError('SerializationException', 'The body is not JSON.')),
    );
  }
  return {
    service,
    operation,
    input,
    refuse,
    reply: (output) => ({
      status: 200,
      headers: { 'content-type': `application/x-amz-json-${version}` },
      body: JSON.stringify(output ?? {}, secondsForDates),
    }),
  };
}

function refuseJson(version: string, error: ServiceError, service?: Service): Reply {
  return {
    status: error.status,
    headers: { 'content-type': `application/x-amz-json-${version}`, ...queryError(error, service) },
    body: JSON.stringify({ __type: error.code, message: error.message, ...error.members }),
  };
}

function secondsForDates(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const original = this[key];
  return original instanceof Date ? original.getTime() / 1000 : value;
}

function cbor(service: Service, operation: string, { body }: HttpRequest): Exchange {
  const refuse = (error: ServiceError) => refuseCbor(error, service);
  let input: unknown;
  try {
    input = body.length === 0 ? {} : decodeCbor(body);
  } catch {
    throw new UnknownRequestError(
      refuse(new ServiceError('SerializationException', 'The body is not CBOR.')),
    );
  }
  return {
    service,
    operation,
    input,
    refuse,
    reply: (output) => ({ status: 200, headers: CBOR_HEADERS, body: encodeCbor(output ?? {}) }),
  };
}

const NOT_CBOR = new ServiceError(
  'SerializationException',
  'The Content-Type must be application/cbor.',
  415,
);
const CBOR_HEADERS = { 'content-type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor' };

function refuseCbor(error: ServiceError, service?: Service): Reply {
  return {
    status: error.status,
    headers: { ...CBOR_HEADERS, ...queryError(error, service) },
    body: encodeCbor({ __type: error.code, message: error.message, ...error.members }),
  };
}

/** Clients of services that once spoke the query protocol look here for the code that they have always known. */
function queryError({ code, status }: ServiceError, service: Service | undefined): Record<string, string> {
  if (!service?.queryCodes) return {};
  return {
    'x-amzn-query-error': `${service.queryCodes[code] ?? code};${status < 500 ? 'Sender' : 'Receiver'}`,
  };
}

function query(service: Service, operation: string, form: URLSearchParams): Exchange {
  return {
    service,
    operation,
    input: decodeQuery(form),
    text: true,
    refuse: (error, requestId) => refuseXml(service, error, requestId),
    reply: (output, requestId) => ({
      status: 200,
      headers: { 'content-type': 'text/xml' },
      body: `<${operation}Response xmlns="${service.namespace}"><${operation}Result>${encodeXml(output ?? {})}</${operation}Result><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${operation}Response>`,
    }),
  };
}

function refuseXml(service: Service | undefined, error: ServiceError, requestId = ''): Reply {
  const { code: Code, message: Message, status } = error;
  const content = encodeXml({
    Error: { Type: status < 500 ? 'Sender' : 'Receiver', Code, Message },
    RequestId: requestId,
  });
  return {
    status,
    headers: { 'content-type': 'text/xml' },
    body: `<ErrorResponse xmlns="${service?.namespace ?? ''}">${content}</ErrorResponse>`,
  };
}

/** The answer to a request that is refused before it is known what it wants. */
export function refusePlain(status: number, code: string, message: string): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': code },
    body: JSON.stringify({ __type: code, message: message || STATUS_CODES[status] }),
  };
}
