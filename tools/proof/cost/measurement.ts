/**
 * Resources that the handlers use and leave behind for each event: measured in the local run, kept in
 * `measurements.json`, and measured again by `npm run cost -- --measure`.
 */
import os from 'node:os';
import { type App, type Contract, consumerName, findConsumer } from '../../app';
import { embeddedMetrics, metricFields } from '../../cloudwatch/embedded-metrics';
import type { LocalStack } from '../../local/stack';
import type { TimedStep } from '../../local/steps';
import type { Assembly, Resource } from '../../template/assembly';
import { proveRoutes } from '../routes/routes';
import type { MixedEvent } from './event-mix';
import { LOG_EVENT_OVERHEAD } from './units';

export interface Measurement {
  /** `YYYY-MM-DD`. */
  readonly date: string;
  readonly machine: string;
  /** Number of times that each event of the mix was sent. */
  readonly rounds: number;
  /** Bytes of records in S3, by their bytes before compression. */
  readonly compression: number;
  /** Measurements by the folder of the handler. */
  readonly functions: Readonly<Record<string, FunctionMeasurement>>;
}

export interface FunctionMeasurement {
  /** Median of loading the code, ms. */
  readonly initMs: number;
  /** Bytes of Lambda's own log lines for each call, by `loggingKey`. */
  readonly systemLines: Readonly<Record<string, number>>;
  /** Measurements by detail-type. */
  readonly events: Readonly<Record<string, CallMeasurement>>;
}

/** Duration, log lines and effects of one call. */
export interface CallMeasurement {
  /** Median, ms. */
  readonly durationMs: number;
  /** The handler's own log lines. */
  readonly lines: readonly MeasuredLine[];
  /** Names of the metrics that it counts. */
  readonly metrics: readonly string[];
  readonly writes: readonly MeasuredWrite[];
  /** Bytes of each message that it publishes to a topic. */
  readonly messages: readonly number[];
  /** Bytes of each record that it puts to a stream. */
  readonly records: readonly number[];
  /** Number of events that it puts on a bus. */
  readonly published: number;
  /** Number of calls to AWS by operation, as the handler's log line has them. */
  readonly calls: Readonly<Record<string, number>>;
}

/** A log line of a handler. */
export interface MeasuredLine {
  /** Absent from a line of metrics alone, which is written at every level. */
  readonly level?: string;
  readonly bytes: number;
  /** Bytes of its metrics alone, which are written if its level is not. */
  readonly metricBytes?: number;
}

/** One write to a table. */
export interface MeasuredWrite {
  /** The variable that names the table. */
  readonly table: string;
  /** True if the item did not exist before. */
  readonly isNew: boolean;
  /** Bytes of each attribute that the item has then, as DynamoDB counts them. */
  readonly attributes: Readonly<Record<string, number>>;
  /** Attributes that are not as before. */
  readonly changed: readonly string[];
  /** Days after which the table's time to live deletes the item. */
  readonly livesDays?: number;
}

interface Logging {
  readonly LogFormat?: 'JSON' | 'Text';
  readonly SystemLogLevel?: 'DEBUG' | 'INFO' | 'WARN';
}

/** Combinations for which Lambda's own lines are measured; all else is measured with the first. */
const LOGGINGS: readonly Logging[] = [
  { LogFormat: 'JSON', SystemLogLevel: 'WARN' },
  { LogFormat: 'JSON', SystemLogLevel: 'INFO' },
  { LogFormat: 'JSON', SystemLogLevel: 'DEBUG' },
  { LogFormat: 'Text' },
];
/** Rounds with the others: their lines are the same in each call. */
const FEW_ROUNDS = 5;
/** Calls of each schedule. */
const SCHEDULED_CALLS = 10;
const DAY_MS = 24 * 60 * 60_000;

/** Key of a function's `LoggingConfig` in `systemLines`, by Lambda's defaults. */
export function loggingKey({ LogFormat = 'Text', SystemLogLevel = 'INFO' }: Logging = {}): string {
  return LogFormat === 'JSON' ? `JSON ${SystemLogLevel}` : 'Text';
}

/** The detail-type of what a schedule sends. */
const SCHEDULED = 'Scheduled Event';

const DAY_SECONDS = 24 * 60 * 60;

/** Starts the local run of an assembly. */
export type StartStack = (
  assembly: Assembly,
  onStep: (step: TimedStep) => void,
) => Promise<Pick<LocalStack, 'eventBridge' | 'functions' | 'settled' | 'stop'>>;

