/**
 * AWS clients of the handlers. A function calls one service in one region with the same settings for all its life, but
 * the SDK settles much of that anew for each call. Here it is settled once, by the SDK's own parts, which
 * docs/decisions/settings-are-settled-once.md names.
 */
import { getSchemaSerdePlugin } from '@smithy/core/schema';
import { timed } from './call-times';
import { rehearsable } from './rehearsal';

type Next = (args: never) => Promise<unknown>;
type Middleware = (next: Next, context: never) => Next;

interface MiddlewareOptions {
  readonly name?: string;
}

/** An SDK client, as far as its settings and its middleware are changed. */
interface Client {
  config: Parameters<typeof getSchemaSerdePlugin>[0] & {
    /** Makes the signer, which asks for the credentials at each signature. */
    signer: (scheme: never) => Promise<unknown>;
    readonly cacheMiddleware?: boolean;
  };
  readonly middlewareStack: {
    add(middleware: Middleware, options: MiddlewareOptions): void;
    use(plugin: object): void;
    applyToStack(stack: object): void;
  };
}

/** Makes a new client one of a handler: settled, with the times of its calls, and a part of the rehearsal. */
export function awsClient<Created extends Parameters<typeof rehearsable>[0]>(client: Created): Created {
  settle(client as unknown as Client);
  return rehearsable(timed(client as Created & Parameters<typeof timed>[0]));
}

function settle(client: Client): void {
  const { config, middlewareStack } = client;
  const { signer } = config;
  let made: Promise<unknown> | undefined;
  config.signer = (scheme) => {
    made ??= signer(scheme);
    return made;
  };
  // The SDK copies all settings for each step of a call. V8 copies a plain object six times as fast as one with
  // accessors. No setting of clients for lib-dynamodb, whose commands would repeat the first one's input.
  client.config = { ...config, cacheMiddleware: true };
  middlewareStack.use(getSchemaSerdePlugin(client.config));
  setUserAgentOnce(middlewareStack);
}

interface Signed {
  readonly request: { readonly headers: Record<string, string> };
}

/** Makes the SDK's middleware compute the user agent for the first call only, whose headers later calls have as well. */
function setUserAgentOnce(stack: Client['middlewareStack']): void {
  const found: [Middleware, MiddlewareOptions][] = [];
  stack.applyToStack({
    add: (middleware: Middleware, options: MiddlewareOptions) => {
      if (options.name === 'getUserAgentMiddleware') found.push([middleware, options]);
    },
    addRelativeTo() {},
  });
  for (const [middleware, options] of found) {
    let agent: Record<string, string> | undefined;
    stack.add((next, context) => {
      const compute = middleware((args) => {
        const { request } = args as Signed;
        const entries = Object.entries(request.headers);
        agent = Object.fromEntries(entries.filter(([name]) => name.endsWith('user-agent')));
        return next(args);
      }, context);
      return (args) => {
        if (!agent) return compute(args);
        Object.assign((args as Signed).request.headers, agent);
        return next(args);
      };
    }, options);
  }
}
