/** An entry of PutEvents that a rule of the stack takes, to show how an event is sent to a stack that nobody described. */
import { printableJson } from '../cli/escape-control';
import { ANY_EVENT, takes } from '../eventbridge/decide';
import { hasPlaceholder } from '../template/placeholder';
import type { PutEventsEntry } from './services/put-entry';
import type { Rule } from './services/rule';

/** @returns an entry for the first rule that can take one of an application; undefined if there is none */
export function exampleEntry(rules: readonly Rule[]): PutEventsEntry | undefined {
  for (const { pattern, eventPattern, busName, state, managedBy } of rules) {
    if (!pattern || state !== 'ENABLED' || managedBy !== undefined || hasPlaceholder(eventPattern)) continue;
    const answer = takes(pattern, ANY_EVENT);
    if (answer.verdict === 'cannot tell' || !answer.taken) continue;
    const event = answer.taken as Readonly<Record<string, unknown>>;
    const { source, 'detail-type': type, detail = {} } = event;
    // Only AWS's services may name themselves as the source.
    const Source = String(source || 'example');
    const example = { ...event, source: Source, 'detail-type': String(type || 'Example'), detail };
    if (Source.startsWith('aws.') || !pattern.matches(example)) continue;
    return {
      ...(busName !== 'default' && { EventBusName: busName }),
      Source,
      DetailType: example['detail-type'],
      Detail: JSON.stringify(detail),
    };
  }
  return undefined;
}

/** Option of AWS's CLI, quoted for a POSIX shell. */
export function entriesOption(entry: PutEventsEntry): string {
  return `--entries '${printableJson([entry]).replaceAll("'", "'\\''")}'`;
}
