/** Messages of `npm start` besides the steps: the start, the available commands, the end. */
import { BatchedOutput } from '../cli/batched-output';
import { escapeControl, printableJson } from '../cli/escape-control';
import { formatCountOf } from '../cli/terminal';
import type { Assembly } from '../template/assembly';
import type { Synthesis } from '../template/source/synthesize';
import { entriesOption, exampleEntry } from './example-entry';
import { LiveLog, type LiveLogOptions } from './live-log';
import type { Takeover } from './running-stack';
import type { LocalStack, Resumed } from './stack';
import type { TimedStep } from './steps';

export interface RunLog {
  synthesizing(): void;
  synthesized(synthesis: Synthesis | undefined, assembly: Assembly): void;
  step(step: TimedStep): void;
  /** @param page its address */
  ready(stack: LocalStack, page?: string): void;
  sample(name: string): void;
  /** The first event is handled. */
  firstEvent(): void;
  samplesSent(stack: LocalStack): Promise<void>;
  /**
   * Files of the project were saved.
   * @param functions whose code they are a part of
   * @param decides whether the template may depend on them
   */
  changed(files: readonly string[], functions: readonly string[], decides: boolean): void;
  /** Functions have new code. */
  reloaded(functions: readonly string[], durationMs: number): void;
  /** Saved files made no difference. */
  unchanged(): void;
  updated(synthesis: Synthesis, takeover: Takeover, stack: LocalStack): void;
  /** A debugger may attach to these functions at these ports. */
  inspecting(ports: ReadonlyMap<string, number>): void;
  notUpdated(error: Error): void;
  /** Tells how the run differs from AWS, a line each. */
  notices(notices: readonly string[]): void;
  resumed(resumed: Resumed): void;
  /** @param isKept true if waiting retries are kept for the next run */
  stopping(stack: LocalStack, isKept: boolean): void;
  /** @param failures lost events and missing steps, a line each */
  finished(stack: LocalStack, failures: readonly string[]): Promise<void>;
}

/** One JSON object a line: each step, and what the run itself does. */
export class JsonLog implements RunLog {
  readonly #output = new BatchedOutput(process.stdout);

  synthesizing(): void {}

  synthesized(synthesis: Synthesis | undefined, { stackName, directory }: Assembly): void {
    this.#write({
      kind: synthesis ? 'run-synthesized' : 'run-read',
      stackName,
      directory,
      ...(synthesis && {
        durationMs: Math.round(synthesis.durationMs),
        isUnchanged: synthesis.isUnchanged,
      }),
    });
  }

  step(step: TimedStep): void {
    this.#output.write(`${printableJson(step)}\n`);
  }

  ready({ url }: LocalStack): void {
    this.#write({ kind: 'run-ready', url, sinceStartMs: Math.round(performance.now()) });
  }

  sample(name: string): void {
    this.#write({ kind: 'run-sample', name });
  }

  firstEvent(): void {
    this.#write({ kind: 'run-first-event', sinceStartMs: Math.round(performance.now()) });
  }

  async samplesSent(): Promise<void> {
    this.#write({ kind: 'run-samples-sent' });
  }

  changed(files: readonly string[], functions: readonly string[], decides: boolean): void {
    this.#write({ kind: 'run-changed', files, functions, synthesizes: decides });
  }

  reloaded(functions: readonly string[], durationMs: number): void {
    this.#write({ kind: 'run-reloaded', functions, durationMs: Math.round(durationMs) });
  }

  unchanged(): void {
    this.#write({ kind: 'run-unchanged' });
  }

  updated({ durationMs }: Synthesis, takeover: Takeover, { url }: LocalStack): void {
    this.#write({ kind: 'run-updated', durationMs: Math.round(durationMs), url, ...takeover });
  }

  inspecting(ports: ReadonlyMap<string, number>): void {
    this.#write({ kind: 'run-inspecting', ports: Object.fromEntries(ports) });
  }

  notUpdated({ message }: Error): void {
    this.#write({ kind: 'run-not-updated', message });
  }

  notices(notices: readonly string[]): void {
    for (const message of notices) this.#write({ kind: 'run-notice', message });
  }

  resumed({ resumed, left }: Resumed): void {
    if (resumed > 0 || left.length > 0) this.#write({ kind: 'run-resumed', resumed, left });
  }

  stopping(stack: LocalStack, isKept: boolean): void {
    const { waitingForRetry } = stack;
    this.#write({ kind: 'run-stopping', waitingForRetry, isKept, executions: runningExecutions(stack) });
  }

  async finished(_: LocalStack, failures: readonly string[]): Promise<void> {
    this.#write({ kind: 'run-finished', failures });
  }

  #write(message: Readonly<Record<string, unknown>>): void {
    this.#output.write(`${printableJson({ at: new Date().toISOString(), ...message })}\n`);
  }
}

/** Log for people, on a terminal or in a file. */
export class TerminalLog implements RunLog {
  readonly #stream: NodeJS.WriteStream;
  readonly #output: BatchedOutput;
  readonly #color: boolean;
  #log: LiveLog;
  /** True if the template is none of this project's. */
  #isGiven = false;
  /** Live logs by account and region. */
  readonly #others = new Map<string, LiveLog>();
  readonly #counts = { events: 0, invocations: 0, notifications: 0, records: 0 };

