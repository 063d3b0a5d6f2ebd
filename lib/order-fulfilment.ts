import { Duration } from 'aws-cdk-lib';
import { Fail, type IChainable, JsonPath, TaskInput, Wait, WaitTime } from 'aws-cdk-lib/aws-stepfunctions';
import { EventBridgePutEvents } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import { OrderStatusChanged } from '../lambdas/events';
import type { EventBus } from './event-bus';

/**
 * States that confirm a new order (`{"orderId": …}`) when the customer has had time to think better of it. If that fails at
 * every retry, the compensation cancels the order, and the execution fails. Both tell of it by an event.
 */
export function orderFulfilment(parent: Construct, bus: EventBus): IChainable {
  const scope = new Construct(parent, 'OrderFulfilment');
  const change = (id: string, status: string) => {
    const detail = { orderId: JsonPath.stringAt('$.orderId'), status };
    const { source, detailType } = OrderStatusChanged;
    const entry = { source, detailType, detail: TaskInput.fromObject(detail), eventBus: bus.bus };
    return new EventBridgePutEvents(scope, id, { entries: [entry], resultPath: JsonPath.DISCARD }).addRetry({
      interval: Duration.seconds(2),
      maxAttempts: 3,
      backoffRate: 2,
    });
  };
  const failed = new Fail(scope, 'NotConfirmed', {
    error: 'NotConfirmed',
    cause: 'The order was cancelled.',
  });
  const cancel = change('Cancel', 'CANCELLED').next(failed);
  const confirm = change('Confirm', 'CONFIRMED').addCatch(cancel, { resultPath: JsonPath.DISCARD });
  const think = new Wait(scope, 'TimeToThink', { time: WaitTime.duration(Duration.minutes(10)) });
  return think.next(confirm);
}
