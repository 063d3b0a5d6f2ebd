/** AWS's services by a script: each operation is answered in the protocol that the SDK's client speaks, without a network. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { APP } from '../../../bin/app-description';
import type { App } from '../../../tools/app';
import type { ExitCode } from '../../../tools/cli/errors';
import { Terminal } from '../../../tools/cli/terminal';
import type { Session } from '../../../tools/ops/session';
import { type ClientConfig, DeployedStack, type StackResource } from '../../../tools/ops/stack';
import { capture, type InProcess } from '../../in-process';

// biome-ignore lint/suspicious/noExplicitAny: each operation has an input of its own
type Input = any;
/** Text and bytes are the whole body. */
type Answer = object | string | Uint8Array;
/** The answer to an operation, or to each of its calls in turn; the last one to all that come after it. */
export type Script = Readonly<Record<string, Answer | ((input: Input, call: number) => Answer)>>;

/** An answer that is an error of the service. */
export class Refusal {
  constructor(
    readonly type: string,
    readonly message = 'no',
    readonly status = 400,
  ) {}
}

/** Lambda's answer for a function that failed. */
export class FunctionError {
  constructor(readonly error: object) {}
}

export interface ScriptedCall {
  readonly operation: string;
  readonly input: Input;
}

export class ScriptedAws {
  readonly calls: ScriptedCall[] = [];

  constructor(private readonly script: Script) {}

  /** Inputs of the calls of an operation. */
  inputsOf(operation: string): Input[] {
    return this.calls.filter((call) => call.operation === operation).map(({ input }) => input);
  }

