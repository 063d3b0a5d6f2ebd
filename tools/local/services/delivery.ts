/**
 * A rule's way to one of its targets: the input that the target gets, the permission, retries, and the
 * dead-letter queue. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */

import { defined } from '../../defined';
import type { BusEvent, EventOnBus } from '../../eventbridge/event';
import { type CompiledInput, compileInput, type TargetInput } from '../../eventbridge/input-transformer';
import { DELIVERY_RETRY, deliveryBackOffMs } from '../../eventbridge/service-facts';
import type { Policies } from '../../template/policies';
import type { Decision } from '../../template/policy';
import type { StepListener } from '../steps';
import type { InFlight } from './in-flight';
import type { Queue } from './queue';
import { ServiceError } from './service-error';
import type { Kept, Unfinished } from './unfinished';
import type { World } from './world';

export interface TargetDefinition extends TargetInput {
  readonly Arn: string;
  readonly RetryPolicy?:
    | {
        readonly MaximumRetryAttempts?: number | undefined;
        readonly MaximumEventAgeInSeconds?: number | undefined;
      }
    | undefined;
  readonly DeadLetterConfig?: { readonly Arn?: string | undefined } | undefined;
  /** The role that EventBridge takes on to reach the target. */
  readonly RoleArn?: string | undefined;
  /** Envelope of the event that Scheduler puts on a bus. */
  readonly EventBridgeParameters?: { readonly Source: string; readonly DetailType: string } | undefined;
  readonly SqsParameters?: { readonly MessageGroupId?: string | undefined } | undefined;
  readonly HttpParameters?:
    | {
        readonly PathParameterValues?: readonly string[] | undefined;
        readonly HeaderParameters?: Readonly<Record<string, string>> | undefined;
        readonly QueryStringParameters?: Readonly<Record<string, string>> | undefined;
      }
    | undefined;
}

/** Interface of targets of rules. */
export interface TargetService {
  /**
   * Action that the target's policy must allow to events.amazonaws.com, or the role of its RoleArn, e.g.
   * `lambda:InvokeFunction`; undefined if it is not checked.
   */
  readonly action: string | undefined;
  /** ARN that the action acts on. @default the target's */
  readonly resource?: string;
  /** A target of the same account needs no policy, but a role that it is given must be allowed. */
  readonly needsNoPolicy?: boolean;
  /** True if the target does not run here, and deliveries are only reported. */
  readonly isRecorded?: boolean;
  /** True if it accepts JSON text only. */
  readonly takesJson: boolean;
  /**
   * @param trace the event's X-Amzn-Trace-Id
   * @param event event from which the body was made
   * @param target the target as the rule has it
   * @returns an id of the resulting message or invocation, if it has one; a promise of it if it takes time
   * @throws ServiceError; it is tried again if the target was throttled or failed (status 429, 5xx)
   */
  deliver(
    body: string,
    trace: string | undefined,
    event: EventOnBus,
    target: TargetDefinition,
  ): string | undefined | Promise<string | undefined>;
  /**
   * Decides by the policy of a target of another account whether it takes the event; the role is decided as elsewhere.
   * @param ruleArn rule, or schedule, that delivers
   */
  mayReceive?(event: BusEvent, target: TargetDefinition, ruleArn: string): Decision;
  /** Milliseconds until the target's rate allows an attempt. @default 0 */
  delayMs?(): number;
}

export interface DeliveryOptions {
  /** Takes deliveries that take time. */
  readonly inFlight?: InFlight;
  readonly world: World;
  readonly policies: Policies;
  /** Targets by ARN. */
  readonly targets: ReadonlyMap<string, TargetService>;
  /** Queues by ARN. */
  readonly queues: ReadonlyMap<string, Queue>;
  /** Store of waiting retries. @default they are lost when the process ends */
  readonly unfinished?: Unfinished<WaitingDelivery>;
  readonly onStep?: StepListener;
}

