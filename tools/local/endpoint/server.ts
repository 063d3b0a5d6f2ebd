/** The endpoint's socket: one port on this machine for all services that the stack, its handlers and its operators call. */

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { InputError } from '../../cli/errors';
import { type AnswerOptions, createAnswer, type Handler, type RequestContext } from './answer';
import type { HttpRequest, Reply } from './http';
import { refusePlain } from './protocol';
import type { Services } from './service';

export interface EndpointOptions extends AnswerOptions {
  /** 0 for any free port. @default 4566, or the next free one */
  readonly port?: number;
}

export interface Endpoint {
  /** E.g. `http://127.0.0.1:4566`. */
  readonly url: string;
  /** Answers a request without the socket. */
  readonly answer: Handler;
  /** Answers who waits for messages, lets other requests end (at most 2 seconds), and frees the port. */
  close(): Promise<void>;
}

/** Another program has the port that was asked for. */
export class PortInUseError extends InputError {
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
export async function startEndpoint(services: Services, options: EndpointOptions): Promise<Endpoint> {
  const endpoint = new EndpointServer(services, options);
  await endpoint.listen(options.port);
  return endpoint;
}

class EndpointServer implements Endpoint {
  readonly answer: Handler;
  readonly #server: http.Server;
  readonly #requests = new Set<ServedRequest>();
  readonly #newId: () => string;
  #underWay = 0;
  url = '';

  constructor(services: Services, options: EndpointOptions) {
    this.answer = createAnswer(services, options);
    this.#newId = () => services.world.uuid();
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
    for (const request of this.#requests) request.abort();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    const end = performance.now() + CLOSE_MS;
    while (this.#underWay > 0 && performance.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 5));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    this.#underWay++;
    const served = new ServedRequest(response, this.#newId());
    this.#requests.add(served);
    let reply: Reply;
    try {
      const body = await readBody(request);
      reply = body
        ? await this.answer(readRequest(request, body), served)
        : refusePlain(
            413,
            'RequestEntityTooLargeException',
            `A request has at most ${MAX_BODY_BYTES} bytes.`,
          );
    } catch (error) {
      // The client broke off in the middle of its request.
      reply = refusePlain(400, 'RequestTimeout', String(error));
    }
    this.#requests.delete(served);
    this.#underWay--;
    if (response.destroyed) return; // The client went away: there is nobody to tell.
    const { status, headers, body } = reply;
    if (typeof body !== 'string' && !Buffer.isBuffer(body)) {
      response.writeHead(status, headers);
      await this.#sendParts(body, response, served);
      return;
    }
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
    response.end(body);
  }

  async #sendParts(
    parts: AsyncIterable<string>,
    response: http.ServerResponse,
    served: ServedRequest,
  ): Promise<void> {
    this.#requests.add(served);
    response.once('close', () => served.abort());
    for await (const part of parts) {
      if (response.destroyed) break;
      // A slow reader is waited for, so that nothing piles up here.
      if (!response.write(part)) await drained(response);
    }
    this.#requests.delete(served);
    response.end();
  }
}

function readRequest({ method, url, headers }: http.IncomingMessage, body: Buffer): HttpRequest {
  const target = String(url);
  const end = `${target}?`.indexOf('?');
  const query = new URLSearchParams(target.slice(end));
  return { method: String(method), path: target.slice(0, end), query, headers, body };
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

/** A request that is being answered. Most are answered without asking for the signal, so it is made when one does. */
class ServedRequest implements RequestContext {
  readonly #response: http.ServerResponse;
  #controller: AbortController | undefined;
  #isAborted = false;

  constructor(
    response: http.ServerResponse,
    readonly requestId: string,
  ) {
    this.#response = response;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      this.#response.once('close', () => this.abort());
      if (this.#isAborted || this.#response.destroyed) this.abort();
    }
    return this.#controller.signal;
  }

  abort(): void {
    this.#isAborted = true;
    this.#controller?.abort();
  }
}

/** Waits until what was written is on its way, or the reader is gone. */
function drained(response: http.ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