export const startLocally: StartStack = (assembly, onStep) => {
  // Loaded late: it takes longer than to compute a bill.
  const { LocalStack }: typeof import('../../local/stack') = require('../../local/stack');
  const { SystemWorld }: typeof import('../../local/services/world') = require('../../local/services/world');
  return LocalStack.start({ assembly, world: new SystemWorld(), port: 0, maxEnvironments: 1, onStep });
};

/**
 * Sends each event of the mix, one after the other, so that no call waits for another.
 * @param progress is told what is being done
 */
export async function measure(
  assembly: Assembly,
  app: App,
  mix: readonly MixedEvent[],
  start: StartStack,
  { rounds = 100, progress = (_: string): void => {} } = {},
): Promise<Measurement> {
  const runs: Run[] = [];
  for (const logging of LOGGINGS) {
    const ownRounds = runs.length === 0 ? rounds : Math.min(rounds, FEW_ROUNDS);
    progress(`Measuring ${ownRounds} rounds of ${mix.length} events, log lines as ${loggingKey(logging)}`);
    const steps = await runMix(withLogging(assembly, logging), app, mix, start, ownRounds);
    runs.push({ logging, steps, invocations: invocationsOf(assembly, steps) });
  }
  const [{ steps, invocations }] = runs as [Run];
  const bytesOf = (kind: 'records-put' | 'object-written') =>
    steps.reduce((sum, step) => (step.kind === kind ? sum + step.bytes : sum), 0);
  const [cpu] = os.cpus();
  const measured = assembly
    .ofType('AWS::Lambda::Function')
    .filter((resource) => invocations.some((invocation) => invocation.resource === resource));
  return {
    date: new Date().toISOString().slice(0, 'YYYY-MM-DD'.length),
    machine: `${os.cpus().length} x ${cpu?.model.trim()}, Node ${process.version}`,
    rounds,
    compression: round(bytesOf('object-written') / bytesOf('records-put'), 3),
    functions: Object.fromEntries(
      measured.map((resource) => [
        consumerName(app, resource.properties.Environment?.Variables) ?? resource.name,
        measureFunction(assembly, app, resource, runs),
      ]),
    ),
  };
}

interface Run {
  readonly logging: Logging;
  readonly steps: readonly TimedStep[];
  readonly invocations: readonly Invocation[];
}

/** A step of one kind. */
type StepOf<Kind extends TimedStep['kind']> = TimedStep & { kind: Kind };

/** One call, and what it did. */
interface Invocation {
  readonly resource: Resource;
  readonly detailType: string;
  readonly durationMs: number;
  readonly lines: readonly string[];
  readonly effects: readonly Effect[];
}

type Effect =
  | StepOf<'message-published'>
  | StepOf<'records-put'>
  | StepOf<'event-put'>
  | (StepOf<'item-written'> & { readonly before?: Readonly<Record<string, unknown>> | undefined });

/** The assembly with all of its functions logging like that. */
function withLogging(assembly: Assembly, logging: Logging): Assembly {
  const resources = new Map(
    [...assembly.resources].map(([id, resource]) => {
      if (resource.type !== 'AWS::Lambda::Function') return [id, resource];
      const { LogGroup } = resource.properties.LoggingConfig ?? {};
      const LoggingConfig = { LogGroup, ...logging };
      return [id, { ...resource, properties: { ...resource.properties, LoggingConfig } }];
    }),
  );
  const ofType = (type: string) => [...resources.values()].filter((resource) => resource.type === type);
  return { ...assembly, resources, ofType };
}

async function runMix(
  assembly: Assembly,
  app: App,
  mix: readonly MixedEvent[],
  start: StartStack,
  rounds: number,
): Promise<TimedStep[]> {
  const steps: TimedStep[] = [];
  const stack = await start(assembly, (step) => steps.push(step));
  const [bus] = assembly.ofType('AWS::Events::EventBus');
  const put = async (contract: Contract, detail: object, round: number) => {
    const { name, idField } = app.entity ?? { name: '', idField: '' };
    const id = idField in detail && { [idField]: `${name}-${1000 + round}` };
    const own = { ...atPresent(detail), ...id };
    stack.eventBridge.putEvents([
      {
        ...(bus && { EventBusName: bus.name }),
        Source: contract.source,
        DetailType: contract.detailType,
        Detail: JSON.stringify(contract.create(own)),
      },
    ]);
    await stack.settled();
  };
  try {
    for (let round = 0; round < rounds; round++) {
      for (const { contract, detail } of mix) await put(contract, detail, round);
    }
    for (const contract of scheduledContracts(assembly, app)) {
      for (let round = 0; round < Math.min(rounds, SCHEDULED_CALLS); round++)
        await put(contract, contract.example, round);
    }
    // In place of the clock: the targets of schedules are given their payload by hand, of a time that has passed.
    const { schedules, routing } = proveRoutes(assembly, app, {
      now: new Date(Date.now() - 2 * DAY_MS),
    });
    for (const { deliveries, rule: name } of schedules) {
      const rule = [...routing.rules, ...routing.schedules].find((each) => each.name === name);
      for (const { target: id, payload = '' } of deliveries) {
        const target = rule?.targets.find((each) => each.id === id)?.model.reference.resource;
        const invoked = stack.functions.find(({ arn }) => arn === target?.arn);
        for (let call = 0; invoked && call < Math.min(rounds, SCHEDULED_CALLS); call++) {
          invoked.invokeAsync(payload);
          await stack.settled();
        }
      }
    }
  } finally {
    // Records that the stream has collected become an object now.
    await stack.stop();
  }
  return steps;
}

