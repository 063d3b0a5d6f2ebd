import { ASYNC_INVOCATION } from '../../eventbridge/service-facts';
import type { LambdaFunction } from '../services/lambda';
import { ServiceError } from '../services/service-error';
import { anything, integer, required, string } from './input';
import type { Exchange, HttpRequest } from './protocol';
import { operation, page, type Service, type Services, validationError } from './service';

const FUNCTIONS = '/2015-03-31/functions';
const functionName = required(
  string({
    min: 1,
    max: 256,
    pattern:
      /^(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-\d:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_.]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?$/,
  }),
);
/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_SYNCHRONOUS_BYTES = 6 * 1024 * 1024;

interface InvokeOutput {
  StatusCode: number;
  /** The invocation's: it is in the function's log, and in the record of an event that it could not handle. */
  RequestId?: string;
  FunctionError?: string;
  LogResult?: string;
  ExecutedVersion?: string;
  Payload?: string;
}

export function lambda({ functions, assembly }: Services): Service {
  /** A name, a partial ARN or an ARN, with or without a qualifier. */
  const nameOf = (identifier: string) => {
    const [, name = identifier] =
      /function:([^:]+)/.exec(identifier) ?? /^(?:\d{12}:)?([^:]+)/.exec(identifier) ?? [];
    return name;
  };
  const arnOf = (identifier: string) =>
    `arn:aws:lambda:${assembly.region}:${assembly.account}:function:${nameOf(identifier)}`;
  const find = (identifier: string, qualifier = '$LATEST') => {
    const found = functions.find(({ name }) => name === nameOf(identifier));
    if (found && qualifier === '$LATEST') return found;
    const arn = qualifier === '$LATEST' ? arnOf(identifier) : `${arnOf(identifier)}:${qualifier}`;
    throw new ServiceError('ResourceNotFoundException', `Function not found: ${arn}`, 404);
  };

  return {
    name: 'lambda',
    rest: readRequest,
    invalid: validationError('ValidationException'),
    accessDenied: { code: 'AccessDeniedException', status: 403 },
    operations: {
      Invoke: operation({
        input: {
          FunctionName: functionName,
          Qualifier: string({ min: 1, max: 128 }),
          InvocationType: string({ values: ['Event', 'RequestResponse', 'DryRun'] }),
          LogType: string({ values: ['None', 'Tail'] }),
          Payload: required(anything),
        },
        action: 'InvokeFunction',
        resources: ({ FunctionName }) => [arnOf(FunctionName)],
        async run(
          { FunctionName, Qualifier, InvocationType, LogType, Payload },
          { trace },
        ): Promise<InvokeOutput> {
          const invoked = find(FunctionName, Qualifier);
          const payload = readPayload(Payload as Buffer, InvocationType);
          if (InvocationType === 'DryRun') return { StatusCode: 204 };
          if (InvocationType === 'Event') {
            return { StatusCode: 202, RequestId: invoked.invokeAsync(payload, trace) };
          }
          const result = await invoked.invoke(payload, trace);
          return {
            StatusCode: 200,
            RequestId: result.requestId,
            ExecutedVersion: '$LATEST',
            Payload: result.payload,
            ...(result.functionError && { FunctionError: result.functionError }),
            ...(LogType === 'Tail' && { LogResult: Buffer.from(result.logTail).toString('base64') }),
          };
        },
      }),
      ListFunctions: operation({
        input: { Marker: string(), MaxItems: integer({ min: 1, max: 10_000 }) },
        run({ Marker, MaxItems = 50 }) {
          const shown = page(functions, Math.min(MaxItems, 50), Marker, 'InvalidParameterValueException');
          return { Functions: shown.items.map(configuration), NextMarker: shown.next };
        },
      }),
      GetFunctionConfiguration: operation({
        input: { FunctionName: functionName, Qualifier: string({ min: 1, max: 128 }) },
        resources: ({ FunctionName }) => [arnOf(FunctionName)],
        run: ({ FunctionName, Qualifier }) => configuration(find(FunctionName, Qualifier)),
      }),
    },
  };
}

