/**
 * Usage of the services: the template's fan-out of a mix of events, with what the handlers were measured to use.
 */
import { type App, consumerName, findConsumer } from '../../app';
import { InputError } from '../../cli/errors';
import type { BusEvent } from '../../eventbridge/event';
import { type Schedule, scheduledEvent } from '../../eventbridge/schedule';
import { ASYNC_INVOCATION } from '../../eventbridge/service-facts';
import type { Assembly, NotCovered, Resource } from '../../template/assembly';
import { eventSourceMappingsOf } from '../../template/event-source-mappings';
import { readFunction } from '../../template/functions';
import { invokeConfigOf } from '../../template/invoke-config';
import { isKnown } from '../../template/placeholder';
import { qualifiersCalled, rulesOf } from '../../template/rules';
import { exampleEvent } from '../contracts/variants';
import { type RoutedRule, type Routing, readRouting } from '../routes/routing';
import type { MixedEvent } from './event-mix';
import { checkInflows, type Inflows, inflowWays } from './inflows';
import { type CallMeasurement, type FunctionMeasurement, loggingKey, type Measurement } from './measurement';
import { leftOutOf } from './state-machine-definition';
import { jsonBytes, MONTH_DAYS, MONTH_SECONDS, sum } from './units';

/** Assumptions that no template states. */
export interface Assumptions {
  readonly mix: readonly MixedEvent[];
  /** Months that the stack has run: what it keeps by then is what is stored. */
  readonly months: number;
  /** Duration of a call in AWS as a multiple of the one measured. */
  readonly slowdown: number;
  /** Percent of calls that begin with loading the code. */
  readonly coldStarts: number;
  /** Percent of calls that fail at every retry, and whose event then waits in a queue. */
  readonly failures: number;
  /** Events that come from elsewhere. @default none known */
  readonly inflows?: Inflows;
  /** Seconds that an execution of an Express state machine takes. @default EXECUTION_SECONDS */
  readonly executionSeconds?: number;
}

/** A rule's target, and how often it is given an event. */
export interface DeliveryUsage {
  readonly rule: string;
  readonly target: string;
  /** The event as the mix has it, or the schedule. */
  readonly event: string;
  /** Number for each event that is published by applications. */
  readonly perEvent: number;
  /** Number a month beside those. */
  readonly perMonth: number;
  readonly payloadBytes: number;
  /** Call of the target, if it is a function. */
  readonly call?: {
    readonly memoryMb: number;
    readonly measuredMs: number;
    /** Whole milliseconds. */
    readonly billedMs: number;
    readonly logBytes: number;
  };
}

/** Log levels of both Lambda and Powertools, lowest first. */
const LOG_LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'CRITICAL', 'SILENT'];

/** An event on the bus, and how often. */
export interface EventUsage {
  readonly event: BusEvent;
  readonly label: string;
  readonly perEvent: number;
  readonly perMonth: number;
}

/** A delivery to what is no function. */
export interface DirectDelivery extends DeliveryUsage {
  readonly resource: Resource;
}

/** Types of targets of rules other than functions. */
const DIRECT_TARGETS = [
  ...['AWS::SQS::Queue', 'AWS::SNS::Topic', 'AWS::KinesisFirehose::DeliveryStream'],
  ...['AWS::Logs::LogGroup', 'AWS::Events::ApiDestination', 'AWS::StepFunctions::StateMachine'],
];

/** Number of times that something happens in the month of a bill. */
export type Times = (each: Pick<DeliveryUsage, 'perEvent' | 'perMonth'>) => number;

/** A delivery to a function. */
export interface CallUsage extends DeliveryUsage {
  readonly call: NonNullable<DeliveryUsage['call']>;
  readonly resource: Resource;
  readonly service: string;
  readonly function: FunctionMeasurement;
  readonly measured: CallMeasurement;
}

/** Schedules that fire, and the days that one exists before, if that is known. */
export interface ScheduleUsage extends Pick<EventUsage, 'perEvent' | 'perMonth'> {
  readonly days?: number;
}

