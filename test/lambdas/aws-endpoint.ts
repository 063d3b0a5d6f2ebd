/**
 * EventBridge, Scheduler, SNS and Firehose on loopback, as far as the handlers and the publisher call them: real HTTP, the
 * services' wire formats, and the services' refusals of what is over their limits. A test can put other answers
 * before the usual ones.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Call {
  /** Name of the operation. */
  readonly operation: string;
  /** The JSON body; for SNS the form fields. */
  // biome-ignore lint/suspicious/noExplicitAny: each operation has a body of its own
  readonly input: any;
}

/** An error of the service, or a body; undefined leaves the request without an answer. */
export type Answer = { readonly error: string; readonly message?: string } | { readonly body: object };
type Answerer = (input: Call['input']) => Answer | undefined;

export class AwsEndpoint {
  readonly calls: Call[] = [];
  readonly #scripted = new Map<string, Answerer[]>();
  readonly #server = createServer((request, response) => void this.#handle(request, response));

  static async start(): Promise<AwsEndpoint> {
    const endpoint = new AwsEndpoint();
    endpoint.#server.listen(0, '127.0.0.1');
    await once(endpoint.#server, 'listening');
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Inputs of the calls of one operation. */
  inputs(operation: string): Call['input'][] {
    return this.calls.filter((call) => call.operation === operation).map(({ input }) => input);
  }

  /** The next calls of the operation are answered by these, in turn. */
  answerNext(operation: string, ...answerers: Answerer[]): void {
    this.#scripted.set(operation, [...(this.#scripted.get(operation) ?? []), ...answerers]);
  }

  /** Forgets calls and answers that were not used. */
  reset(): void {
    this.calls.length = 0;
    this.#scripted.clear();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const target = request.headers['x-amz-target'];
    if (typeof target === 'string') {
      const operation = target.slice(target.indexOf('.') + 1);
      const answer = this.#answer({ operation, input: JSON.parse(body) });
      if (!answer) return;
      response.setHeader('content-type', 'application/x-amz-json-1.1');
      if ('error' in answer) {
        response.statusCode = 400;
        response.end(JSON.stringify({ __type: answer.error, message: answer.message ?? '' }));
      } else {
        response.end(JSON.stringify(answer.body));
      }
    } else if (request.url?.startsWith('/schedules/')) {
      const name = decodeURIComponent(request.url.slice('/schedules/'.length));
      const answer = this.#answer({
        operation: 'CreateSchedule',
        input: { Name: name, ...JSON.parse(body) },
      });
      if (!answer) return;
      response.setHeader('content-type', 'application/json');
      if ('error' in answer) {
        response.statusCode = answer.error === 'ConflictException' ? 409 : 400;
        response.setHeader('x-amzn-errortype', answer.error);
        response.end(JSON.stringify({ Message: answer.message ?? '' }));
      } else {
        response.end(JSON.stringify(answer.body));
      }
    } else {
      const { Action: operation = '', ...input } = Object.fromEntries(new URLSearchParams(body));
      const answer = this.#answer({ operation, input });
      if (!answer) return;
      response.setHeader('content-type', 'text/xml');
      if ('error' in answer) {
        response.statusCode = 400;
        response.end(
          `<ErrorResponse><Error><Type>Sender</Type><Code>${answer.error}</Code>` +
            `<Message>${answer.message ?? ''}</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
        );
      } else {
        const result = Object.entries(answer.body).map(([name, value]) => `<${name}>${value}</${name}>`);
        response.end(
          `<${operation}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><${operation}Result>` +
            `${result.join('')}</${operation}Result></${operation}Response>`,
        );
      }
    }
  }

  #answer(call: Call): Answer | undefined {
    this.calls.push(call);
    const scripted = this.#scripted.get(call.operation)?.shift();
    if (scripted) return scripted(call.input);
    switch (call.operation) {
      case 'PutEvents':
        return putEvents(call.input);
      case 'PutRecordBatch':
        return putRecordBatch(call.input);
      case 'CreateSchedule':
        return {
          body: { ScheduleArn: `arn:aws:scheduler:us-east-1:123456789012:schedule/${call.input.Name}` },
        };
      case 'Publish':
        return publish(call.input);
      default:
        return { error: 'UnknownOperationException', message: call.operation };
    }
  }
}

const bytes = (value = '') => Buffer.byteLength(value);

function putEvents({ Entries: entries }: Call['input']): Answer {
  const size = entries.reduce(
    (sum: number, entry: Record<string, string>) =>
      sum + bytes(entry.Source) + bytes(entry.DetailType) + bytes(entry.Detail) + ('Time' in entry ? 14 : 0),
    0,
  );
  if (entries.length < 1 || entries.length > 10 || size >= 1_048_576)
    return { error: 'ValidationException', message: `${entries.length} entries, ${size} bytes` };
  return { body: { FailedEntryCount: 0, Entries: entries.map(() => ({ EventId: randomUUID() })) } };
}

function putRecordBatch({ Records: records }: Call['input']): Answer {
  const sizes = records.map((record: { Data: string }) => Buffer.from(record.Data, 'base64').byteLength);
  if (records.length < 1 || records.length > 500 || Math.max(...sizes) > 1_024_000)
    return { error: 'ValidationException', message: `${sizes} bytes` };
  return { body: { FailedPutCount: 0, RequestResponses: records.map(() => ({ RecordId: randomUUID() })) } };
}

function publish(fields: Record<string, string>): Answer {
  const { Subject: subject = '' } = fields;
  const hasControl = Array.from(subject).some((character) => character < ' ' || character === '\u007f');
  if (hasControl || Array.from(subject).length > 100)
    return { error: 'InvalidParameter', message: 'Invalid parameter: Subject' };
  const values = Object.entries(fields).filter(([name]) => name.endsWith('.Value.StringValue'));
  if (values.some(([, value]) => value === ''))
    return { error: 'InvalidParameterValue', message: 'The message attribute has an empty value.' };
  return { body: { MessageId: randomUUID() } };
}