/** Moves the times of an example to now: what happens some days after them would be over. */
const atPresent = (detail: object): object =>
  Object.fromEntries(
    Object.entries(detail).map(([name, value]) => [
      name,
      /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(String(value)) ? new Date().toISOString() : value,
    ]),
  );

/** Contracts whose events are put on the bus by schedules that functions of the template make: the clock does not get there. */
function scheduledContracts(assembly: Assembly, app: App): Contract[] {
  const types = assembly.ofType('AWS::Lambda::Function').flatMap(({ properties }) => {
    const { calls = [] } = findConsumer(app, consumerName(app, properties.Environment?.Variables)) ?? {};
    return calls.flatMap(({ schedules }) => schedules?.publishes ?? []);
  });
  return app.contracts.filter(({ source, detailType }) =>
    types.some((type) => type.source === source && type.detailType === detailType),
  );
}

function invocationsOf(assembly: Assembly, steps: readonly TimedStep[]): Invocation[] {
  const functions = new Map(assembly.ofType('AWS::Lambda::Function').map((each) => [each.name, each]));
  const detailTypes = new Map<string, string>();
  const eventOf = new Map<string, string>();
  const traceOf = new Map<string, string>();
  const lines = new Map<string, string[]>();
  const effects = new Map<string, Effect[]>();
  const items = new Map<string, Readonly<Record<string, unknown>>>();
  const invocations: Invocation[] = [];
  const add = <Value>(map: Map<string, Value[]>, key: string, value: Value) =>
    map.set(key, [...(map.get(key) ?? []), value]);
  for (const step of steps) {
    switch (step.kind) {
      case 'event-put':
        detailTypes.set(step.eventId, step.event['detail-type']);
        if (step.trace) add(effects, step.trace, step);
        break;
      case 'delivered':
        if (step.requestId) eventOf.set(step.requestId, step.eventId);
        break;
      case 'invocation-started':
        traceOf.set(step.requestId, step.callTrace);
        break;
      case 'log-line':
        if (step.requestId) add(lines, step.requestId, step.message);
        break;
      case 'item-written': {
        const key = JSON.stringify([step.table, step.key]);
        if (step.trace) add(effects, step.trace, { ...step, before: items.get(key) });
        items.set(key, step.item);
        break;
      }
      case 'message-published':
      case 'records-put':
        if (step.trace) add(effects, step.trace, step);
        break;
      case 'invocation-succeeded': {
        const resource = functions.get(step.function);
        if (!resource) break;
        invocations.push({
          resource,
          detailType: detailTypes.get(eventOf.get(step.requestId) ?? '') ?? SCHEDULED,
          durationMs: step.durationMs,
          // The report is written when all is over.
          get lines() {
            return lines.get(step.requestId) ?? [];
          },
          effects: effects.get(traceOf.get(step.requestId) ?? '') ?? [],
        });
      }
    }
  }
  return invocations;
}

function measureFunction(
  assembly: Assembly,
  app: App,
  resource: Resource,
  runs: readonly Run[],
): FunctionMeasurement {
  const ownOf = ({ invocations }: Run) => invocations.filter((each) => each.resource === resource);
  const own = ownOf(runs[0] as Run);
  const inits = runs.flatMap((run) => ownOf(run).flatMap(({ lines }) => lines.flatMap(initMsOf)));
  const systemLines = runs.map((run) => {
    const bytes = ownOf(run).map(({ lines }) => bytesLogged(lines.filter(isSystemLine)));
    return [loggingKey(run.logging), median(bytes)];
  });
  const detailTypes = [...new Set(own.map(({ detailType }) => detailType))];
  return {
    initMs: round(median(inits), 1),
    systemLines: Object.fromEntries(systemLines),
    events: Object.fromEntries(
      detailTypes.map((detailType) => [
        detailType,
        measureCalls(
          assembly,
          app,
          resource,
          own.filter((call) => call.detailType === detailType),
        ),
      ]),
    ),
  };
}

