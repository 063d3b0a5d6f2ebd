/**
 * Human-readable log of a running stack's steps: a block for each event, printed when its immediate consequences are
 * done, so that events that are handled in parallel are not mixed. Later steps (a retry after a minute) are a block of
 * their own.
 */

import { styleText } from 'node:util';
import { escapeAllControl, escapeControl } from '../cli/escape-control';
import type { Only } from '../cli/only';
import { arnName } from '../eventbridge/arn';
import type { BusEvent } from '../eventbridge/event';
import { effectLine, logLine } from './effect-line';
import { idIn, isMet } from './live-log-filter';
import type { TimedStep } from './steps';

export interface LiveLogOptions {
  readonly write: (text: string) => void;
  readonly color: boolean;
  /** Longest line, in characters; longer ones are cut. */
  readonly columns: number;
  /** Common prefix of resource names, which is omitted, e.g. `event-driven-`. */
  readonly prefix: string;
  /** Filter of the shown events. @default all */
  readonly only?: readonly Only[];
  /** Account and region of the stack, if it is not the only one. */
  readonly place?: string | undefined;
  /** Field of details that has the id of what an event is about. */
  readonly idField?: string | undefined;
}

/** An event on its way by one rule to one target. */
interface Way {
  readonly rule: string;
  target: string;
  mark: 'ok' | 'waiting' | 'failed' | 'none';
  /** Text at the end of its first line. */
  note: string;
  lines: [label: string, text: string][];
  /** True if there are steps that have not been printed yet. */
  isNews: boolean;
  /** True if it will be retried. */
  isWaiting: boolean;
}

interface Flow {
  /** Id of the event; of the request for a function that is invoked directly. */
  readonly key: string;
  readonly title: string;
  readonly ways: Way[];
  /** Rules that nearly matched the event. */
  misses: string[];
  /** The event's detail, unless it was printed before. */
  detail: string | undefined;
  /** Id of the event's entity. */
  readonly entity?: string | undefined;
  time: string;
  /** Number of invocations that have not ended. */
  open: number;
  /** True once all rules have been checked. */
  isRouted: boolean;
}

type Style = Parameters<typeof styleText>[0];

const MARKS = {
  ok: ['green', '✓'],
  waiting: ['yellow', '↻'],
  failed: ['red', '✗'],
  none: ['dim', '·'],
} as const;
/** Steps beside an event's way that tell of a failure. */
const FAILURES: readonly string[] = [
  ...['access-denied', 'event-refused', 'event-dropped', 'notification-undelivered', 'message-moved'],
  ...['pipe-failed', 'pipe-given-up', 'pipe-lost'],
];
const INDENT = ' '.repeat(10);
export class LiveLog {
  readonly #options: LiveLogOptions;
  readonly #flows = new Map<string, Flow>();
  /** Invocations by request id. */
  readonly #invocations = new Map<string, { flow: Flow; way: Way; callTrace: string }>();
  /** Callers by the trace header of an invocation's own calls. */
  readonly #callers = new Map<string, { flow: Flow; way: Way }>();

  constructor(options: LiveLogOptions) {
    this.#options = options;
  }

