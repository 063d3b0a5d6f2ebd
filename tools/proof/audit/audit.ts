/**
 * Every hop of an event from its publisher to where its effect is stored, as the template has it, and what each
 * hop lacks for nothing to be lost in silence: a retry that has time to happen, a place for what failed for the
 * last time, a policy that lets exactly this sender in, encryption that the sender may use, an alarm that tells.
 */
import type { App } from '../../app';
import type { Assembly, NotCovered } from '../../template/assembly';
import { type KeptOut, keptOut, notLookedAt, requireSenders } from '../../template/coverage';
import { eventSourceMappingsOf } from '../../template/event-source-mappings';
import { patternWarnings } from '../routes/decisions';
import { auditAlarms } from './alarms';
import { auditBus, auditDiscoverers, auditThirdBuses } from './buses';
import { auditFailureQueue } from './failure-queues';
import { auditFunction } from './functions';
import type { AuditedHop, Gap } from './hops';
import { auditLoops } from './loops';
import { auditMapping } from './mappings';
import { auditPipes } from './pipes';
import { auditRule } from './rules';
import { Scene } from './scene';
import { auditSchedules } from './schedules';
import { auditStream } from './streams';
import { auditSubscriptions } from './subscriptions';

export interface Audit {
  readonly hops: readonly AuditedHop[];
  /** Empty if all is well. */
  readonly gaps: readonly Gap[];
  /** Possible gaps that depend on something the template does not say. */
  readonly unknown: readonly Gap[];
  /** Resources on or near an event's way that are not looked at. */
  readonly notCovered: readonly NotCovered[];
  /** Resources that a condition keeps out: none of the rest is about them. */
  readonly absent: readonly KeptOut[];
  /** Patterns that AWS's matcher is known to get wrong: events that the pattern means to take may be lost there. */
  readonly warnings: readonly string[];
  /** Facts that are as configured, and worth knowing. */
  readonly notes: readonly string[];
}

const LOOKS_AT: readonly string[] = [
  'AWS::EventSchemas::Discoverer',
  ...['AWS::Events::Archive', 'AWS::Events::EventBus', 'AWS::Events::Rule', 'AWS::SQS::Queue'],
  ...['AWS::SNS::Subscription', 'AWS::SNS::Topic', 'AWS::KinesisFirehose::DeliveryStream'],
  ...['AWS::DynamoDB::GlobalTable', 'AWS::DynamoDB::Table', 'AWS::Lambda::EventSourceMapping'],
  ...['AWS::Lambda::Function', 'AWS::Logs::LogGroup', 'AWS::Pipes::Pipe', 'AWS::Scheduler::Schedule'],
];

/**
 * @throws InputError if nothing in the template hands events on
 * @throws AssemblyError for what cannot be evaluated
 */
export function auditHops(assembly: Assembly, app: App): Audit {
  requireSenders(assembly);
  const scene = new Scene(assembly, app);
  for (const bus of assembly.ofType('AWS::Events::EventBus')) auditBus(scene, bus);
  for (const rule of scene.routing.rules) auditRule(scene, rule);
  auditThirdBuses(scene);
  auditDiscoverers(scene);
  for (const each of assembly.ofType('AWS::Lambda::Function')) auditFunction(scene, each);
  for (const stream of assembly.ofType('AWS::KinesisFirehose::DeliveryStream')) auditStream(scene, stream);
  for (const topic of assembly.ofType('AWS::SNS::Topic')) auditSubscriptions(scene, topic);
  for (const mapping of eventSourceMappingsOf(assembly)) auditMapping(scene, mapping);
  auditPipes(scene);
  auditLoops(scene);
  auditSchedules(scene);
  for (const queue of new Set([...scene.failureQueues, ...scene.positionQueues]))
    auditFailureQueue(scene, queue);
  auditAlarms(scene);
  if (!scene.isDescribed) {
    scene.notes.push(
      'Not looked at: what the functions call, with which permissions: no consumer is described.',
    );
  }
  const { hops, found, notes } = scene;
  return {
    hops,
    ...found,
    notCovered: notLookedAt(assembly, LOOKS_AT),
    absent: keptOut(assembly),
    warnings: patternWarnings(scene.routing),
    notes,
  };
}
