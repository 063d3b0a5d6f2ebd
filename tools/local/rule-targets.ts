/** Targets of rules by ARN: those that run here, and for all others a sink that records deliveries. */
import type { Assembly } from '../template/assembly';
import { schedulesOf } from '../template/schedules';
import type { TargetService } from './services/delivery';
import type { EventBridge } from './services/event-bridge';
import type { LambdaFunction } from './services/lambda';
import type { Queue } from './services/queue';
import type { Topic } from './services/topic';
import { rulesToRun } from './supported';

export interface TargetParts {
  readonly functions: readonly LambdaFunction[];
  readonly queues: readonly Queue[];
  readonly topics: readonly Topic[];
  /** Asked for at each delivery: it has the targets before it is there itself. */
  readonly eventBridge: () => EventBridge;
}

export function targetServices(
  assembly: Assembly,
  { functions, queues, topics, eventBridge }: TargetParts,
): ReadonlyMap<string, TargetService> {
  const targets = new Map<string, TargetService>();
  for (const each of functions) {
    targets.set(each.arn, {
      action: 'lambda:InvokeFunction',
      takesJson: true,
      deliver: (body, trace) => each.invokeAsync(body, trace),
    });
  }
  for (const queue of queues) {
    targets.set(queue.arn, {
      action: 'sqs:SendMessage',
      takesJson: false,
      deliver: (body, _trace, _event, { SqsParameters: { MessageGroupId: groupId } = {} }) =>
        void queue.send({
          body,
          senderId: 'events.amazonaws.com',
          ...(groupId !== undefined && { groupId }),
        }),
    });
  }
  for (const topic of topics) {
    targets.set(topic.arn, {
      action: 'sns:Publish',
      takesJson: false,
      deliver: (message) => void topic.publish({ message }),
    });
  }
  const buses = assembly.ofType('AWS::Events::EventBus').map(({ arn }) => arn);
  const standard = `arn:${assembly.partition}:events:${assembly.region}:${assembly.account}:event-bus/default`;
  for (const arn of [...buses, standard]) {
    targets.set(arn, {
      action: 'events:PutEvents',
      needsNoPolicy: true,
      takesJson: true,
      deliver: (_, trace, event) => void eventBridge().forward(arn, event, trace),
    });
  }
  for (const arn of recordedTargets(assembly, targets)) {
    targets.set(arn, { action: undefined, takesJson: false, isRecorded: true, deliver: () => undefined });
  }
  return targets;
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
