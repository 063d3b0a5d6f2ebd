/** EventBridge drops an event that a rule would hand on to a third bus. */
import { Stack } from 'aws-cdk-lib';
import { CfnEventBus, type CfnRule } from 'aws-cdk-lib/aws-events';
import { ANY_EVENT, overlap } from '../tools/eventbridge/decide';
import { compile } from '../tools/eventbridge/event-pattern';
import { ConfigError, type StageConfig } from './config';
import { constructsOf } from './constructs';
import type { EventBus } from './event-bus';

/**
 * Checks that no rule hands on to another bus what came to this one by a rule.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html
 * @throws ConfigError
 */
export function requireNoThirdBus(config: StageConfig, bus: EventBus): void {
  const outward = bus.rules.filter((rule) => rule.eventBusName === bus.bus.eventBusName && isToBus(rule));
  for (const { name, pattern } of bus.inflows) {
    const third = outward.find(
      (rule) => overlap(compile(pattern), compile(rule.eventPattern), ANY_EVENT).verdict !== 'apart',
    );
    if (!third) continue;
    throw new ConfigError(
      `cdk.json: stages.${config.stage}: the rule ${third.name} would hand on to another bus the events of ${name}, ` +
        'which came from a bus themselves: EventBridge drops them. Choose a rule on their own bus with both buses as ' +
        'its targets, or a pattern that leaves them out.',
    );
  }
}

/** Checks whether a target of the rule is a bus. */
function isToBus(rule: CfnRule): boolean {
  const stack = Stack.of(rule);
  const buses = constructsOf(rule, CfnEventBus).map((each) => stack.getLogicalId(each));
  const targets: { arn: unknown }[] = stack.resolve(rule.targets);
  return targets.some(({ arn }) => {
    const text = JSON.stringify(arn);
    return text.includes(':event-bus/') || buses.some((id) => text.includes(`"${id}"`));
  });
}
