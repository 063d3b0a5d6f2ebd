/**
 * The REST protocols: method and path say what is wanted, members are in the path, the query string, headers and
 * the body. https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
 */
import { ServiceError } from '../services/service-error';
import { type HttpRequest, header } from './http';
import type { ApiModel, ModelShape } from './models/model';

/** @returns the operation whose method and path the request has, and its input; undefined if there is none */
export function matchOperation(
  model: ApiModel,
  request: HttpRequest,
): { operation: string; input: Record<string, unknown> } | undefined {
  for (const [operation, { http, input }] of Object.entries(model.operations)) {
    const path = http.method === request.method && matchUri(http.requestUri, request);
    if (!path) continue;
    const shape = model.shapes[input ?? ''];
    return { operation, input: shape ? readMembers(model, shape, path, request) : {} };
  }
  return undefined;
}

/** @returns the labels of the path: `/{Bucket}/{Key+}?list-type=2` */
function matchUri(uri: string, { path, query }: HttpRequest): Record<string, string> | undefined {
  const [template, search = ''] = uri.split('?') as [string, string?];
  for (const [name, value] of new URLSearchParams(search)) {
    if (query.get(name) !== value) return undefined;
  }
  const expression = template.replaceAll(/\{(\w+)(\+?)\}/g, (_, name, greedy) =>
    greedy ? `(?<${name}>.+)` : `(?<${name}>[^/]+)`,
  );
  const found = new RegExp(`^${expression}/?$`).exec(path);
  if (!found) return undefined;
  return Object.fromEntries(Object.entries(found.groups ?? {}).map(([name, text]) => [name, decode(text)]));
}

/** @throws ServiceError for a `%` that encodes nothing */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ServiceError('InvalidRequestContentException', `The path has a malformed part: ${text}`);
  }
}

function readMembers(
  model: ApiModel,
  { members = {}, payload }: ModelShape,
  labels: Readonly<Record<string, string>>,
  request: HttpRequest,
): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  const body = payload === undefined ? readBody(request) : {};
  for (const [name, { shape, location, locationName = name }] of Object.entries(members)) {
    const convert = (text: string | null | undefined) => fromText(text, model.shapes[shape]?.type);
    switch (location) {
      case 'uri':
        input[name] = convert(labels[locationName]);
        break;
      case 'querystring':
        input[name] = convert(request.query.get(locationName));
        break;
      case 'header':
        input[name] = convert(header(request, locationName.toLowerCase()));
        break;
      default:
        input[name] = name === payload ? request.body : body[locationName];
    }
  }
  return input;
}

function readBody({ body }: HttpRequest): Readonly<Record<string, unknown>> {
  if (body.length === 0) return {};
  try {
    return Object(JSON.parse(body.toString('utf8')));
  } catch {
    throw new ServiceError('InvalidRequestContentException', 'Could not parse request body into json.');
  }
}

function fromText(text: string | null | undefined, type: string | undefined): unknown {
  if (text == null) return undefined;
  if ((type === 'integer' || type === 'long') && /^-?\d+$/.test(text)) return Number(text);
  // A date of HTTP in a header, of ISO 8601 in the query string; typed input has seconds.
  if (type === 'timestamp' && !Number.isNaN(Date.parse(text))) return Date.parse(text) / 1000;
  return type === 'boolean' && (text === 'true' || text === 'false') ? text === 'true' : text;
}
