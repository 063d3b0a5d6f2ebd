/** Formats an effect of a service as one line of the live log. Texts of steps are already printable. */
import { formatCountOf } from '../cli/terminal';
import { metricFields } from '../cloudwatch/embedded-metrics';
import type { Step } from './steps';

/** Fields of a structured log line that say nothing beside the rest of the block. */
const LOG_NOISE = new Set([
  ...[
    'level',
    'timestamp',
    'service',
    'message',
    'requestId',
    'xray_trace_id',
    'sampling_rate',
    'cold_start',
  ],
  ...['function_arn', 'function_memory_size', 'function_name', 'function_request_id'],
]);

/**
 * @param short shortens a resource's name
 * @param red colours what did not work
 * @returns undefined for what is told elsewhere
 */
export function effectLine(
  step: Step,
  isOfHandler: boolean,
  short: (name: string) => string,
  red: (text: string) => string,
): [label: string, text: string] | undefined {
  switch (step.kind) {
    case 'item-written':
      return ['table', `${short(step.table)}  ${fields(step.key)} ${fields(without(step.item, step.key))}`];
    case 'item-deleted':
      return ['table', `${short(step.table)}  ${fields(step.key)} ${step.expired ? 'expired' : 'deleted'}`];
    case 'message-published': {
      const subject = step.subject === undefined ? '' : `${JSON.stringify(step.subject)}  `;
      return ['topic', `${short(step.topic)}  ${subject}${step.body}`];
    }
    case 'notification-undelivered':
      return ['topic', `${short(step.topic)}  not sent to ${step.endpoint}: ${step.reason}`];
    case 'message-sent':
      // Messages of the stack itself are reported with their reason elsewhere.
      return isOfHandler ? ['queue', `${short(step.queue)}  ${step.body}`] : undefined;
    case 'message-moved':
      return [
        'queue',
        `${short(step.queue)}  received ${step.receiveCount} times, moved to ${short(step.to)}: ${step.body}`,
      ];
    case 'batch-handled':
    case 'messages-filtered':
      return ['batch', batchText(step, short, red)];
    case 'records-put':
      return ['stream', `${short(step.stream)}  ${formatCountOf(step.count, 'record')}, ${step.bytes} bytes`];
    case 'object-written':
      return ['bucket', `${step.key}  ${formatCountOf(step.records, 'record')}, ${step.bytes} bytes`];
    case 'state-failed':
    case 'execution-ended':
      return ['machine', machineText(step, short, red)];
    case 'alarm-changed': {
      const text = `${short(step.alarm)}  ${step.from} -> ${step.to}: ${step.reason}`;
      return ['alarm', step.to === 'ALARM' ? red(text) : text];
    }
    case 'access-denied':
      return ['DENIED', red(`${step.action} on ${step.resource}: ${step.reason}`)];
    case 'event-refused':
      return ['REFUSED', red(`${step.source} ${step.detailType}: ${step.code} ${step.message}`)];
    case 'event-dropped':
      return ['DROPPED', red(`${step.eventId}: ${step.reason}`)];
    case 'rule-changed':
      return ['rule', `${short(step.rule)}  ${step.state}`];
    case 'replay-changed': {
      const sent = step.replayed > 0 ? `, ${formatCountOf(step.replayed, 'event')} sent` : '';
      return ['replay', `${step.replay}  ${step.state}${sent}${step.reason ? `: ${step.reason}` : ''}`];
    }
    default:
      return pipeLine(step, short, red);
  }
}

/** A failure of a pipe. */
function pipeLine(
  step: Step,
  short: (name: string) => string,
  red: (text: string) => string,
): [label: string, text: string] | undefined {
  const told = (pipe: string, records: number, text: string): [string, string] => [
    'pipe',
    `${short(pipe)}  ${formatCountOf(records, 'record')} ${red(text)}`,
  ];
  switch (step.kind) {
    case 'pipe-failed':
      return told(step.pipe, step.records, `not put: ${step.message}`);
    case 'pipe-given-up': {
      const where = `their place in the stream is in ${short(step.queue)}`;
      return told(step.pipe, step.records, `given up (${step.condition}); ${where}`);
    }
    case 'pipe-lost':
      return told(step.pipe, step.records, `LOST (${step.condition}): ${step.message}`);
    default:
      return undefined;
  }
}

const without = (item: object, key: object): object =>
  Object.fromEntries(Object.entries(item).filter(([name]) => !Object.hasOwn(key, name)));

/** Short values first: of a line that is cut, they tell most. */
function fields(values: object): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .sort((a, b) => a.length - b.length)
    .join(' ');
}

function batchText(
  step: Extract<Step, { kind: 'batch-handled' | 'messages-filtered' }>,
  short: (name: string) => string,
  red: (text: string) => string,
): string {
  const text = `${short(step.queue)} → ${short(step.function)}  ${formatCountOf(step.messages, 'message')}`;
  if (step.kind === 'messages-filtered') return `${text} filtered out, deleted`;
  return step.failed > 0 ? `${text}${red(`, ${step.failed} failed`)}` : text;
}

function machineText(
  step: Extract<Step, { kind: 'state-failed' | 'execution-ended' }>,
  short: (name: string) => string,
  red: (text: string) => string,
): string {
  const error = [step.error, step.cause].filter(Boolean).join(' ');
  if (step.kind === 'execution-ended') {
    const text = `${short(step.machine)}  ${step.status} after ${Math.round(step.durationMs / 1000)} s`;
    return step.status === 'SUCCEEDED' ? `${text}  ${step.output}` : red(`${text}${error && `: ${error}`}`);
  }
  const { retryInMs, caughtBy } = step;
  const again = retryInMs === undefined ? '' : `, again in ${Math.round(retryInMs / 1000)} s`;
  const caught = caughtBy === undefined ? '' : `, caught by ${caughtBy}`;
  return `${short(step.machine)}  ${step.state}${again}${caught}: ${red(error)}`;
}

/** The handler's own log line, without its metrics, Lambda's lines, and errors that the block already has. */
export function logLine(line: string): string | undefined {
  if (/^(START|END|REPORT) RequestId: /.test(line)) return undefined;
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line);
  } catch {
    return line;
  }
  if (typeof entry !== 'object' || entry === null) return line;
  const { message, level } = entry;
  const isMetrics = '_aws' in entry && message === undefined;
  if (isMetrics || String(entry.type).startsWith('platform.')) return undefined;
  if (typeof message === 'object') return undefined;
  const ofMetrics = metricFields(entry);
  const isTold = (name: string) => !LOG_NOISE.has(name) && !ofMetrics.has(name);
  const others = Object.fromEntries(Object.entries(entry).filter(([name]) => isTold(name)));
  return [level !== 'INFO' && level, message, fields(others)].filter(Boolean).join('  ');
}
