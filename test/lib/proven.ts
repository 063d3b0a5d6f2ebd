import { readFileSync } from 'node:fs';
import { APP } from '../../bin/app-description';
import { auditHops } from '../../tools/proof/audit/audit';
import { readFlow } from '../../tools/proof/routes/flow';
import { proveRoutes } from '../../tools/proof/routes/routes';
import type { Assembly } from '../../tools/template/assembly';

const RUNBOOK = readFileSync('docs/runbook.md', 'utf8');

/** Problems that the proofs find in a stack of this app, a line each; empty if it holds all the house's rules. */
export function problemsOf(assembly: Assembly): string[] {
  const { findings } = proveRoutes(assembly, APP);
  const { gaps, unknown, notCovered } = auditHops(assembly, APP);
  return [
    ...findings.map(({ kind, message }) => `routes: ${kind}: ${message}`),
    ...[...gaps, ...unknown].map(({ kind, name, message }) => `audit: ${kind}: ${name}: ${message}`),
    ...notCovered.map(({ resource, message }) => `not looked at: ${resource}: ${message}`),
    ...withoutRunbookEntry(assembly),
    ...notDrawn(assembly),
  ];
}

function withoutRunbookEntry(assembly: Assembly): string[] {
  const alarms = ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm'].flatMap(assembly.ofType);
  return alarms.flatMap(({ name, properties }) => {
    const [, entry] = /#([a-z-]+)$/.exec(String(properties.AlarmDescription)) ?? [];
    return RUNBOOK.includes(`\n## ${entry}\n`) ? [] : [`alarm ${name} has no entry in the runbook: ${entry}`];
  });
}

/** Resources that hand events on, and are not in the picture. */
function notDrawn(assembly: Assembly): string[] {
  const drawn = new Set(readFlow(assembly, APP).nodes.map(({ id }) => id));
  const types = [
    'AWS::Events::Rule',
    'AWS::Events::EventBus',
    'AWS::Scheduler::Schedule',
    'AWS::Pipes::Pipe',
  ];
  return types
    .flatMap(assembly.ofType)
    .flatMap(({ logicalId }) => (drawn.has(logicalId) ? [] : [`${logicalId} is not in the picture`]));
}