  readonly onStep = (raw: TimedStep): void => {
    // A step carries texts of events: from here on none of them can do more to a terminal than be read.
    const step = escapeAllControl(raw, printable);
    switch (step.kind) {
      case 'event-put':
      case 'schedule-fired':
        this.#begin(step, step.event);
        return;
      case 'rule-matched':
        this.#flows.get(step.eventId)?.ways.push(newWay(this.short(step.rule)));
        return;
      case 'rule-missed':
        this.#flows.get(step.eventId)?.misses.push(`${this.short(step.rule)}: ${step.field} ${step.reason}`);
        return;
      case 'delivery-resumed':
        this.#begin(step, step.event, 'left by the last run');
        this.#flows.get(step.eventId)?.ways.push({
          ...newWay(this.short(step.rule)),
          ...{ target: this.#nameOf(step.targetArn), mark: 'waiting', isWaiting: true },
        });
        return;
      case 'delivered':
      case 'delivery-failed':
      case 'delivery-lost':
      case 'dead-lettered':
        this.#delivery(step);
        return;
      case 'invocation-started':
        this.#started(step);
        return;
      case 'invocation-succeeded':
      case 'invocation-failed':
      case 'invocation-throttled':
      case 'invocation-given-up':
      case 'invocation-lost':
        this.#ended(step);
        return;
      case 'log-line': {
        // The text as it was written: a line of JSON is read before what it says is made printable.
        const text = logLine(raw.kind === 'log-line' ? raw.message : '');
        const invocation = this.#invocations.get(step.requestId ?? '');
        if (text && invocation) invocation.way.lines.push(['logs', printable(text)]);
        return;
      }
      case 'egress-refused': {
        const text = this.style('red', `a call to ${step.host}; --allow-egress allows it`);
        const invocation = this.#invocations.get(step.requestId ?? '');
        if (invocation) invocation.way.lines.push(['REFUSED', text]);
        else this.#line(`${this.style('dim', step.at.slice(11, 19))}  REFUSED   ${step.function}: ${text}`);
        return;
      }
      case 'event-archived':
        return;
      default:
        this.#effect(step);
    }
  };

  /** A line of its own. */
  print(text = ''): void {
    this.#options.write(`${text}\n`);
  }

  style(style: Style, text: string): string {
    // Colours were already decided by the output stream.
    return this.#options.color && text !== '' ? styleText(style, text, { validateStream: false }) : text;
  }

  #begin({ at, eventId }: TimedStep & { eventId: string }, event: BusEvent, origin?: string): void {
    const replay = event['replay-name'] ? `replayed by ${event['replay-name']}` : '';
    const whence = [replay, origin, this.#options.place]
      .filter(Boolean)
      .map((each) => `  ${each}`)
      .join('');
    const flow: Flow = {
      key: eventId,
      title: `${this.style('bold', event['detail-type'])}  ${this.style('dim', event.source)}${this.style('magenta', whence)}`,
      ways: [],
      misses: [],
      detail: JSON.stringify(event.detail),
      entity: idIn(event.detail, this.#options.idField),
      time: at.slice(11, 19),
      open: 0,
      isRouted: false,
    };
    this.#flows.set(eventId, flow);
    // The rules are asked, and their targets given the event, before anything else runs.
    setImmediate(() => {
      flow.isRouted = true;
      this.#printIfDone(flow);
    });
  }

  #delivery(
    step: TimedStep & { kind: 'delivered' | 'delivery-failed' | 'delivery-lost' | 'dead-lettered' },
  ): void {
    const flow = this.#flows.get(step.eventId);
    if (!flow) return;
    const way = wayOf(flow, this.short(step.rule), this.#nameOf(step.targetArn));
    way.isNews = true;
    flow.time = step.at.slice(11, 19);
    switch (step.kind) {
      case 'delivered': {
        way.mark = 'ok';
        way.isWaiting = false;
        if (step.isRecorded) way.note = 'recorded: it does not run here';
        const isWhole = step.payload.startsWith('{"version":"0","id":');
        if (!isWhole) way.lines.push(['receives', step.payload]);
        if (step.requestId === undefined) break;
        this.#invocations.set(step.requestId, { flow, way, callTrace: '' });
        flow.open++;
        return;
      }
      case 'delivery-failed':
        way.mark = step.retryInMs === undefined ? 'failed' : 'waiting';
        way.isWaiting = step.retryInMs !== undefined;
        way.note = `not delivered: ${step.code}${again(step.retryInMs)}`;
        way.lines.push(['because', step.message]);
        break;
      case 'dead-lettered':
        way.lines.push(['queue', `${this.short(step.queue)}  the event, with ${step.attributes.ERROR_CODE}`]);
        break;
      case 'delivery-lost':
        way.lines.push([this.style('red', 'LOST'), step.message]);
    }
    this.#printIfDone(flow);
  }

  #started(step: TimedStep & { kind: 'invocation-started' }): void {
    let invocation = this.#invocations.get(step.requestId);
    if (!invocation) {
      // Invoked by a client, without an event.
      const way = { ...newWay('invoked directly'), target: this.short(step.function) };
      const flow: Flow = {
        ...{ key: step.requestId, title: this.style('bold', 'Invoke') },
        ways: [way],
        misses: [],
        detail: undefined,
        time: step.at.slice(11, 19),
        open: 1,
        isRouted: true,
      };
      invocation = { flow, way, callTrace: '' };
      this.#invocations.set(step.requestId, invocation);
    } else if (step.attempt > 1) {
      invocation.flow.open++;
    }
    const { flow, way } = invocation;
    invocation.callTrace = step.callTrace;
    this.#callers.set(step.callTrace, { flow, way });
    way.isNews = true;
    way.note = [step.attempt > 1 && `attempt ${step.attempt}`, step.coldStart && 'cold start']
      .filter(Boolean)
      .join(', ');
    flow.time = step.at.slice(11, 19);
  }

  #ended(step: TimedStep & { requestId: string; kind: `invocation-${string}` }): void {
    const invocation = this.#invocations.get(step.requestId);
    if (!invocation) return;
    const { flow, way, callTrace } = invocation;
    way.isNews = true;
    switch (step.kind) {
      case 'invocation-succeeded':
        way.mark = 'ok';
        way.isWaiting = false;
        way.note = [`${Math.round(step.durationMs)} ms`, way.note].filter(Boolean).join(', ');
        if (step.result !== 'null') way.lines.push(['returns', step.result]);
        break;
      case 'invocation-failed':
        way.mark = step.retryInMs === undefined ? 'failed' : 'waiting';
        way.isWaiting = step.retryInMs !== undefined;
        way.note =
          [`${Math.round(step.durationMs)} ms`, way.note].filter(Boolean).join(', ') + again(step.retryInMs);
        way.lines.push(['throws', this.style('red', `${step.errorType}: ${step.errorMessage}`)]);
        // Its outcome is the next step, in the same tick.
        if (step.retryInMs === undefined) return;
        break;
      case 'invocation-throttled':
        way.mark = 'waiting';
        way.isWaiting = true;
        way.note = `throttled${again(step.retryInMs)}`;
        break;
      case 'invocation-given-up': {
        const queue = this.#nameOf(step.destination);
        way.mark = 'failed';
        way.isWaiting = false;
        way.lines.push(['queue', `${queue}  the event and the error, ${step.condition}`]);
        break;
      }
      case 'invocation-lost':
        way.mark = 'failed';
        way.isWaiting = false;
        way.lines.push([this.style('red', 'LOST'), step.message]);
    }
    this.#callers.delete(callTrace);
    if (!way.isWaiting) this.#invocations.delete(step.requestId);
    flow.open = Math.max(0, flow.open - 1);
    this.#printIfDone(flow);
  }

  /** Adds a service's step to the block of the invocation that made the call. */
  #effect(step: TimedStep): void {
    const caller = this.#callers.get(step.trace ?? '');
    const [label, text] =
      effectLine(
        step,
        caller !== undefined,
        (name) => this.short(name),
        (text) => this.style('red', text),
      ) ?? [];
    if (label === undefined || text === undefined) return;
    if (caller) {
      caller.way.lines.push([label, text]);
      return;
    }
    if ((this.#options.only ?? []).some(({ kind }) => kind !== 'failed' || !FAILURES.includes(step.kind)))
      return;
    const time = this.style('dim', step.at.slice(11, 19));
    this.#line(`${time}  ${this.style('dim', label.padEnd(8))}  ${text}`);
  }

  /** Checks whether the filter includes a way. */
  #isWanted({ entity }: Flow, { rule, target, mark }: Way): boolean {
    const isFailure = mark === 'failed' || mark === 'waiting';
    const facts = { entity, rule, function: target, isFailure };
    return (this.#options.only ?? []).every((only) => isMet(only, facts, (name) => this.short(name)));
  }

  #printIfDone(flow: Flow): void {
    if (flow.open > 0 || !flow.isRouted) return;
    const [isFirst, all] = [flow.detail !== undefined, flow.ways.filter(({ isNews }) => isNews)];
    if (!isFirst && all.length === 0) return;
    const news = all.filter((way) => this.#isWanted(flow, way));
    const isSilent = news.length === 0 && !this.#isWanted(flow, newWay(''));
    if (!isSilent) this.#printBlock(flow, news, isFirst);
    for (const way of all) {
      way.lines = [];
      way.isNews = false;
    }
    flow.misses = [];
    flow.detail = isSilent ? flow.detail : undefined;
    if (flow.ways.some(({ isWaiting }) => isWaiting)) return;
    // A replay of the event may have begun another flow under its id.
    if (this.#flows.get(flow.key) === flow) this.#flows.delete(flow.key);
  }

  #printBlock(flow: Flow, news: readonly Way[], isFirst: boolean): void {
    for (const line of blockOf(flow, news, isFirst, (...styled) => this.style(...styled))) this.#line(line);
    this.print();
  }

  #line(text: string): void {
    this.print(cutLine(text, this.#options.columns));
  }

  /** The name without the prefix that all resources have. */
  short(name: string): string {
    const { prefix } = this.#options;
    return name.startsWith(prefix) ? name.slice(prefix.length) : name;
  }

  #nameOf(arn: string): string {
    return this.short(arnName(arn));
  }
}

