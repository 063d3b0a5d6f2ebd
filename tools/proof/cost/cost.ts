/**
 * Cost of a month: the template's fan-out, with what the handlers were measured to use, at the prices of
 * `prices.json`. Before free tiers.
 */
import type { App } from '../../app';
import type { Assembly, NotCovered } from '../../template/assembly';
import { fixedItems, functionItems, logItems, traceItems } from './function-items';
import type { Measurement } from './measurement';
import { eventItems, messageItems } from './message-items';
import { notPricedIn } from './not-priced';
import { stateMachineItems } from './state-machine-items';
import { streamItems } from './stream-items';
import { tableItems } from './table-items';
import type { Item } from './units';
import { type Assumptions, type DeliveryUsage, type Times, Usage } from './usage';

export interface Bill {
  /** Published in the month by applications. */
  readonly events: number;
  readonly items: readonly Item[];
  readonly usd: number;
}

export interface Cost {
  readonly bills: readonly Bill[];
  readonly deliveries: readonly DeliveryUsage[];
  /** Resources whose cost is not in the bills. */
  readonly notCovered: readonly NotCovered[];
}

/**
 * @param events published in a month; a bill for each
 * @throws InputError if a handler was not measured
 */
export function costOf(
  assembly: Assembly,
  app: App,
  measurement: Measurement,
  events: readonly number[],
  assumptions: Assumptions,
): Cost {
  const usage = new Usage(assembly, app, measurement, assumptions);
  return {
    bills: events.map((count) => bill(usage, count)),
    deliveries: usage.deliveries,
    notCovered: notPricedIn(assembly, usage.notPriced, app),
  };
}

function bill(usage: Usage, events: number): Bill {
  const times: Times = ({ perEvent, perMonth }) => events * perEvent + perMonth;
  const items = [
    ...eventItems(usage, times),
    ...functionItems(usage, times),
    ...tableItems(usage, times),
    ...messageItems(usage, times),
    ...stateMachineItems(usage, times),
    ...streamItems(usage, times),
    ...logItems(usage, times),
    ...traceItems(usage, times),
    ...fixedItems(usage),
  ].filter(({ quantity }) => quantity > 0);
  return { events, items, usd: items.reduce((sum, { usd }) => sum + usd, 0) };
}
