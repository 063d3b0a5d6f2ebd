/** Functions within this process: their calls reach the endpoint without a socket. */
import type { Handler } from './endpoint/answer';
import type { HttpRequest, Reply } from './endpoint/http';
import type { HandlerReply, HandlerRequest, Transport } from './services/handler-http';
import type { EnvironmentSettings, ExecutionEnvironment } from './services/lambda-environment';
import { InProcessEnvironment, type InProcessOptions } from './services/lambda-in-process';

/** The endpoint as handlers reach it. */
export interface ReachableEndpoint {
  readonly url: string;
  readonly answer: Handler;
}

export interface InProcessRun extends Omit<InProcessOptions, 'transport'> {
  /** Stands between a function and the endpoint. @default nothing */
  readonly around?: (functionName: string, next: Transport) => Transport;
}

/** @returns what starts the environments of a stack's functions */
export function inProcess(run: InProcessRun) {
  return (
    functionName: string,
    settings: EnvironmentSettings,
    endpoint: () => ReachableEndpoint,
  ): ExecutionEnvironment => {
    const direct = callEndpoint(endpoint, run.world, settings.onEgressRefused);
    const transport = run.around?.(functionName, direct) ?? direct;
    return new InProcessEnvironment(settings, { ...run, transport });
  };
}

/** @returns a transport to the endpoint alone: other hosts are refused, and `onRefused` is told */
export function callEndpoint(
  endpoint: () => ReachableEndpoint,
  world: { uuid(): string },
  onRefused: (host: string) => void = () => {},
): Transport {
  return async (request) => {
    const { url, answer } = endpoint();
    if (request.host !== new URL(url).host) {
      onRefused(request.host);
      const error = new Error(`The local run lets no handler in its own process reach ${request.host}.`);
      throw Object.assign(error, { name: 'EgressRefusedError', code: 'EACCES', syscall: 'connect' });
    }
    const reply = await answer(readRequest(request), { requestId: world.uuid(), signal: NEVER });
    return toReply(reply);
  };
}

/** Signal that is never aborted: a client that is gone does not look at the answer. */
const NEVER = new AbortController().signal;

function readRequest({ method, path, host, headers, body }: HandlerRequest): HttpRequest {
  const end = `${path}?`.indexOf('?');
  const query = new URLSearchParams(path.slice(end));
  return { method, path: path.slice(0, end), query, headers: { host, ...headers }, body };
}

async function toReply({ status, headers, body }: Reply): Promise<HandlerReply> {
  const lower = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return { status, headers: lower, body: Buffer.isBuffer(body) ? body : Buffer.from(await textOf(body)) };
}

async function textOf(body: string | AsyncIterable<string>): Promise<string> {
  if (typeof body === 'string') return body;
  let text = '';
  for await (const part of body) text += part;
  return text;
}
