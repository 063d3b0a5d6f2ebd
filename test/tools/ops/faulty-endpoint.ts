/** Proxy between the tool and the stack: answers some calls itself, as a service that fails, or cuts the connection. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Call {
  /** E.g. `PutEvents`; for Lambda `POST /2015-03-31/functions/...`. */
  readonly operation: string;
  /**
   * Name that the request is signed for, e.g. `events`; the prefix of IAM actions, but for CloudWatch (`monitoring`).
   */
  readonly service: string;
  // biome-ignore lint/suspicious/noExplicitAny: each operation has a body of its own
  readonly input: any;
}

export interface Answer {
  readonly status: number;
  readonly body: object;
}

/** @returns undefined to let the call through; `forward` does so, and gives the stack's answer */
export type Interceptor = (call: Call, forward: () => Promise<Answer>) => Promise<Answer | undefined>;

export class FaultyEndpoint {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(target: string, intercept: Interceptor): Promise<FaultyEndpoint> {
    const server = createServer((request, response) => void serve(target, intercept, request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FaultyEndpoint(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

async function serve(
  target: string,
  intercept: Interceptor,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await buffer(request);
  const {
    'x-amz-target': name,
    host: _,
    connection: __,
    'content-length': ___,
    ...headers
  } = request.headers;
  const operation = operationOf(request, body.toString());
  const pass = async () =>
    fetch(`${target}${request.url}`, {
      method: request.method ?? 'POST',
      headers: { ...(headers as Record<string, string>), ...(name && { 'x-amz-target': String(name) }) },
      ...(body.length > 0 && { body }),
    });
  const forward = async () => {
    const answer = await pass();
    return { status: answer.status, body: (await answer.json()) as object };
  };
  const input = /^[[{]/.test(body.toString()) ? JSON.parse(body.toString()) : {};
  const answer = await intercept({ operation, service: serviceOf(request), input }, forward);
  if (answer) {
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(answer.body));
    return;
  }
  const passed = await pass();
  response.writeHead(passed.status, Object.fromEntries(passed.headers));
  response.end(Buffer.from(await passed.arrayBuffer()));
}

/** Reads the operation from the JSON protocols' header, the query protocol's form or the RPC protocol's path. */
function operationOf({ method, url = '', headers }: IncomingMessage, body: string): string {
  const name = headers['x-amz-target'];
  if (typeof name === 'string') return name.slice(name.indexOf('.') + 1);
  const [, action] = /^(?:.*&)?Action=(\w+)/.exec(body) ?? [];
  const [, rpc] = /^\/service\/\w+\/operation\/(\w+)$/.exec(url) ?? [];
  return action ?? rpc ?? `${method} ${url}`;
}

function serviceOf({ headers }: IncomingMessage): string {
  // Credential=<key>/<day>/<region>/<service>/aws4_request
  return /Credential=(?:[^/]+\/){3}([^/]+)\/aws4_request/.exec(headers.authorization ?? '')?.[1] ?? '';
}
