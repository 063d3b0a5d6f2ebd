/**
 * An EventBridge Pipe from the stream of a table to an event bus: records are filtered, transformed and put as events in
 * their order. A batch that fails is tried again while the records behind it wait; what fails for the last time is told
 * of in the dead-letter queue, by the record's place in the stream and not by its content.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes.html
 */
import {
  type CompiledPipeInput,
  compilePipeParameter,
  compilePipeTemplate,
  InvalidPipeInputError,
} from '../../eventbridge/pipe-input';
import { deliveryBackOffMs } from '../../eventbridge/service-facts';
import { AssemblyError, type Resource } from '../../template/assembly';
import { PIPES_SERVICE } from '../../template/event-source-mappings';
import type { Policies } from '../../template/policies';
import type { StepListener } from '../steps';
import type { EventBridge } from './event-bridge';
import { EventFilter } from './event-filter';
import type { InFlight } from './in-flight';
import { requireKnownProperties } from './known-properties';
import type { PutEventsEntry } from './put-entry';
import type { Queue } from './queue';
import { ServiceError } from './service-error';
import type { StreamRecord, TableStreams } from './table-streams';
import type { Kept, Unfinished } from './unfinished';
import type { World } from './world';

export interface PipeOptions {
  readonly world: World;
  readonly streams: TableStreams;
  /** Physical name of the table whose stream it reads. */
  readonly table: string;
  readonly eventBridge: EventBridge;
  readonly queues: readonly Queue[];
  readonly policies: () => Policies;
  /** Store of the records that are not on the bus yet. */
  readonly unfinished: Unfinished<StreamRecord>;
  readonly inFlight: InFlight;
  readonly onStep?: StepListener;
}

interface Pending {
  readonly record: StreamRecord;
  readonly kept: Kept<StreamRecord>;
}

/** A stream keeps a record for 24 hours. */
const STREAM_SECONDS = 24 * 60 * 60;
const SHARD = 'shardId-00000000000000000000-local000';

export class PipeRunner {
  readonly name: string;
  readonly #resource: Resource;
  readonly #options: PipeOptions;
  readonly #input: CompiledPipeInput;
  readonly #source: (record: object) => string | undefined;
  readonly #detailType: (record: object) => string | undefined;
  readonly #filter: EventFilter;
  readonly #batchSize: number;
  readonly #windowMs: number;
  readonly #maxRetries: number;
  readonly #maxAgeSeconds: number;
  readonly #bisects: boolean;
  readonly #pending: Pending[] = [];
  #timer: { cancel(): void } | undefined;
  #isBusy = false;
  #isStopped = false;

  /** @throws AssemblyError for what Pipes would refuse, and for what is not known here */
  constructor(resource: Resource, options: PipeOptions) {
    const { properties, name } = resource;
    this.name = name;
    this.#resource = resource;
    this.#options = options;
    requireKnownProperties(resource, properties, [
      ...['Name', 'Description', 'RoleArn', 'Source', 'SourceParameters', 'Target', 'TargetParameters'],
      ...['DesiredState', 'LogConfiguration', 'Tags', 'KmsKeyIdentifier'],
    ]);
    const { DynamoDBStreamParameters: stream = {}, ...source } = properties.SourceParameters ?? {};
    requireKnownProperties(resource, source, ['FilterCriteria'], 'SourceParameters');
    requireKnownProperties(
      resource,
      stream,
      [
        ...['BatchSize', 'DeadLetterConfig', 'MaximumBatchingWindowInSeconds', 'MaximumRecordAgeInSeconds'],
        ...['MaximumRetryAttempts', 'OnPartialBatchItemFailure', 'ParallelizationFactor', 'StartingPosition'],
      ],
      'SourceParameters.DynamoDBStreamParameters',
    );
    const {
      InputTemplate,
      EventBridgeEventBusParameters: bus = {},
      ...target
    } = properties.TargetParameters ?? {};
    requireKnownProperties(resource, target, [], 'TargetParameters');
    requireKnownProperties(
      resource,
      bus,
      ['DetailType', 'Source', 'Resources'],
      'TargetParameters.EventBridgeEventBusParameters',
    );
    const refuse = (problem: string) =>
      new AssemblyError(`${resource.type} ${resource.logicalId}: ${problem}`);
    try {
      this.#input = compilePipeTemplate(InputTemplate);
      // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-target.html
      this.#source = compilePipeParameter(bus.Source ?? `Pipe ${name}`);
      this.#detailType = compilePipeParameter(bus.DetailType ?? 'Event from aws:dynamodb');
    } catch (error) {
      if (error instanceof InvalidPipeInputError) throw refuse(`${error.message}.`);
      throw error;
    }
    this.#filter = new EventFilter(source.FilterCriteria, refuse);
    this.#batchSize = Number(stream.BatchSize ?? 1);
    this.#windowMs = 1000 * Number(stream.MaximumBatchingWindowInSeconds ?? 0);
    this.#maxRetries = unlimited(stream.MaximumRetryAttempts, Number.POSITIVE_INFINITY);
    this.#maxAgeSeconds = Math.min(
      STREAM_SECONDS,
      unlimited(stream.MaximumRecordAgeInSeconds, STREAM_SECONDS),
    );
    this.#bisects = stream.OnPartialBatchItemFailure === 'AUTOMATIC_BISECT';
    const left = options.unfinished.restored();
    if (properties.DesiredState !== 'STOPPED')
      options.streams.read(options.table, (record) => this.#take(record));
    for (const [record, kept] of left) this.#pending.push({ record, kept });
    if (left.length > 0) this.#wake();
  }

