/**
 * An API destination: EventBridge calls an HTTPS endpoint with the credentials of a connection, and no more often than
 * its rate. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
 */
import { type Assembly, AssemblyError, type Resource } from '../../template/assembly';
import { placeholdersIn, replacePlaceholders } from '../../template/placeholder';
import type { TargetDefinition } from './delivery';
import { requireKnownProperties } from './known-properties';
import { ServiceError } from './service-error';
import type { World } from './world';

/** Milliseconds in which an endpoint must answer. */
const TIMEOUT_MS = 5_000;
const DEFAULT_RATE = 300;

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html#eb-api-destination-headers */
const HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'application/json; charset=utf-8',
  'User-Agent': 'Amazon/EventBridge/ApiDestinations',
  Range: 'bytes=0-1048575',
};

/** Statuses after which EventBridge tries again; all others of 4xx end the delivery. */
const isRetried = (status: number): boolean => status === 409 || status === 429 || status >= 500;

export interface OutboundRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Makes a request. @returns the answer's status and body */
export type Fetch = (request: OutboundRequest) => Promise<{ readonly status: number; readonly body: string }>;

const fetchOverHttp: Fetch = async ({ url, method, headers, body }) => {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await fetch(url, { method, headers, body, signal, redirect: 'manual' });
  return { status: answer.status, body: await answer.text() };
};

export interface ApiDestinationOptions {
  /** The template's connections. */
  readonly connections: readonly Resource[];
  readonly fetch?: Fetch;
}

export class ApiDestination {
  readonly arn: string;
  /** `host:port`. */
  readonly host: string;
  readonly #url: string;
  readonly #method: string;
  readonly #intervalMs: number;
  readonly #world: World;
  readonly #auth: Resource['properties'];
  readonly #fetch: Fetch;
  /** Time of the next request that the rate allows. */
  #next = Number.NEGATIVE_INFINITY;
  #token: string | undefined;

  /** @throws AssemblyError for a property that is not known here, or a connection that is not in the template */
  constructor(
    readonly resource: Resource,
    world: World,
    { connections, fetch = fetchOverHttp }: ApiDestinationOptions,
  ) {
    const { type, logicalId, properties } = resource;
    requireKnownProperties(resource, properties, [
      ...['Name', 'Description', 'ConnectionArn', 'HttpMethod', 'InvocationEndpoint'],
      'InvocationRateLimitPerSecond',
    ]);
    const connection = connections.find(({ arn }) => arn === properties.ConnectionArn);
    if (!connection) throw new AssemblyError(`${type} ${logicalId}: its connection is not in this stack.`);
    requireKnownProperties(connection, connection.properties, [
      ...['Name', 'Description', 'AuthorizationType', 'AuthParameters', 'KmsKeyIdentifier'],
    ]);
    this.arn = resource.arn;
    this.#url = String(properties.InvocationEndpoint);
    this.host = new URL(this.#url).host;
    this.#method = String(properties.HttpMethod);
    this.#intervalMs = 1_000 / Number(properties.InvocationRateLimitPerSecond ?? DEFAULT_RATE);
    this.#world = world;
    this.#auth = withSecrets(connection.properties.AuthParameters);
    this.#fetch = fetch;
  }

  /** Milliseconds until the rate allows another request. If that is 0, this one is taken for made. */
  delayMs(): number {
    const now = this.#world.now();
    if (now < this.#next) return this.#next - now;
    this.#next = now + this.#intervalMs;
    return 0;
  }

  /**
   * Makes the request.
   * @throws ServiceError with a status of 5xx or 429 if it is to be tried again
   */
  async send(body: string, { HttpParameters: parameters = {} }: TargetDefinition): Promise<undefined> {
    const headers = { ...HEADERS, ...parameters.HeaderParameters };
    let answer = await this.#request({ ...headers, ...(await this.#authorization()) }, body, parameters);
    if (answer.status === 401 && this.#token !== undefined) {
      this.#token = undefined;
      answer = await this.#request({ ...headers, ...(await this.#authorization()) }, body, parameters);
    }
    const { status } = answer;
    if (status >= 200 && status < 300) return undefined;
    const code = status === 429 ? 429 : isRetried(status) ? 503 : 400;
    throw new ServiceError('HttpError', `${this.host} answered ${status}.`, code);
  }

  #request(
    headers: Readonly<Record<string, string>>,
    body: string,
    { PathParameterValues: values = [], QueryStringParameters: query = {} }: HttpParameters,
  ) {
    const left = [...values];
    const url = new URL(this.#url.replaceAll('*', () => encodeURIComponent(left.shift() ?? '')));
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return this.#call({ method: this.#method, url: url.href, headers, body });
  }

  /** @throws ServiceError if there is no answer in time */
  async #call(request: OutboundRequest): ReturnType<Fetch> {
    try {
      return await this.#fetch(request);
    } catch (error) {
      const { message, cause } = error as Error;
      const why = cause instanceof Error ? cause.message || cause.name : message;
      throw new ServiceError('HttpError', `${new URL(request.url).host} did not answer: ${why}.`, 503);
    }
  }

  async #authorization(): Promise<Record<string, string>> {
    const { ApiKeyAuthParameters: key, BasicAuthParameters: basic, OAuthParameters: oauth } = this.#auth;
    if (key) return { [key.ApiKeyName]: key.ApiKeyValue };
    if (basic) return { Authorization: basicAuthorization(basic.Username, basic.Password) };
    if (!oauth) return {};
    this.#token ??= await this.#fetchToken(oauth);
    return { Authorization: `Bearer ${this.#token}` };
  }

  /** @throws ServiceError if there is no token */
  async #fetchToken(oauth: Resource['properties']): Promise<string> {
    const { ClientID: id, ClientSecret: secret } = oauth.ClientParameters;
    const { status, body } = await this.#call({
      method: String(oauth.HttpMethod),
      url: String(oauth.AuthorizationEndpoint),
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded',
        Authorization: basicAuthorization(id, secret),
      },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: id,
        client_secret: secret,
      }).toString(),
    });
    let token: unknown;
    try {
      token = (JSON.parse(body) as { access_token?: unknown } | null)?.access_token;
    } catch {
      token = undefined;
    }
    if (status < 300 && typeof token === 'string') return token;
    throw new ServiceError('HttpError', `${oauth.AuthorizationEndpoint} gave no token (${status}).`, 503);
  }
}

type HttpParameters = NonNullable<TargetDefinition['HttpParameters']>;

const basicAuthorization = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** The parameters with `local:<name>` in place of each secret, which only AWS knows. */
function withSecrets(parameters: unknown): Resource['properties'] {
  const text = replacePlaceholders(JSON.stringify(parameters ?? {}), (found) => {
    const [, name = 'secret'] = String(placeholdersIn(found)[0]?.name).split(' ');
    return `local:${name}`;
  });
  return JSON.parse(text);
}

/**
 * The API destinations whose host may be called (`host` or `host:port`); events for all others are recorded.
 * @throws AssemblyError for a property that is not known here, or a connection that is not in the template
 */
export function apiDestinations(
  assembly: Assembly,
  world: World,
  allowedHosts: readonly string[],
): ApiDestination[] {
  const connections = assembly.ofType('AWS::Events::Connection');
  return assembly
    .ofType('AWS::Events::ApiDestination')
    .filter(({ properties }) => {
      const url = String(properties.InvocationEndpoint);
      if (!URL.canParse(url)) return false;
      const { host, hostname } = new URL(url);
      return allowedHosts.includes(host) || allowedHosts.includes(hostname);
    })
    .map((resource) => new ApiDestination(resource, world, { connections }));
}
