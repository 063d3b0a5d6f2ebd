/** All parsers of outside input, with examples of what they are given. */
import { parseReportRequest } from '../lambdas/analytics/daily-report';
import { analyticsRecord } from '../lambdas/analytics/record';
import { PoisonEventError } from '../lambdas/contract';
import { CONTRACTS } from '../lambdas/events';
import { parseNotificationInput } from '../lambdas/notification';
import { DamagedItemError, readOrderItem } from '../lambdas/order-item';
import { readOrderEvent } from '../lambdas/order-processor/order';
import { ConfigError, parseStage } from '../lib/config';
import { createCommand, numberFrom, wholeNumberFrom } from '../tools/cli/command';
import { compile, InvalidEventPatternError } from '../tools/eventbridge/event-pattern';
import {
  compileInput,
  InvalidTargetInputError,
  type TargetInput,
} from '../tools/eventbridge/input-transformer';
import { InvalidScheduleError, parseSchedule } from '../tools/eventbridge/schedule';
import { encodeCbor } from '../tools/local/endpoint/cbor';
import { cloudwatch } from '../tools/local/endpoint/cloudwatch';
import { eventBridge } from '../tools/local/endpoint/event-bridge';
import { InputReader } from '../tools/local/endpoint/input';
import { lambda } from '../tools/local/endpoint/lambda';
import { UnknownRequestError, understand } from '../tools/local/endpoint/protocol';
import { s3 } from '../tools/local/endpoint/s3';
import { sns } from '../tools/local/endpoint/sns';
import { sqs } from '../tools/local/endpoint/sqs';
import { ServiceError } from '../tools/local/services/service-error';
import { readFailedEvent } from '../tools/ops/failed-event';
import type { FuzzedParser } from '../tools/sim/fuzz';
import { evaluate } from '../tools/template/policy';
import { readStatements } from '../tools/template/policy-document';
import { AssemblyError, parseTemplate } from '../tools/template/template';
import { APP } from './app-description';

const PERSONAL = /jane/;

const EVENTS = CONTRACTS.map((contract) => ({
  ...{
    version: '0',
    id: '0b5ff4a6-8e1c-4a53-8c0f-3f1f9d0a1c11',
    account: '111122223333',
    region: 'us-east-1',
  },
  ...{
    source: contract.source,
    'detail-type': contract.detailType,
    time: '2026-01-15T10:00:00Z',
    resources: [],
  },
  detail: { ...contract.example, metadata: { eventId: 'e-1', version: 1, correlationId: 'c-1' } },
}));

const PATTERNS = [
  {
    source: ['app.orders', { prefix: 'app.' }],
    detail: {
      status: [{ 'anything-but': ['PENDING', 'X'] }, { exists: false }],
      total: [{ numeric: ['>', 0, '<=', 100] }],
      address: [{ cidr: '10.0.0.0/24' }, { wildcard: '*.example' }],
      $or: [{ a: [1] }, { b: [{ suffix: { 'equals-ignore-case': 'x' } }] }],
    },
  },
];

const EVENT_CONTEXT = {
  ruleArn: 'arn:aws:events:us-east-1:1:rule/r',
  ruleName: 'r',
  ingestionTime: '2026-01-15T10:00:00Z',
};

const events: FuzzedParser[] = [
  ...CONTRACTS.map((contract, index) => ({
    name: `contract ${contract.type}`,
    examples: [EVENTS[index]],
    read: (event: unknown) => contract.parse(event),
    refuses: [PoisonEventError],
    personal: PERSONAL,
  })),
  {
    name: 'event of the order processor',
    examples: EVENTS,
    read: readOrderEvent,
    refuses: [PoisonEventError],
    personal: PERSONAL,
  },
  {
    name: 'event of analytics',
    examples: EVENTS,
    read: (event) => analyticsRecord(event),
    refuses: [PoisonEventError],
    personal: PERSONAL,
  },
  {
    name: 'request of a report',
    examples: [{ type: 'daily_report', date: '2026-01-15', partial: true, onlyIfMissing: false }],
    read: parseReportRequest,
    refuses: [PoisonEventError],
  },
  {
    name: 'input of the notifier',
    examples: [
      {
        message: 'Order o is SHIPPED',
        ...EVENTS[1],
        orderId: 'o',
        status: 'SHIPPED',
        customerEmail: 'jane@example.com',
      },
    ],
    read: parseNotificationInput,
    refuses: [PoisonEventError],
    personal: PERSONAL,
  },
  {
    name: 'item of an order',
    examples: [
      {
        ...{ createdBy: 'e-1', createdAt: '2026-01-15T10:00:00.000Z', status: 'SHIPPED', revision: 2 },
        ...{
          fact_SHIPPED: { at: '2026-01-15T10:00:00.000Z', by: 'e-2' },
          conflicts: [{ type: 'OrderCreated', by: 'e-3' }],
        },
      },
    ],
    read: (item) => readOrderItem(item),
    refuses: [DamagedItemError],
  },
  {
    name: 'message of a failed event',
    examples: [
      {
        ...{ id: 'm', sentAt: 0, body: JSON.stringify(EVENTS[0]) },
        attributes: {
          RULE_ARN: EVENT_CONTEXT.ruleArn,
          TARGET_ARN: 'arn:aws:lambda:us-east-1:1:function:f',
          ERROR_CODE: 'X',
        },
      },
      {
        ...{ id: 'm', sentAt: 0, attributes: {} },
        body: JSON.stringify({
          requestContext: { requestId: 'r', functionArn: 'arn:aws:lambda:us-east-1:1:function:f' },
          requestPayload: EVENTS[0],
        }),
      },
    ],
    // Its frame is SQS's; the body and the attributes are anybody's.
    read: ({ body, attributes }: { body: unknown; attributes: unknown }) =>
      readFailedEvent({ id: 'm', sentAt: 0, body: String(body), attributes: textsOf(attributes) }, APP),
    refuses: [],
  },
];

