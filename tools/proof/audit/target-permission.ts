/** What EventBridge must be allowed to hand an event to a target. */
import type { RuleModel, TargetModel } from '../../template/rules';
import { EVENTS_SERVICE } from '../../template/targets';
import type { Hop } from './hops';
import type { Permissions } from './permissions';

/** What is not allowed, or allowed to any rule, becomes a gap of the hop. */
export function auditTargetPermission(
  hop: Hop,
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
    const isElsewhere = action.startsWith('logs:') && !decision.allowed;
    hop.needs(
      action,
      isElsewhere ? { ...decision, unknown: true } : decision,
      found,
      `for rule ${rule.name}`,
    );
    const another = permissions.serviceMay(EVENTS_SERVICE, `${rule.arn}-another`, action, on);
    if (!another.allowed) continue;
    hop.gap('too-wide', found, `it lets any rule in, not only its own. ${another.reason.slice(0, -1)}`);
  }
}
