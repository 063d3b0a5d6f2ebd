/** Replays of archives: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html */
import { type EventOnBus, replayedEvent } from '../../eventbridge/event';
import { REPLAY } from '../../eventbridge/service-facts';
import { busName } from '../../template/assembly';
import type { StepListener } from '../steps';
import type { Archive } from './archive';
import type { InFlight } from './in-flight';
import { ServiceError } from './service-error';
import type { Kept, Unfinished } from './unfinished';
import type { World } from './world';

/** Field names and values are those of DescribeReplay; times are seconds since 1970-01-01 UTC. */
export interface Replay {
  readonly ReplayName: string;
  readonly ReplayArn: string;
  readonly Description?: string | undefined;
  readonly State: 'STARTING' | 'RUNNING' | 'CANCELLING' | 'COMPLETED' | 'CANCELLED' | 'FAILED';
  readonly StateReason?: string;
  readonly EventSourceArn: string;
  readonly Destination: { readonly Arn: string; readonly FilterArns?: readonly string[] | undefined };
  readonly EventStartTime: number;
  readonly EventEndTime: number;
  readonly EventLastReplayedTime?: number;
  readonly ReplayStartTime: number;
  readonly ReplayEndTime?: number;
}

export interface StartReplayRequest {
  readonly ReplayName: string;
  readonly Description?: string | undefined;
  /** ARN of the ARCHIVE. */
  readonly EventSourceArn: string;
  /** Seconds since 1970-01-01 UTC. */
  readonly EventStartTime: number;
  readonly EventEndTime: number;
  readonly Destination: { readonly Arn: string; readonly FilterArns?: readonly string[] | undefined };
}

export interface ReplaysOptions {
  readonly world: World;
  /** `arn:<partition>:events:<region>:<account>` */
  readonly arnPrefix: string;
  /** Buses by name. */
  readonly buses: ReadonlyMap<string, { readonly name: string; readonly arn: string }>;
  /** Archives by name. */
  readonly archives: ReadonlyMap<string, Archive>;
  /** Name of the bus of the rule with this ARN; undefined if there is no such rule. */
  readonly busOfRule: (arn: string) => string | undefined;
  /**
   * Puts a replayed event on the bus of that name.
   * @param only ARNs of the rules that may have it. @default all of the bus
   */
  readonly send: (bus: string, replayed: EventOnBus, only?: ReadonlySet<string>) => void;
  /** Takes the replays that are at work. */
  readonly inFlight: InFlight;
  /** Remembers those that have not ended. */
  readonly unfinished?: Unfinished<{ readonly ReplayName: string }>;
  readonly onStep?: StepListener;
}

const ACTIVE: readonly Replay['State'][] = ['STARTING', 'RUNNING', 'CANCELLING'];
/** A replay starts after a delay, as in AWS, so that it can be cancelled before. */
const REPLAY_START_MS = 1000;

export class Replays {
  readonly #replays = new Map<string, RunningReplay>();
  readonly #options: ReplaysOptions;
  #isStopped = false;

  constructor(options: ReplaysOptions) {
    this.#options = options;
  }

  /** @throws ServiceError as StartReplay does */
  start(request: StartReplayRequest): Replay {
    const { ReplayName } = request;
    const { arnPrefix, world } = this.#options;
    const { archive, bus } = this.#check(request);
    const replay: RunningReplay = {
      ...request,
      ReplayArn: `${arnPrefix}:replay/${ReplayName}`,
      State: 'STARTING',
      ReplayStartTime: world.now() / 1000,
      replayed: 0,
      kept: this.#options.unfinished?.keep({ ReplayName }),
    };
    this.#replays.set(ReplayName, replay);
    this.#change(replay, 'STARTING');
    world.after(REPLAY_START_MS, () => {
      const run = this.#replay(replay, archive, bus.name);
      this.#options.inFlight.track(run);
      return run;
    });
    return describe(replay);
  }