  get clientConfig(): ClientConfig {
    return {
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 2,
      requestHandler: { handle: (request: Request) => this.#handle(request) } as never,
    };
  }

  async #handle(request: Request) {
    const operation = operationOf(request);
    const text = textOf(request.body);
    const input = text.startsWith('{') ? JSON.parse(text) : { ...request.query, path: request.path };
    const count = this.calls.filter((call) => call.operation === operation).length;
    this.calls.push({ operation, input });
    const scripted = this.script[operation];
    if (scripted === undefined) throw new Error(`the script has no ${operation}`);
    const answer = typeof scripted === 'function' ? scripted(input, count) : scripted;
    const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': `request-${count}` };
    if (answer instanceof Refusal) {
      const { type, message: text } = answer;
      // Of the query protocol an error is XML.
      const body = Buffer.from(
        operation === 'DescribeStacks'
          ? `<ErrorResponse><Error><Code>${type}</Code><Message>${text}</Message></Error></ErrorResponse>`
          : JSON.stringify({ __type: type, message: text }),
      );
      return {
        response: {
          statusCode: answer.status,
          headers: { ...headers, 'x-amzn-errortype': answer.type },
          body,
        },
      };
    }
    if (answer instanceof FunctionError) {
      const body = Buffer.from(JSON.stringify(answer.error));
      return {
        response: { statusCode: 200, headers: { ...headers, 'x-amz-function-error': 'Unhandled' }, body },
      };
    }
    const { statusCode = 200, ...fields } = answer as { statusCode?: number };
    const isWhole = typeof answer === 'string' || answer instanceof Uint8Array;
    const body = Readable.from([Buffer.from(isWhole ? answer : JSON.stringify(fields))]);
    return { response: { statusCode, headers, body } };
  }
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

const textOf = (body: Request['body'] = ''): string =>
  // As a whole, since the SDK warns who reads a body of its own as text.
  typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();

/** Reads the operation from the JSON protocols' header, the query protocol's form, or method and path. */
function operationOf({ method, path, query, headers, body }: Request): string {
  const { 'x-amz-target': target } = headers;
  if (target) return target.slice(target.lastIndexOf('.') + 1);
  const [, action] = /(?:^|&)Action=(\w+)/.exec(textOf(body)) ?? [];
  if (action) return action;
  if (/\/invocations$/.test(path)) return 'Invoke';
  if (/^\/schedules\/./.test(path)) return 'GetSchedule';
  if (/^\/schedules/.test(path)) return 'ListSchedules';
  if (query['list-type'] === '2') return 'ListObjectsV2';
  return `${method === 'GET' ? 'GetObject' : method}`;
}

/** Outputs of the scripted stack. */
export const OUTPUTS = {
  EventBusName: 'event-driven-bus',
  EventBusArn: 'arn:aws:events:us-east-1:111122223333:event-bus/event-driven-bus',
  ArchiveArn: 'arn:aws:events:us-east-1:111122223333:archive/event-driven-archive',
  DeadLetterQueueUrl: 'https://sqs.us-east-1.amazonaws.com/111122223333/event-driven-dlq',
  FailedEventsQueueUrl: 'https://sqs.us-east-1.amazonaws.com/111122223333/event-driven-failed-events',
  OrdersTableName: 'event-driven-orders',
  AnalyticsBucketName: 'event-driven-analytics',
};

export const NOW = Date.parse('2026-11-23T12:00:00.000Z');

export const functionArn = (name: string): string =>
  `arn:aws:lambda:us-east-1:111122223333:function:event-driven-${name}`;

export const FUNCTIONS: readonly StackResource[] = ['order-processor', 'notifier', 'analytics'].map(
  (name) => ({
    type: 'AWS::Lambda::Function',
    id: `event-driven-${name}`,
  }),
);

export interface Surroundings {
  readonly app?: App;
  readonly resources?: readonly StackResource[];
  readonly outputs?: Readonly<Record<string, string>>;
  readonly json?: boolean;
  readonly isTerminal?: boolean;
  readonly stdin?: string | null;
  readonly now?: () => number;
}

export interface Outcome extends InProcess {
  readonly aws: ScriptedAws;
  /** The document that `--json` prints. */
  // biome-ignore lint/suspicious/noExplicitAny: each command has a result of its own
  readonly json: any;
}

/** Runs the work of a command. */
export async function operate(
  script: Script,
  work: (session: Session) => Promise<ExitCode>,
  {
    app = APP,
    resources = FUNCTIONS,
    outputs = OUTPUTS,
    json = false,
    now = () => NOW,
    ...surroundings
  }: Surroundings = {},
): Promise<Outcome> {
  const aws = new ScriptedAws(script);
  const stack = new DeployedStack(
    'production',
    'event-driven',
    aws.clientConfig,
    new Map(Object.entries(outputs)),
    resources,
    'npx cdk deploy',
  );
  const { exitCode, stdout, stderr } = await capture(async () => {
    const terminal = new Terminal({ json });
    try {
      process.exitCode = await work({ app, stack, terminal, now });
    } finally {
      terminal.close();
    }
  }, surroundings);
  return {
    ...{ aws, exitCode, stdout, stderr },
    get json() {
      return JSON.parse(stdout);
    },
  };
}

/** Checksum of a message's body, as the SDK checks it. */
export const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** A message as ReceiveMessage gives it. */
export const message = (
  id: string,
  body: string,
  attributes: Readonly<Record<string, string>> = {},
  system: Readonly<Record<string, string>> = {},
) => ({
  MessageId: id,
  ReceiptHandle: `handle-${id}`,
  Body: body,
  MD5OfBody: md5(body),
  Attributes: { SentTimestamp: String(NOW - 60_000), ...system },
  MessageAttributes: Object.fromEntries(
    Object.entries(attributes).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
  ),
});

type ScriptedMessage = ReturnType<typeof message>;

/** Script of queues: what is received in batches of at most 10, once each; further queues are empty. */
export function queues(messagesOf: Readonly<Record<string, readonly ScriptedMessage[]>>, hidden = 0): Script {
  const left = new Map(Object.entries(messagesOf).map(([name, messages]) => [name, [...messages]]));
  const received = new Map<string, number>();
  const nameOf = ({ QueueUrl }: Input): string => QueueUrl.slice(QueueUrl.lastIndexOf('/event-driven-') + 14);
  return {
    GetQueueAttributes: (input) => ({
      Attributes: {
        ApproximateNumberOfMessages: String(left.get(nameOf(input))?.length ?? 0),
        ApproximateNumberOfMessagesDelayed: '0',
        ApproximateNumberOfMessagesNotVisible: String((received.get(nameOf(input)) ?? 0) + hidden),
      },
    }),
    ReceiveMessage: (input) => {
      const Messages = left.get(nameOf(input))?.splice(0, input.MaxNumberOfMessages) ?? [];
      received.set(nameOf(input), (received.get(nameOf(input)) ?? 0) + Messages.length);
      // A queue without messages gives no list.
      return Messages.length > 0 ? { Messages } : {};
    },
    DeleteMessage: (input) => {
      received.set(nameOf(input), (received.get(nameOf(input)) ?? 0) - 1);
      return {};
    },
    ChangeMessageVisibilityBatch: { Successful: [], Failed: [] },
  };
}

/** A rule as ListRules gives it. */
export const rule = (name: string, EventPattern: object | undefined, more: object = {}) => ({
  Name: `event-driven-${name}`,
  Arn: `arn:aws:events:us-east-1:111122223333:rule/event-driven-bus/event-driven-${name}`,
  State: 'ENABLED',
  ...(EventPattern && { EventPattern: JSON.stringify(EventPattern) }),
  ...more,
});

type ScriptedRule = ReturnType<typeof rule>;

/** Script of the rules of the stack's bus and of the account's default bus, two a page, with the functions that they call. */
export function rules(
  onBus: readonly (readonly [ScriptedRule, ...string[]])[],
  onDefault: readonly (readonly [ScriptedRule, ...string[]])[] = [],
): Script {
  const targets = new Map([...onBus, ...onDefault].map(([{ Name }, ...names]) => [Name, names]));
  return {
    ListRules: ({ EventBusName, NextToken = '0' }) => {
      const all = EventBusName === undefined ? onDefault : onBus;
      const start = Number(NextToken);
      const Rules = all.slice(start, start + 2).map(([each]) => each);
      return { Rules, ...(start + 2 < all.length && { NextToken: String(start + 2) }) };
    },
    ListTargetsByRule: ({ Rule }) => ({
      Targets: (targets.get(Rule) ?? []).map((name, index) => ({
        Id: `target-${index}`,
        Arn: name.startsWith('arn:') ? name : functionArn(name),
      })),
    }),
  };
}

export const ARCHIVE = {
  ...{ ArchiveName: 'event-driven-archive', EventCount: 1_000, SizeBytes: 2_000_000, RetentionDays: 30 },
  CreationTime: Date.parse('2026-10-01T00:00:00.500Z') / 1_000,
};
