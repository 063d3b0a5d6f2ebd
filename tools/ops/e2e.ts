/**
 * `e2e`: publishes real events to a deployed stack, or the local run, follows each to everything that it must reach, and
 * cleans up. What is published and expected is the app's journey.
 */
import { gunzipSync } from 'node:zlib';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DeleteItemCommand, DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { Command } from 'commander';
import type { App } from '../app';
import { createCommand, wholeNumberFrom } from '../cli/command';
import { EXIT, type ExitCode, InputError } from '../cli/errors';
import { elementsOf, putEvent, required } from './answers';
import { nameInArn } from './failed-event';
import { readFunctionLog } from './function-log';
import { JourneyExecutions } from './journey-executions';
import { QueueReader } from './queue-reader';
import { inSession, interruptSignal, type Session } from './session';
import type { Stages } from './stack';
import { parseLogLine } from './trace';

export interface Entry {
  readonly source: string;
  readonly detailType: string;
  readonly detail: object;
}

/** Events of one entity, and what they must lead to. */
export interface Journey {
  /** Id of the entity; new for each run, so that nothing else has it. */
  readonly id: string;
  /** Published in this order, each after the one before has been seen in the table. */
  readonly entries: readonly { readonly entry: Entry; readonly item: Readonly<Record<string, string>> }[];
  /** A function that must log this outcome of the entity, e.g. that it published to the topic. */
  readonly logged: { readonly reaches: string; readonly function: string; readonly outcome: string };
  /** Key of the stack's output with the name of the bucket that every event must come to. */
  readonly bucketOutput: string;
  /** An event that must end in the queue of failed events. */
  readonly failing: { readonly id: string; readonly entry: Entry };
}

export interface JourneyOptions {
  /** Maximum time for each place to be reached, in seconds. */
  readonly timeout: number;
  /** Publish the event that fails, too. */
  readonly failing: boolean;
}

/** A place that must be reached, and when it was. */
interface Place {
  readonly name: string;
  /** @returns what is there; undefined if nothing is yet */
  look(): Promise<string | undefined>;
}

const POLL_MS = 2_000;
/** The clocks of this machine and of AWS may differ by so much. */
const CLOCK_DIFFERENCE_MS = 60_000;
/** Visibility timeout of messages that are looked at, in seconds. */
const VISIBILITY_SECONDS = 10;

export function e2eCommand(app: App, stages: Stages, journey: () => Journey): Command {
  return createCommand('npm run e2e --', ' See: npm run e2e -- --help')
    .description(
      'Publishes real events, follows each to table, topic, bucket, queue and state machine, and removes what it made but objects. One event ' +
        'fails on purpose, which sets an alarm off.',
    )
    .option('--stage <stage>', 'stage of cdk.json', stages.default)
    .option(
      '--endpoint-url <url>',
      'address instead of AWS, e.g. http://127.0.0.1:4566 (env: AWS_ENDPOINT_URL)',
    )
    .option('--region <region>', 'AWS region (env: AWS_REGION)')
    .option('--profile <name>', 'AWS profile (env: AWS_PROFILE)')
    .option('--timeout <seconds>', 'time for each place to be reached', wholeNumberFrom(1, 3_600), 600)
    .option('--no-failing', 'publish no event that fails')
    .option('--json', 'print one JSON document')
    .action(
      inSession<JourneyOptions>(app, stages, (session, options) =>
        followJourney(session, journey(), options),
      ),
    );
}

/**
 * Publishes the events of a journey and follows them to each place.
 * @param pollMs pause between two looks at a place
 */
export function followJourney(
  session: Session,
  journey: Journey,
  options: JourneyOptions,
  pollMs = POLL_MS,
): Promise<ExitCode> {
  return new Run(session, journey, options, pollMs).run();
}

class Run {
  readonly #signal = interruptSignal();
  readonly #startedAt: number;
  readonly #dynamodb: DynamoDBClient;
  readonly #sqs: SQSClient;
  readonly #executions: JourneyExecutions;
  readonly #reached: { place: string; seconds: number; found: string }[] = [];
  readonly #missing: string[] = [];

  constructor(
    private readonly session: Session,
    private readonly journey: Journey,
    private readonly options: JourneyOptions,
    private readonly pollMs: number,
  ) {
    const { stack, now } = session;
    this.#startedAt = now();
    this.#dynamodb = new DynamoDBClient(stack.clientConfig);
    this.#sqs = new SQSClient(stack.clientConfig);
    this.#executions = new JourneyExecutions(stack, journey.id, this.#startedAt - CLOCK_DIFFERENCE_MS);
  }