export class Usage {
  readonly calls: CallUsage[] = [];
  readonly direct: DirectDelivery[] = [];
  readonly published: EventUsage[] = [];
  /** Times that schedules of EventBridge Scheduler fire; scheduled rules are free. */
  readonly scheduled: ScheduleUsage[] = [];
  /** Events of others on the buses, of which only the number is known. */
  readonly foreign: Pick<EventUsage, 'perEvent' | 'perMonth'>[] = [];
  /** Events that pipes put on the buses. */
  readonly piped: (Pick<EventUsage, 'perEvent' | 'perMonth'> & { readonly bytes: number })[] = [];
  /** The cost of its use is unknown. */
  readonly notPriced: NotCovered[] = [];
  readonly routing: Routing;

  constructor(
    readonly assembly: Assembly,
    readonly app: App,
    readonly measurement: Measurement,
    readonly assumptions: Assumptions,
  ) {
    this.routing = readRouting(assembly, app);
    const total = assumptions.mix.reduce((sum, { count }) => sum + count, 0);
    for (const { contract, detail, count, label } of assumptions.mix) {
      const event = { ...exampleEvent(contract, assembly), detail: contract.create(detail, EXAMPLE_IDS) };
      this.#publish({ event, label, perEvent: count / total, perMonth: 0 });
    }
    for (const schedule of this.routing.schedules) {
      const perMonth = this.#fire(schedule);
      this.scheduled.push({ perEvent: 0, perMonth });
    }
    for (const rule of this.routing.rules) this.#fire(rule);
    this.#flowIn();
  }