/** The rule as its deliveries see it. */
interface DeliveringRule {
  readonly name: string;
  readonly arn: string;
  /** Present if it is a schedule of EventBridge Scheduler, which does everything by the target's role. */
  readonly scheduler?: {
    /** ARN of the group, for which Scheduler acts. */
    readonly groupArn: string;
    readonly input: CompiledInput;
  };
}

const SCHEDULER = 'scheduler.amazonaws.com';

/** An event on its way to the target. */
interface Shipment {
  readonly event: BusEvent;
  /** JSON text of the event. */
  readonly text: string;
  readonly isForwarded?: true;
  readonly body: string;
  readonly trace: string | undefined;
  readonly acceptedAt: number;
  attempts: number;
}

/** A delivery that failed and waits to be tried again. */
export interface WaitingDelivery {
  readonly ruleArn: string;
  /** The target's `Id`. */
  readonly target: string;
  readonly shipment: Shipment;
  readonly failure: Failure;
  /** Time of the retry, also limited by its delay, since the clock of the next run may be behind. */
  readonly until: number;
  readonly delayMs: number;
  /** True if the event is given up for its age. */
  readonly isTooOld: boolean;
}

interface Failure {
  /** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html */
  readonly code: string;
  readonly message: string;
  readonly exhausted?: 'MaximumRetryAttempts' | 'MaximumEventAgeInSeconds';
}

const SERVICE = 'events.amazonaws.com';

export class Delivery {
  readonly #input: CompiledInput;
  readonly #timers = new Set<{ cancel(): void }>();
  /** Decisions hold until a policy is changed while the stack runs. */
  #revision = 0;
  #mayInvoke: Decision | undefined;
  #mayDeadLetter: Decision | undefined;

  /** @throws InvalidTargetInputError if PutTargets would refuse the target's input */
  constructor(
    readonly rule: DeliveringRule,
    readonly target: TargetDefinition,
    private readonly options: DeliveryOptions,
  ) {
    this.#input = rule.scheduler?.input ?? compileInput(target);
  }

  /** Number of events that wait for a retry. */
  get waitingForRetry(): number {
    return this.#timers.size;
  }

  start({ event, text, isForwarded }: EventOnBus, trace: string | undefined): void {
    const acceptedAt = this.options.world.now();
    const context = {
      ruleArn: this.rule.arn,
      ruleName: this.rule.name,
      ingestionTime: new Date(acceptedAt).toISOString(),
    };
    const input = this.#input(event, context, text);
    const shipment = {
      event,
      text,
      ...(isForwarded && { isForwarded }),
      body: input.delivered ? input.body : '',
      trace,
      acceptedAt,
      attempts: 0,
    };
    if (input.delivered) this.#attempt(shipment);
    else this.#fail(shipment, { code: 'INVALID_JSON', message: input.reason });
  }

