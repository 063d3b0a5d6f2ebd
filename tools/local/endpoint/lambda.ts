import type {
  GetFunctionConfigurationCommandInput,
  InvokeCommandInput,
  ListFunctionsCommandInput,
} from '@aws-sdk/client-lambda';
import { ASYNC_INVOCATION } from '../../eventbridge/service-facts';
import type { LambdaFunction } from '../services/lambda';
import { ServiceError } from '../services/service-error';
import { MODELS } from './models/models';
import { HttpReply, operation, page, type Service, type Services, validationError } from './service';

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_SYNCHRONOUS_BYTES = 6 * 1024 * 1024;

/** The body is bytes, whatever the SDK's user gave. */
type InvokeInput = Omit<InvokeCommandInput, 'Payload'> & { readonly Payload?: Uint8Array };

export function lambda({ functions, assembly }: Services): Service {
  const prefix = `arn:${assembly.partition}:lambda:${assembly.region}:${assembly.account}:function:`;
  /** A name, a partial ARN or an ARN, each with or without a qualifier, as an ARN and the qualifier. */
  const read = (identifier: string, parameter?: string): { arn: string; qualifier: string | undefined } => {
    // A name takes one part, `account:function:name` three, an ARN seven; a qualifier one more.
    const parts = identifier.split(':');
    const isArn = parts[0] === 'arn';
    const isPartial = /^\d{12}$/.test(parts[0] ?? '');
    const size = isArn ? 7 : isPartial ? 3 : parts[0] === 'function' ? 2 : 1;
    const name = parts.slice(0, size);
    const arn = isArn
      ? name.join(':')
      : isPartial
        ? prefix.replace(`:${assembly.account}:`, `:${name[0]}:`) + name[2]
        : prefix + name.at(-1);
    const inName = parts[size];
    if (inName !== undefined && parameter !== undefined && inName !== parameter) {
      throw new ServiceError(
        'InvalidParameterValueException',
        'The derived qualifier from the function name does not match the specified qualifier.',
      );
    }
    return { arn, qualifier: inName ?? parameter };
  };
  const arnOf = (identifier: string) => read(identifier).arn;
  const find = (identifier: string, parameter?: string) => {
    const { arn, qualifier } = read(identifier, parameter);
    const found = functions.find((each) => each.arn === arn);
    if (found && (qualifier ?? '$LATEST') === '$LATEST') return found;
    const shown = qualifier === undefined ? arn : `${arn}:${qualifier}`;
    throw new ServiceError('ResourceNotFoundException', `Function not found: ${shown}`, 404);
  };

  return {
    name: 'lambda',
    rest: 'json',
    model: MODELS.lambda,
    invalid: validationError('ValidationException'),
    accessDenied: { code: 'AccessDeniedException', status: 403 },
    operations: {
      Invoke: operation<InvokeInput>({
        action: 'InvokeFunction',
        resources: ({ FunctionName }) => [arnOf(FunctionName)],
        async run({ FunctionName, Qualifier, InvocationType, LogType, Payload }, { trace }) {
          const invoked = find(FunctionName, Qualifier);
          const payload = readPayload(Buffer.from(Payload ?? ''), InvocationType);
          if (InvocationType === 'DryRun') return new HttpReply(204, JSON_HEADERS, '');
          if (InvocationType === 'Event') {
            const requestId = invoked.invokeAsync(payload, trace);
            return new HttpReply(202, { ...JSON_HEADERS, 'x-amzn-requestid': requestId }, '');
          }
          const result = await invoked.invoke(payload, trace);
          // The request id is the invocation's: it is in the function's log, and in the record of a failed event.
          return new HttpReply(
            200,
            {
              ...JSON_HEADERS,
              'x-amzn-requestid': result.requestId,
              'x-amz-executed-version': '$LATEST',
              ...(result.functionError && { 'x-amz-function-error': result.functionError }),
              ...(LogType === 'Tail' && {
                'x-amz-log-result': Buffer.from(result.logTail).toString('base64'),
              }),
            },
            result.payload,
          );
        },
      }),
      ListFunctions: operation<ListFunctionsCommandInput>({
        run({ Marker, MaxItems = 50 }) {
          const shown = page(functions, Math.min(MaxItems, 50), Marker, 'InvalidParameterValueException');
          return { Functions: shown.items.map(configuration), NextMarker: shown.next };
        },
      }),
      GetFunctionConfiguration: operation<GetFunctionConfigurationCommandInput>({
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

const JSON_HEADERS = { 'content-type': 'application/json' };