  /** @param shown which events are shown */
  constructor(
    stream: NodeJS.WriteStream,
    private readonly shown: Pick<LiveLogOptions, 'only' | 'idField'>,
    { NO_COLOR, FORCE_COLOR }: NodeJS.ProcessEnv = process.env,
  ) {
    this.#stream = stream;
    this.#output = new BatchedOutput(stream);
    this.#color = NO_COLOR ? false : FORCE_COLOR ? FORCE_COLOR !== '0' : stream.isTTY;
    this.#log = this.#newLog('');
  }

  synthesizing(): void {
    if (this.#stream.isTTY) this.#output.write('Synthesizing …');
  }

  synthesized(synthesis: Synthesis | undefined, { stackName, title, resources, ofType }: Assembly): void {
    if (this.#stream.isTTY) this.#output.write('\r');
    this.#log = this.#newLog(`${stackName}-`);
    this.#isGiven = synthesis === undefined;
    const rules = ofType('AWS::Events::Rule').length;
    const functions = ofType('AWS::Lambda::Function').length;
    const made = synthesis && `synthesized in ${seconds(synthesis.durationMs)}`;
    const how = synthesis?.isUnchanged
      ? 'unchanged since it was synthesized'
      : (made ?? `read from ${title}`);
    this.#log.print(
      `${this.#log.style('bold', stackName)}  ${formatCountOf(resources.size, 'resource')}, ${formatCountOf(rules, 'rule')}, ${formatCountOf(functions, 'function')}; ${how}`,
    );
  }

  step(step: TimedStep): void {
    if (step.account !== undefined) {
      this.#logOf(`${step.account} ${step.region}`).onStep(step);
      return;
    }
    if (step.kind === 'event-put' || step.kind === 'schedule-fired') this.#counts.events++;
    else if (step.kind === 'invocation-started') this.#counts.invocations++;
    else if (step.kind === 'message-published') this.#counts.notifications++;
    else if (step.kind === 'records-put') this.#counts.records += step.count;
    this.#log.onStep(step);
  }

  ready(stack: LocalStack, page?: string): void {
    const log = this.#log;
    if (page !== undefined) log.print(`See it at ${log.style('cyan', page)}`);
    const { url, assembly, queues } = stack;
    log.print(
      `Listening on ${log.style('cyan', url)} for AWS's CLI and SDKs, e.g. (any credentials will do):`,
    );
    log.print();
    const aws = `aws --endpoint-url ${url}`;
    const [table] = stack.tables.names;
    const [rule] = stack.eventBridge.rules;
    const [target] = rule?.targets ?? [];
    const [called] = stack.functions.filter(({ arn }) => arn === target?.Arn);
    const logGroup = called?.resource.properties.LoggingConfig?.LogGroup;
    const entry = this.#isGiven ? exampleEntry(stack.eventBridge.rules) : undefined;
    const entries = entry ? entriesOption(entry) : '--entries file://samples/entries/minimal-order.json';
    const commands = [
      `export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=${assembly.region}`,
      (entry || !this.#isGiven) && `${aws} events put-events ${entries}`,
      table && `${aws} dynamodb scan --table-name ${table}`,
      logGroup && `${aws} logs tail ${logGroup} --follow`,
      queues[0] &&
        `${aws} sqs receive-message --message-attribute-names All --queue-url ${url}/${assembly.account}/${queues[0].name}`,
    ];
    for (const command of commands) if (command) log.print(`  ${command}`);
    log.print();
  }

  sample(name: string): void {
    this.#log.print(this.#log.style('dim', `── sample ${name} ${'─'.repeat(Math.max(0, 40 - name.length))}`));
    this.#log.print();
  }

  firstEvent(): void {
    const text = `First event handled ${seconds(performance.now())} after the start.`;
    this.#log.print(this.#log.style('dim', text));
    this.#log.print();
  }

  async samplesSent(stack: LocalStack): Promise<void> {
    await this.#summary(stack);
    const where = (this.shown.only ?? []).length > 0 ? '' : ', as shown above';
    this.#log.print(
      stack.waitingForRetry > 0
        ? `${formatCountOf(stack.waitingForRetry, 'event')} to be tried again${where}. Ctrl-C ends the run.`
        : 'Ctrl-C ends the run.',
    );
    this.#log.print();
  }

  changed(files: readonly string[], functions: readonly string[], decides: boolean): void {
    const [first = '', ...others] = files;
    const what = others.length > 0 ? `${first} and ${formatCountOf(others.length, 'other file')}` : first;
    const names = functions.map((name) => this.#log.short(name)).join(', ');
    const doing = decides ? 'synthesizing' : names ? `bundling ${names}` : 'nothing is made of it';
    this.#log.print(this.#log.style('dim', `${what} changed: ${doing} …`));
  }

  reloaded(functions: readonly string[], durationMs: number): void {
    const names = functions.map((name) => this.#log.short(name)).join(', ');
    this.#log.print(this.#log.style('cyan', `New code of ${names} in ${Math.round(durationMs)} ms.`));
    this.#log.print();
  }

  unchanged(): void {
    this.#log.print(this.#log.style('dim', 'It makes no difference to the stack.'));
    this.#log.print();
  }

  updated({ durationMs }: Synthesis, takeover: Takeover, stack: LocalStack): void {
    const log = this.#log;
    const how =
      takeover.how === 'in place'
        ? 'the new code and rules are in place.'
        : `started again on ${stack.url} with what it held, because of ${takeover.because.join(', ')}.`;
    log.print(log.style('cyan', `Synthesized again in ${seconds(durationMs)}; ${how}`));
    if (takeover.how === 'restarted') this.resumed(takeover);
    log.print();
  }

  inspecting(ports: ReadonlyMap<string, number>): void {
    for (const [name, port] of ports) {
      this.#log.print(
        `A debugger can attach to ${this.#log.short(name)} at 127.0.0.1:${port} (VS Code: "Attach to a handler"; Chrome: chrome://inspect).`,
      );
    }
    this.#log.print();
  }

  notUpdated({ message }: Error): void {
    this.#log.print(this.#log.style('red', message));
    this.#log.print(this.#log.style('yellow', 'Everything runs on as it was.'));
    this.#log.print();
  }

  notices(notices: readonly string[]): void {
    for (const notice of notices) this.#log.print(this.#log.style('yellow', notice));
    if (notices.length > 0) this.#log.print();
  }

  resumed({ resumed, left }: Resumed): void {
    const log = this.#log;
    if (resumed > 0) log.print(`Going on with ${formatCountOf(resumed, 'event')} that the last run left.`);
    for (const line of left) log.print(log.style('yellow', `Not gone on with: ${escapeControl(line)}`));
    if (resumed > 0 || left.length > 0) log.print();
  }

  stopping(stack: LocalStack, isKept: boolean): void {
    const { waitingForRetry } = stack;
    const waiting = formatCountOf(waitingForRetry, 'event');
    this.#log.print(
      waitingForRetry === 0
        ? 'Stopping.'
        : isKept
          ? `Stopping. ${waiting} to be tried again: the next run with this --data goes on with them.`
          : `Stopping. ${waiting} that waited to be tried again will not be: only --data keeps them.`,
    );
    const executions = runningExecutions(stack);
    if (executions > 0)
      this.#log.print(
        `${formatCountOf(executions, 'execution')} of state machines that had not ended will not go on.`,
      );
  }