  /** Puts no more; what is not on the bus yet stays in the store. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #take(record: StreamRecord): void {
    if (!this.#filter.matches(record)) return;
    this.#pending.push({ record, kept: this.#options.unfinished.keep(record) });
    this.#wake();
  }

  #wake(): void {
    if (this.#isBusy || this.#isStopped) return;
    const isFull = this.#pending.length >= this.#batchSize;
    if (this.#timer && !isFull) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (isFull || this.#windowMs === 0) this.#next();
    else this.#timer = this.#options.world.after(this.#windowMs, () => this.#next());
  }

  #next(): void {
    this.#timer = undefined;
    const batch = this.#pending.splice(0, this.#batchSize);
    if (batch.length === 0) return;
    this.#isBusy = true;
    this.#options.inFlight.track(Promise.resolve().then(() => this.#attempt([batch], 1)));
  }

  /** @param batches the one to put, and what of its bisected ones comes after it */
  #attempt([batch, ...others]: readonly (readonly Pending[])[], attempt: number): void {
    if (this.#isStopped) return;
    if (!batch) {
      this.#isBusy = false;
      if (this.#pending.length > 0) this.#wake();
      return;
    }
    const problem = this.#put(batch.map(({ record }) => record));
    if (problem === undefined) {
      for (const { kept } of batch) kept.finish();
      this.#attempt(others, 1);
      return;
    }
    if (this.#bisects && batch.length > 1) {
      const half = Math.ceil(batch.length / 2);
      this.#tell(batch, problem, 0);
      this.#attempt([batch.slice(0, half), batch.slice(half), ...others], 1);
      return;
    }
    this.#retry([batch, ...others], attempt, problem);
  }

  #retry(batches: readonly (readonly Pending[])[], attempt: number, problem: string): void {
    const { world } = this.#options;
    const [batch = [], ...others] = batches;
    const delayMs = Math.round(deliveryBackOffMs(attempt, world.random()));
    const [first] = batch;
    const bornAt = first?.record.dynamodb.ApproximateCreationDateTime ?? 0;
    const isTooOld = world.now() + delayMs > 1000 * (bornAt + this.#maxAgeSeconds);
    if (attempt > this.#maxRetries || isTooOld) {
      this.#tell(batch, problem);
      this.#giveUp(batch, isTooOld ? 'RecordAgeExceeded' : 'RetryAttemptsExhausted');
      this.#attempt(others, 1);
      return;
    }
    this.#tell(batch, problem, delayMs);
    this.#timer = world.after(delayMs, () => {
      this.#timer = undefined;
      this.#attempt(batches, attempt + 1);
    });
  }

  /** @returns the first reason why not all of them are on the bus */
  #put(records: readonly StreamRecord[]): string | undefined {
    const { eventBridge, policies } = this.#options;
    const { Target: busArn, RoleArn: role } = this.#resource.properties;
    const assumed = policies().mayAssumeArn(PIPES_SERVICE, role, this.#resource.arn);
    const decision = assumed.allowed ? policies().roleMay(role, 'events:PutEvents', busArn) : assumed;
    if (!decision.allowed) return decision.reason;
    try {
      const results = eventBridge.putEvents(records.map((record) => this.#entry(record)));
      const refused = results.find((result) => 'ErrorCode' in result);
      return refused && 'ErrorCode' in refused ? `${refused.ErrorCode}: ${refused.ErrorMessage}` : undefined;
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return `${error.code}: ${error.message}`;
    }
  }

  #entry(record: StreamRecord): PutEventsEntry {
    const { world } = this.#options;
    const { Source: sourceArn, Target: targetArn, TargetParameters } = this.#resource.properties;
    const ingestionTime = new Date(world.now()).toISOString();
    const context = { pipeArn: this.#resource.arn, pipeName: this.name, sourceArn, targetArn, ingestionTime };
    const { Resources } = TargetParameters?.EventBridgeEventBusParameters ?? {};
    return {
      EventBusName: targetArn,
      Source: this.#source(record) ?? '',
      DetailType: this.#detailType(record) ?? '',
      Detail: this.#input(record, context),
      ...(Resources && { Resources }),
    };
  }

  #tell(batch: readonly Pending[], message: string, retryInMs?: number): void {
    this.#options.onStep?.({
      kind: 'pipe-failed',
      ...{ pipe: this.name, records: batch.length, message },
      ...(retryInMs !== undefined && { retryInMs }),
    });
  }

  #giveUp(batch: readonly Pending[], condition: string): void {
    const { onStep, policies, queues, world } = this.#options;
    const { RoleArn: role, SourceParameters } = this.#resource.properties;
    const arn: string | undefined = SourceParameters?.DynamoDBStreamParameters?.DeadLetterConfig?.Arn;
    const about = { pipe: this.name, records: batch.length, condition };
    const lost = (message: string) => onStep?.({ kind: 'pipe-lost', ...about, message });
    // One that is not of this stack keeps the pipe from running.
    const queue = queues.find((each) => each.arn === arn);
    const decision = queue && policies().roleMay(role, 'sqs:SendMessage', queue.arn);
    if (!queue) lost('The pipe has no dead-letter queue.');
    else if (!decision?.allowed)
      lost(`The pipe's role may not send to its dead-letter queue. ${decision?.reason}`);
    else {
      const body = JSON.stringify(this.#envelope(batch, condition, world.now()));
      queue.send({ body, senderId: role });
      onStep?.({ kind: 'pipe-given-up', ...about, queue: queue.name });
    }
    for (const { kept } of batch) kept.finish();
  }

  #envelope(batch: readonly Pending[], condition: string, now: number) {
    const records = batch.map(({ record }) => record);
    const [first, last] = [records[0], records.at(-1)];
    const seconds = (time: number | undefined) =>
      `${new Date(1000 * (time ?? 0)).toISOString().slice(0, 19)}Z`;
    return {
      context: { partnerResourceArn: this.#resource.arn, condition },
      version: '1.0',
      timestamp: new Date(now).toISOString(),
      DDBStreamBatchInfo: {
        shardId: SHARD,
        startSequenceNumber: first?.dynamodb.SequenceNumber,
        endSequenceNumber: last?.dynamodb.SequenceNumber,
        approximateArrivalOfFirstRecord: seconds(first?.dynamodb.ApproximateCreationDateTime),
        approximateArrivalOfLastRecord: seconds(last?.dynamodb.ApproximateCreationDateTime),
        batchSize: records.length,
        streamArn: first?.eventSourceARN,
      },
    };
  }
}

/** -1 stands for no limit. */
const unlimited = (given: unknown, without: number): number =>
  given === undefined || Number(given) < 0 ? without : Number(given);
