/**
 * Redrive of a dead-letter queue by SQS itself: its messages go back to where they came from, or to another queue.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
 */
import type { Queue } from './queue';
import { ServiceError } from './service-error';
import type { World } from './world';

/** Field names are those of ListMessageMoveTasks. */
export interface MessageMove {
  readonly TaskHandle: string;
  Status: 'RUNNING' | 'COMPLETED' | 'CANCELLED' | 'FAILED';
  readonly SourceArn: string;
  readonly DestinationArn?: string | undefined;
  readonly MaxNumberOfMessagesPerSecond?: number | undefined;
  ApproximateNumberOfMessagesMoved: number;
  readonly ApproximateNumberOfMessagesToMove: number;
  FailureReason?: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly StartedTimestamp: number;
}

export interface StartMoveRequest {
  readonly SourceArn: string;
  readonly DestinationArn?: string | undefined;
  readonly MaxNumberOfMessagesPerSecond?: number | undefined;
}

/** Default, and the maximum that a request can ask for. */
const MAX_PER_SECOND = 500;
const SECOND_MS = 1000;

export class MessageMoves {
  readonly #queues: readonly Queue[];
  readonly #world: World;
  /** The latest first. */
  readonly #moves: MessageMove[] = [];

  constructor(queues: readonly Queue[], world: World) {
    this.#queues = queues;
    this.#world = world;
  }

  /** Queues whose messages end in that one when they are received too often. */
  sourcesOf(queueArn: string): Queue[] {
    return this.#queues.filter(({ resource }) => deadLetterTarget(resource.properties) === queueArn);
  }

  /** @throws ServiceError as StartMessageMoveTask does */
  start(request: StartMoveRequest): MessageMove {
    const { SourceArn, DestinationArn, MaxNumberOfMessagesPerSecond: perSecond = MAX_PER_SECOND } = request;
    const source = this.#find(SourceArn);
    const sources = this.sourcesOf(SourceArn);
    if (sources.length === 0) {
      throw invalid('Source queue must be configured as a Dead Letter Queue.');
    }
    if (perSecond < 1 || perSecond > MAX_PER_SECOND) {
      throw invalid(
        `Value ${perSecond} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be between 1 and ${MAX_PER_SECOND}, if provided.`,
      );
    }
    if (DestinationArn === undefined && sources.length > 1) {
      throw new ServiceError(
        'UnsupportedOperation',
        `The local run cannot tell from which of ${sources.map(({ name }) => name).join(', ')} each message came. Give a DestinationArn.`,
      );
    }
    const destination = DestinationArn === undefined ? sources[0] : this.#find(DestinationArn);
    if (this.#moves.some((each) => each.SourceArn === SourceArn && each.Status === 'RUNNING')) {
      throw new ServiceError(
        'UnsupportedOperation',
        'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
      );
    }
    const move: MessageMove = {
      ...request,
      TaskHandle: Buffer.from(JSON.stringify({ taskId: this.#world.uuid(), sourceArn: SourceArn })).toString(
        'base64',
      ),
      Status: 'RUNNING',
      ApproximateNumberOfMessagesMoved: 0,
      ApproximateNumberOfMessagesToMove: source.depth().visible,
      StartedTimestamp: this.#world.now(),
    };
    this.#moves.unshift(move);
    this.#continue(move, source, destination as Queue, perSecond);
    return move;
  }

  /** @throws ServiceError (ResourceNotFoundException) */
  list(sourceArn: string, max: number): readonly MessageMove[] {
    this.#find(sourceArn);
    return this.#moves.filter((each) => each.SourceArn === sourceArn).slice(0, max);
  }

  /** @throws ServiceError (ResourceNotFoundException) if it is not running */
  cancel(handle: string): MessageMove {
    const move = this.#moves.find((each) => each.TaskHandle === handle && each.Status === 'RUNNING');
    if (!move) throw new ServiceError('ResourceNotFoundException', 'Task does not exist.', 404);
    move.Status = 'CANCELLED';
    return move;
  }

  #continue(move: MessageMove, source: Queue, destination: Queue, perSecond: number): void {
    if (move.Status !== 'RUNNING') return;
    for (const { body, attributes, senderId, groupId, id } of source.takeAway(perSecond)) {
      // Moved within 5 minutes of its sending it would else be a duplicate of itself.
      const fifo = groupId === undefined ? {} : { groupId, deduplicationId: id };
      destination.send({ body, attributes, senderId, ...fifo });
      move.ApproximateNumberOfMessagesMoved++;
    }
    if (source.depth().visible === 0) move.Status = 'COMPLETED';
    else this.#world.after(SECOND_MS, () => this.#continue(move, source, destination, perSecond));
  }

  #find(arn: string): Queue {
    const queue = this.#queues.find((each) => each.arn === arn);
    if (queue) return queue;
    throw new ServiceError(
      'ResourceNotFoundException',
      "The resource that you specified for the SourceArn parameter doesn't exist.",
      404,
    );
  }
}

function deadLetterTarget({
  RedrivePolicy: policy,
}: {
  RedrivePolicy?: string | { deadLetterTargetArn?: string };
}) {
  return (typeof policy === 'string' ? JSON.parse(policy) : policy)?.deadLetterTargetArn;
}

const invalid = (message: string) => new ServiceError('InvalidParameterValueException', message);
