/**
 * `node:http` and `node:https` for a handler in this process: requests go to a function instead of a socket. All above
 * (the SDK's retries, timeouts, signatures and parsing) is the handler's own.
 */
import { EventEmitter } from 'node:events';
import { type OutgoingHttpHeaders, STATUS_CODES } from 'node:http';
import { Readable } from 'node:stream';

export interface HandlerRequest {
  readonly method: string;
  /** Path with the query. */
  readonly path: string;
  /** `name:port` */
  readonly host: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface HandlerReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Answers a request. A rejection is an error of the connection, e.g. with the code ECONNRESET. */
export type Transport = (request: HandlerRequest) => Promise<HandlerReply>;

interface RequestOptions {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly hostname?: string;
  readonly port?: number | string;
  readonly headers?: OutgoingHttpHeaders;
}

/** Socket as far as clients look at it; it is always connected. */
class Socket extends EventEmitter {
  readonly connecting = false;
  setKeepAlive(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
}

class Request extends EventEmitter {
  readonly socket = new Socket();
  destroyed = false;
  readonly #options: RequestOptions;
  readonly #transport: Transport;
  readonly #headers: Record<string, string> = {};
  readonly #chunks: Buffer[] = [];

  constructor(options: RequestOptions, transport: Transport) {
    super();
    this.#options = options;
    this.#transport = transport;
    for (const [name, value] of Object.entries(options.headers ?? {})) this.setHeader(name, value);
    queueMicrotask(() => this.emit('socket', this.socket));
  }

  setHeader(name: string, value: unknown): this {
    this.#headers[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : String(value);
    return this;
  }

  getHeader(name: string): string | undefined {
    return this.#headers[name.toLowerCase()];
  }

  setTimeout(): this {
    return this;
  }

  write(chunk: string | Uint8Array): boolean {
    this.#chunks.push(Buffer.from(chunk as Uint8Array));
    return true;
  }

  end(chunk?: string | Uint8Array): this {
    if (chunk !== undefined) this.write(chunk);
    void this.#send();
    return this;
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    queueMicrotask(() => {
      if (error) this.emit('error', error);
      this.emit('close');
    });
    return this;
  }

  abort(): void {
    this.destroy();
  }

  async #send(): Promise<void> {
    const { method = 'GET', path = '/', hostname, host = hostname ?? 'localhost', port = 80 } = this.#options;
    try {
      const reply = await this.#transport({
        ...{ method, path, host: `${host}:${port}`, headers: this.#headers },
        body: Buffer.concat(this.#chunks),
      });
      if (this.destroyed) return;
      const response = Object.assign(readable(reply.body), {
        ...{ statusCode: reply.status, statusMessage: STATUS_CODES[reply.status] },
        headers: reply.headers,
      });
      response.once('close', () => this.emit('close'));
      this.emit('response', response);
    } catch (error) {
      this.destroy(error as Error);
    }
  }
}

/** A stream of one chunk; `Readable.from` would go through an iterator. */
function readable(body: Buffer): Readable {
  const stream = new Readable({ read: () => {} });
  if (body.length > 0) stream.push(body);
  stream.push(null);
  return stream;
}

/** @returns the modules `http` and `https` */
export function httpModules(transport: Transport): Record<string, unknown> {
  class Agent {
    readonly sockets = {};
    readonly requests = {};
    readonly maxSockets = Number.POSITIVE_INFINITY;
    destroy(): void {}
  }
  const request = (...given: unknown[]) => {
    const [first] = given;
    const url = typeof first === 'string' ? new URL(first) : first instanceof URL ? first : undefined;
    const more = given.find(
      (each) => typeof each === 'object' && each !== null && !(each instanceof URL),
    ) as RequestOptions;
    const onResponse = given.find((each) => typeof each === 'function') as
      | ((response: unknown) => void)
      | undefined;
    const options = { ...(url && optionsOf(url)), ...more };
    const made = new Request(options, transport);
    if (onResponse) made.once('response', onResponse);
    return made;
  };
  const get = (...given: unknown[]) => request(...given).end();
  const http = { Agent, globalAgent: new Agent(), request, get, STATUS_CODES };
  return { http, https: http };
}

const optionsOf = ({ hostname, port, protocol, pathname, search }: URL): RequestOptions => ({
  hostname,
  port: port || (protocol === 'https:' ? 443 : 80),
  path: `${pathname}${search}`,
});