function readPayload(body: Buffer, invocationType: string | undefined): string {
  const limit = invocationType === 'Event' ? ASYNC_INVOCATION.maxPayloadBytes : MAX_SYNCHRONOUS_BYTES;
  if (body.length > limit) {
    throw new ServiceError(
      'RequestTooLargeException',
      `${body.length} byte payload is too large for the ${invocationType ?? 'RequestResponse'} invocation type (limit ${limit} bytes)`,
      413,
    );
  }
  const payload = body.length === 0 ? '{}' : body.toString('utf8');
  try {
    JSON.parse(payload);
  } catch (error) {
    throw new ServiceError(
      'InvalidRequestContentException',
      `Could not parse request body into json: ${(error as Error).message}`,
    );
  }
  return payload;
}

function configuration({ name, arn, resource: { properties } }: LambdaFunction): object {
  return {
    FunctionName: name,
    FunctionArn: arn,
    Runtime: properties.Runtime,
    Role: properties.Role,
    Handler: properties.Handler,
    Description: properties.Description,
    Timeout: Number(properties.Timeout ?? 3),
    MemorySize: Number(properties.MemorySize ?? 128),
    Version: '$LATEST',
    Environment: properties.Environment,
    TracingConfig: properties.TracingConfig ?? { Mode: 'PassThrough' },
    Architectures: properties.Architectures ?? ['x86_64'],
    LoggingConfig: properties.LoggingConfig,
    PackageType: 'Zip',
    State: 'Active',
    LastUpdateStatus: 'Successful',
  };
}

/** Lambda's own protocol: REST with JSON. https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html */
function readRequest(request: HttpRequest): Omit<Exchange, 'service'> | undefined {
  const { method, path, query, headers, body } = request;
  if (!path.startsWith('/2015-03-31/')) return undefined;
  const [, encodedName, rest = ''] = /^\/2015-03-31\/functions\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  const name = { FunctionName: encodedName && decodeURIComponent(encodedName) };
  const parameters = Object.fromEntries(query);
  if (method === 'POST' && rest === '/invocations') {
    const input = {
      ...parameters,
      ...name,
      InvocationType: headers['x-amz-invocation-type'],
      LogType: headers['x-amz-log-type'],
      Payload: body,
    };
    return { operation: 'Invoke', input, reply: (output) => replyToInvoke(output as InvokeOutput), refuse };
  }
  if (method === 'GET' && rest === '/configuration') {
    return {
      operation: 'GetFunctionConfiguration',
      input: { ...parameters, ...name },
      text: true,
      reply,
      refuse,
    };
  }
  if (method === 'GET' && (path === FUNCTIONS || path === `${FUNCTIONS}/`)) {
    return { operation: 'ListFunctions', input: parameters, text: true, reply, refuse };
  }
  return { operation: `${method} ${path}`, input: {}, reply, refuse };
}

const JSON_HEADERS = { 'content-type': 'application/json' };

const reply: Exchange['reply'] = (output) => ({
  status: 200,
  headers: JSON_HEADERS,
  body: JSON.stringify(output ?? {}),
});

const refuse: Exchange['refuse'] = ({ code, message, status, members }) => ({
  status,
  headers: { ...JSON_HEADERS, 'x-amzn-errortype': code },
  body: JSON.stringify({ Type: status < 500 ? 'User' : 'Service', Message: message, message, ...members }),
});

function replyToInvoke({
  StatusCode,
  RequestId,
  FunctionError,
  LogResult,
  ExecutedVersion,
  Payload = '',
}: InvokeOutput) {
  return {
    status: StatusCode,
    headers: {
      ...JSON_HEADERS,
      ...(RequestId && { 'x-amzn-requestid': RequestId }),
      ...(ExecutedVersion && { 'x-amz-executed-version': ExecutedVersion }),
      ...(FunctionError && { 'x-amz-function-error': FunctionError }),
      ...(LogResult !== undefined && { 'x-amz-log-result': LogResult }),
    },
    body: Payload,
  };
}
