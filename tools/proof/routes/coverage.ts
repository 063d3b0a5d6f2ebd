/** Scope of the routes: resources of findings, and resources that they do not reach. */
import type { Assembly, NotCovered } from '../../template/assembly';
import { notLookedAt } from '../../template/coverage';
import { eventSourceMappingsOf } from '../../template/event-source-mappings';
import { rulesOf } from '../../template/rules';
import type { Finding, Routing } from './routing';

/** Types that take events from a rule, or keep them for one. */
const LOOKS_AT = [
  ...['AWS::Events::Archive', 'AWS::Events::EventBus', 'AWS::Events::Rule', 'AWS::Lambda::Function'],
  ...['AWS::SQS::Queue', 'AWS::SNS::Topic', 'AWS::KinesisFirehose::DeliveryStream', 'AWS::Logs::LogGroup'],
  ...['AWS::EventSchemas::Discoverer', 'AWS::Scheduler::Schedule'],
];

/**
 * The routes end at the rules' targets, and at the function that reads a target's queue: what else reads from
 * targets, and what else sends events, is not looked at.
 */
export function notCovered(assembly: Assembly): NotCovered[] {
  const targets = rulesOf(assembly).flatMap((rule) =>
    rule.targets.map(({ reference }) => reference.resource),
  );
  const readers = eventSourceMappingsOf(assembly).flatMap(({ resource, source }) =>
    source?.resource?.type === 'AWS::SQS::Queue' && targets.includes(source.resource) ? resource : [],
  );
  const ids = new Set([...targets, ...readers].map((resource) => resource?.logicalId));
  return notLookedAt(assembly, LOOKS_AT, 'routes end at the targets of rules.').filter(
    ({ resource }) => !ids.has(resource),
  );
}

/** Finding with the resource whose name it gives. */
export function located({ rules, schedules }: Routing, finding: Finding): Finding {
  const rule = [...rules, ...schedules].find(({ name }) => name === finding.rule)?.model.resource;
  if (!rule)
    return finding.contract === undefined
      ? finding
      : { resource: finding.contract, type: 'contract', ...finding };
  const { logicalId: resource, type, construct } = rule;
  return { resource, type, ...(construct && { construct }), ...finding };
}