  async finished(stack: LocalStack, failures: readonly string[]): Promise<void> {
    await this.#summary(stack);
    for (const failure of failures) this.#log.print(this.#log.style('red', `✗ ${escapeControl(failure)}`));
    if (failures.length === 0) {
      this.#log.print(
        this.#log.style('green', '✓ Every sample had the effects that it must have; nothing was lost.'),
      );
    }
  }

  async #summary(stack: LocalStack): Promise<void> {
    const log = this.#log;
    const { events, invocations, notifications, records } = this.#counts;
    const row = (label: string, text: string) => log.print(`  ${log.style('dim', label.padEnd(8))}  ${text}`);
    log.print(
      `${log.style('bold', 'Now')}  ${formatCountOf(events, 'event')}, ${formatCountOf(invocations, 'invocation')}`,
    );
    for (const name of stack.tables.names) {
      const { Count: count } = await stack.tables.request('Scan', { TableName: name, Select: 'COUNT' });
      row('table', `${name}  ${formatCountOf(count, 'item')}`);
    }
    for (const { name, subscriptions } of stack.topics) {
      row('topic', `${name}  ${formatCountOf(subscriptions.length, 'subscription')}`);
    }
    for (const { name, executions } of stack.stateMachines) {
      const running = executions.filter(({ status }) => status === 'RUNNING').length;
      const failed = executions.filter(({ status }) => !['RUNNING', 'SUCCEEDED'].includes(status)).length;
      row(
        'machine',
        `${name}  ${formatCountOf(executions.length, 'execution')}, ${running} running, ${failed} failed`,
      );
    }
    row('sent', `${formatCountOf(notifications, 'notification')}, ${formatCountOf(records, 'record')}`);
    for (const queue of stack.queues) {
      const { visible, inFlight, delayed } = queue.depth();
      row('queue', `${queue.name}  ${formatCountOf(visible + inFlight + delayed, 'message')}`);
    }
    log.print();
  }

  /** The log of a stack that runs beside the first one. */
  #logOf(place: string): LiveLog {
    const log = this.#others.get(place) ?? this.#newLog('', `in ${place}`);
    this.#others.set(place, log);
    return log;
  }

  #newLog(prefix: string, place?: string): LiveLog {
    return new LiveLog({
      place,
      write: (text) => this.#output.write(text),
      color: this.#color,
      columns: this.#stream.columns ?? 140,
      prefix,
      ...this.shown,
    });
  }
}

const runningExecutions = ({ stateMachines }: LocalStack): number =>
  stateMachines.flatMap(({ executions }) => executions).filter(({ status }) => status === 'RUNNING').length;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
