import type { Assembly } from '../../template/assembly';
import type { Policies } from '../../template/policies';
import type { AlarmMonitor } from '../services/alarms';
import type { ClientSchedules } from '../services/client-schedules';
import type { DeliveryStream } from '../services/delivery-stream';
import type { EventBridge } from '../services/event-bridge';
import type { LambdaFunction } from '../services/lambda';
import type { LogGroups } from '../services/log-groups';
import type { Metrics } from '../services/metrics';
import type { Queue } from '../services/queue';
import { ServiceError } from '../services/service-error';
import type { Tables } from '../services/tables';
import type { Topic } from '../services/topic';
import type { World } from '../services/world';
import type { StateMachine } from '../state-machine/state-machine';
import type { HttpRequest } from './http';
import type { Input, InputProblem } from './input';
import type { ApiModel } from './models/model';

/** The parts of the stack behind the endpoint. */
export interface Services {
  /**
   * Assembly as it was at the start; `eventBridge.options.assembly` is what an update of the stack has brought since.
   */
  readonly assembly: Assembly;
  readonly world: World;
  /** Time at which the stack was started, and its resources count as created. Milliseconds since 1970-01-01 UTC. */
  readonly startedAt: number;
  /** Policies as they are now: an update of the stack brings others. */
  policies(): Policies;
  readonly eventBridge: EventBridge;
  readonly schedules: ClientSchedules;
  readonly queues: readonly Queue[];
  readonly topics: readonly Topic[];
  readonly deliveryStreams: readonly DeliveryStream[];
  readonly functions: readonly LambdaFunction[];
  readonly stateMachines: readonly StateMachine[];
  readonly logGroups: LogGroups;
  readonly metrics: Metrics;
  readonly alarms: AlarmMonitor;
  readonly tables: Tables;
}

/** Facts about the request, besides the operation's input. */
export interface Call {
  /** Address at which the client reached the endpoint, e.g. `http://127.0.0.1:4566`. */
  readonly url: string;
  readonly accessKeyId: string;
  /** The client's X-Amzn-Trace-Id. */
  readonly trace: string | undefined;
  /** Aborted when the client is gone or the endpoint closes. */
  readonly signal: AbortSignal;
}

/** @typeParam I the SDK's type of the command's input */
export interface Operation<I = unknown> {
  /** The IAM action, without the service. @default the operation's name */
  readonly action?: string;
  /** True if it changes a resource rather than its data, so that CloudTrail records it. @default false */
  readonly isChange?: boolean;
  /** ARNs on which the caller needs that action. @default `*` */
  resources?(input: Input<I>): readonly string[];
  /** ARNs of the roles that the caller hands to the service, which needs iam:PassRole on each. @default none */
  passes?(input: Input<I>): readonly string[];
  /**
   * Members of the output (a Date is a timestamp, a Map a map whose keys the client chose), or the reply itself
   * where the protocol has parts of it in headers.
   */
  run(input: Input<I>, call: Call): object | undefined | Promise<object | undefined>;
}

export interface Service {
  /** Name that IAM and the scope of the `Authorization` header have for it. */
  readonly name: string;
  /** The scope's name, where it is another one. */
  readonly signingName?: string;
  /** Constraints of the operations' inputs. @default what is behind the operations checks them */
  readonly model?: ApiModel;
  /** Prefix of the operation in `X-Amz-Target`, for a service with AWS JSON. */
  readonly target?: string;
  readonly jsonVersion?: '1.0' | '1.1';
  /** XML namespace, for a service with the query protocol. */
  readonly namespace?: string;
  /** Format of the bodies of a service whose operations are told apart by method and path. */
  readonly rest?: 'json' | 'xml';
  /** Brings a request of a REST service into the form whose path the model knows. @default it is in that form */
  normalize?(request: HttpRequest): HttpRequest;
  /** An error's code in the query protocol, where it has another one; clients of several languages go by it. */
  readonly queryCodes?: Readonly<Record<string, string>>;
  readonly operations: Readonly<Record<string, Operation>>;
  /** Operations that a local run cannot have, by the reason, e.g. `is of a deployment`. */
  readonly notHere?: Readonly<Record<string, readonly string[]>>;
  /** The error for input that breaks constraints. */
  invalid(problems: readonly InputProblem[]): ServiceError;
  readonly accessDenied: { readonly code: string; readonly status: number };
}

/** Declares an operation, so that `resources` and `run` know the type of its input. */
export const operation = <I>(definition: Operation<I>): Operation => definition as unknown as Operation;

/** An operation's own reply. */
export class HttpReply {
  constructor(
    readonly status: number,
    readonly headers: Readonly<Record<string, string>>,
    readonly body: string | Buffer,
  ) {}
}

/** Error of most services for input that violates constraints. */
export function validationError(code: string): Service['invalid'] {
  return (problems) => {
    const count = `${problems.length} validation error${problems.length === 1 ? '' : 's'} detected`;
    return new ServiceError(code, `${count}: ${problems.map(({ text }) => text).join('; ')}`);
  };
}

/**
 * One page of a list.
 * @param token what the page before gave for the next one
 * @throws ServiceError with `code` for a token that was not given here
 */
export function page<Item>(
  items: readonly Item[],
  limit: number,
  token: string | undefined,
  code: string,
): { items: readonly Item[]; next: string | undefined } {
  const start =
    token === undefined ? 0 : Number(/^page:(\d+)$/.exec(Buffer.from(token, 'base64url').toString())?.[1]);
  if (Number.isNaN(start)) throw new ServiceError(code, `The token ${token} is not valid.`);
  const end = start + limit;
  return {
    items: items.slice(start, end),
    next: end < items.length ? Buffer.from(`page:${end}`).toString('base64url') : undefined,
  };
}
