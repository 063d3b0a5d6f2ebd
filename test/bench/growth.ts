/** Growth of the local run and of the proofs: with rules, environments, events held, resources and orders of a day. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BatchWriteItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { APP } from '../../bin/app-description';
import { dayShard } from '../../lambdas/order-table';
import measurement from '../../samples/measurements.json';
import { SystemWorld } from '../../tools/local/services/world';
import { LocalStack } from '../../tools/local/stack';
import { auditHops } from '../../tools/proof/audit/audit';
import { costOf } from '../../tools/proof/cost/cost';
import { parseMix } from '../../tools/proof/cost/event-mix';
import { proveRoutes } from '../../tools/proof/routes/routes';
import { readAssembly } from '../../tools/template/assembly';
import { synthesize } from '../../tools/template/source/synthesize';
import { assemblyOf } from '../tools/proof/assembly';
import { benchEndToEnd } from './end-to-end';
import type { Figures, FiguresTable } from './figures';
import type { Bars } from './plot';

/** The last with the stack’s own is nearly the quota of 300. */
const RULES = [1, 10, 100, 290];
const ENVIRONMENTS = [1, 2, 4];
/** Events of one measurement of the speed, and of memory. */
const [EVENTS, MANY_EVENTS] = [2_000, 20_000];
const RESOURCES = [10, 100, 500];
const ORDERS = [100, 1_000, 10_000];
const DAY = '2026-01-15';

export async function benchGrowth(onProgress: (text: string) => void): Promise<Figures> {
  const byRules: [number, number][] = [];
  for (const rules of RULES) {
    onProgress(`growth: ${rules} rules`);
    byRules.push([rules, (await benchEndToEnd(EVENTS, { rules })).eventsPerSecond]);
  }
  const byEnvironments: [number, number][] = [];
  for (const maxEnvironments of ENVIRONMENTS) {
    onProgress(`growth: ${maxEnvironments} environments a function`);
    byEnvironments.push([
      maxEnvironments,
      (await benchEndToEnd(EVENTS, { maxEnvironments })).eventsPerSecond,
    ]);
  }
  onProgress(`growth: memory over ${MANY_EVENTS} events`);
  const { residentMb } = await benchEndToEnd(MANY_EVENTS);
  onProgress('growth: proofs');
  const proofs = await timeProofs();
  const reports = await timeReports(onProgress);

  const perSecond = (of: [number, number][]) =>
    of.map(([count, rate]) => [`${count}`, `${Math.round(rate)}`]);
  const tables: FiguresTable[] = [
    {
      head: ['rules on the bus besides the stack’s, each for a type of its own', 'events/s'],
      rows: perSecond(byRules),
    },
    { head: ['environments of each function', 'events/s'], rows: perSecond(byEnvironments) },
    {
      head: ['new orders handled, all held in the table', 'MB'],
      rows: residentMb.map((mb, tenth) => [`${(tenth * MANY_EVENTS) / 10}`, `${Math.round(mb)}`]),
    },
    {
      head: [
        'resources besides the stack’s: rules, each with its queue and policy',
        'routes, ms',
        'audit, ms',
        'cost, ms',
      ],
      rows: proofs.map(({ resources, ...ms }) => [
        `${resources}`,
        ...Object.values(ms).map((each) => `${Math.round(each)}`),
      ]),
    },
    {
      head: ['orders of the reported day', 'report, ms'],
      rows: reports.map(([orders, ms]) => [`${orders}`, `${Math.round(ms)}`]),
    },
  ];
  return {
    name: 'growth',
    title: 'Growth',
    notes: [`Events a second of ${EVENTS} new orders, as in the part end-to-end.`],
    tables,
    plots: charts({ byRules, byEnvironments, residentMb, proofs, reports }),
    data: { byRules, byEnvironments, residentMb, proofs, reports },
  };
}

interface Growth {
  readonly byRules: readonly [number, number][];
  readonly byEnvironments: readonly [number, number][];
  readonly residentMb: readonly number[];
  readonly proofs: Awaited<ReturnType<typeof timeProofs>>;
  readonly reports: readonly [number, number][];
}

const charts = ({ byRules, byEnvironments, residentMb, proofs, reports }: Growth): Bars[] => [
  {
    title: 'Events a second by rules on the bus',
    unit: '/s',
    names: ['events'],
    groups: byRules.map(([rules, rate]) => ({ label: `${rules} more`, values: [rate] })),
  },
  {
    title: 'Events a second by environments of each function',
    unit: '/s',
    names: ['events'],
    groups: byEnvironments.map(([environments, rate]) => ({ label: `${environments}`, values: [rate] })),
  },
  {
    title: 'Memory by new orders handled and held',
    unit: 'MB',
    names: ['resident'],
    groups: residentMb.map((mb, tenth) => ({ label: `${(tenth * MANY_EVENTS) / 10}`, values: [mb] })),
  },
  {
    title: 'Time of the proofs by resources besides the stack’s',
    unit: 'ms',
    names: ['routes', 'audit', 'cost'],
    groups: proofs.map(({ resources, routes, audit, cost }) => ({
      label: `${resources} more`,
      values: [routes, audit, cost],
    })),
  },
  {
    title: 'Time of the report by orders of its day',
    unit: 'ms',
    names: ['report'],
    groups: reports.map(([orders, ms]) => ({ label: `${orders}`, values: [ms] })),
  },
];

