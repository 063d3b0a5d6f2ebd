/**
 * An event source mapping from a queue to a function: messages are received in batches, handed to the function, and
 * deleted when it succeeds; of a batch that it reports to have failed in part, only what did not fail.
 * https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 */

import { createHash } from 'node:crypto';
import { defined } from '../../defined';
import { AssemblyError, type Resource } from '../../template/assembly';
import type { StepListener } from '../steps';
import type { Clock } from './clock';
import { EventFilter } from './event-filter';
import type { InFlight } from './in-flight';
import { requireKnownProperties } from './known-properties';
import type { LambdaFunction } from './lambda';
import type { Queue, ReceivedMessage } from './queue';
import { ServiceError } from './service-error';

export interface EventSourceMappingOptions {
  readonly clock: Clock;
  readonly queues: readonly Queue[];
  /** Function that gets the batches. */
  readonly called: LambdaFunction;
  /** May the function's role do that? */
  readonly mayRole: (roleArn: string, action: string, arn: string) => { allowed: boolean; reason: string };
  /** Takes the batches that are handled. */
  readonly inFlight: InFlight;
  readonly onStep?: StepListener;
}

/** Calls of the queue that Lambda makes for the function, and that the function's role must allow. */
const NEEDED = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];
/** Messages of one ReceiveMessage. */
const MAX_RECEIVED = 10;
const POLL_SECONDS = 20;
/** Lambda begins with so many batches at once. */
const CONCURRENT_BATCHES = 5;

export class MappingPoller {
  readonly queue: Queue;
  readonly function: LambdaFunction;
  readonly #batchSize: number;
  readonly #windowMs: number;
  readonly #reportsFailures: boolean;
  readonly #maxBatches: number;
  readonly #filter: EventFilter;
  readonly #options: EventSourceMappingOptions;
  readonly #stopping = new AbortController();
  readonly #batches = new Set<Promise<void>>();

  /** @throws AssemblyError for what Lambda would refuse, and for what is not known here */
  constructor(
    readonly resource: Resource,
    options: EventSourceMappingOptions,
  ) {
    const { properties } = resource;
    requireKnownProperties(resource, properties, [
      ...['EventSourceArn', 'FunctionName', 'BatchSize', 'MaximumBatchingWindowInSeconds', 'Enabled', 'Tags'],
      ...['FilterCriteria', 'FunctionResponseTypes', 'ScalingConfig'],
    ]);
    const refuse = (problem: string) =>
      new AssemblyError(`${resource.type} ${resource.logicalId}: ${problem}`);
    const queue = options.queues.find(({ arn }) => arn === properties.EventSourceArn);
    if (!queue)
      throw refuse(`the local run knows queues of this stack as a source, not ${properties.EventSourceArn}.`);
    const { called } = options;
    const { Role, Timeout = 3 } = called.resource.properties;
    for (const action of NEEDED) {
      const { allowed, reason } = options.mayRole(Role, action, queue.arn);
      if (!allowed) throw refuse(`the function's role may not ${action} on ${queue.name}: ${reason}`);
    }
    if (queue.visibilityTimeoutSeconds < Number(Timeout)) {
      throw refuse(
        `Queue visibility timeout: ${queue.visibilityTimeoutSeconds} seconds is less than Function timeout: ${Timeout} seconds.`,
      );
    }
    this.queue = queue;
    this.function = called;
    this.#batchSize = Number(properties.BatchSize ?? MAX_RECEIVED);
    this.#windowMs = 1000 * Number(properties.MaximumBatchingWindowInSeconds ?? 0);
    this.#reportsFailures = (properties.FunctionResponseTypes ?? []).includes('ReportBatchItemFailures');
    this.#maxBatches = Number(properties.ScalingConfig?.MaximumConcurrency ?? CONCURRENT_BATCHES);
    this.#filter = new EventFilter(properties.FilterCriteria, refuse);
    this.#options = options;
    if (String(properties.Enabled ?? true) === 'true') void this.#poll();
  }

  /** Receives no more; what is handled is not waited for. */
  stop(): void {
    this.#stopping.abort();
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      while (this.#batches.size >= this.#maxBatches) await Promise.race(this.#batches);
      const messages = await this.#receive();
      if (messages.length === 0 || signal.aborted) continue;
      const batch: Promise<void> = this.#handle(messages).finally(() => this.#batches.delete(batch));
      this.#batches.add(batch);
      this.#options.inFlight.track(batch);
    }
  }