const textsOf = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(value ?? {}).map(([name, each]) => [name, String(each)]));

const transform = (input: Omit<TargetInput, 'Id'>) =>
  compileInput({ Id: 'T', ...input })(EVENTS[0] as never, EVENT_CONTEXT, JSON.stringify(EVENTS[0]));

const eventbridge: FuzzedParser[] = [
  {
    name: 'pattern',
    examples: [...PATTERNS, ...PATTERNS.map((each) => JSON.stringify(each))],
    read: (pattern: string | object) => compile(pattern).matches(EVENTS[0] as never),
    refuses: [InvalidEventPatternError],
  },
  // Their frame is read by the template's reader, or by the API's model; texts are anybody's.
  {
    name: 'path of an input',
    examples: ['$.detail.items[0].sku', '$.detail', "$['detail']", '$'],
    read: (path: string) => {
      transform({ InputPath: path });
      transform({ InputTransformer: { InputPathsMap: { id: path }, InputTemplate: '{"id": <id>}' } });
    },
    refuses: [InvalidTargetInputError],
  },
  {
    name: 'template of an input',
    examples: ['{"id": <id>, "first": "<id> of <aws.events.rule-name>"}', '"<id>"', '<id>'],
    read: (InputTemplate: string) =>
      transform({ InputTransformer: { InputPathsMap: { id: '$.detail.orderId' }, InputTemplate } }),
    refuses: [InvalidTargetInputError],
  },
  {
    name: 'constant input',
    examples: ['{"a": [1, "x", null]}'],
    read: (Input: string) => transform({ Input }),
    refuses: [InvalidTargetInputError],
  },
  {
    name: 'schedule',
    examples: [
      'rate(5 minutes)',
      'cron(0 9 * * ? *)',
      'cron(0/15 8-17 ? * MON-FRI 2026-2030)',
      'cron(0 0 L * ? *)',
    ],
    read: (text: string) => parseSchedule(text),
    refuses: [InvalidScheduleError],
  },
];

const RESOURCE = { type: 'AWS::IAM::Policy', logicalId: 'P', name: 'p', arn: 'arn', properties: {} } as never;
const STATEMENTS = [
  {
    Effect: 'Allow',
    Action: ['dynamodb:Get*', 'sqs:SendMessage'],
    Resource: 'arn:aws:dynamodb:*:*:table/x',
    Condition: { StringLike: { 'aws:SourceArn': ['arn:*'] }, IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } },
  },
  { Effect: 'Deny', NotAction: 's3:*', NotResource: ['*'] },
];

const templates: FuzzedParser[] = [
  {
    name: 'policy',
    examples: [{ Version: '2012-10-17', Statement: STATEMENTS }],
    read: (document) =>
      evaluate(readStatements(RESOURCE, document, { at: 'PolicyDocument', isIdentity: true }), {
        ...{ principal: { aws: 'arn:aws:iam::1:role/r' }, action: 'dynamodb:GetItem' },
        ...{ resource: 'arn:aws:dynamodb:us-east-1:1:table/x', context: { 'aws:SourceArn': 'arn:x' } },
      }),
    refuses: [AssemblyError],
  },
  {
    name: 'template',
    examples: [
      JSON.stringify({
        Resources: { Q: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'q' } } },
        Outputs: {},
      }),
      'Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !Ref AWS::StackName\n',
    ],
    read: (text: string) => parseTemplate(text, 'template.json'),
    refuses: [AssemblyError],
  },
  {
    name: 'settings of a stage',
    examples: [
      {
        ...{
          projectName: 'shop',
          tracingPercent: 5,
          memory: { notifier: 256 },
          logLevel: 'INFO',
          retainData: true,
        },
        ...{
          alarmEmail: 'ops@example.com',
          dailyReportSchedule: 'cron(0 9 * * ? *)',
          alarms: { dailyReportMinutes: 60 },
        },
      },
    ],
    read: (settings) => parseStage('dev', settings),
    refuses: [ConfigError],
  },
];

