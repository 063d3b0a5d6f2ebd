/** Events that come to the bus from other buses: those of AWS's services, and of SaaS partners. */
import { CfnEventBus } from 'aws-cdk-lib/aws-events';
import { Construct } from 'constructs';
import type { StageConfig } from './config';
import type { EventBus } from './event-bus';

export class EventSources extends Construct {
  constructor(scope: Construct, id: string, { config, bus }: { config: StageConfig; bus: EventBus }) {
    super(scope, id);
    for (const [name, pattern] of Object.entries(config.serviceEvents)) {
      bus.receive({ name, pattern, description: `Events of AWS services come to the bus: ${name}` });
    }
    for (const [name, source] of Object.entries(config.partnerBuses)) {
      // Its name takes the pending event source over. Nothing is kept on it, so it goes with the stack.
      const partner = new CfnEventBus(this, `${name}-Bus`, { name: source, eventSourceName: source });
      const { rule } = bus.receive({
        name,
        from: source,
        pattern: { source: [{ prefix: 'aws.partner/' }] },
        description: `Events of the partner source ${source} come to the bus`.slice(0, 512),
      });
      rule.node.addDependency(partner);
    }
  }
}

/**
 * Conditions on the source of events from outside, which no contract of this app describes. Sources under `app.` are left
 * out: they are recorded with the app's own.
 */
export function sourcesFromOutside(config: StageConfig): unknown[] {
  const { publisherAccounts, organizations, serviceEvents, partnerBuses } = config;
  const named = [
    ...Object.values(publisherAccounts).flat(),
    ...Object.values(organizations).flat(),
    ...Object.values(serviceEvents).flatMap(({ source }) => source),
  ].filter((source) => !source.startsWith('app.'));
  // A partner may add to the name of its event source.
  return [...new Set(named), ...Object.values(partnerBuses).map((source) => ({ prefix: source }))];
}
