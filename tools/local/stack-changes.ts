/** Changes of a running stack's template, and differences between two runs. */
import fs from 'node:fs';
import path from 'node:path';
import { formatCountOf } from '../cli/terminal';
import type { Assembly, Resource } from '../template/assembly';
import type { AsyncEvent } from './services/lambda';
import { Unfinished } from './services/unfinished';
import { INERT } from './supported';

/** Empties the queues of functions that are no longer in the template, and tells of each in a line. */
export function orphanedInvocations(
  dataDirectory: string | undefined,
  functions: readonly { readonly name: string }[],
): string[] {
  const folder = path.join(dataDirectory ?? '', 'invocations');
  if (dataDirectory === undefined || !fs.existsSync(folder)) return [];
  return fs.readdirSync(folder).flatMap((file) => {
    const name = file.replace(/\.jsonl$/, '');
    if (functions.some((each) => each.name === name)) return [];
    const orphaned = new Unfinished<AsyncEvent>(path.join(folder, file));
    const events = orphaned.restored();
    for (const [, kept] of events) kept.finish();
    orphaned.close();
    if (events.length === 0) return [];
    return `${formatCountOf(events.length, 'event')} waited for the function ${name}, which is no longer in the template.`;
  });
}

/** Logical ids of resources whose change a running stack cannot take over. */
export const needingRestart = ({ resources: before }: Assembly, { resources: after }: Assembly): string[] =>
  [...new Set([...before.keys(), ...after.keys()])].filter((id) =>
    needsRestart(before.get(id), after.get(id)),
  );

function needsRestart(before: Resource | undefined, after: Resource | undefined): boolean {
  const type = (after ?? before)?.type ?? '';
  const isTakenOver =
    /^AWS::(Events::(Rule|EventBusPolicy)|Scheduler::Schedule|Lambda::(Permission|EventInvokeConfig)|IAM::|SQS::QueuePolicy|Logs::ResourcePolicy|SNS::TopicPolicy)/;
  if (isTakenOver.test(type)) return false;
  if (Object.hasOwn(INERT, type) && !/^AWS::Events::/.test(type)) return false;
  if (!before || !after) return true;
  if (type === 'AWS::Lambda::Function') return before.name !== after.name;
  return before.name !== after.name || JSON.stringify(before.properties) !== JSON.stringify(after.properties);
}
