/**
 * Refuses what comes from a web page rather than from a client of AWS: the endpoint has no password, and a page of
 * any site can send requests to this machine. https://owasp.org/www-community/attacks/csrf
 */
import { ServiceError } from '../services/service-error';
import { type HttpRequest, header, type Reply } from './http';

export interface GuardOptions {
  /** Origins of web apps that may call the endpoint, e.g. `http://localhost:5173`. @default none */
  readonly allowedOrigins?: readonly string[];
  /** Names besides localhost under which the endpoint is reached, e.g. of a container's host. @default none */
  readonly allowedHosts?: readonly string[];
}

export class Guard {
  readonly #origins: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string>;

  constructor({ allowedOrigins = [], allowedHosts = [] }: GuardOptions) {
    this.#origins = new Set(allowedOrigins);
    this.#hosts = new Set(allowedHosts.map((host) => host.toLowerCase()));
  }

  /** @throws ServiceError (AccessDeniedException) for a request of a page that may not call the endpoint */
  check(request: HttpRequest): void {
    const host = header(request, 'host') ?? '';
    // A page of another site whose name was pointed at this machine would be of the endpoint's own origin.
    if (!this.#isOwnHost(host)) {
      throw denied(
        `The local run answers to localhost and 127.0.0.1, not to the host ${host}. Start it with --allow-host ${nameOf(host)} to let it be called by that name.`,
      );
    }
    const origin = header(request, 'origin');
    const isOwn = origin !== undefined && origin === `http://${host}`;
    if (origin !== undefined && !isOwn && !this.#origins.has(origin)) {
      throw denied(
        `A page of ${origin} may not call the local run. Start it with --allow-origin ${origin} if that is your own web app.`,
      );
    }
    // An image, a form or a script of a page sends no Origin with GET.
    const site = header(request, 'sec-fetch-site');
    if (origin === undefined && site !== undefined && site !== 'none' && site !== 'same-origin') {
      throw denied(`A page of another site (Sec-Fetch-Site: ${site}) may not call the local run.`);
    }
  }

  /** The answer to a preflight of a page that `check` lets through; undefined for any other request. */
  preflight(request: HttpRequest): Reply | undefined {
    if (request.method !== 'OPTIONS' || header(request, 'access-control-request-method') === undefined)
      return undefined;
    return {
      status: 204,
      headers: {
        ...this.corsHeaders(request),
        'access-control-allow-methods': 'GET, HEAD, POST, PUT, DELETE',
        'access-control-allow-headers': header(request, 'access-control-request-headers') ?? '*',
        'access-control-max-age': '600',
      },
      body: '',
    };
  }

  /** Headers that let an allowed page of another origin read the answer. */
  corsHeaders(request: HttpRequest): Readonly<Record<string, string>> {
    const origin = header(request, 'origin');
    if (origin === undefined || !this.#origins.has(origin)) return {};
    return {
      'access-control-allow-origin': origin,
      'access-control-expose-headers': '*',
      'access-control-allow-private-network': 'true',
      vary: 'Origin',
    };
  }

  #isOwnHost(host: string): boolean {
    const name = nameOf(host);
    return (
      name === '127.0.0.1' ||
      name === '[::1]' ||
      name === 'localhost' ||
      name.endsWith('.localhost') ||
      this.#hosts.has(name)
    );
  }
}

const nameOf = (host: string) => host.replace(/:\d+$/, '').toLowerCase();

const denied = (message: string) => new ServiceError('AccessDeniedException', message, 403);
