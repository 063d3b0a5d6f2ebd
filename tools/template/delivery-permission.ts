/** Decides whether EventBridge may hand the events of a rule to its target. */
import type { Policies } from './policies';
import type { Decision } from './policy';
import type { RuleModel, TargetModel } from './rules';
import { EVENTS_SERVICE, type TargetType } from './targets';

/** One action that a delivery needs. */
export interface NeededAction {
  readonly action: string;
  /** ARN of the resource that it acts on. */
  readonly resource: string;
  /** ARN that a policy may name instead. */
  readonly otherwise?: string;
  /** Values of condition keys that this action has. */
  readonly context?: Readonly<Record<string, string>>;
}

/** Actions that EventBridge must be allowed for a delivery to the target. */
function neededActions(type: TargetType, { arn, parameters, passedRoles }: TargetModel): NeededAction[] {
  const definition = parameters.EcsParameters?.TaskDefinitionArn ?? parameters.BatchParameters?.JobDefinition;
  const [, , service] = arn.split(':');
  if (service === 'ecs') {
    const context = { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' };
    return [
      { action: 'ecs:RunTask', resource: String(definition ?? arn) },
      ...passedRoles.map((role) => ({ action: 'iam:PassRole', resource: role, context })),
    ];
  }
  if (service === 'batch' && String(definition).startsWith('arn:')) {
    return [arn, String(definition)].map((resource) => ({ action: 'batch:SubmitJob', resource }));
  }
  if (/:automation-definition\/[^:]+$/.test(arn)) {
    // Without a version, the default one is run.
    return type.actions.map((action) => ({ action, resource: `${arn}:$DEFAULT`, otherwise: arn }));
  }
  const resource = service === 'logs' ? `${arn.replace(/:\*$/, '')}:log-stream:any` : arn;
  return type.actions.map((action) => ({ action, resource }));
}

export interface DeliveryPermission {
  /** Source of the decision; undefined for a target of a type that is not known. */
  readonly by?: 'policy' | 'role';
  /** The role's trust first, if a role decides. */
  readonly checks: readonly (NeededAction & { readonly decision: Decision })[];
}

/** Decides by the target's policy, or by the target's role: its trust policy and the actions it allows. */
export function deliveryPermission(
  policies: Policies,
  rule: RuleModel,
  target: TargetModel,
): DeliveryPermission {
  const { type } = target.reference;
  if (!type) return { checks: [] };
  const { roleArn } = target;
  const needed = neededActions(type, target);
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
      ...needed.map(({ action, resource, otherwise, context }) => {
        const decisions = [resource, otherwise ?? resource].map((on) =>
          policies.roleMay(roleArn, action, on, context),
        ) as [Decision, Decision];
        return { action, resource, decision: decisions.find(({ allowed }) => allowed) ?? decisions[0] };
      }),
    ],
  };
}
