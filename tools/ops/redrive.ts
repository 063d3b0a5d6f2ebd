/**
 * `redrive`: sends failed events again, each only to the function or queue that missed it and never to its own bus,
 * where every other rule would match it, too. What a rule of another bus or a schedule could not put on this one is
 * put on it. A message to a queue is sent as SQS took the first one, and deleted after its 200.
 *
 * Each event goes out as an asynchronous invocation (`InvocationType: Event`) and is deleted from its queue only
 * after Lambda answered 202. From then on the event is durably in Lambda's own queue: it will be handled, or come
 * back to the failed-events queue. A synchronous invocation would show the outcome at once, but a lost connection
 * would leave it unknown, a slow handler would delay the rest, and Lambda would neither retry nor record a second
 * failure.
 *
 * If the run is stopped at any point, by Ctrl-C, `kill -9` or a power cut, nothing is lost and the next run
 * continues:
 * - before the 202: the message was never deleted and is visible again after its timeout;
 * - between the 202 and the delete: the same, so the event is sent a second time. Consumers recognize the duplicate
 * by its `eventId`, as with any at-least-once delivery.
 *
 * An event that fails again during the run is left in its queue. It is recognized by the request id of the run's own
 * invocation, so that a cause that still exists cannot make a run endless.
 */

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  EventBridgeClient,
  type PutEventsRequestEntry,
  ResourceNotFoundException,
  type Target,
} from '@aws-sdk/client-eventbridge';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { App } from '../app';
import { EXIT, type ExitCode, explain, InputError, oneLine } from '../cli/errors';
import { formatCount, formatCountOf } from '../cli/terminal';
import { defined } from '../defined';
import { putEvent, required } from './answers';
import { type FailedEvent, nameInArn, type QueueMessage, readFailedEvent } from './failed-event';
import { QueueReader } from './queue-reader';
import {
  isQueue,
  isSelected,
  NotRedeliverableError,
  parseRuleArn,
  type Redelivery,
  type RedriveSelection,
  redelivery,
} from './redelivery';
import { listTargets } from './rules';
import { interruptSignal, type Session } from './session';
import type { DeployedStack } from './stack';

export interface RedriveOptions {
  readonly cause?: readonly string[];
  readonly consumer?: readonly string[];
  readonly includePoison?: boolean;
  /** Maximum number of events per second. */
  readonly rate: number;
  readonly dryRun?: boolean;
}

/** Visibility timeout of received messages, in seconds: far more than a batch of 10 takes at the lowest rate. */
const VISIBILITY_SECONDS = 60;

/**
 * `sent`: accepted by Lambda or SQS; `left`: kept in its queue on purpose; `failed`: kept since it could not be sent.
 */
type Outcome = 'sent' | 'left' | 'failed';

interface OutcomeGroup {
  readonly consumer: string;
  readonly cause: string;
  readonly outcome: Outcome;
  /** Reason why it was left or failed. */
  readonly reason?: string;
  count: number;
}

export async function redrive(session: Session, options: RedriveOptions): Promise<ExitCode> {
  const { app, stack, terminal } = session;
  const selection = {
    consumers: options.consumer && new Set(options.consumer.map((name) => consumerName(stack, name))),
    causes: options.cause && new Set(options.cause),
    includePoison: options.includePoison ?? false,
  };
  const run = new Run(app, stack, selection, options);
  const signal = interruptSignal();
  const sqs = new SQSClient(stack.clientConfig);
  let others = 0;
  let problem: unknown;
  try {
    for (const url of stack.failureQueueUrls) {
      const reader = new QueueReader(sqs, url, VISIBILITY_SECONDS);
      for await (const batch of reader.batches(signal)) {
        await run.redriveBatch(reader, batch, signal);
        terminal.progress(run.summary);
      }
      others += await reader.close();
    }
  } catch (error) {
    // A run that fails after it has sent events still reports them.
    if (run.counts.sent === 0) throw error;
    problem = error;
  }

  report(session, run, { dryRun: options.dryRun ?? false, interrupted: signal.aborted, others });
  if (problem) {
    const { line } = explain(problem, stack.clientConfig.endpoint);
    terminal.note(`The run broke off. ${line} What is left becomes visible within ${VISIBILITY_SECONDS} s.`);
  }
  if (others > 0) {
    terminal.note(
      `${formatCountOf(others, 'message')} could not be read (about): others read them now, or they came ` +
        `just now, or a run was killed less than ${VISIBILITY_SECONDS} s ago. Run it again.`,
    );
  }
  if (run.counts.sent > 0 && !options.dryRun) {
    terminal.note(
      'Lambda and the queues have the events, and they are handled now. What fails again comes back within minutes.',
    );
  }
  if (signal.aborted) return EXIT.interrupted;
  return run.isComplete && !problem ? EXIT.ok : EXIT.failed;
}