/** Lines about an event, or about what is new of it. */
function* blockOf(
  flow: Flow,
  news: readonly Way[],
  isFirst: boolean,
  style: LiveLog['style'],
): Generator<string> {
  yield `${style('dim', flow.time)}  ${flow.title}`;
  if (flow.detail !== undefined) yield `${INDENT}${style('dim', flow.detail)}`;
  for (const way of news) {
    const [color, mark] = MARKS[way.mark];
    const arrow = `${way.rule} ${style('dim', '→')} ${style('cyan', way.target)}`;
    yield `${INDENT}${style(color, mark)} ${arrow}  ${style('dim', way.note)}`;
    for (const [label, text] of way.lines) yield `${INDENT}    ${style('dim', label.padEnd(8))}  ${text}`;
  }
  for (const miss of flow.misses) yield `${INDENT}${style('dim', `· ${miss}`)}`;
  if (isFirst && flow.ways.length === 0) yield `${INDENT}${style('yellow', '! no rule took it')}`;
}

const newWay = (rule: string): Way => ({
  rule,
  target: '',
  mark: 'none',
  note: '',
  lines: [],
  isNews: true,
  isWaiting: false,
});

/** Text on one line, with a blank for each line break. */
const printable = (text: string): string => escapeControl(text.replace(/\s*\n\s*/g, ' '));

