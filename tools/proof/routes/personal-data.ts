/** Personal data that a rule gives to a target which may not have it. */
import { type App, type Contract, findConsumer } from '../../app';
import { eventsByRule, type RoutedEvent } from './routed-event';
import type { Finding, Routing, Target } from './routing';

/** Text in place of personal data, to find where a payload contains it. */
const MARKER = 'personal-data-marker';

export function personalDataFindings(
  routing: Routing,
  app: App,
  contracts: readonly Contract[],
  events: readonly RoutedEvent[],
): Finding[] {
  const findings: Finding[] = [];
  const takenBy = eventsByRule(events);
  for (const { type, personalData } of contracts) {
    for (const rule of routing.rules) {
      const taken = takenBy
        .get(rule.name)
        ?.find(({ contract, kind }) => contract === type && kind !== 'near-miss');
      if (!taken) continue;
      for (const field of personalData) {
        const detail = { ...(taken.event.detail as object), [field]: MARKER };
        for (const { target, consumer, payload } of routing.deliver(rule, { ...taken.event, detail })) {
          const allowed =
            consumer === undefined ? app.targets?.[target] : findConsumer(app, consumer)?.personalData;
          const isAllowed = allowed?.includes(field);
          if (isAllowed || !payload?.includes(MARKER)) continue;
          const { arn } = rule.targets.find(({ id }) => id === target) as Target;
          const message =
            `Rule ${rule.name} gives ${field} of ${type}, which is personal data, to its target ${target} ` +
            `(${consumer ?? arn}) in ${placeOf(payload)}, which its description does not allow.`;
          findings.push({ kind: 'personal-data', rule: rule.name, target, contract: type, message });
        }
      }
    }
  }
  return findings;
}

/** Finds the JSON path of the marker in the payload. */
function placeOf(payload: string): string {
  const search = (value: unknown, path: string): string | undefined => {
    if (typeof value === 'string') return value.includes(MARKER) ? path : undefined;
    if (typeof value !== 'object' || value === null) return undefined;
    for (const [key, child] of Object.entries(value)) {
      const found = search(child, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
      if (found) return found;
    }
    return undefined;
  };
  try {
    return search(JSON.parse(payload), '$') ?? 'its payload';
  } catch {
    return 'its payload';
  }
}
