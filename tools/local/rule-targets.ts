/** Targets of rules by ARN: those that run here, and for all others a sink that records deliveries. */
import type { Assembly, Resource } from '../template/assembly';
import { functionReference } from '../template/functions';
import { schedulesOf } from '../template/schedules';
import type { ApiDestination } from './services/api-destination';
import type { TargetService } from './services/delivery';
import type { DeliveryStream } from './services/delivery-stream';
import type { EventBridge } from './services/event-bridge';
import type { LambdaFunction } from './services/lambda';
import type { LogGroups } from './services/log-groups';
import type { PutEventsEntry } from './services/put-entry';
import type { Queue } from './services/queue';
import { ServiceError } from './services/service-error';
import type { Topic } from './services/topic';
import type { StateMachine } from './state-machine/state-machine';
import { rulesToRun } from './supported';

export interface TargetParts {
  readonly functions: readonly LambdaFunction[];
  readonly queues: readonly Queue[];
  readonly topics: readonly Topic[];
  readonly deliveryStreams: readonly DeliveryStream[];
  readonly logGroups: LogGroups;
  readonly apiDestinations: readonly ApiDestination[];
  readonly stateMachines: readonly StateMachine[];
  /** Buses of other accounts that run beside this one, by ARN. @default none */
  readonly otherBuses?: ReadonlyMap<string, TargetService> | undefined;
  /** A new UUID. */
  readonly newId: () => string;
  /** Asked for at each delivery: it has the targets before it is there itself. */
  readonly eventBridge: () => EventBridge;
}

export function targetServices(assembly: Assembly, parts: TargetParts): ReadonlyMap<string, TargetService> {
  const { functions, queues, topics, deliveryStreams, eventBridge } = parts;
  const targets = new Map<string, TargetService>(parts.otherBuses);
  for (const each of functions) {
    const arns = [each.arn, ...aliasArns(assembly, each)];
    for (const arn of arns)
      targets.set(arn, {
        action: 'lambda:InvokeFunction',
        takesJson: true,
        deliver: (body, trace) => each.invokeAsync(body, trace),
      });
  }
  for (const queue of queues) targets.set(queue.arn, queueTarget(queue));
  for (const topic of topics) {
    targets.set(topic.arn, {
      action: 'sns:Publish',
      takesJson: false,
      deliver: (message) => void topic.publish({ message }),
    });
  }
  for (const stream of deliveryStreams) {
    targets.set(stream.arn, {
      action: 'firehose:PutRecord',
      takesJson: false,
      deliver: (record) => stream.put([Buffer.from(record)])[0],
    });
  }
  for (const group of assembly.ofType('AWS::Logs::LogGroup')) {
    targets.set(group.arn.replace(/:\*$/, ''), logTarget(group, parts));
  }
  for (const machine of parts.stateMachines) targets.set(machine.arn, machineTarget(machine, parts));
  for (const each of parts.apiDestinations) {
    targets.set(each.arn, endpointTarget(each));
  }
  const buses = assembly.ofType('AWS::Events::EventBus').map(({ arn }) => arn);
  const standard = `arn:${assembly.partition}:events:${assembly.region}:${assembly.account}:event-bus/default`;
  for (const arn of [...buses, standard]) {
    targets.set(arn, {
      action: 'events:PutEvents',
      needsNoPolicy: true,
      takesJson: true,
      deliver: (body, trace, event, { EventBridgeParameters: put }) => {
        if (put) return putByScheduler(eventBridge(), arn, { ...put, Detail: body });
        eventBridge().forward(arn, event, trace);
        return undefined;
      },
    });
  }
  for (const arn of recordedTargets(assembly, targets)) {
    targets.set(arn, { action: undefined, takesJson: false, isRecorded: true, deliver: () => undefined });
  }
  return targets;
}

const queueTarget = (queue: Queue): TargetService => ({
  action: 'sqs:SendMessage',
  takesJson: false,
  deliver: (body, _trace, _event, { SqsParameters: { MessageGroupId: groupId } = {} }) =>
    void queue.send({ body, senderId: 'events.amazonaws.com', ...(groupId !== undefined && { groupId }) }),
});

const machineTarget = (machine: StateMachine, { newId }: TargetParts): TargetService => ({
  action: 'states:StartExecution',
  takesJson: true,
  deliver: (input, trace, { event }) =>
    void machine.start({ input, trace, eventId: event.id, name: `${event.id}_${newId()}` }),
});

/**
 * Puts what a schedule of EventBridge Scheduler has as its input on a bus.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
 */
function putByScheduler(engine: EventBridge, EventBusName: string, entry: PutEventsEntry): undefined {
  const [result] = engine.putEvents([{ ...entry, EventBusName }]);
  if (result && 'ErrorCode' in result) throw new ServiceError(result.ErrorCode, result.ErrorMessage);
}

const endpointTarget = (destination: ApiDestination): TargetService => ({
  action: 'events:InvokeApiDestination',
  takesJson: true,
  delayMs: () => destination.delayMs(),
  deliver: (body, _trace, _event, target) => destination.send(body, target),
});

function logTarget({ arn, name }: Resource, parts: TargetParts): TargetService {
  return {
    action: 'logs:PutLogEvents',
    resource: `${arn.replace(/:\*$/, '')}:log-stream:any`,
    takesJson: false,
    deliver: (body, _trace, { event }) => {
      const { timestamp, message } = logEvent(body);
      // A stream for each event, as EventBridge makes them.
      parts.logGroups.append(name, event.id, timestamp, message);
      return undefined;
    },
  };
}

/**
 * A log event: the whole payload, or the time and the text that an input transformer made.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html#targets-specifics-cwl
 */
function logEvent(body: string): { timestamp?: number; message: string } {
  let given: { timestamp?: unknown; message?: unknown } | null;
  try {
    given = JSON.parse(body);
  } catch {
    return { message: body };
  }
  const { timestamp, message } = given ?? {};
  if (timestamp === undefined || message === undefined) return { message: body };
  const time = typeof timestamp === 'number' ? timestamp : Date.parse(String(timestamp));
  return {
    ...(!Number.isNaN(time) && { timestamp: time }),
    message: typeof message === 'string' ? message : JSON.stringify(message),
  };
}

/** ARNs by which aliases and versions of the template call the function: all of them its only code here. */
function aliasArns(assembly: Assembly, { resource }: LambdaFunction): string[] {
  return ['AWS::Lambda::Alias', 'AWS::Lambda::Version']
    .flatMap(assembly.ofType)
    .flatMap(({ arn }) => (functionReference(assembly, arn).function === resource ? [arn] : []));
}

/** ARNs of the template's targets that nothing here runs. */
function recordedTargets(assembly: Assembly, known: ReadonlyMap<string, unknown>): string[] {
  const rules = rulesToRun(assembly);
  const arns = rules.flatMap(({ properties }) =>
    (properties.Targets ?? []).map(({ Arn }: { Arn: unknown }) => String(Arn)),
  );
  const scheduled = schedulesOf(assembly).map(({ targetArn }) => targetArn);
  return [...new Set<string>([...arns, ...scheduled])].filter((arn) => !known.has(arn));
}
