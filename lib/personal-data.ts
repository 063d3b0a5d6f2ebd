/** Personal data in what a rule hands to targets that keep it. */
import { CONTRACTS } from '../lambdas/events';
import { TARGETS } from '../lambdas/targets';
import { compile } from '../tools/eventbridge/event-pattern';
import { ConfigError } from './config';
import type { TargetProps } from './rule-target';

/** The whole event in the template of an input transformer. */
const WHOLE_EVENT = /<aws\.events\.event(\.json)?>/;

/**
 * Refuses a target that keeps what it gets, where no code of ours can redact it, unless the input names fields without
 * personal data, or `lambdas/targets.ts` lets the target have it.
 * @throws ConfigError that names the field
 */
export function requireNoPersonalData(rule: string, pattern: object, { targetId, input }: TargetProps): void {
  for (const { type, personalData, source, detailType } of CONTRACTS) {
    if (!mayTake(pattern, { source, 'detail-type': detailType })) continue;
    const allowed = TARGETS[targetId] ?? [];
    const field = personalData.find((each) => !allowed.includes(each) && isGiven(each, input));
    if (field === undefined) continue;
    throw new ConfigError(
      `Rule ${rule} gives ${field} of ${type}, which is personal data, to target ${targetId}, which keeps what it gets: ` +
        `name the fields that it needs in input.paths, without $.detail.${field}, or let it have the field in lambdas/targets.ts.`,
    );
  }
}

/** Checks by the pattern's source and detail-type alone whether a rule may take events of a contract. */
function mayTake(pattern: object, event: { source: string; 'detail-type': string }): boolean {
  const { source, 'detail-type': detailType } = pattern as { source?: unknown; 'detail-type'?: unknown };
  const known = {
    ...(source !== undefined && { source }),
    ...(detailType !== undefined && { 'detail-type': detailType }),
  };
  return Object.keys(known).length === 0 || compile(known).matches(event as never);
}

function isGiven(field: string, input: TargetProps['input']): boolean {
  if (!input || WHOLE_EVENT.test(input.template)) return true;
  return Object.values(input.paths).some(
    (path) => path === '$' || path === '$.detail' || path.includes(field),
  );
}