  async run(): Promise<ExitCode> {
    const { terminal, stack } = this.session;
    const { entries, failing, id } = this.journey;
    try {
      for (const [index, { entry, item }] of entries.entries()) {
        await this.#put(entry);
        await this.#reach({ name: `table: ${entry.detailType}`, look: () => this.#item(item) });
        // The failing event takes longest, since it is tried again for minutes.
        if (index === 0 && this.options.failing) await this.#put(failing.entry);
      }
      for (const machine of await this.#executions.machines(entries.map(({ entry }) => entry.detailType))) {
        const name = `state machine: ${stack.shortName(nameInArn(machine))}`;
        await this.#reach({ name, look: () => this.#executions.look(machine) });
      }
      await this.#reach({ name: this.journey.logged.reaches, look: () => this.#logged() });
      await this.#reach({ name: 'bucket', look: () => this.#object() });
      if (this.options.failing)
        await this.#reach({ name: 'queue of failed events', look: () => this.#failed() });
      await this.#requireNoDeadLetter();
    } finally {
      await this.#cleanUp();
    }
    terminal.print({ stack: stack.name, id, reached: this.#reached, missing: this.#missing }, () =>
      terminal.table(
        ['PLACE', 'AFTER', 'FOUND'],
        [
          ...this.#reached.map(({ place, seconds, found }) => [place, `${seconds} s`, found]),
          ...this.#missing.map((place) => [place, 'never', terminal.style('red', 'MISSING')]),
        ],
        [1],
      ),
    );
    if (this.#signal.aborted) return EXIT.interrupted;
    return this.#missing.length === 0 ? EXIT.ok : EXIT.failed;
  }

  async #put({ source, detailType, detail }: Entry): Promise<void> {
    const { stack } = this.session;
    const result = await putEvent(new EventBridgeClient(stack.clientConfig), {
      ...{ EventBusName: stack.output('EventBusName'), Source: source, DetailType: detailType },
      Detail: JSON.stringify(detail),
    });
    if ('eventId' in result) return;
    throw new InputError(`The bus refuses ${detailType}: ${result.code}: ${result.message}`);
  }

  async #reach({ name, look }: Place): Promise<void> {
    const { terminal, now } = this.session;
    const from = now();
    const until = from + this.options.timeout * 1_000;
    while (!this.#signal.aborted) {
      const found = await look();
      if (found !== undefined) {
        this.#reached.push({ place: name, seconds: Math.round((now() - this.#startedAt) / 1_000), found });
        return;
      }
      if (now() > until) break;
      terminal.progress(`Waiting for ${name}, ${Math.round((now() - from) / 1_000)} s`);
      await new Promise((resolve) => setTimeout(resolve, this.pollMs));
    }
    this.#missing.push(name);
  }

  get #key() {
    const { app, stack } = this.session;
    const { entity } = app;
    if (!entity) throw new InputError('This app is not described with an entity and its table.');
    return (id: string) => ({
      TableName: stack.output(entity.tableOutput),
      Key: { [entity.idField]: { S: id } },
    });
  }

  async #item(wanted: Readonly<Record<string, string>>): Promise<string | undefined> {
    const { Item: found = {} } = await this.#dynamodb.send(
      new GetItemCommand({ ...this.#key(this.journey.id), ConsistentRead: true }),
    );
    const isThere = Object.entries(wanted).every(([name, value]) => {
      const { S, N } = found[name] ?? {};
      return (S ?? N) === value;
    });
    return isThere
      ? Object.entries(wanted)
          .map(([name, value]) => `${name} ${value}`)
          .join(', ')
      : undefined;
  }

  async #logged(): Promise<string | undefined> {
    const { app, stack } = this.session;
    const { function: suffix, outcome } = this.journey.logged;
    const name = stack.functions.find((each) => stack.shortName(each) === suffix) ?? suffix;
    const lines = readFunctionLog(new CloudWatchLogsClient(stack.clientConfig), name, {
      filterPattern: `"${this.journey.id}"`,
      startTime: this.#startedAt - CLOCK_DIFFERENCE_MS,
    });
    for await (const { time, message } of lines) {
      if (parseLogLine(app, name, time, message).outcome === outcome) return `${suffix}: ${outcome}`;
    }
    return undefined;
  }

  async #object(): Promise<string | undefined> {
    const { stack } = this.session;
    const client = new S3Client({ ...stack.clientConfig, forcePathStyle: true });
    const Bucket = stack.output(this.journey.bucketOutput);
    for await (const each of elementsOf(
      paginateListObjectsV2({ client }, { Bucket }),
      (page) => page.Contents,
    )) {
      if (required(each, 'LastModified').getTime() < this.#startedAt - CLOCK_DIFFERENCE_MS) continue;
      const Key = required(each, 'Key');
      const object = await client.send(new GetObjectCommand({ Bucket, Key }));
      const bytes = Buffer.from(await required(object, 'Body').transformToByteArray());
      const isZipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
      if ((isZipped ? gunzipSync(bytes) : bytes).includes(this.journey.id)) return Key;
    }
    return undefined;
  }

  /** Looks for the failing event in the queue, and deletes it there. */
  async #failed(): Promise<string | undefined> {
    return this.#takeFrom('FailedEventsQueueUrl', this.journey.failing.id);
  }

  async #takeFrom(output: string, id: string): Promise<string | undefined> {
    const reader = new QueueReader(this.#sqs, this.session.stack.output(output), VISIBILITY_SECONDS);
    let found: string | undefined;
    for await (const batch of reader.batches(this.#signal)) {
      for (const message of batch) {
        if (!message.body.includes(id)) continue;
        found = message.id;
        await reader.delete(message);
      }
    }
    await reader.close();
    return found;
  }

  async #requireNoDeadLetter(): Promise<void> {
    const dead = await this.#takeFrom('DeadLetterQueueUrl', this.journey.id);
    if (dead !== undefined) this.#missing.push('delivery: an event of it was in the dead-letter queue');
  }

  async #cleanUp(): Promise<void> {
    await this.#executions.stop();
    for (const id of [this.journey.id, this.journey.failing.id]) {
      await this.#dynamodb.send(new DeleteItemCommand(this.#key(id)));
    }
  }
}