  /** Resumes a delivery of an earlier run. */
  resume(waiting: WaitingDelivery, kept: Kept<WaitingDelivery>): void {
    const { world, onStep } = this.options;
    const { event } = waiting.shipment;
    onStep?.({ kind: 'delivery-resumed', ...this.#identify(waiting.shipment), event });
    this.#wait(waiting, kept, Math.min(waiting.delayMs, waiting.until - world.now()));
  }

  /** Stops all retries; waiting ones stay in the store. */
  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #attempt(shipment: Shipment): void {
    const { targets } = this.options;
    const { Arn: arn } = this.target;
    const service = targets.get(arn);
    if (!service) {
      this.#fail(shipment, { code: 'NO_RESOURCE', message: `The target ${arn} does not exist.` });
      return;
    }
    this.#forgetDecisions();
    this.#mayInvoke ??= this.#permission(service);
    const received = service.mayReceive?.(shipment.event, this.target, this.rule.arn);
    for (const decision of [this.#mayInvoke, received]) {
      if (!decision || decision.allowed) continue;
      this.#fail(shipment, { code: 'NO_PERMISSIONS', message: decision.reason });
      return;
    }
    const problem = service.takesJson && this.target.InputTransformer && jsonProblem(shipment.body);
    if (problem) {
      this.#fail(shipment, { code: 'INVALID_JSON', message: problem });
      return;
    }
    const delayMs = service.delayMs?.() ?? 0;
    if (delayMs > 0) {
      this.#pace(shipment, delayMs);
      return;
    }
    shipment.attempts++;
    try {
      const { body, trace, event, text, isForwarded } = shipment;
      const parts = { event, text, ...(isForwarded && { isForwarded }) };
      const result = service.deliver(body, trace, parts, this.target);
      if (result instanceof Promise) {
        const settled = result.then(
          (id) => this.#succeed(shipment, service, id),
          (error) => this.#failedBy(shipment, error),
        );
        this.options.inFlight?.track(settled);
      } else {
        this.#succeed(shipment, service, result);
      }
    } catch (error) {
      this.#failedBy(shipment, error);
    }
  }

  /** @throws the error unless it is the target's */
  #failedBy(shipment: Shipment, error: unknown): void {
    if (!(error instanceof ServiceError)) throw error;
    this.#retry(shipment, error);
  }

  #succeed(shipment: Shipment, service: TargetService, id: string | undefined): void {
    const by = this.#mayInvoke?.by;
    this.options.onStep?.({
      kind: 'delivered',
      ...this.#identify(shipment),
      ...(service.isRecorded && { isRecorded: true }),
      payload: shipment.body,
      attempt: shipment.attempts,
      ...(by !== undefined && { allowedBy: `${service.action} by ${by}` }),
      ...defined({ requestId: id }),
    });
  }