/** Time of each proof over the stack's template with more resources in it, in milliseconds. */
async function timeProofs() {
  const { directory } = await synthesize(process.cwd());
  const file = readdirSync(directory).find((name) => name.endsWith('.template.json')) ?? '';
  const template = JSON.parse(readFileSync(join(directory, file), 'utf8'));
  const assumptions = {
    mix: parseMix(APP.mix ?? '', APP.contracts),
    months: 12,
    slowdown: 3,
    coldStarts: 1,
    failures: 0.1,
  };
  return RESOURCES.map((resources) => {
    const Resources = { ...template.Resources, ...queues(resources, template) };
    const assembly = assemblyOf({ ...template, Resources });
    return {
      resources,
      routes: timeOf(() => proveRoutes(assembly, APP)),
      audit: timeOf(() => auditHops(assembly, APP)),
      cost: timeOf(() => costOf(assembly, APP, measurement, [1_000_000], assumptions)),
    };
  });
}

/** A number of resources, three for each queue that a rule of the stack's bus delivers to. */
function queues(count: number, { Resources }: { Resources: Record<string, { Type: string }> }) {
  const [bus] = Object.keys(Resources).filter((id) => Resources[id]?.Type === 'AWS::Events::EventBus');
  const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
  const each = (i: number) => ({
    [`Queue${i}`]: { Type: 'AWS::SQS::Queue', Properties: {} },
    [`Rule${i}`]: {
      Type: 'AWS::Events::Rule',
      Properties: {
        EventBusName: { Ref: bus },
        EventPattern: { source: ['app.orders'], detail: { customerId: [`customer-${i}`] } },
        Targets: [{ Id: 'Queue', Arn: arnOf(`Queue${i}`) }],
      },
    },
    [`Policy${i}`]: {
      Type: 'AWS::SQS::QueuePolicy',
      Properties: {
        Queues: [{ Ref: `Queue${i}` }],
        PolicyDocument: {
          Statement: [
            {
              Effect: 'Allow',
              Principal: { Service: 'events.amazonaws.com' },
              Action: 'sqs:SendMessage',
              Resource: arnOf(`Queue${i}`),
              Condition: { ArnEquals: { 'aws:SourceArn': arnOf(`Rule${i}`) } },
            },
          ],
        },
      },
    },
  });
  const all = Array.from({ length: Math.ceil(count / 3) }, (_, i) => Object.entries(each(i))).flat();
  return Object.fromEntries(all.slice(0, count));
}

/** Time of the function's second call, in milliseconds. */
function timeOf(work: () => unknown): number {
  work();
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** Time of the daily report in the local run, by the number of orders. */
async function timeReports(onProgress: (text: string) => void): Promise<[number, number][]> {
  const { directory } = await synthesize(process.cwd());
  const stack = await LocalStack.start({
    assembly: readAssembly(directory),
    world: new SystemWorld(),
    port: 0,
  });
  const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
  const options = { endpoint: stack.url, region: stack.assembly.region, credentials };
  const [table, lambda] = [new DynamoDBClient(options), new LambdaClient(options)];
  const report = async (date: string) => {
    const Payload = JSON.stringify({ type: 'daily_report', date: `${date}T09:00:00Z` });
    const start = performance.now();
    const { FunctionError } = await lambda.send(
      new InvokeCommand({ FunctionName: 'event-driven-analytics', Payload }),
    );
    if (FunctionError) throw new Error('The report failed.');
    return performance.now() - start;
  };
  const times: [number, number][] = [];
  try {
    let written = 0;
    await report('2026-01-02');
    for (const orders of ORDERS) {
      onProgress(`growth: the report of ${orders} orders`);
      for (; written < orders; written += 25) {
        const items = Array.from({ length: 25 }, (_, i) => orderItem(`order-${written + i}`));
        const RequestItems = { 'event-driven-orders': items.map((Item) => ({ PutRequest: { Item } })) };
        await table.send(new BatchWriteItemCommand({ RequestItems }));
      }
      times.push([orders, await report('2026-01-16')]);
    }
  } finally {
    for (const client of [table, lambda]) client.destroy();
    await stack.stop();
  }
  return times;
}

const orderItem = (orderId: string) => ({
  orderId: { S: orderId },
  dayShard: { S: dayShard(DAY, orderId) },
  status: { S: 'PENDING' },
  total: { N: '49.99' },
});
