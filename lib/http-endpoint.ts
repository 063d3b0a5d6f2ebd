import { SecretValue } from 'aws-cdk-lib';
import { ApiDestination, Authorization, type CfnRule, Connection, HttpMethod } from 'aws-cdk-lib/aws-events';
import type { Construct } from 'constructs';
import { ConfigError, type StageConfig } from './config';
import { deliveryRole, type TargetParameters, WatchedTarget } from './rule-target';

/**
 * Credentials that the endpoint asks for. `secret` is the name of a secret in Secrets Manager whose value is the text
 * alone.
 */
export type EndpointAuthorization =
  | { readonly kind: 'api-key'; readonly header: string; readonly secret: string }
  | { readonly kind: 'basic'; readonly user: string; readonly secret: string }
  /** OAuth with client credentials: EventBridge fetches a token at `tokenUrl`, and another when it is refused. */
  | { readonly kind: 'oauth'; readonly tokenUrl: string; readonly clientId: string; readonly secret: string };

export interface HttpEndpointProps {
  readonly config: StageConfig;
  /** Physical name without the stack's prefix. */
  readonly name: string;
  /** `https:` address that gets each event by POST. It must answer within 5 seconds. */
  readonly url: string;
  readonly authorization: EndpointAuthorization;
  /** Number of requests a second, 1 to 300. @default 10 */
  readonly rate?: number;
}

/**
 * HTTP endpoint of somebody else, called by EventBridge itself (an API destination). It keeps what it gets, so the
 * rule's input names the fields. EventBridge tries again what is answered with 409, 429 or 5xx, or not in time.
 */
export class HttpEndpoint extends WatchedTarget {
  readonly name: string;
  readonly label: string;
  readonly destination: ApiDestination;
  override readonly keepsData = true;

  constructor(
    scope: Construct,
    id: string,
    { config, name, url, authorization, rate = 10 }: HttpEndpointProps,
  ) {
    super(scope, id);
    const physicalName = `${config.prefix}-${name}`;
    this.name = `${name}-endpoint`;
    this.label = `HTTP endpoint ${physicalName}`;
    requireHttps(name, 'url', url);
    if (authorization.kind === 'oauth') requireHttps(name, 'tokenUrl', authorization.tokenUrl);
    if (!Number.isInteger(rate) || rate < 1 || rate > 300)
      throw new ConfigError(
        `Endpoint ${name}: rate is ${rate}, but EventBridge takes 1 to 300 requests a second.`,
      );
    const connection = new Connection(this, 'Connection', {
      connectionName: physicalName,
      description: `Credentials for ${url}`,
      authorization: credentials(authorization),
    });
    this.destination = new ApiDestination(this, 'Destination', {
      apiDestinationName: physicalName,
      description: `POST ${url}`,
      connection,
      endpoint: url,
      httpMethod: HttpMethod.POST,
      rateLimitPerSecond: rate,
    });
  }

  get targetArn(): string {
    return this.destination.apiDestinationArn;
  }

  allowRule(rule: CfnRule): TargetParameters {
    return { roleArn: deliveryRole(this, rule, ['events:InvokeApiDestination'], this.targetArn) };
  }
}

function requireHttps(name: string, property: string, url: string): void {
  if (URL.canParse(url) && url.startsWith('https://')) return;
  throw new ConfigError(
    `Endpoint ${name}: ${property} is ${JSON.stringify(url)}, but EventBridge calls https: addresses only.`,
  );
}

function credentials(authorization: EndpointAuthorization): Authorization {
  const secret = SecretValue.secretsManager(authorization.secret);
  switch (authorization.kind) {
    case 'api-key':
      return Authorization.apiKey(authorization.header, secret);
    case 'basic':
      return Authorization.basic(authorization.user, secret);
    case 'oauth':
      return Authorization.oauth({
        authorizationEndpoint: authorization.tokenUrl,
        clientId: authorization.clientId,
        clientSecret: secret,
        httpMethod: HttpMethod.POST,
      });
  }
}