/** Handlers of operations are not called, only what reads for them. */
const NOTHING: object = new Proxy(() => {}, { get: () => NOTHING });
const STUB = NOTHING as never;
const SERVICES = [eventBridge, sqs, sns, lambda, cloudwatch, s3].map((service) => service(STUB));
const READERS = new Map(
  SERVICES.flatMap((each) => (each.model ? [[each, new InputReader(each.model)] as const] : [])),
);

interface Wire {
  readonly headers: Record<string, string>;
  readonly path: string;
  readonly body: string;
  readonly signedFor: string;
  readonly encoding?: 'base64';
  readonly method?: string;
}

function readRequest({ headers, path, body, signedFor, encoding, method = 'POST' }: Wire): void {
  const bytes = Buffer.from(String(body), encoding === 'base64' ? 'base64' : 'utf8');
  const [, plain = '/', search = ''] = /^([^?]*)\??(.*)$/s.exec(String(path)) ?? [];
  const request = {
    method: String(method),
    path: plain,
    query: new URLSearchParams(search),
    headers: textsOf(headers),
    body: bytes,
  };
  const { service, operation, input, form = 'typed' } = understand(SERVICES, request, String(signedFor));
  if (Object.hasOwn(service.operations, operation)) READERS.get(service)?.read(operation, input, form);
}

const JSON_BODY = { 'content-type': 'application/x-amz-json-1.1' };
const PUT = { Entries: [{ Source: 'a', DetailType: 'b', Detail: '{}', EventBusName: 'c', Time: 1 }] };
const FORM =
  'Action=Publish&Version=2010-03-31&TopicArn=arn&Message=x&MessageAttributes.entry.1.Name=a&MessageAttributes.entry.1.Value.DataType=String';

const wire: FuzzedParser[] = [
  {
    name: 'request in JSON',
    examples: [
      {
        headers: { ...JSON_BODY, 'x-amz-target': 'AWSEvents.PutEvents' },
        path: '/',
        body: JSON.stringify(PUT),
        signedFor: 'events',
      },
      {
        headers: { ...JSON_BODY, 'x-amz-target': 'AmazonSQS.SendMessage' },
        path: '/',
        body: '{"QueueUrl": "q", "MessageBody": "x"}',
        signedFor: 'sqs',
      },
    ],
    read: readRequest,
    refuses: [UnknownRequestError, ServiceError],
  },
  {
    name: 'body in JSON',
    examples: [JSON.stringify(PUT)],
    read: (body: string) =>
      readRequest({
        headers: { ...JSON_BODY, 'x-amz-target': 'AWSEvents.PutEvents' },
        path: '/',
        body,
        signedFor: 'events',
      }),
    refuses: [UnknownRequestError, ServiceError],
  },
  {
    name: 'request in the query protocol',
    examples: [FORM],
    read: (body: string) =>
      readRequest({
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        path: '/',
        body,
        signedFor: 'sns',
      }),
    refuses: [UnknownRequestError, ServiceError],
  },
  {
    name: 'request in CBOR',
    examples: [
      encodeCbor({ AlarmNames: ['a'], MaxRecords: 5 }).toString('base64'),
      encodeCbor({}).toString('base64'),
    ],
    read: (body: string) =>
      readRequest({
        headers: { 'content-type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor' },
        path: '/service/GraniteServiceVersion20100801/operation/DescribeAlarms',
        ...{ body, encoding: 'base64', signedFor: 'monitoring' },
      }),
    refuses: [UnknownRequestError, ServiceError],
  },
  {
    name: 'request of a REST service',
    examples: [
      '/2015-03-31/functions/f/invocations',
      '/2015-03-31/functions/?MaxItems=5',
      '/bucket/a/b?list-type=2&prefix=x',
    ],
    read: (path: string) => {
      for (const signedFor of ['lambda', 's3']) {
        for (const method of ['GET', 'POST']) {
          try {
            readRequest({ headers: {}, path, body: '{}', signedFor, method });
          } catch (error) {
            if (!(error instanceof UnknownRequestError || error instanceof ServiceError)) throw error;
          }
        }
      }
    },
    refuses: [],
  },
];

class RefusedArgument extends Error {}

const cli: FuzzedParser[] = [
  {
    name: 'command line',
    examples: ['--seed 7 --events 40 --json', '--rate 0.5 --from=2026-01-15 --name x', '-- --seed'],
    read: (line: string) => {
      const command = createCommand('x')
        .option('--seed <n>', 'n', wholeNumberFrom(0, 9))
        .option('--rate <n>', 'n', numberFrom(0, 1))
        .option('--name <text>', 'n')
        .option('--json')
        .configureOutput({ writeErr: () => {}, writeOut: () => {} })
        .exitOverride(() => {
          throw new RefusedArgument();
        });
      command.parse(line.split(' '), { from: 'user' });
    },
    refuses: [RefusedArgument],
  },
];

export const FUZZED: readonly FuzzedParser[] = [...events, ...eventbridge, ...templates, ...wire, ...cli];
