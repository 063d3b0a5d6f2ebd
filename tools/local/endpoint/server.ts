/**
 * The endpoint: one port on this machine for all services that the stack, its handlers and its operators call.
 * A request is told apart as AWS's own front ends do it: by X-Amz-Target, by its path, or by what it was signed
 * for. Signatures are asked for and not checked.
 */
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { ServiceError } from '../services/service-error';
import { withTrace } from '../steps';
import { cloudformation } from './cloudformation';
import { cloudwatch } from './cloudwatch';
import { dynamodb } from './dynamodb';
import { eventBridge } from './event-bridge';
import { firehose } from './firehose';
import { type InputOf, readInput, type Shape } from './input';
import { lambda } from './lambda';
import { logs } from './logs';
import {
  type Exchange,
  type HttpRequest,
  type Reply,
  refusePlain,
  UnknownRequestError,
  understand,
  unknown,
} from './protocol';
import type { Call, Service, Services } from './service';
import { sns } from './sns';
import { sqs } from './sqs';

export interface EndpointOptions {
  /** 0 for any free port. @default 4566, or the next free one */
  readonly port?: number;
  /** Whether the policies of the key's owner allow an action. @default everybody may do everything */
  readonly authorize?: (
    accessKeyId: string,
    action: string,
    resourceArn: string,
  ) => { allowed: boolean; reason: string };
}

export interface Endpoint {
  /** E.g. `http://127.0.0.1:4566`. */
  readonly url: string;
  /** Answers who waits for messages, lets other requests end (at most 2 seconds), and frees the port. */
  close(): Promise<void>;
}

/** Another program has the port that was asked for. */
export class PortInUseError extends Error {
  override readonly name = 'PortInUseError';
  constructor(readonly port: number) {
    super(
      `Port ${port} on 127.0.0.1 is in use. Choose another one, or none to take the next free one from ${FIRST_PORT}.`,
    );
  }
}

const FIRST_PORT = 4566;
const LAST_PORT = FIRST_PORT + 100;
/** The largest request that a service here takes is DynamoDB's. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const CLOSE_MS = 2000;

/** @throws PortInUseError */
export async function startEndpoint(services: Services, options: EndpointOptions = {}): Promise<Endpoint> {
  const endpoint = new EndpointServer(services, options);
  await endpoint.listen(options.port);
  return endpoint;
}

class EndpointServer implements Endpoint {
  readonly #services: readonly Service[];
  readonly #authorize: EndpointOptions['authorize'];
  readonly #server: http.Server;
  readonly #calls = new Set<RequestCall>();
  #underWay = 0;
  url = '';

