/**
 * The endpoint without its socket: one request in, one reply out. A request is told apart as AWS's own front ends
 * do it: by X-Amz-Target, by its path, or by what it was signed for. Signatures are asked for and not checked.
 */
import { ServiceError } from '../services/service-error';
import { Trail } from '../services/trail';
import { withRequest } from '../steps';
import { ABSENT_SERVICES } from './absent-services';
import { cloudformation } from './cloudformation';
import { cloudtrail } from './cloudtrail';
import { cloudwatch } from './cloudwatch';
import { dynamodb } from './dynamodb';
import { eventBridge } from './event-bridge';
import { firehose } from './firehose';
import { Guard, type GuardOptions } from './guard';
import { type HttpRequest, header, type Reply } from './http';
import { InputReader } from './input';
import { kms } from './kms';
import { lambda } from './lambda';
import { logs } from './logs';
import { type Exchange, refusePlain, UnknownRequestError, understand, unknown } from './protocol';
import { s3 } from './s3';
import { scheduler } from './scheduler';
import { type Call, HttpReply, type Service, type Services } from './service';
import { sns } from './sns';
import { sqs } from './sqs';
import { states } from './states';
import { sts } from './sts';

export interface AnswerOptions extends GuardOptions {
  /** Decides whether the policies of the key's owner allow an action. @default all actions are allowed */
  readonly authorize?: (
    accessKeyId: string,
    action: string,
    resourceArn: string,
  ) => { allowed: boolean; reason: string };
  /**
   * Answer what no client of AWS's asks for, such as a page, each under a path prefix of its own, e.g. `/_page`.
   * The guard looks at their requests as well; credentials are not asked for. @default none
   */
  readonly handlers?: Readonly<Record<string, Handler>>;
}

export type Handler = (request: HttpRequest, context: RequestContext) => Promise<Reply>;

/** Context of a request. */
export interface RequestContext {
  /** The reply's `x-amzn-requestid`. */
  readonly requestId: string;
  /** Aborted when the client is gone or the endpoint closes. */
  readonly signal: AbortSignal;
}

/** @returns the function that answers requests; it never rejects */
export function createAnswer(services: Services, options: AnswerOptions): Handler {
  const api = new Api(services, options);
  return (request, context) => api.answer(request, context);
}

class Api {
  readonly #services: readonly Service[];
  readonly #now: () => number;
  readonly #trail: Trail;
  readonly #readers: ReadonlyMap<Service, InputReader>;
  readonly #options: AnswerOptions;
  readonly #guard: Guard;