  /** Adds the events that come from elsewhere, or says that their number is not known. */
  #flowIn(): void {
    const { inflows = new Map() } = this.assumptions;
    const rules = this.routing.rules.filter(
      ({ isForeign, model: { targets } }) =>
        isForeign && targets.some(({ reference }) => reference.resource?.type === 'AWS::Events::EventBus'),
    );
    const ways = inflowWays(
      this.assembly,
      rules.map(({ name, model: { resource } }) => ({ name, resource })),
    );
    checkInflows(inflows, ways);
    for (const { logicalId, type } of this.assembly.ofType('AWS::Pipes::Pipe')) {
      const isWay = ways.some(({ resource }) => resource.logicalId === logicalId);
      if (!isWay) this.leaveOut(logicalId, type, 'it is not priced');
    }
    for (const { name, resource, says, pipe } of ways) {
      const perMonth = inflows.get(name);
      if (perMonth === undefined) {
        const message = `how many events ${says} on a bus is not known: --inflow ${name}=EVENTS prices them`;
        this.leaveOut(resource.logicalId, resource.type, message);
        continue;
      }
      const contract = this.app.contracts.find(
        ({ source, detailType }) => source === pipe?.source && detailType === pipe.detailType,
      );
      const event = contract && exampleEvent(contract, this.assembly);
      if (event) this.#publish({ event, label: `${contract.detailType}, ${name}`, perEvent: 0, perMonth });
      else this.foreign.push({ perEvent: 0, perMonth });
      if (pipe) this.piped.push({ perEvent: 0, perMonth, bytes: event ? jsonBytes(event) : 0 });
    }
  }

  #publish(published: EventUsage): void {
    this.published.push(published);
    for (const rule of this.routing.rules) {
      const takes = rule.enabled && this.routing.buses.includes(rule.bus);
      if (takes && rule.pattern?.matches(published.event)) this.#deliver(rule, published);
    }
  }

  /** @returns how often it fires in a month */
  #fire(rule: RoutedRule): number {
    const time = rule.schedule?.next(new Date());
    if (!rule.enabled || !rule.schedule || !time) return 0;
    const event = scheduledEvent({ ruleArn: rule.arn, time, ...this.routing });
    const perMonth = timesInMonth(rule.schedule, time);
    this.#deliver(rule, { event, label: String(rule.scheduleExpression), perEvent: 0, perMonth });
    return perMonth;
  }

  #deliver(rule: RoutedRule, { event, label, perEvent, perMonth }: EventUsage): void {
    for (const { target: id, payload = '' } of this.routing.deliver(rule, event)) {
      const { arn, model } = rule.targets.find((each) => each.id === id) as RoutedRule['targets'][number];
      // An alias or a version counts as a call of its function.
      const found = model.reference.resource;
      const known = [...this.assembly.resources.values()];
      const resource = known.find((each) => (found ? each.logicalId === found.logicalId : each.arn === arn));
      const delivery = {
        rule: rule.name,
        target: resource?.name ?? arn,
        event: label,
        perEvent,
        perMonth,
        payloadBytes: Buffer.byteLength(payload),
      };
      if (resource?.type === 'AWS::Lambda::Function') {
        this.#call(resource, event['detail-type'], delivery);
      } else if (resource && DIRECT_TARGETS.includes(resource.type)) {
        this.direct.push({ ...delivery, resource });
        if (resource.type === 'AWS::StepFunctions::StateMachine')
          this.leaveOut(resource.logicalId, resource.type, leftOutOf(resource));
        for (const { source, function: reader } of eventSourceMappingsOf(this.assembly)) {
          if (!reader.function || source?.resource?.logicalId !== resource.logicalId) continue;
          const { logicalId, type } = reader.function;
          this.leaveOut(
            logicalId,
            type,
            `what it takes to handle the messages of ${resource.name} is not priced`,
          );
        }
      } else {
        const { logicalId, type } = resource ?? rule.model.resource;
        this.leaveOut(
          logicalId,
          type,
          `what rule ${rule.name} hands to ${resource?.name ?? arn} is not priced`,
        );
      }
    }
  }

  #call(resource: Resource, detailType: string, delivery: DeliveryUsage): void {
    const { properties } = resource;
    const service = consumerName(this.app, properties.Environment?.Variables) ?? resource.name;
    const measuredFunction = this.measurement.functions[service];
    const measured = measuredFunction?.events[detailType];
    if (!measured && this.app.contracts.length === 0) {
      const times = `it is called ${Math.round(delivery.perMonth)} times a month`;
      this.leaveOut(resource.logicalId, resource.type, `${times}; what a call takes was not measured`);
      return;
    }
    if (!measured) {
      throw new InputError(
        `There is no measurement of ${service} handling ${detailType}; \`npm run cost -- --measure\` makes one.`,
      );
    }
    const { memoryMb } = readFunction(resource);
    if (!isKnown(memoryMb)) {
      this.leaveOut(resource.logicalId, resource.type, `its memory is not known: ${memoryMb.reason}`);
      return;
    }
    this.calls.push({
      ...delivery,
      resource,
      service,
      function: measuredFunction,
      measured,
      call: {
        memoryMb,
        measuredMs: measured.durationMs,
        billedMs: Math.ceil(measured.durationMs * this.assumptions.slowdown),
        logBytes: logBytes(resource, measuredFunction, measured, this.app),
      },
    });
    const { publishes = [], calls = [] } = findConsumer(this.app, service) ?? {};
    if (measured.published > 0) for (const { type } of publishes) this.#publishType(type, delivery);
    if (!measured.calls.CreateSchedule) return;
    for (const { schedules: made } of calls) {
      if (!made) continue;
      const days = Number(resource.properties.Environment?.Variables?.[made.days ?? '']);
      this.scheduled.push({ ...delivery, ...(days > 0 && { days }) });
      this.#publishType(`${made.publishes.source}/${made.publishes.detailType}`, delivery);
    }
  }

  #publishType(type: string, { perEvent, perMonth }: DeliveryUsage): void {
    const contract = this.app.contracts.find((each) => each.type === type);
    if (!contract) return;
    const event = exampleEvent(contract, this.assembly);
    this.#publish({ event, label: contract.detailType, perEvent, perMonth });
  }

  get deliveries(): DeliveryUsage[] {
    return [...this.calls, ...this.direct].map(
      ({ rule, target, event, perEvent, perMonth, payloadBytes, call }: DeliveryUsage) => ({
        ...{ rule, target, event, perEvent, perMonth, payloadBytes },
        ...(call && { call }),
      }),
    );
  }

  /** Calls with those that retry what fails every time. */
  attempts(call: CallUsage, times: Times): number {
    const { retries } = asynchronousFailure(this.assembly, call.resource);
    return times(call) * (1 + (this.assumptions.failures / 100) * retries);
  }

  /** Months' worth of data that is kept. @param days 0: for ever */
  monthsKept(days: number): number {
    return days === 0 ? this.assumptions.months : Math.min(this.assumptions.months, days / MONTH_DAYS);
  }

  /** @throws InputError for a table that the template does not have */
  tableOf({ resource, service }: CallUsage, variable: string): Resource {
    const name = resource.properties.Environment?.Variables?.[variable];
    const table = this.assembly.ofType('AWS::DynamoDB::Table').find((each) => each.name === name);
    if (!table)
      throw new InputError(
        `${service} writes to the table in ${variable}, which the template does not have.`,
      );
    return table;
  }

  /** @param message without its end */
  leaveOut(resource: string, type: string, message: string): void {
    const isTold = this.notPriced.some(
      (each) => each.resource === resource && each.message === `${message}.`,
    );
    if (!isTold) this.notPriced.push({ resource, type, message: `${message}.` });
  }

  /** Resources that the function's variables name. */
  named(resource: Resource, type: string): Resource[] {
    const values: readonly unknown[] = Object.values(resource.properties.Environment?.Variables ?? {});
    return this.assembly
      .ofType(type)
      .filter(({ arn, name }) => values.includes(arn) || values.includes(name));
  }
}

