/** May EventBridge hand the events of a rule to its target? */
import type { Policies } from './policies';
import type { Decision } from './policy';
import type { RuleModel, TargetModel } from './rules';
import { EVENTS_SERVICE } from './targets';

/** One action that a delivery needs. */
export interface NeededAction {
  readonly action: string;
  /** ARN that it is on. */
  readonly resource: string;
}

/** What EventBridge must be allowed to hand an event to a target. Empty for a type that is not known. */
export function neededActions({ arn, parameters, reference }: TargetModel): NeededAction[] {
  const { type } = reference;
  if (!type) return [];
  const definition = parameters.EcsParameters?.TaskDefinitionArn ?? parameters.BatchParameters?.JobDefinition;
  const [, , service] = arn.split(':');
  if (service === 'ecs') return [{ action: 'ecs:RunTask', resource: String(definition ?? arn) }];
  if (service === 'batch' && String(definition).startsWith('arn:')) {
    return [arn, String(definition)].map((resource) => ({ action: 'batch:SubmitJob', resource }));
  }
  const resource = service === 'logs' ? `${arn.replace(/:\*$/, '')}:log-stream:any` : arn;
  return type.actions.map((action) => ({ action, resource }));
}

export interface DeliveryPermission {
  /** What decides; undefined for a target of a type that is not known. */
  readonly by?: 'policy' | 'role';
  /** The role's trust first, if a role decides. */
  readonly checks: readonly (NeededAction & { readonly decision: Decision })[];
}

/** May EventBridge hand a rule's events to a target? By the target's policy, or by its role: trust and actions. */
export function deliveryPermission(
  policies: Policies,
  rule: RuleModel,
  target: TargetModel,
): DeliveryPermission {
  const { type } = target.reference;
  if (!type) return { checks: [] };
  const { roleArn } = target;
  const needed = neededActions(target);
  if (type.allowedBy === 'policy' || (type.allowedBy === 'role or policy' && roleArn === undefined)) {
    const checks = needed.map(({ action, resource }) => ({
      action,
      resource,
      decision: policies.serviceMay(EVENTS_SERVICE, rule.arn, action, resource),
    }));
    return { by: 'policy', checks };
  }
  if (roleArn === undefined) {
    const decision = { allowed: false, reason: 'The target has no RoleArn.' };
    return { by: 'role', checks: needed.map((each) => ({ ...each, decision })) };
  }
  const assumed = policies.mayAssumeArn(EVENTS_SERVICE, roleArn, rule.arn);
  return {
    by: 'role',
    checks: [
      { action: 'sts:AssumeRole', resource: roleArn, decision: assumed },
      ...needed.map(({ action, resource }) => ({
        action,
        resource,
        decision: policies.roleMay(roleArn, action, resource),
      })),
    ],
  };
}