/** Calls make the same but for a few bytes: the last one stands for all. */
function measureCalls(
  assembly: Assembly,
  app: App,
  resource: Resource,
  calls: readonly Invocation[],
): CallMeasurement {
  const { lines, effects } = calls.at(-1) as Invocation;
  const own = lines.filter((line) => !isSystemLine(line));
  const parsed = own.map((line) => JSON.parse(line));
  const effectsOf = <Kind extends Effect['kind']>(kind: Kind) =>
    effects.filter((effect): effect is Effect & { kind: Kind } => effect.kind === kind);
  return {
    durationMs: round(median(calls.map(({ durationMs }) => durationMs)), 2),
    lines: own.map((line, index) => {
      const { level, ...fields } = parsed[index];
      const metricBytes = '_aws' in fields && bytesLogged([metricsAlone(fields)]);
      return { ...(level && { level, ...(metricBytes && { metricBytes }) }), bytes: bytesLogged([line]) };
    }),
    metrics: parsed.flatMap((line) => embeddedMetrics(line).map(({ name }) => name)),
    writes: effectsOf('item-written').map((effect) => measureWrite(assembly, resource, effect)),
    messages: effectsOf('message-published').map(({ subject = '', body }) =>
      Buffer.byteLength(subject + body),
    ),
    records: effectsOf('records-put').flatMap(({ count, bytes }) => Array(count).fill(bytes / count)),
    published: effectsOf('event-put').length,
    calls: Object.assign({}, ...parsed.map((line) => app.callCountsOf?.(line) ?? {})),
  };
}

function measureWrite(
  assembly: Assembly,
  { properties }: Resource,
  { at, table, item, before = {} }: Effect & { kind: 'item-written' },
): MeasuredWrite {
  const variables = Object.entries(properties.Environment?.Variables ?? {});
  const [variable = table] = variables.find(([, value]) => value === table) ?? [];
  const names = [...new Set([...Object.keys(item), ...Object.keys(before)])];
  const { properties: written } =
    assembly.ofType('AWS::DynamoDB::Table').find(({ name }) => name === table) ?? {};
  const expiryName = written?.TimeToLiveSpecification?.AttributeName;
  const expiry = item[expiryName];
  const isNew = Object.keys(before).length === 0;
  // Each write counts it anew, in seconds: whether one has begun since the last write is chance.
  const isChance = (name: string) => name === expiryName && !isNew;
  return {
    table: variable,
    isNew,
    attributes: Object.fromEntries(
      Object.entries(item).map(([name, value]) => [name, Buffer.byteLength(name) + valueBytes(value)]),
    ),
    changed: names.filter(
      (name) => !isChance(name) && JSON.stringify(item[name]) !== JSON.stringify(before[name]),
    ),
    ...(typeof expiry === 'number' && {
      livesDays: Math.round((expiry - Date.parse(at) / 1_000) / DAY_SECONDS),
    }),
  };
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html */
function valueBytes(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return Math.ceil(String(value).replaceAll(/[-.]/g, '').length / 2) + 1;
  if (typeof value !== 'object' || value === null) return 1;
  const elements = Array.isArray(value)
    ? value.map((element) => valueBytes(element))
    : Object.entries(value).map(([name, child]) => Buffer.byteLength(name) + valueBytes(child));
  return elements.reduce((sum, bytes) => sum + bytes + 1, 3);
}

/** Lambda's own lines, in both formats. */
function isSystemLine(line: string): boolean {
  return /^(START|END|REPORT) RequestId: |^\{"time":"[^"]*","type":"platform\./.test(line);
}

/** Duration of INIT by the report of a cold start, in milliseconds. */
function initMsOf(line: string): number[] {
  const [, ms] = /"initDurationMs":([\d.]+)|Init Duration: ([\d.]+) ms/.exec(line)?.filter(Boolean) ?? [];
  return isSystemLine(line) && ms ? [Number(ms)] : [];
}

/** The line that a handler writes if its log level leaves nothing but the metrics. */
function metricsAlone(line: Readonly<Record<string, unknown>>): string {
  const names = metricFields(line);
  return JSON.stringify(Object.fromEntries(Object.entries(line).filter(([name]) => names.has(name))));
}

const bytesLogged = (lines: readonly string[]): number =>
  lines.reduce((sum, line) => sum + Buffer.byteLength(line) + LOG_EVENT_OVERHEAD, 0);

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
