/** Report of `npm run cost`. */
import Table from 'cli-table3';
import { notCoveredText } from '../verdicts';
import type { Bill, Cost } from './cost';
import type { Measurement } from './measurement';
import priceTable from './prices.json';
import type { Savings } from './savings';
import { MONTH_DAYS } from './units';
import type { Assumptions, DeliveryUsage } from './usage';

export interface CostReport {
  readonly stackName: string;
  /** Path and stacks that were read. */
  readonly title: string;
  readonly cost: Cost;
  /** Changes that would make it cheaper. */
  readonly savings: Savings;
  readonly assumptions: Assumptions;
  readonly measurement: Measurement;
  /** Cost of another template under the same assumptions. */
  readonly other?: { readonly name: string; readonly cost: Cost };
}

/** Report for scripts: the bills and all that they are made of, as one JSON document. */
export function costJson({ stackName, cost, savings, assumptions, measurement, other }: CostReport): string {
  const { date, region, currency } = priceTable;
  const { mix, inflows = new Map(), ...others } = assumptions;
  return JSON.stringify(
    {
      stackName,
      prices: { date, region, currency },
      measurement: { date: measurement.date, machine: measurement.machine, rounds: measurement.rounds },
      assumptions: {
        mix: mix.map(({ label, count }) => ({ event: label, count })),
        inflows: Object.fromEntries(inflows),
        ...others,
      },
      ...cost,
      savings,
      gaps: [],
      unknown: [],
      ...(other && { other }),
    },
    null,
    2,
  );
}

/** Report for people: the bill, the fan-out, what is not priced, what is assumed, and where figures are from. */
export function costText(report: CostReport): string {
  const { title, cost, other } = report;
  const { date, region, currency } = priceTable;
  return [
    `${title}: what a month costs in ${region}, in ${currency}, at the prices of ${date} and before free tiers`,
    bill(cost),
    ...(other ? [comparison(report, other)] : []),
    ...cheaper(report),
    ...notCoveredText(cost.notCovered, 'Not priced'),
    ...(cost.deliveries.length === 0
      ? []
      : [`Who is given what, and what one call takes:\n${fanOut(cost.deliveries)}`]),
    `What is assumed:\n${assumed(report)
      .map((line) => `  - ${line}`)
      .join('\n')}`,
    `Where figures are from:\n${sources(report)
      .map((line) => `  - ${line}`)
      .join('\n')}`,
  ].join('\n\n');
}

function bill({ bills }: Cost): string {
  const table = newTable(['events a month', ...bills.map(({ events }) => formatEvents(events))]);
  for (const name of namesOf(bills)) table.push([name, ...bills.map((each) => usdOf(each, name)).map(money)]);
  table.push(['Total', ...bills.map(({ usd }) => money(usd))]);
  table.push(['For a million events', ...bills.map(({ events, usd }) => money((usd / events) * 1_000_000))]);
  return table.toString();
}

function comparison(
  { cost, stackName }: CostReport,
  { name, cost: other }: NonNullable<CostReport['other']>,
): string {
  const pairs = cost.bills.map((each, index) => [each, other.bills[index] as Bill] as const);
  const table = newTable(['events a month', ...pairs.map(([{ events }]) => formatEvents(events))]);
  const changes = namesOf(pairs.flat()).flatMap((item) => {
    const differences = pairs.map(([here, there]) => usdOf(here, item) - usdOf(there, item));
    return differences.some((difference) => Math.abs(difference) >= 0.005) ? [{ item, differences }] : [];
  });
  const largest = ({ differences }: { differences: number[] }) => Math.max(...differences.map(Math.abs));
  for (const { item, differences } of changes.sort((a, b) => largest(b) - largest(a))) {
    table.push([item, ...differences.map(signed)]);
  }
  table.push(
    [`Total of ${name}`, ...pairs.map(([, there]) => money(there.usd))],
    [`Total of ${stackName}, here`, ...pairs.map(([here]) => money(here.usd))],
    ['Difference', ...pairs.map(([here, there]) => signed(here.usd - there.usd))],
  );
  return `The difference to ${name}, + for what costs more here:\n${table}`;
}

/** Changes that make the template cheaper, with what they give up; nothing if there are none. */
function cheaper({ cost: { bills }, savings: { each, together } }: CostReport): string[] {
  if (each.length === 0) return [];
  const table = newTable(['events a month', ...bills.map(({ events }) => formatEvents(events))]);
  for (const { change, saves } of each) table.push([change, ...saves.map((saved) => signed(-saved))]);
  table.push(['Total with all of them', ...together.map(money)]);
  const ways = each.map(({ change, setting, givesUp }) => `  - ${change}: ${setting}. Gives up ${givesUp}.`);
  return [`What would make it cheaper (- for what a month is cheaper by):\n${table}\n${ways.join('\n')}`];
}