  /** Waits for the target's rate. */
  #pace(shipment: Shipment, delayMs: number): void {
    const { world, unfinished } = this.options;
    const waiting = {
      ...{ ruleArn: this.rule.arn, target: this.target.Id, shipment },
      failure: { code: 'THROTTLING', message: "The target's rate was used up." },
      ...{ until: world.now() + delayMs, delayMs, isTooOld: false },
    };
    this.#wait(waiting, unfinished?.keep(waiting), delayMs);
  }

  #forgetDecisions(): void {
    const { revision } = this.options.policies;
    if (revision === this.#revision) return;
    this.#revision = revision;
    this.#mayInvoke = undefined;
    this.#mayDeadLetter = undefined;
  }

  /** Decides whether the rule may deliver to the target: by the target's role, otherwise by the target's policy. */
  #permission({ action, needsNoPolicy, resource }: TargetService): Decision {
    const { policies } = this.options;
    const { Arn, RoleArn: role } = this.target;
    const arn = resource ?? Arn;
    const { scheduler } = this.rule;
    if (scheduler && role !== undefined) {
      const assumed = policies.mayAssumeArn(SCHEDULER, role, scheduler.groupArn);
      return assumed.allowed && action !== undefined ? policies.roleMay(role, action, arn) : assumed;
    }
    if (action === undefined || (role === undefined && needsNoPolicy)) return { allowed: true, reason: '' };
    if (role === undefined) return policies.serviceMay(SERVICE, this.rule.arn, action, arn);
    const assumed = policies.mayAssumeArn(SERVICE, role, this.rule.arn);
    return assumed.allowed ? policies.roleMay(role, action, arn) : assumed;
  }

  #retry(shipment: Shipment, error: ServiceError): void {
    const isThrottle = error.status === 429 || /Throttl|TooManyRequests/.test(error.code);
    const failure = {
      code: isThrottle ? 'THROTTLING' : 'ERROR_FROM_TARGET',
      message: `${error.code}: ${error.message}`,
    };
    if (!isThrottle && error.status < 500) {
      this.#fail(shipment, failure);
      return;
    }
    const {
      MaximumRetryAttempts: maxRetries = DELIVERY_RETRY.defaultAttempts,
      MaximumEventAgeInSeconds: maxAge = DELIVERY_RETRY.defaultAgeSeconds,
    } = this.target.RetryPolicy ?? {};
    if (shipment.attempts > maxRetries) {
      this.#fail(shipment, { ...failure, exhausted: 'MaximumRetryAttempts' });
      return;
    }
    const { world, onStep } = this.options;
    const untilTooOld = shipment.acceptedAt + 1000 * maxAge - world.now();
    const delay = Math.round(deliveryBackOffMs(shipment.attempts, world.random()));
    const isTooOld = delay > untilTooOld;
    const delayMs = Math.min(delay, untilTooOld);
    const waiting = {
      ...{ ruleArn: this.rule.arn, target: this.target.Id, shipment, failure },
      ...{ until: world.now() + delayMs, delayMs, isTooOld },
    };
    this.#wait(waiting, this.options.unfinished?.keep(waiting), delayMs);
    onStep?.({
      kind: 'delivery-failed',
      ...this.#identify(shipment),
      code: failure.code,
      message: failure.message,
      attempt: shipment.attempts,
      ...(!isTooOld && { retryInMs: delay }),
    });
  }

  #wait(waiting: WaitingDelivery, kept: Kept<WaitingDelivery> | undefined, delayMs: number): void {
    const { shipment, failure, isTooOld } = waiting;
    const timer = this.options.world.after(delayMs, () => {
      this.#timers.delete(timer);
      if (isTooOld) this.#fail(shipment, { ...failure, exhausted: 'MaximumEventAgeInSeconds' });
      else this.#attempt(shipment);
      // Only now, so that an end of the process in between delivers twice instead of never.
      kept?.finish();
    });
    this.#timers.add(timer);
  }

  /** Gives the event up: sends it to the dead-letter queue, or reports it as lost. */
  #fail(shipment: Shipment, { code, message, exhausted }: Failure): void {
    const { onStep, policies, queues } = this.options;
    const step = this.#identify(shipment);
    onStep?.({ kind: 'delivery-failed', ...step, code, message, attempt: shipment.attempts });
    const lost = (reason: string) =>
      onStep?.({
        kind: 'delivery-lost',
        ...step,
        code,
        message: `${reason} It was to go to ${this.target.Arn}: ${message}`,
      });
    const queueArn = this.target.DeadLetterConfig?.Arn;
    if (!queueArn) {
      lost('The target has no dead-letter queue.');
      return;
    }
    const queue = queues.get(queueArn);
    if (!queue) {
      lost(`The dead-letter queue ${queueArn} does not exist.`);
      return;
    }
    this.#forgetDecisions();
    const { scheduler } = this.rule;
    const { RoleArn: role = '' } = this.target;
    this.#mayDeadLetter ??= scheduler
      ? policies.roleMay(role, 'sqs:SendMessage', queueArn)
      : policies.serviceMay(SERVICE, this.rule.arn, 'sqs:SendMessage', queueArn);
    if (!this.#mayDeadLetter.allowed) {
      lost(`The dead-letter queue ${queueArn} does not let the rule in. ${this.#mayDeadLetter.reason}`);
      return;
    }
    const attributes: Record<string, string> = {
      [scheduler ? 'SCHEDULE_ARN' : 'RULE_ARN']: this.rule.arn,
      TARGET_ARN: this.target.Arn,
      ERROR_CODE: code,
      ERROR_MESSAGE: message,
      RETRY_ATTEMPTS: String(Math.max(0, shipment.attempts - 1)),
      ...(exhausted && { EXHAUSTED_RETRY_CONDITION: exhausted }),
    };
    try {
      // Scheduler keeps what the target was to get, a rule the event itself.
      const body = scheduler ? shipment.body : shipment.text;
      queue.send({ body, attributes, senderId: scheduler ? role : SERVICE });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      lost(`The dead-letter queue ${queueArn} refuses it. ${error.message}`);
      return;
    }
    onStep?.({ kind: 'dead-lettered', ...step, queue: queue.name, attributes });
  }

  #identify({ event }: Shipment) {
    return { eventId: event.id, rule: this.rule.name, target: this.target.Id, targetArn: this.target.Arn };
  }
}

function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return `The input for the target is not JSON: ${(error as Error).message}`;
  }
}