  constructor(services: Services, options: EndpointOptions) {
    this.#services = [
      ...[eventBridge(services), sqs(services), sns(services), firehose(services), lambda(services)],
      ...[logs(services), dynamodb(services), cloudformation(services), cloudwatch(services)],
    ];
    this.#authorize = options.authorize;
    this.#server = http.createServer((request, response) => void this.#serve(request, response));
    // A client that keeps its connection must not find it closed in the moment it sends.
    this.#server.keepAliveTimeout = 10 * 60 * 1000;
  }

  async listen(port: number | undefined): Promise<void> {
    for (let candidate = port ?? FIRST_PORT; ; candidate++) {
      try {
        await new Promise<void>((resolve, reject) => {
          this.#server.once('error', reject);
          this.#server.listen(candidate, '127.0.0.1', () => {
            this.#server.removeListener('error', reject);
            resolve();
          });
        });
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
        if (port !== undefined || candidate === LAST_PORT) throw new PortInUseError(candidate);
      }
    }
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const call of this.#calls) call.abort();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    const end = performance.now() + CLOSE_MS;
    while (this.#underWay > 0 && performance.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 5));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    this.#underWay++;
    const requestId = randomUUID();
    const call = new RequestCall(request, response);
    this.#calls.add(call);
    let reply: Reply;
    try {
      reply = await this.#answer(request, call, requestId);
    } catch (error) {
      reply = refusePlain(500, 'InternalFailure', String(error));
    }
    this.#calls.delete(call);
    this.#underWay--;
    if (response.destroyed) return; // The client went away: there is nobody to tell.
    const { status, headers, body } = reply;
    const length = Buffer.byteLength(body);
    response.writeHead(status, { 'x-amzn-requestid': requestId, ...headers, 'content-length': length });
    response.end(body);
  }

  async #answer(request: http.IncomingMessage, call: RequestCall, requestId: string): Promise<Reply> {
    const { host = '' } = request.headers;
    // A page of another site whose name was pointed at this machine is no client.
    if (!/^(localhost|127\.0\.0\.1|\[::1\]|.*\.localhost)(:\d+)?$/.test(host)) {
      return refusePlain(
        403,
        'AccessDeniedException',
        `The local run answers to localhost and 127.0.0.1, not ${host}.`,
      );
    }
    const [, path = '/', search = ''] = /^([^?]*)\??(.*)$/s.exec(request.url ?? '/') ?? [];
    const query = new URLSearchParams(search);
    const body = await readBody(request);
    if (!body) {
      return refusePlain(
        413,
        'RequestEntityTooLargeException',
        `A request has at most ${MAX_BODY_BYTES} bytes.`,
      );
    }
    const credential =
      /^AWS4-\S+ .*Credential=([^/,\s]+)\/(?:[^/,\s]+\/){2}([^/,\s]+)\//.exec(
        request.headers.authorization ?? '',
      ) ?? /^([^/]+)\/(?:[^/]+\/){2}([^/]+)\//.exec(query.get('X-Amz-Credential') ?? '');
    if (!credential) {
      const message = 'Request is missing Authentication Token';
      return refusePlain(403, 'MissingAuthenticationTokenException', message);
    }
    const [, accessKeyId = '', signedFor] = credential;
    const incoming: HttpRequest = {
      method: request.method ?? 'GET',
      path,
      query,
      headers: request.headers,
      body,
      signedFor,
    };
    let exchange: Exchange;
    try {
      exchange = understand(this.#services, incoming);
    } catch (error) {
      if (error instanceof UnknownRequestError) return error.reply;
      throw error;
    }
    call.accessKeyId = accessKeyId;
    try {
      const output = await withTrace(call.trace, () => this.#run(exchange, call));
      return exchange.reply(output, requestId);
    } catch (error) {
      const refused =
        error instanceof ServiceError ? error : new ServiceError('InternalFailure', String(error), 500);
      return exchange.refuse(refused, requestId);
    }
  }

  async #run(
    { service, operation: name, input, text = false }: Exchange,
    call: Call,
  ): Promise<object | undefined> {
    const operation = Object.hasOwn(service.operations, name) ? service.operations[name] : undefined;
    if (!operation)
      throw unknown(`${service.name}:${name}`, text && service.namespace ? 'InvalidAction' : undefined);
    const read = operation.input
      ? readInput(operation.input, input, text)
      : { input: input as InputOf<Shape>, problems: [] };
    if (read.problems.length > 0) throw service.invalid(read.problems);
    const action = `${service.name}:${operation.action ?? name}`;
    for (const resource of this.#authorize ? (operation.resources?.(read.input) ?? ['*']) : []) {
      const decision = this.#authorize?.(call.accessKeyId, action, resource);
      if (decision && !decision.allowed) {
        throw new ServiceError(
          service.accessDenied.code,
          `${call.accessKeyId} is not authorized to perform: ${action} on resource: ${resource} because ${decision.reason}`,
          service.accessDenied.status,
        );
      }
    }
    return operation.run(read.input, call);
  }
}

/** @returns undefined if it is too large */
async function readBody(request: http.IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return bytes > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks);
}

/** A request's side of its operation. Most operations never ask for the signal, so that it is made when one does. */
class RequestCall implements Call {
  readonly url: string;
  readonly trace: string | undefined;
  accessKeyId = '';
  readonly #response: http.ServerResponse;
  #controller: AbortController | undefined;
  #aborted = false;

  constructor(request: http.IncomingMessage, response: http.ServerResponse) {
    const trace = request.headers['x-amzn-trace-id'];
    this.url = `http://${request.headers.host}`;
    this.trace = typeof trace === 'string' ? trace : undefined;
    this.#response = response;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      this.#response.once('close', () => this.abort());
      if (this.#aborted || this.#response.destroyed) this.abort();
    }
    return this.#controller.signal;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }
}
