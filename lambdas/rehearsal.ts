/**
 * Rehearsal of a function's first event while the function starts. The first call of everything costs many times the
 * second one: modules that are evaluated late, credentials, endpoint, signature, serialization, the TLS connection.
 * While it starts, a function has a whole core; for an event it has the share that its memory buys, a fourteenth at
 * 128 MB.
 *
 * So the handler handles example events once, through its clients' real middleware. No signed request is sent: an
 * unsigned `GET /ping` takes its way, which opens the connection and needs no permission, and the answer is made up.
 * Nothing is written to AWS, to the log or to the metrics, and no failure is seen by anyone but the first event,
 * which then costs what it would have cost. docs/decisions/rehearsal.md has the figures.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Readable } from 'node:stream';
import type { Context } from 'aws-lambda';

/** Invented answers of AWS: bodies by operation, e.g. `PutItem`; `{}` for the others. */
export type Answers = Readonly<Record<string, string>>;

interface Rehearsal {
  readonly answers: Answers;
  /** Ends the waiting for connections. */
  readonly end: AbortSignal;
}

/**
 * The rehearsal that the present call is a part of. It follows the call, so that an event beside it is not affected.
 */
const current = new AsyncLocalStorage<Rehearsal>();

/** Checks whether the present call is a rehearsal, of which nobody must read. */
export const isRehearsed = (): boolean => current.getStore() !== undefined;

interface Request {
  readonly headers: Readonly<Record<string, string>>;
}

interface Response {
  readonly body: AsyncIterable<unknown>;
}

type Next = (args: never) => Promise<unknown>;

/** An SDK client, as far as its requests can be stopped. */
interface Client {
  readonly config: {
    readonly requestHandler: {
      handle(request: never, options: { abortSignal: AbortSignal }): Promise<{ response: Response }>;
    };
  };
  readonly middlewareStack: {
    add(
      middleware: (next: Next, context: { readonly commandName?: string }) => Next,
      options: { readonly step: 'deserialize'; readonly priority: 'low'; readonly name: string },
    ): void;
  };
}

/** Makes a client take part in rehearsals. */
export function rehearsable<Rehearsable extends Client>(client: Rehearsable): Rehearsable {
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        const rehearsal = current.getStore();
        if (!rehearsal) return next(args);
        await ping(client, (args as { readonly request: Request }).request, rehearsal.end);
        const body = rehearsal.answers[commandName.replace(/Command$/, '')] ?? '{}';
        const headers = { 'content-type': body.startsWith('<') ? 'text/xml' : 'application/x-amz-json-1.0' };
        return { response: { statusCode: 200, headers, body: Readable.from([Buffer.from(body)]) } };
      },
    // Between the SDK's own deserializer, which has the normal priority, and the connection.
    { step: 'deserialize', priority: 'low', name: 'rehearsal' },
  );
  return client;
}

/** Milliseconds for all connections and their answers. A function without a way to AWS must not start for longer. */
const CONNECT_MS = 1_000;

/** Opens a connection that the client then keeps for its first request, or uses the one that it has. */
async function ping(
  { config }: Client,
  { headers, ...request }: Request,
  abortSignal: AbortSignal,
): Promise<void> {
  const unsigned = {
    ...request,
    method: 'GET',
    path: '/ping',
    headers: { host: headers.host },
    body: undefined,
  };
  try {
    const { response } = await config.requestHandler.handle(unsigned as never, { abortSignal });
    // The connection is free for the next request once the answer is read to its end.
    for await (const _ of response.body);
  } catch {
    // The first event opens it, or tells of what keeps it from being opened.
  }
}

/** A context, as far as handlers ask. */
const CONTEXT = { awsRequestId: 'rehearsal', getRemainingTimeInMillis: () => 30_000 } as Context;

/**
 * Lets a handler handle example events. Only in Lambda (and in the local run); a test that imports a handler does not
 * start a function.
 * @returns true if the handler took them; false without a rehearsal, or if it failed. Never rejects.
 */
export async function rehearse(
  handler: (event: unknown, context: Context) => Promise<unknown>,
  events: readonly unknown[],
  answers: Answers = {},
): Promise<boolean> {
  if (!process.env.AWS_LAMBDA_INITIALIZATION_TYPE || isDebugged()) return false;
  try {
    const rehearsal = { answers, end: AbortSignal.timeout(CONNECT_MS) };
    for (const event of events) await current.run(rehearsal, () => handler(event, CONTEXT));
    return true;
  } catch {
    return false;
  }
}

/** A breakpoint is for an event. */
const isDebugged = (): boolean => process.execArgv.some((option) => option.startsWith('--inspect'));

/** An example event, as EventBridge delivers it. */
export function rehearsalEvent(contract: {
  readonly source: string;
  readonly detailType: string;
  readonly example: object;
}) {
  return {
    version: '0',
    id: 'rehearsal',
    'detail-type': contract.detailType,
    source: contract.source,
    account: '',
    time: '2026-01-15T10:00:00Z',
    region: '',
    resources: [],
    detail: contract.example,
  };
}
