/** Parts of the stack that faults strike: environments of functions, their calls, and targets of rules. */
import { arnName } from '../eventbridge/arn';
import { callEndpoint, type ReachableEndpoint } from '../local/in-process';
import type { TargetService } from '../local/services/delivery';
import type {
  EnvironmentSettings,
  ExecutionEnvironment,
  InvocationOutcome,
} from '../local/services/lambda-environment';
import { InProcessEnvironment } from '../local/services/lambda-in-process';
import type { OutgoingMessage, Queue } from '../local/services/queue';
import { ServiceError } from '../local/services/service-error';
import type { FaultPlan, PlannedFault } from './faults';
import type { Ledger } from './ledger';
import type { Life } from './life';
import type { Network } from './network';
import type { SimWorld } from './sim-world';

export interface FaultyPartsOptions {
  readonly world: SimWorld;
  readonly plan: FaultPlan;
  readonly network: Network;
  readonly ledger: () => Ledger;
  readonly onFault: (fault: PlannedFault) => void;
}

export class FaultyParts {
  readonly #options: FaultyPartsOptions;
  /** Kinds of the faults that struck, by request id. */
  readonly #struck = new Map<string, string[]>();
  readonly #called = new Map<string, Set<string>>();

  constructor(options: FaultyPartsOptions) {
    this.#options = options;
  }

  /** IAM actions that were called, by consumer. */
  get called(): Record<string, readonly string[]> {
    return Object.fromEntries([...this.#called].map(([name, actions]) => [name, [...actions].sort()]));
  }

  struck(requestId: string, kinds: readonly string[]): boolean {
    return this.#struck.get(requestId)?.some((kind) => kinds.includes(kind)) === true;
  }

  startEnvironment(
    functionName: string,
    settings: EnvironmentSettings,
    reach: () => ReachableEndpoint,
    life: Life,
  ): ExecutionEnvironment {
    const { world, plan, network, ledger, onFault } = this.#options;
    const consumer = ledger().consumerOf(functionName);
    const call = callEndpoint(reach, world);
    const direct: typeof call = (request) => life.during(() => call(request));
    let requestId = '';
    // Leave out the rehearsal, by which a function is faster later: half of the time would go there.
    const { AWS_LAMBDA_INITIALIZATION_TYPE: _, ...variables } = settings.variables;
    const environment: InProcessEnvironment = new InProcessEnvironment(
      { ...settings, variables },
      {
        world: world,
        withoutFrames: true,
        transport: network.between(consumer, direct, () => environment.kill(), {
          onCall: (action) => this.#note(consumer, action),
          onFault: (fault) => this.#struckBy(requestId, fault),
        }),
      },
    );
    return {
      get isAlive() {
        return environment.isAlive;
      },
      get initDurationMs() {
        return environment.initDurationMs;
      },
      stop: () => environment.stop(),
      invoke: async (invocation) => {
        ({ requestId } = invocation);
        const fault = plan.take(`${consumer} invoke`);
        if (!fault) return environment.invoke(invocation);
        this.#struckBy(requestId, fault);
        onFault(fault);
        if (fault.kind === 'throws') return failed('error', 'Broken', 'The handler failed on purpose.', 0);
        const timeoutMs = 1000 * settings.timeoutSeconds;
        await world.sleep(timeoutMs);
        environment.kill();
        return failed(
          'timeout',
          'Sandbox.Timedout',
          `RequestId: ${requestId} Error: Task timed out`,
          timeoutMs,
        );
      },
    };
  }

  aroundTarget(arn: string, service: TargetService): TargetService {
    const { plan, ledger, onFault } = this.#options;
    const name = arnName(arn);
    return {
      ...service,
      deliver: (...delivery) => {
        const [body, , { event }] = delivery;
        const fault = plan.take(`${ledger().consumerOf(name)} deliver`);
        if (fault) onFault(fault);
        if (fault?.kind === 'target-throttled') throw new ServiceError('TooManyRequestsException', 'x', 429);
        if (fault?.kind === 'target-failed') throw new ServiceError('ServiceException', 'x', 500);
        if (fault?.kind === 'target-denied') throw new ServiceError('AccessDeniedException', 'x', 403);
        if (fault?.kind === 'duplicated') {
          const second = service.deliver(...delivery);
          if (typeof second === 'string') ledger().invoked(second, name, body, event.id);
        }
        return service.deliver(...delivery);
      },
    };
  }

  /** Lets faults refuse what services send to the queue. */
  guard(queue: Queue): void {
    const { plan, ledger, onFault } = this.#options;
    const send = queue.send.bind(queue);
    queue.send = (message) => {
      const hop = sendHop(message, (functionName) => ledger().consumerOf(functionName));
      const fault = hop === undefined ? undefined : plan.take(hop);
      if (!fault) return send(message);
      onFault(fault);
      ledger().losses.allow();
      throw new ServiceError('AccessDenied', 'The queue lets nobody in.', 403);
    };
  }

  #note(consumer: string, action: string): void {
    const actions = this.#called.get(consumer) ?? new Set();
    this.#called.set(consumer, actions.add(action));
  }

  #struckBy(requestId: string, { kind, hop }: PlannedFault): void {
    const kinds = this.#struck.get(requestId) ?? [];
    this.#struck.set(requestId, [...kinds, kind, `${hop.split(' ')[1]} ${kind}`]);
  }
}

function failed(
  status: InvocationOutcome['status'],
  errorType: string,
  errorMessage: string,
  durationMs: number,
): InvocationOutcome {
  const error = { errorType, errorMessage, trace: [] };
  return { status, payload: JSON.stringify(error), error, durationMs, memoryBytes: 0 };
}

/** The hop of a message that a rule or a function sends when it gives up; undefined for others. */
function sendHop({ body, attributes }: OutgoingMessage, consumerOf: (functionName: string) => string) {
  const target = attributes?.TARGET_ARN;
  if (typeof target === 'string') return `${consumerOf(String(target.split(':').at(-1)))} dead-letter`;
  const { requestContext }: { requestContext?: { functionArn?: string } } = JSON.parse(body);
  const name = requestContext?.functionArn?.split(':')[6];
  return name === undefined ? undefined : `${consumerOf(name)} give-up`;
}
