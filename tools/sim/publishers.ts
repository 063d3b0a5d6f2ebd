/** Publishers of a simulation: the app's own code, which tries again until the bus has its events. */
import { callEndpoint, type ReachableEndpoint } from '../local/in-process';
import { InProcessEnvironment } from '../local/services/lambda-in-process';
import { PUBLISHER } from './faults';
import type { Life } from './life';
import type { PlannedEvent } from './model';
import type { Network } from './network';
import type { SimWorld } from './sim-world';

export interface PublishersOptions {
  readonly world: SimWorld;
  readonly network: Network;
  readonly busName: string;
  /** Folder with the code of the handler. */
  readonly code: string;
  /** @throws Error while the stack is down */
  readonly endpoint: () => ReachableEndpoint;
  /** The stack's present one. */
  readonly life: () => Life;
  readonly onEnd: (events: readonly PlannedEvent[], isPublished: boolean) => void;
}

const URL_OF_STACK = 'http://127.0.0.1:4566';
const TRIES = 12;
const PAUSE_MS = 1_000;

export class Publishers {
  readonly #options: PublishersOptions;
  /** Idle ones, by how wrong their clock is. */
  readonly #idle = new Map<number, InProcessEnvironment[]>();

  constructor(options: PublishersOptions) {
    this.#options = options;
  }

  /** @param clockOffsetMs by how much the publisher's clock is wrong */
  async publish(events: readonly PlannedEvent[], clockOffsetMs = 0): Promise<void> {
    const { world, busName, onEnd } = this.#options;
    const idle = this.#idle.get(clockOffsetMs) ?? [];
    this.#idle.set(clockOffsetMs, idle);
    const environment = idle.pop() ?? this.#start(clockOffsetMs);
    for (let tried = 0; tried < TRIES; tried++) {
      const { status } = await environment.invoke({
        requestId: world.uuid(),
        payload: JSON.stringify({ events, busName }),
        functionArn: PUBLISHER,
        trace: '',
      });
      if (status === 'success') {
        idle.push(environment);
        onEnd(events, true);
        return;
      }
      // The ids are the same, so that consumers know what they have seen.
      await world.sleep(PAUSE_MS * 2 ** tried);
    }
    onEnd(events, false);
  }

  #start(clockOffsetMs: number): InProcessEnvironment {
    const { world, network, code, endpoint, life } = this.#options;
    const call = callEndpoint(endpoint, world);
    const direct: typeof call = (request) => life().during(() => call(request));
    return new InProcessEnvironment(
      {
        taskRoot: code,
        variables: {
          ...{ _HANDLER: 'index.handler', LAMBDA_TASK_ROOT: code, AWS_REGION: 'us-east-1' },
          ...{
            AWS_ACCESS_KEY_ID: PUBLISHER,
            AWS_SECRET_ACCESS_KEY: 'none',
            AWS_ENDPOINT_URL: URL_OF_STACK,
          },
          ...{ AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' },
          AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
        },
        ...{ memorySizeMb: 256, timeoutSeconds: 300, onOutput: () => {}, onEgressRefused: () => {} },
      },
      {
        world: {
          now: () => world.now() + clockOffsetMs,
          after: (ms, run) => world.after(ms, run),
          random: () => world.random(),
          uuid: () => world.uuid(),
          randomBytes: (count) => world.randomBytes(count),
        },
        withoutFrames: true,
        transport: network.between(PUBLISHER, direct, () => {}),
      },
    );
  }
}
