/** Permissions that EventBridge needs to hand an event to a target. */
import type { RuleModel, TargetModel } from '../../template/rules';
import { EVENTS_SERVICE } from '../../template/targets';
import { type AuditedHop, withoutEnd } from './hops';
import type { Permissions } from './permissions';

/** An action that is not allowed, or allowed to any rule, becomes a gap of the hop. */
export function auditTargetPermission(
  hop: AuditedHop,
  permissions: Permissions,
  rule: RuleModel,
  target: TargetModel,
): void {
  const { resource } = rule;
  const { id, arn, reference } = target;
  const found = reference.resource;
  if (!reference.type) {
    hop.cannotTell('permission', resource, `what target ${id} needs: it is ${arn}, of no known type`);
    return;
  }
  const { by, checks } = permissions.delivery(rule, target);
  if (by === 'role') {
    for (const { action, decision } of checks) {
      const forWhom = action === 'sts:AssumeRole' ? `for ${EVENTS_SERVICE}, by the role` : 'for the role';
      hop.needs(action, decision, resource, `${forWhom} of target ${id}`);
    }
    return;
  }
  // The policy of what is not in the template is not known; that it is not there is told already.
  if (!found) return;
  for (const { action, resource: on, decision } of checks) {
    // Policies of CloudWatch Logs are of the account: another stack may have made one.
    const isOfLogs = action.startsWith('logs:');
    const isElsewhere = isOfLogs && !decision.allowed;
    const elsewhere = `${withoutEnd(decision.reason)}; log groups have policies of the whole account, another stack may have made one`;
    hop.needs(
      action,
      isElsewhere ? { ...decision, unknown: true, reason: elsewhere } : decision,
      found,
      `for rule ${rule.name}`,
    );
    // AWS's own policy for log groups names no rule.
    if (isOfLogs) continue;
    const another = permissions.serviceMay(EVENTS_SERVICE, `${rule.arn}-another`, action, on);
    if (!another.allowed) continue;
    hop.gap('too-wide', found, `it lets any rule in, not only its own: ${withoutEnd(another.reason)}`);
  }
}
