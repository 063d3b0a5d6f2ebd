import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { OrderCreated } from '../../lambdas/events';
import { parseStage } from '../../lib/config';
import { EventBus } from '../../lib/event-bus';
import { type EndpointAuthorization, HttpEndpoint } from '../../lib/http-endpoint';
import { orderFulfilment } from '../../lib/order-fulfilment';
import { Workflow } from '../../lib/workflow';
import { synthesize } from './synthesize';

const REGIONS = ['us-east-1', 'eu-central-1'];
/** Partitions that lack some of what is off by default, such as pipes and API destinations. */
const OTHER_PARTITIONS = ['us-gov-west-1', 'cn-north-1'];
const isFound = spawnSync('cfn-lint', ['--version']).status === 0;
if (!isFound) console.log('cfn-lint is not found (pip install cfn-lint): its tests are skipped.');

const folder = mkdtempSync(join(tmpdir(), 'cfn-lint-'));
afterAll(() => rmSync(folder, { recursive: true }));

function errorsIn(name: string, template: object, regions = REGIONS): string[] {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(template));
  const { stdout } = spawnSync(
    'cfn-lint',
    ['--regions', ...regions, '--format', 'parseable', '--non-zero-exit-code', 'error', '--template', file],
    { encoding: 'utf8' },
  );
  return stdout.split('\n').filter((line) => /:E\d+:/.test(line));
}

/** Options that are off by default, as far as they go together: a key of the customer's own goes with no discoverer. */
const OPTIONS = {
  gradualDeployment: 'CANARY_10PERCENT_5MINUTES',
  analyticsAccessLogs: true,
  busLogLevel: 'INFO',
  tableCapacity: { least: 1, most: 5 },
  publisherAccounts: { '111122223333': ['partner.billing'] },
  organizations: { 'o-a1b2c3d4e5': ['partner.shipping'] },
  serviceEvents: { uploads: { source: ['aws.s3'], 'detail-type': ['Object Created'] } },
  partnerBuses: { shop: 'aws.partner/shopify.com/123/orders' },
  outboxes: { shipping: 'OrderStatusChanged' },
  dailyReportSchedule: 'cron(0 7 * * ? *)',
  dailyReportScheduler: { timezone: 'Europe/Berlin', flexibleMinutes: 9 },
  orderReminderDays: 3,
  orderTableClass: 'STANDARD_INFREQUENT_ACCESS',
};

const tested = isFound ? test : test.skip;

tested.each<[what: string, stage: string, settings: object, regions: readonly string[]]>([
  ['what is on by default, in any partition', 'production', {}, [...REGIONS, ...OTHER_PARTITIONS]],
  ['a stage that keeps nothing, in any partition', 'dev', {}, [...REGIONS, ...OTHER_PARTITIONS]],
  [
    'sources and options, with a discoverer',
    'production',
    { ...OPTIONS, schemaRegistry: 'CONTRACTS_AND_DISCOVERY' },
    REGIONS,
  ],
  [
    'sources and options, under a key of its own',
    'production',
    { ...OPTIONS, customerManagedKey: true },
    REGIONS,
  ],
])(
  'cfn-lint has no error in a template of %s',
  (what, stage, settings, regions) => {
    const template = synthesize(stage, settings).toJSON();
    expect(errorsIn(what.replaceAll(/\W/g, '-'), template, [...regions])).toEqual([]);
  },
  120_000,
);

tested(
  'cfn-lint has no error in HTTP endpoints and state machines as targets of rules',
  () => {
    const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'event-driven');
    const config = parseStage('production', {});
    const bus = new EventBus(stack, 'Bus', config);
    const input = { paths: { order: '$.detail.orderId' }, template: '{"orderId": <order>}' };
    const described = { description: 'An order', targetId: 'Target', input };
    const secret = 'shop/carrier';
    const endpoints: readonly EndpointAuthorization[] = [
      { kind: 'api-key', header: 'X-Api-Key', secret },
      { kind: 'basic', user: 'shop', secret },
      { kind: 'oauth', tokenUrl: 'https://example.com/token', clientId: 'shop', secret },
    ];
    for (const [index, authorization] of endpoints.entries()) {
      const name = `carrier-${index}`;
      const url = 'https://example.com/orders';
      bus.subscribe(
        name,
        OrderCreated,
        new HttpEndpoint(stack, name, { name, url, authorization, config }),
        described,
      );
    }
    for (const [name, type] of Object.entries(StateMachineType)) {
      const part = new Construct(stack, name);
      const definition = orderFulfilment(part, bus);
      const work = `work-${name.toLowerCase()}`;
      bus.subscribe(
        work,
        OrderCreated,
        new Workflow(part, 'Work', { name: work, definition, config, type }),
        described,
      );
    }
    expect(errorsIn('targets', Template.fromStack(stack).toJSON())).toEqual([]);
  },
  120_000,
);