function report(
  { stack, terminal }: Session,
  { groups, counts, summary }: Run,
  facts: { dryRun: boolean; interrupted: boolean; others: number },
): void {
  terminal.print({ ...facts, ...counts, groups }, () => {
    if (groups.length === 0) return 'Nothing to redrive.';
    const rows = groups.map(({ consumer, cause, count, outcome, reason }) => [
      stack.shortName(consumer),
      cause,
      formatCount(count),
      [outcome === 'sent' && facts.dryRun ? 'would be sent' : outcome, reason].filter(Boolean).join(': '),
    ]);
    return `${terminal.table(['CONSUMER', 'CAUSE', 'COUNT', 'OUTCOME'], rows, [2])}\n\n${summary}.`;
  });
}

class Run {
  readonly #lambda: LambdaClient;
  readonly #sqs: SQSClient;
  readonly #eventBridge: EventBridgeClient;
  readonly #pace: Pace;
  readonly #targets = new Map<string, Promise<Target[]>>();
  /** Request ids of the run's own invocations, and ids of its own messages, which a queue moves with the message. */
  readonly #ownIds = new Set<string>();
  readonly #groups = new Map<string, OutcomeGroup>();
  readonly counts = { sent: 0, left: 0, failed: 0 };
  /** True if all selected events except poison were sent. */
  isComplete = true;

  constructor(
    private readonly app: App,
    private readonly stack: DeployedStack,
    private readonly selection: RedriveSelection,
    private readonly options: RedriveOptions,
  ) {
    this.#lambda = new LambdaClient(stack.clientConfig);
    this.#sqs = new SQSClient(stack.clientConfig);
    this.#eventBridge = new EventBridgeClient(stack.clientConfig);
    this.#pace = new Pace(options.rate);
  }