  async #receive(): Promise<ReceivedMessage[]> {
    const { signal } = this.#stopping;
    const { clock } = this.#options;
    const max = () => Math.min(MAX_RECEIVED, this.#batchSize - messages.length);
    const messages: ReceivedMessage[] = [];
    messages.push(
      ...this.#filtered(await this.queue.receive({ max: max(), waitSeconds: POLL_SECONDS, signal })),
    );
    const until = clock.now() + this.#windowMs;
    while (messages.length > 0 && messages.length < this.#batchSize && !signal.aborted) {
      const waitSeconds = Math.max(0, until - clock.now()) / 1000;
      const more = await this.queue.receive({ max: max(), waitSeconds, signal });
      messages.push(...this.#filtered(more));
      if (more.length === 0) break;
    }
    return messages;
  }

  /** Deletes messages that the filters do not let through. */
  #filtered(messages: readonly ReceivedMessage[]): readonly ReceivedMessage[] {
    const passed = messages.filter((message) => this.#filter.matches(this.#record(message)));
    const deleted = messages.filter((message) => !passed.includes(message));
    for (const { receiptHandle } of deleted) this.queue.delete(receiptHandle);
    if (deleted.length > 0) {
      this.#options.onStep?.({
        kind: 'messages-filtered',
        queue: this.queue.name,
        function: this.function.name,
        messages: deleted.length,
      });
    }
    return passed;
  }

  async #handle(messages: readonly ReceivedMessage[]): Promise<void> {
    const { onStep } = this.#options;
    const event = JSON.stringify({ Records: messages.map((message) => this.#record(message)) });
    const failed = await this.#invoke(event, messages);
    for (const { id, receiptHandle } of messages) if (!failed.has(id)) this.queue.delete(receiptHandle);
    onStep?.({
      kind: 'batch-handled',
      queue: this.queue.name,
      function: this.function.name,
      messages: messages.length,
      failed: failed.size,
    });
  }

  /** @returns ids of the messages that stay in the queue */
  async #invoke(event: string, messages: readonly ReceivedMessage[]): Promise<ReadonlySet<string>> {
    const all = new Set(messages.map(({ id }) => id));
    try {
      const { payload, functionError } = await this.function.invoke(event);
      if (functionError) return all;
      return this.#reportsFailures ? reportedFailures(payload, all) : new Set();
    } catch (error) {
      // It is throttled or stopped: the messages become visible again.
      if (error instanceof ServiceError) return all;
      throw error;
    }
  }

  /** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event */
  #record({
    id,
    body,
    attributes,
    senderId,
    sentAt,
    receiveCount,
    firstReceivedAt,
    receiptHandle,
  }: ReceivedMessage) {
    return {
      messageId: id,
      receiptHandle,
      body,
      attributes: {
        ApproximateReceiveCount: String(receiveCount),
        SentTimestamp: String(sentAt),
        SenderId: senderId,
        ApproximateFirstReceiveTimestamp: String(firstReceivedAt),
      },
      messageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
          name,
          {
            ...defined({ stringValue: StringValue, binaryValue: BinaryValue }),
            ...{ stringListValues: [], binaryListValues: [], dataType: DataType },
          },
        ]),
      ),
      md5OfBody: createHash('md5').update(body).digest('hex'),
      eventSource: 'aws:sqs',
      eventSourceARN: this.queue.arn,
      awsRegion: this.queue.arn.split(':')[3],
    };
  }
}

/**
 * Reads which messages a handler reports as failed. A report that Lambda cannot read is a failure of all of them.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 */
function reportedFailures(payload: string, all: ReadonlySet<string>): ReadonlySet<string> {
  const result: unknown = JSON.parse(payload);
  if (result === null || typeof result !== 'object') return result === null ? new Set() : all;
  const { batchItemFailures: failures = [] } = result as { batchItemFailures?: unknown };
  if (failures === null) return new Set();
  if (!Array.isArray(failures)) return all;
  const ids = failures.map((failure) => (failure as { itemIdentifier?: unknown } | null)?.itemIdentifier);
  return ids.every((id) => typeof id === 'string' && all.has(id)) ? new Set(ids as string[]) : all;
}