  constructor(services: Services, options: AnswerOptions) {
    this.#trail = new Trail(services.world);
    this.#now = () => services.world.now();
    this.#services = [
      ...[eventBridge(services), sqs(services), sns(services), firehose(services), lambda(services)],
      ...[logs(services), dynamodb(services), cloudformation(services), cloudwatch(services)],
      ...[s3(services), states(services), sts(services), cloudtrail(services, this.#trail)],
      ...[kms(services), scheduler(services), ...ABSENT_SERVICES],
    ];
    this.#readers = new Map(
      this.#services.flatMap((service) =>
        service.model ? [[service, new InputReader(service.model)] as const] : [],
      ),
    );
    this.#options = options;
    this.#guard = new Guard(options);
  }

  async answer(request: HttpRequest, context: RequestContext): Promise<Reply> {
    let reply: Reply;
    try {
      this.#guard.check(request);
      reply = this.#guard.preflight(request) ?? (await this.#dispatch(request, context));
    } catch (error) {
      if (error instanceof UnknownRequestError) reply = error.reply;
      else if (error instanceof ServiceError) reply = refusePlain(error.status, error.code, error.message);
      else reply = refusePlain(500, 'InternalFailure', String(error));
    }
    const headers = {
      'x-amzn-requestid': context.requestId,
      ...this.#guard.corsHeaders(request),
      ...reply.headers,
    };
    return { ...reply, headers };
  }

  #dispatch(request: HttpRequest, context: RequestContext): Promise<Reply> {
    for (const [prefix, handle] of Object.entries(this.#options.handlers ?? {})) {
      if (request.path === prefix || request.path.startsWith(`${prefix}/`)) return handle(request, context);
    }
    return this.#answerClient(request, context);
  }

  /** @throws ServiceError, UnknownRequestError for what is no call of an operation */
  async #answerClient(request: HttpRequest, context: RequestContext): Promise<Reply> {
    const { accessKeyId, signedFor } = readCredential(request);
    const exchange = understand(this.#services, request, signedFor);
    const call: Call = {
      url: `http://${header(request, 'host')}`,
      accessKeyId,
      trace: header(request, 'x-amzn-trace-id'),
      // Most operations never ask for the signal, which is made when one does.
      get signal() {
        return context.signal;
      },
    };
    try {
      const output = await withRequest({ trace: call.trace, startedAt: this.#now() }, () =>
        this.#run(exchange, call),
      );
      if (output instanceof HttpReply) return output;
      return exchange.reply(output, context.requestId);
    } catch (error) {
      const refused =
        error instanceof ServiceError ? error : new ServiceError('InternalFailure', String(error), 500);
      return exchange.refuse(refused, context.requestId);
    }
  }

  async #run(
    { service, operation: name, input, form = 'typed' }: Exchange,
    call: Call,
  ): Promise<object | undefined> {
    refuseNotHere(service, name);
    const operation = Object.hasOwn(service.operations, name) ? service.operations[name] : undefined;
    if (!operation) throw unknown(`${service.name}:${name}`, form === 'text' ? 'InvalidAction' : undefined);
    const reader = this.#readers.get(service);
    const read = reader ? reader.read(name, input, form) : { input, problems: [] };
    if (read.problems.length > 0) throw service.invalid(read.problems);
    const action = `${service.name}:${operation.action ?? name}`;
    const resources = operation.resources?.(read.input) ?? ['*'];
    for (const resource of resources) this.#authorize(service, call, action, resource);
    for (const role of operation.passes?.(read.input) ?? [])
      this.#authorize(service, call, 'iam:PassRole', role);
    const output = await operation.run(read.input, call);
    if (operation.isChange) {
      this.#trail.record({
        ...{
          name,
          source: `${service.signingName ?? service.name}.amazonaws.com`,
          accessKeyId: call.accessKeyId,
        },
        ...{ resources: operation.resources?.(read.input) ?? [], request: read.input },
      });
    }
    return output;
  }

  /** @throws ServiceError if the caller's policies do not allow it */
  #authorize({ accessDenied }: Service, { accessKeyId }: Call, action: string, resource: string): void {
    const decision = this.#options.authorize?.(accessKeyId, action, resource);
    if (!decision || decision.allowed) return;
    throw new ServiceError(
      accessDenied.code,
      `${accessKeyId} is not authorized to perform: ${action} on resource: ${resource} because ${decision.reason}`,
      accessDenied.status,
    );
  }
}

/** @throws ServiceError (UnsupportedOperationException) that says why a local run has no such operation */
function refuseNotHere({ name: service, notHere = {} }: Service, name: string): void {
  for (const [reason, operations] of Object.entries(notHere)) {
    if (!operations.includes(name)) continue;
    const message = `The local run has what the template has: ${service}:${name} ${reason}.`;
    throw new ServiceError('UnsupportedOperationException', message);
  }
}

/** Parameters of a presigned URL; all are required, since a page can request a URL with a credential alone as an image. */
const PRESIGNED = ['Algorithm', 'Credential', 'Date', 'Expires', 'SignedHeaders', 'Signature'];

/**
 * The access key and the service that the request is signed for.
 * @throws ServiceError (MissingAuthenticationTokenException)
 */
function readCredential(request: HttpRequest): { accessKeyId: string; signedFor: string } {
  const { query } = request;
  const inHeader = /^AWS4-\S+ .*Credential=([^/,\s]+)\/(?:[^/,\s]+\/){2}([^/,\s]+)\//;
  const isPresigned = PRESIGNED.every((name) => query.has(`X-Amz-${name}`));
  const credential =
    inHeader.exec(header(request, 'authorization') ?? '') ??
    (isPresigned ? /^([^/]+)\/(?:[^/]+\/){2}([^/]+)\//.exec(String(query.get('X-Amz-Credential'))) : null);
  if (!credential) {
    const message = 'Request is missing Authentication Token';
    throw new ServiceError('MissingAuthenticationTokenException', message, 403);
  }
  return { accessKeyId: String(credential[1]), signedFor: String(credential[2]) };
}
