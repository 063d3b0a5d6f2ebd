/** Finds out what a request wants, by the protocol that the client speaks, and writes the answer in it. */
import { STATUS_CODES } from 'node:http';
import { isNestedDeeper } from '../../eventbridge/exact-json';
import { ServiceError } from '../services/service-error';
import { decodeCbor, encodeCbor } from './cbor';
import { type HttpRequest, header, type Reply } from './http';
import type { Form } from './input';
import { decodeQuery, encodeXml } from './query';
import { matchOperation } from './rest';
import type { Service } from './service';

/** One request, understood, and how to answer it. */
export interface Exchange {
  readonly service: Service;
  readonly operation: string;
  readonly input: unknown;
  /** @default typed */
  readonly form?: Form;
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
  // The scope's name decides: a bucket may be called like another service's path.
  const rest = services.find(({ name, rest }) => rest && name === signedFor);
  if (rest) return restful(rest, request);
  const rpc = /^\/service\/([^/]+)\/operation\/([^/]+)$/.exec(request.path);
  if (rpc) {
    // A page can send any other type without asking first.
    if (header(request, 'content-type') !== CBOR_HEADERS['content-type'])
      throw new UnknownRequestError(refuseCbor(NOT_CBOR));
    const service = services.find((candidate) => candidate.target === rpc[1]);
    if (!service) throw new UnknownRequestError(refuseCbor(unknown(`${rpc[1]}.${rpc[2]}`)));
    return cbor(service, String(rpc[2]), request);
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
  throw new UnknownRequestError(
    refuseRestXml(new ServiceError('NotImplemented', `The local run does not know ${name}`, 501)),
  );
}

function restful(service: Service, request: HttpRequest): Exchange {
  const isJson = service.rest === 'json';
  const refuse = isJson ? refuseRestJson : refuseRestXml;
  let found: ReturnType<typeof matchOperation>;
  try {
    found = service.model && matchOperation(service.model, service.normalize?.(request) ?? request);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throw new UnknownRequestError(refuse(error));
  }
  if (!found) {
    const name = `${service.name}: ${request.method} ${request.path}`;
    throw new UnknownRequestError(
      refuse(
        isJson
          ? unknown(name)
          : new ServiceError('NotImplemented', `The local run does not know ${name}`, 501),
      ),
    );
  }
  const status = service.model?.operations[found.operation]?.http.responseCode ?? 200;
  return {
    service,
    ...found,
    refuse,
    reply: (output) => ({
      status,
      headers: isJson ? JSON_HEADERS : XML_HEADERS,
      body: isJson
        ? status === 204
          ? ''
          : JSON.stringify(output ?? {}, outputValue)
        : XML_HEAD + encodeXml(output),
    }),
  };
}

const JSON_HEADERS = { 'content-type': 'application/json' };
const XML_HEADERS = { 'content-type': 'application/xml' };
const XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';

function refuseRestJson({ code, message, status, members }: ServiceError): Reply {
  return {
    status,
    headers: { ...JSON_HEADERS, 'x-amzn-errortype': code },
    body: JSON.stringify({ Type: status < 500 ? 'User' : 'Service', Message: message, message, ...members }),
  };
}

function refuseRestXml({ code: Code, message: Message, status, members }: ServiceError): Reply {
  return {
    status,
    headers: XML_HEADERS,
    body: XML_HEAD + encodeXml({ Error: { Code, Message, ...members } }),
  };
}

/** The error for an operation that is not here. */
export const unknown = (operation: string, code = 'UnknownOperationException') =>
  new ServiceError(code, `The local run does not know the operation ${operation}`);

/** Deeper than any request that a service takes: DynamoDB's documents have 32 levels, each of two objects. */
const MAX_DEPTH = 200;

/** @throws Error for text that is no JSON, or that is nested too deeply */
function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  requireDepth(value);
  return value;
}

function requireDepth(value: unknown): void {
  if (isNestedDeeper(value, MAX_DEPTH)) throw new Error(`it is nested in more than ${MAX_DEPTH} levels`);
}

function json(service: Service, operation: string, { body }: HttpRequest): Exchange {
  const version = service.jsonVersion ?? '1.1';
  const refuse = (error: ServiceError) => refuseJson(version, error, service);
  let input: unknown;
  try {
    input = body.length === 0 ? {} : parseJson(body.toString('utf8'));
  } catch (error) {
    const message = `The body is not JSON: ${(error as Error).message}`;
    throw new UnknownRequestError(refuse(new ServiceError('SerializationException', message)));
  }
  return {
    service,
    operation,
    input,
    refuse,
    reply: (output) => ({
      status: 200,
      headers: { 'content-type': `application/x-amz-json-${version}` },
      body: JSON.stringify(output ?? {}, outputValue),
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

/** Replacer for `JSON.stringify`: dates in seconds, bytes in base64, a map as an object. */
function outputValue(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const original = this[key];
  return original instanceof Date ? original.getTime() / 1000 : value;
}

function cbor(service: Service, operation: string, { body }: HttpRequest): Exchange {
  const refuse = (error: ServiceError) => refuseCbor(error, service);
  let input: unknown;
  try {
    input = body.length === 0 ? {} : decodeCbor(body);
    requireDepth(input);
  } catch {
    throw new UnknownRequestError(
      refuse(new ServiceError('SerializationException', 'The body is not CBOR, or nested too deeply.')),
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
  let input: unknown;
  try {
    input = decodeQuery(form);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throw new UnknownRequestError(refuseXml(service, error));
  }
  return {
    service,
    operation,
    input,
    form: 'text',
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
