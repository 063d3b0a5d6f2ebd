/** `tail`: what the functions log of each event, as it comes. */
import { setTimeout as pause } from 'node:timers/promises';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { App } from '../app';
import { EXIT, type ExitCode, InputError } from '../cli/errors';
import { escapeControl, printableJson } from '../cli/escape-control';
import { isNamed, type Only } from '../cli/only';
import { readFunctionLog } from './function-log';
import { listStackRules, type StackRule } from './rules';
import { interruptSignal, type Session } from './session';
import { parseTime } from './time';
import { type HandlerLine, isFailure, type LogLine, parseLogLine } from './trace';

export interface TailOptions {
  readonly since: string;
  readonly follow?: boolean;
  readonly only?: readonly Only[];
  readonly json?: boolean;
}

const POLL_MS = 1000;
/** CloudWatch shows a line some seconds after it was written: so far back it is looked at again. */
const OVERLAP_MS = 15_000;

/** @param pollMs pause between two looks at the logs */
export async function tail(
  { app, stack, terminal, now }: Session,
  { since, follow = false, only = [], json = false }: TailOptions,
  _args: readonly unknown[] = [],
  pollMs = POLL_MS,
): Promise<ExitCode> {
  const signal = interruptSignal();
  const rules = only.some(({ kind }) => kind === 'rule')
    ? await listStackRules(new EventBridgeClient(stack.clientConfig), stack)
    : [];
  const isWanted = conditionOf(only, { app, rules, functions: stack.functions });
  const logs = new CloudWatchLogsClient(stack.clientConfig);
  const groups = stack.functions.map(
    (name) => new GroupTail(app, logs, name, parseTime('--since', since, now())),
  );
  terminal.progress('Reading the logs');
  do {
    const found = await Promise.all(groups.map((group) => group.read()));
    const lines = found.flat().sort((a, b) => a.time - b.time);
    terminal.close();
    for (const line of lines.filter(isWanted)) {
      process.stdout.write(
        `${json ? jsonOf(line) : textOf(line, stack.shortName(line.function), terminal.style.bind(terminal))}\n`,
      );
    }
    if (follow) await pause(pollMs, undefined, { signal }).catch(() => undefined);
  } while (follow && !signal.aborted);
  return signal.aborted ? EXIT.interrupted : EXIT.ok;
}

const isOfHandler = (line: LogLine): line is HandlerLine => line.outcome !== undefined;

/** The lines of one function that have not been shown. */
class GroupTail {
  readonly #seen = new Map<string, number>();
  #latest: number;

  constructor(
    private readonly app: App,
    private readonly logs: CloudWatchLogsClient,
    private readonly functionName: string,
    private readonly start: number,
  ) {
    this.#latest = start;
  }

  /** @returns lines of handlers that have come since the last time */
  async read(): Promise<HandlerLine[]> {
    const startTime = Math.max(this.start, this.#latest - OVERLAP_MS);
    for (const [id, time] of this.#seen) if (time < startTime) this.#seen.delete(id);
    const lines: HandlerLine[] = [];
    for await (const { id, time, message } of readFunctionLog(this.logs, this.functionName, { startTime })) {
      if (this.#seen.has(id)) continue;
      this.#seen.set(id, time);
      this.#latest = Math.max(this.#latest, time);
      const line = parseLogLine(this.app, this.functionName, time, message);
      if (isOfHandler(line)) lines.push(line);
    }
    return lines;
  }
}

interface Known {
  readonly app: App;
  readonly rules: readonly StackRule[];
  readonly functions: readonly string[];
}

/** @throws InputError for a rule or function that is not there */
function conditionOf(
  only: readonly Only[],
  { app, rules, functions }: Known,
): (line: HandlerLine) => boolean {
  const conditions = only.map((each): ((line: HandlerLine) => boolean) => {
    if (each.kind === 'failed') return ({ outcome }) => isFailure(outcome);
    const { kind, value } = each;
    if (kind === 'entity') return ({ ids }) => app.entity !== undefined && ids[app.entity.idField] === value;
    if (kind === 'function') {
      requireOne(
        kind,
        value,
        functions.map((name) => ({ name })),
      );
      return (line) => isNamed(line.function, value);
    }
    const { consumers, detailTypes } = requireOne(kind, value, rules);
    return (line) =>
      consumers.includes(line.function) && (detailTypes.length === 0 || detailTypes.includes(line.type));
  });
  return (line) => conditions.every((holds) => holds(line));
}

function requireOne<Named extends { readonly name: string }>(
  kind: string,
  wanted: string,
  all: readonly Named[],
): Named {
  const found = all.find(({ name }) => isNamed(name, wanted));
  if (found) return found;
  const names = all.map(({ name }) => name).join(', ');
  throw new InputError(`--only ${kind}=${wanted}: there is no such ${kind}. There are: ${names}.`);
}

const jsonOf = ({ ids, time, ...line }: HandlerLine): string =>
  printableJson({ time: new Date(time).toISOString(), ...line, ...ids });

type Paint = (style: 'dim' | 'red' | 'green', text: string) => string;

function textOf({ time, type, outcome, ids, text }: HandlerLine, name: string, paint: Paint): string {
  const { eventId = '', correlationId: _, ...entity } = ids;
  return [
    paint('dim', new Date(time).toISOString().slice(11, 23)),
    escapeControl(name).padEnd(16),
    escapeControl(type).padEnd(20),
    paint(isFailure(outcome) ? 'red' : 'green', outcome.padEnd(10)),
    ...Object.values(entity).map(escapeControl),
    text === undefined ? paint('dim', eventId) : escapeControl(text),
  ].join('  ');
}