  /** @throws ServiceError for a request that EventBridge refuses */
  #check(request: StartReplayRequest): {
    readonly archive: Archive;
    readonly bus: { readonly name: string };
  } {
    const { ReplayName, EventSourceArn, Destination, EventStartTime, EventEndTime } = request;
    const { buses, archives, busOfRule } = this.#options;
    const bus = [...buses.values()].find(({ arn }) => arn === Destination.Arn);
    if (!/:event-bus\//.test(Destination.Arn)) {
      throw validation('Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN.');
    }
    if (!bus) {
      throw new ServiceError(
        'ResourceNotFoundException',
        `Event bus ${busName(Destination.Arn)} does not exist.`,
      );
    }
    const archiveName = String(EventSourceArn.split('archive/').at(-1));
    const archive = archives.get(archiveName);
    if (!archive || archive.arn !== EventSourceArn) {
      throw validation(
        `Parameter EventSourceArn is not valid. Reason: Archive ${archiveName} does not exist.`,
      );
    }
    if (archive.eventSourceArn !== bus.arn) {
      throw validation(
        'Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.',
      );
    }
    if (EventEndTime <= EventStartTime) {
      throw validation(
        'Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.',
      );
    }
    for (const arn of Destination.FilterArns ?? []) {
      if (busOfRule(arn) === bus.name) continue;
      throw validation(
        `Parameter Destination.FilterArns is not valid. Reason: Rule ${arn} does not exist on ${bus.name}.`,
      );
    }
    if (this.#replays.has(ReplayName)) {
      throw new ServiceError('ResourceAlreadyExistsException', `Replay ${ReplayName} already exists.`);
    }
    const active = [...this.#replays.values()].filter(({ State }) => ACTIVE.includes(State));
    if (active.length >= REPLAY.maxActive) {
      const message = 'The requested resource exceeds the maximum number allowed.';
      throw new ServiceError('LimitExceededException', message);
    }
    return { archive, bus };
  }

  /** @throws ServiceError (ResourceNotFoundException) */
  describe(name: string): Replay {
    return describe(this.#find(name));
  }

  list(): Replay[] {
    return [...this.#replays.values()].map(describe);
  }

  /** @throws ServiceError (ResourceNotFoundException, IllegalStatusException) */
  cancel(name: string): Replay {
    const replay = this.#find(name);
    if (replay.State !== 'STARTING' && replay.State !== 'RUNNING') {
      throw new ServiceError(
        'IllegalStatusException',
        `Replay ${name} is not in a valid state for this operation.`,
      );
    }
    this.#change(replay, 'CANCELLING');
    return describe(replay);
  }

  /** Cuts short those at work. */
  stop(): void {
    this.#isStopped = true;
    for (const replay of this.#replays.values()) {
      if (replay.State === 'STARTING' || replay.State === 'RUNNING') this.#change(replay, 'CANCELLING');
    }
  }

  #find(name: string): RunningReplay {
    const replay = this.#replays.get(name);
    if (!replay) throw new ServiceError('ResourceNotFoundException', `Replay ${name} does not exist.`);
    return replay;
  }

  async #replay(replay: RunningReplay, archive: Archive, bus: string): Promise<void> {
    const { FilterArns } = replay.Destination;
    const only = FilterArns && FilterArns.length > 0 ? new Set(FilterArns) : undefined;
    if (replay.State === 'STARTING') this.#change(replay, 'RUNNING');
    try {
      const window = [1000 * replay.EventStartTime, 1000 * replay.EventEndTime] as const;
      for await (const { events } of archive.replay(...window)) {
        for (const archived of events) {
          if (replay.State === 'CANCELLING') break;
          this.#options.send(bus, replayedEvent(archived, replay.ReplayName), only);
          replay.EventLastReplayedTime = Date.parse(archived.event.time) / 1000;
          replay.replayed++;
          await this.#options.world.turn();
        }
        if (replay.State === 'CANCELLING') break;
      }
    } catch (error) {
      replay.StateReason = (error as Error).message;
      this.#change(replay, 'FAILED');
      return;
    }
    this.#change(replay, replay.State === 'CANCELLING' ? 'CANCELLED' : 'COMPLETED');
  }

  #change(replay: RunningReplay, state: Replay['State']): void {
    replay.State = state;
    const isOver = state === 'COMPLETED' || state === 'CANCELLED' || state === 'FAILED';
    if (isOver) {
      replay.ReplayEndTime = this.#options.world.now() / 1000;
      // One that the end of the run cut short did not end by itself: the next run tells of it.
      if (!this.#isStopped) replay.kept?.finish();
    }
    this.#options.onStep?.({
      kind: 'replay-changed',
      replay: replay.ReplayName,
      state,
      replayed: replay.replayed,
      ...(replay.StateReason !== undefined && { reason: replay.StateReason }),
    });
  }
}

type RunningReplay = { -readonly [Key in keyof Replay]: Replay[Key] } & {
  replayed: number;
  kept: Kept<{ readonly ReplayName: string }> | undefined;
};

function describe({ replayed: _, kept: __, ...replay }: RunningReplay): Replay {
  return replay;
}

const validation = (message: string) => new ServiceError('ValidationException', message);