function fanOut(deliveries: readonly DeliveryUsage[]): string {
  const table = newTable([
    'event -> rule -> target',
    'how often',
    'payload',
    'memory',
    'measured',
    'billed',
    'logs',
  ]);
  for (const { event, rule, target, perEvent, perMonth, payloadBytes, call } of deliveries) {
    table.push([
      `${event}\n-> ${rule}\n-> ${target}`,
      perEvent > 0 ? `${round(perEvent * 100)}% of events` : `${round(perMonth)} a month`,
      `${payloadBytes} B`,
      ...(call
        ? [`${call.memoryMb} MB`, `${call.measuredMs} ms`, `${call.billedMs} ms`, `${call.logBytes} B`]
        : ['-', '-', '-', '-']),
    ]);
  }
  return table.toString();
}

function assumed({ assumptions, cost }: CostReport): string[] {
  const { mix, months, slowdown, coldStarts, failures } = assumptions;
  if (mix.length === 0) {
    return [
      'The events are custom ones of up to 64 KB each: nobody described this application, so what is done with them is not known.',
    ];
  }
  const events = mix.map(({ count, label }) => `${count} ${label}`).join(', ');
  return [
    `Events (--mix): ${events}; with the fields of each contract's example. They come evenly over ${MONTH_DAYS} days.`,
    `A call takes ${slowdown} times as long in AWS as here (--slowdown), whatever the memory: there, services are further away, and a function has but the share of a CPU that comes with its memory.`,
    `The stack has run for ${months} months (--months): that much is stored, if it is not deleted before.`,
    `${coldStarts}% of calls load the code first (--cold-starts), in the time that it takes here.`,
    `${failures}% of calls fail at every retry (--failures); their events are read from the failure queue and deleted.`,
    "X-Ray records the first call of each second for each function, and of the others what the template's sampling rule says, else 5%.",
    'No duplicates, no replays, no queries of logs, one account and region. Objects in S3 are written once and not read; the records of real events compress less well than those of examples.',
    'Items are stored with the size that they have after the last change that was measured, if they are changed as often as they are made.',
    'A read of a single item by a handler is strongly consistent and of at most 4 KB, and reads are spread evenly over the tables that the function may read.',
    'Whatever a handler schedules comes due, and finds that its order has gone on: nobody is told.',
    ...assumedBeside(assumptions, cost),
    'Log lines are stored as they are taken in, though CloudWatch bills them compressed. Requests to KMS are left out: services keep data keys for minutes.',
  ];
}

/** Assumptions about what only some templates have. */
function assumedBeside({ inflows = new Map(), executionSeconds }: Assumptions, { bills }: Cost): string[] {
  const has = (name: RegExp) => namesOf(bills).some((each) => name.test(each));
  return [
    ...(inflows.size > 0
      ? [
          'Events from elsewhere (--inflow) are of one size up to 64 KB, and paid for by this account. Those of a pipe are the example of their contract; what becomes of the others, and what an outbox is written and read for, is left out.',
        ]
      : []),
    ...(has(/transitions/)
      ? ['An execution of a state machine takes the longest way of its definition, once, and nothing fails.']
      : []),
    ...(has(/Express/)
      ? [`An Express execution takes ${executionSeconds} seconds (--execution-seconds) and 64 MB.`]
      : []),
  ];
}

function sources({ measurement, assumptions: { mix } }: CostReport): string[] {
  const { date, prices } = priceTable;
  const keys = Object.entries(prices);
  const isDescribed = mix.length > 0;
  const unchecked = keys.filter(([, { read }]) => read === 'unchecked').map(([key]) => key);
  return [
    'Rules, targets, memory, architecture, retention, indexes, alarms, dashboards, keys, log levels: the template.',
    ...(isDescribed ? measured(measurement) : []),
    `Prices: tools/proof/cost/prices.json of ${date}, each with its source. Not checked for that table: ${unchecked.join(', ')}.`,
  ];
}

const measured = ({ date, rounds, machine }: Measurement): string[] => [
  `Durations, log lines, records, messages, items: measured in the local run on ${date}, ${rounds} times each, on ${machine} (samples/measurements.json; --measure does it again).`,
  'Payloads and events: the examples of the contracts, through the transformers of the rules.',
];

/** Names of items, in the order of the first bill that has them. */
const namesOf = (bills: readonly Bill[]): string[] => [
  ...new Set(bills.flatMap(({ items }) => items.map(({ name }) => name))),
];

const usdOf = ({ items }: Bill, name: string): number => items.find((each) => each.name === name)?.usd ?? 0;

function newTable([first, ...others]: [string, ...string[]]): InstanceType<typeof Table> {
  return new Table({
    head: [first, ...others],
    colAligns: ['left', ...others.map(() => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
}

const money = (usd: number): string =>
  usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

function signed(usd: number): string {
  const text = money(Math.abs(usd));
  if (text === money(0)) return text;
  return `${usd < 0 ? '-' : '+'}${text}`;
}

const round = (value: number): number => Number(value.toPrecision(3));

/** E.g. `1M`, `2.5k`. */
function formatEvents(events: number): string {
  if (events >= 1_000_000) return `${events / 1_000_000}M`;
  return events >= 1_000 ? `${events / 1_000}k` : String(events);
}