  /** @throws an error that keeps all events from being sent: no connection, no credentials */
  async redriveBatch(
    reader: QueueReader,
    batch: readonly QueueMessage[],
    signal: AbortSignal,
  ): Promise<void> {
    const results = await Promise.allSettled(batch.map((message) => this.#redrive(reader, message, signal)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #redrive(reader: QueueReader, message: QueueMessage, signal: AbortSignal): Promise<void> {
    const failed = readFailedEvent(message, this.app);
    if (failed.kind === 'unreadable') {
      const { consumers, causes } = this.selection;
      if (!consumers && !causes) this.#count(failed.pipe ?? '?', 'unreadable', 'left', failed.reason);
      return;
    }
    if (!isSelected(failed, this.selection)) return;
    if (this.#ownIds.has(idOf(failed, message))) {
      this.#count(failed.consumer, failed.cause, 'left', 'it failed again: its cause is not mended');
      return;
    }
    if (failed.poison && !this.selection.includePoison) {
      this.#count(failed.consumer, failed.cause, 'left', 'poison');
      return;
    }

    let ready: Redelivery;
    try {
      ready = redelivery(failed, await this.#targetsOf(failed));
      if (isQueue(ready.targetArn)) this.#queueUrl(ready.targetArn);
    } catch (error) {
      if (!(error instanceof NotRedeliverableError)) throw error;
      this.#count(failed.consumer, failed.cause, 'left', error.message);
      return;
    }
    if (this.options.dryRun) {
      this.#count(failed.consumer, failed.cause, 'sent');
      return;
    }
    if (!(await this.#pace.turn(signal))) return;
    await this.#send(reader, message, failed, ready);
  }

  async #send(
    reader: QueueReader,
    message: QueueMessage,
    { consumer, cause }: FailedEvent,
    ready: Redelivery,
  ): Promise<void> {
    try {
      this.#ownIds.add(await this.#sendTo(ready));
    } catch (error) {
      this.#count(consumer, cause, 'failed', answerOfService(error));
      return;
    }
    try {
      await reader.delete(message);
      this.#count(consumer, cause, 'sent');
    } catch (error) {
      // The next run sends it again, and consumers recognize the duplicate.
      this.#count(consumer, cause, 'failed', `sent, but still in the queue: ${answerOfService(error)}`);
    }
  }

  /** @returns the id by which what fails again is recognized */
  #sendTo(ready: Redelivery): Promise<string> {
    if (ready.entry) return this.#put(ready.entry);
    return isQueue(ready.targetArn) ? this.#sendMessage(ready) : this.#invoke(ready);
  }

  /** @returns the event's id */
  async #put(entry: PutEventsRequestEntry): Promise<string> {
    const result = await putEvent(this.#eventBridge, entry);
    if ('eventId' in result) return result.eventId;
    throw Object.assign(new Error(result.message), { name: result.code, $fault: 'client' });
  }

  /** @returns the request's id */
  async #invoke({ targetArn, payload }: Redelivery): Promise<string> {
    const { StatusCode, $metadata } = await this.#lambda.send(
      new InvokeCommand({
        FunctionName: targetArn,
        InvocationType: 'Event',
        Payload: Buffer.from(payload),
      }),
    );
    if (StatusCode !== 202) throw new Error(`Lambda answered ${StatusCode}, not 202`);
    return required($metadata, 'requestId');
  }

  /** @returns the message's id */
  async #sendMessage({ targetArn, payload, groupId }: Redelivery): Promise<string> {
    const answer = await this.#sqs.send(
      new SendMessageCommand({
        QueueUrl: this.#queueUrl(targetArn),
        MessageBody: payload,
        ...defined({ MessageGroupId: groupId }),
        // By content it would be a duplicate of itself, if it failed within 5 minutes.
        ...(targetArn.endsWith('.fifo') && { MessageDeduplicationId: randomUUID() }),
      }),
    );
    return required(answer, 'MessageId');
  }

  /** @throws NotRedeliverableError if the queue is none of the stack's */
  #queueUrl(arn: string): string {
    const url = this.stack.queueUrl(nameInArn(arn));
    if (url === undefined) throw new NotRedeliverableError('the stack no longer has its queue');
    return url;
  }

  /** Targets of the rule that could not deliver; empty if the rule is gone, or the event was delivered. */
  #targetsOf(failed: FailedEvent): Promise<Target[]> {
    if (failed.kind !== 'undelivered') return Promise.resolve([]);
    const { ruleArn } = failed;
    let targets = this.#targets.get(ruleArn);
    if (!targets) {
      const { ruleName, busName } = parseRuleArn(ruleArn);
      targets = listTargets(this.#eventBridge, ruleName, busName).catch((error: unknown) => {
        // A name that EventBridge refuses has no rule, like one that is not found: one message must not keep all others here.
        if (error instanceof ResourceNotFoundException || isRefusedName(error)) return [];
        throw error;
      });
      this.#targets.set(ruleArn, targets);
    }
    return targets;
  }

  #count(consumer: string, cause: string, outcome: Outcome, reason?: string): void {
    this.counts[outcome]++;
    if (outcome === 'failed' || (outcome === 'left' && reason !== 'poison')) this.isComplete = false;
    const key = JSON.stringify([consumer, cause, outcome, reason]);
    const group = this.#groups.get(key) ?? { consumer, cause, outcome, ...(reason && { reason }), count: 0 };
    group.count++;
    this.#groups.set(key, group);
  }

  get groups(): readonly OutcomeGroup[] {
    return [...this.#groups.values()].sort((a, b) => b.count - a.count);
  }

  get summary(): string {
    const { sent, left, failed } = this.counts;
    const verb = this.options.dryRun ? 'would be sent' : 'sent';
    return `${formatCount(sent)} ${verb}, ${formatCount(left)} left, ${formatCount(failed)} failed`;
  }
}

/**
 * Id by which an earlier redrive would have made itself known: the invocation, the event that was put, or the
 * message.
 */
function idOf(failed: FailedEvent, message: QueueMessage): string {
  if (failed.kind === 'unhandled') return failed.requestId;
  return failed.kind === 'undelivered' ? failed.published.event.id : message.id;
}

const isRefusedName = (error: unknown): boolean =>
  error instanceof Error && error.name === 'ValidationException';

/**
 * Error of a service, in one line.
 * @throws the error itself if no service answered, since no other event can be sent either
 */
function answerOfService(error: unknown): string {
  if (error instanceof Error && '$fault' in error) return oneLine(`${error.name}: ${error.message}`);
  throw error;
}

/** Limits the rate to even intervals. */
class Pace {
  #next = 0;
  readonly #intervalMs: number;

  constructor(perSecond: number) {
    this.#intervalMs = 1_000 / perSecond;
  }

  /** Waits for the next turn. @returns false if the signal was aborted first */
  async turn(signal: AbortSignal): Promise<boolean> {
    const now = performance.now();
    const at = Math.max(now, this.#next);
    this.#next = at + this.#intervalMs;
    try {
      if (at > now) await sleep(at - now, undefined, { signal });
      return !signal.aborted;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }
}

/** @throws InputError if it is none of the stack's functions and queues, nor its bus */
function consumerName(stack: DeployedStack, name: string): string {
  const all = [...stack.functions, ...stack.queues, stack.output('EventBusName')];
  const found = all.find((full) => full === name || stack.shortName(full) === name);
  if (found) return found;
  const known = all.map((full) => stack.shortName(full)).join(', ');
  throw new InputError(`--consumer is ${JSON.stringify(name)}, but must be one of ${known}.`);
}
