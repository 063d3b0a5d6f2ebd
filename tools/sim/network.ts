/** The way of a call to AWS in a simulation: it takes its time, and faults strike it. */
import type { HandlerReply, HandlerRequest, Transport } from '../local/services/handler-http';
import type { FaultPlan, PlannedFault } from './faults';
import { connectionReset } from './life';
import type { SimWorld } from './sim-world';

export interface NetworkOptions {
  readonly world: SimWorld;
  readonly plan: FaultPlan;
  /** Reports a fault that strikes. */
  readonly onFault: (fault: PlannedFault) => void;
}

export interface NetworkListener {
  readonly onCall?: (action: string) => void;
  readonly onFault?: (fault: PlannedFault) => void;
}

/** Longer than any client waits. */
const LATE_MS = 5_000;
const MAX_LATENCY_MS = 20;

export class Network {
  readonly #options: NetworkOptions;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /**
   * @param who name of the caller
   * @param kill ends the caller's environment
   */
  between(who: string, next: Transport, kill: () => void, listener: NetworkListener = {}): Transport {
    const { world, plan, onFault } = this.#options;
    return async (request) => {
      const action = actionOf(request);
      listener.onCall?.(action);
      const fault = plan.take(`${who} ${action}`);
      if (fault) {
        onFault(fault);
        listener.onFault?.(fault);
      }
      await this.#latency();
      switch (fault?.kind) {
        case 'throttled':
          return refusal(request, 400, 'ThrottlingException', 'Rate exceeded');
        case 'refused':
          return refusal(request, 500, 'InternalFailure', 'The service failed.');
        case 'access-denied':
          return refusal(request, 400, 'AccessDeniedException', 'The permission was taken away.');
        case 'connection-lost':
          throw connectionReset();
        case 'killed-before':
          kill();
          throw connectionReset();
        case 'late-effect':
          await world.sleep(LATE_MS);
          return next(request);
        case 'partly-failed':
          return refuseEntries(request, 1, next);
        case 'entries-refused':
          return refuseEntries(request, Number.POSITIVE_INFINITY, next);
        default:
      }
      const reply = await next(request);
      if (fault?.kind === 'killed-after') kill();
      if (fault?.kind === 'answer-lost' || fault?.kind === 'killed-after') throw connectionReset();
      if (fault?.kind === 'late-answer') await world.sleep(LATE_MS);
      await this.#latency();
      return reply;
    };
  }

  async #latency(): Promise<void> {
    const { world } = this.#options;
    await world.sleep(world.random() * MAX_LATENCY_MS);
  }
}

const TARGETS: Readonly<Record<string, string>> = {
  AWSEvents: 'events',
  DynamoDB_20120810: 'dynamodb',
  Firehose_20150804: 'firehose',
};

/** The IAM action that a request asks for, e.g. `dynamodb:GetItem`. */
export function actionOf({ headers, body }: HandlerRequest): string {
  const [target = '', operation = ''] = (headers['x-amz-target'] ?? '').split('.');
  if (operation !== '') return `${TARGETS[target] ?? target}:${operation}`;
  const service = /\/([a-z]+)\/aws4_request/.exec(headers.authorization ?? '')?.[1] ?? '?';
  const action = new URLSearchParams(body.toString('utf8')).get('Action');
  return `${service}:${action ?? '?'}`;
}

function refusal({ headers }: HandlerRequest, status: number, code: string, message: string): HandlerReply {
  const isQuery = (headers['content-type'] ?? '').includes('urlencoded');
  const fault = status < 500 ? 'Sender' : 'Receiver';
  const body = isQuery
    ? `<ErrorResponse><Error><Type>${fault}</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`
    : JSON.stringify({ __type: code, message });
  return {
    status,
    headers: { 'content-type': isQuery ? 'text/xml' : 'application/x-amz-json-1.1' },
    body: Buffer.from(body),
  };
}

interface Batch {
  Entries?: unknown[];
  Records?: unknown[];
  RequestResponses?: unknown[];
  FailedEntryCount?: number;
  FailedPutCount?: number;
}

/** The first entries fail; the others are done. */
async function refuseEntries(request: HandlerRequest, count: number, next: Transport): Promise<HandlerReply> {
  const batch: Batch = JSON.parse(request.body.toString('utf8'));
  const [list, answers, failures] = batch.Entries
    ? (['Entries', 'Entries', 'FailedEntryCount'] as const)
    : (['Records', 'RequestResponses', 'FailedPutCount'] as const);
  const failed = { ErrorCode: 'InternalFailure', ErrorMessage: 'The entry failed.' };
  const entries = batch[list] ?? [];
  const refused = entries.slice(0, count);
  const rest = entries.slice(refused.length);
  let reply: HandlerReply = {
    ...{ status: 200, headers: { 'content-type': 'application/x-amz-json-1.1' } },
    body: Buffer.from(JSON.stringify({ [answers]: [], [failures]: 0 })),
  };
  if (rest.length > 0) {
    const body = Buffer.from(JSON.stringify({ ...batch, [list]: rest }));
    reply = await next({ ...request, body });
  }
  if (reply.status !== 200) return reply;
  const answer: Batch = JSON.parse(reply.body.toString('utf8'));
  const changed = {
    ...answer,
    [answers]: [...refused.map(() => failed), ...(answer[answers] ?? [])],
    [failures]: (answer[failures] ?? 0) + refused.length,
  };
  return { ...reply, body: Buffer.from(JSON.stringify(changed)) };
}