const again = (retryInMs: number | undefined): string =>
  retryInMs === undefined ? '' : `, again in ${Math.round(retryInMs / 1000)} s`;

/** Finds the way by a rule to a target, or adds it. */
function wayOf(flow: Flow, rule: string, target: string): Way {
  let way = flow.ways.find((each) => each.rule === rule && (each.target === target || each.target === ''));
  if (!way) {
    way = newWay(rule);
    flow.ways.push(way);
  }
  way.target = target;
  return way;
}

const widthOf = (text: string): number => [...text].length;

/** Cuts a line to the number of columns; control sequences have no width. */
function cutLine(text: string, columns: number): string {
  if (text.length < columns) return text.trimEnd();
  let room = columns;
  let cut = '';
  // Each second part is a control sequence.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that set colours
  for (const [index, part] of text.split(/(\x1b\[[\d;]*m)/).entries()) {
    if (index % 2 === 1 || part.length < room) {
      cut += part;
      if (index % 2 === 0) room -= widthOf(part);
    } else if (room > 0) {
      // A character of the text is at most two of a string.
      const characters = [...part.slice(0, 2 * room)];
      const isCut = characters.length >= room;
      cut += isCut ? `${characters.slice(0, room - 1).join('')}…` : part;
      room = isCut ? 0 : room - characters.length;
    }
  }
  return cut.trimEnd();
}
