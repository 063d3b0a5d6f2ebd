/** The stack's rules and their targets, as they are deployed now. */
import {
  type EventBridgeClient,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  type Rule,
  type Target,
} from '@aws-sdk/client-eventbridge';
import { required } from './answers';
import { nameInArn } from './failed-event';
import type { DeployedStack } from './stack';

export interface StackRule {
  readonly name: string;
  readonly arn: string;
  readonly enabled: boolean;
  /** Schedule expression of a scheduled rule. */
  readonly schedule?: string;
  /** Names of the functions that it calls. */
  readonly consumers: readonly string[];
  /** ARNs of all its targets. */
  readonly targetArns: readonly string[];
  /** Detail-types that its pattern names; empty if it takes others too. */
  readonly detailTypes: readonly string[];
  /** True if its pattern matches replayed events. */
  readonly takesReplays: boolean;
}

/**
 * Lists the rules of the stack's bus, and those of the account's default bus that call the stack's functions:
 * scheduled rules are there, together with other stacks' rules.
 * @param others names of further targets, e.g. of the bus, to which rules hand on events of AWS's services
 */
export async function listStackRules(
  eventBridge: EventBridgeClient,
  stack: DeployedStack,
  others: readonly string[] = [],
): Promise<StackRule[]> {
  const busName = stack.output('EventBusName');
  const own = (await listRules(eventBridge, { EventBusName: busName })).filter(({ ManagedBy }) => !ManagedBy);
  const scheduled = await listRules(eventBridge, { NamePrefix: `${stack.name}-` });
  const reached = new Set([...stack.functions, ...others]);
  const rules: StackRule[] = [];
  for (const rule of own) rules.push(stackRule(rule, await listTargets(eventBridge, rule.Name, busName)));
  for (const rule of scheduled) {
    const found = stackRule(rule, await listTargets(eventBridge, rule.Name));
    if (found.consumers.some((consumer) => reached.has(consumer))) rules.push(found);
  }
  return rules;
}

function stackRule(rule: Rule, targets: readonly Target[]): StackRule {
  const targetArns = targets.map((target) => required(target, 'Arn'));
  return {
    name: required(rule, 'Name'),
    arn: required(rule, 'Arn'),
    enabled: required(rule, 'State').startsWith('ENABLED'),
    ...(rule.ScheduleExpression && { schedule: rule.ScheduleExpression }),
    consumers: targetArns.map(nameInArn),
    targetArns,
    detailTypes: namedTypes(rule.EventPattern),
    takesReplays: !excludesReplays(rule.EventPattern),
  };
}

function namedTypes(pattern: string | undefined): string[] {
  const types = pattern && JSON.parse(pattern)['detail-type'];
  return Array.isArray(types) && types.every((type) => typeof type === 'string') ? types : [];
}

/** Checks for `"replay-name": [{"exists": false}]`: only a replayed event has that field. */
function excludesReplays(pattern: string | undefined): boolean {
  const condition = pattern && JSON.parse(pattern)['replay-name'];
  return Array.isArray(condition) && condition.every((test) => test?.exists === false);
}

async function listRules(
  eventBridge: EventBridgeClient,
  filter: { EventBusName?: string; NamePrefix?: string },
): Promise<Rule[]> {
  const rules: Rule[] = [];
  let NextToken: string | undefined;
  do {
    const page = await eventBridge.send(new ListRulesCommand({ ...filter, NextToken }));
    rules.push(...required(page, 'Rules'));
    NextToken = page.NextToken;
  } while (NextToken);
  return rules;
}

/** @param busName undefined for the account's default bus */
export async function listTargets(
  eventBridge: EventBridgeClient,
  rule: string | undefined,
  busName?: string,
): Promise<Target[]> {
  const targets: Target[] = [];
  let NextToken: string | undefined;
  do {
    const page = await eventBridge.send(
      new ListTargetsByRuleCommand({ Rule: rule, EventBusName: busName, NextToken }),
    );
    targets.push(...required(page, 'Targets'));
    NextToken = page.NextToken;
  } while (NextToken);
  return targets;
}