/** Ids as publishers make them: a UUID, which also correlates. */
const EXAMPLE_UUID = '6a7e8feb-b491-4cf7-a9f1-bf3703467718';
const EXAMPLE_IDS = { eventId: EXAMPLE_UUID, correlationId: EXAMPLE_UUID };

/** Number of times that the schedule fires in the month that begins with one of its times. */
function timesInMonth(schedule: Schedule, first: Date): number {
  const end = first.getTime() + MONTH_SECONDS * 1_000;
  let count = 0;
  for (let time: Date | undefined = first; time && time.getTime() < end; time = schedule.next(time)) count++;
  return count;
}

/** Usage by an event that a function fails to handle. */
export function asynchronousFailure(
  assembly: Assembly,
  lambda: Resource,
): { retries: number; queue?: Resource } {
  const [qualifier] = qualifiersCalled(rulesOf(assembly), lambda);
  const { retries, onFailure } = invokeConfigOf(assembly, lambda, qualifier);
  const queue = assembly.ofType('AWS::SQS::Queue').find((each) => each.arn === onFailure);
  return {
    retries: isKnown(retries) ? retries : ASYNC_INVOCATION.defaultRetries,
    ...(queue && { queue }),
  };
}

/** Log lines of one call: the handler's own that its levels let through, and Lambda's. */
function logBytes(
  { properties }: Resource,
  { systemLines }: FunctionMeasurement,
  { lines }: CallMeasurement,
  { variables: { logLevel = '' } }: App,
): number {
  const { LoggingConfig: logging = {}, Environment } = properties;
  const rank = (level: string) => LOG_LEVELS.indexOf(level.toUpperCase());
  const own = rank(Environment?.Variables?.[logLevel] ?? 'INFO');
  // Lambda drops by level in its JSON format only, and takes lines without a level, as of metrics, for INFO.
  const lambda = logging.LogFormat === 'JSON' ? rank(logging.ApplicationLogLevel ?? 'INFO') : 0;
  const written = lines.map(({ level, bytes, metricBytes = 0 }) => {
    const isOwn = level === undefined || rank(level) >= own;
    if (rank((isOwn ? level : undefined) ?? 'INFO') < lambda) return 0;
    return isOwn ? bytes : metricBytes;
  });
  return sum(written, (bytes) => bytes) + (systemLines[loggingKey(logging)] ?? 0);
}
