import type {
  AddPermissionCommandInput,
  DeleteFunctionConcurrencyCommandInput,
  GetFunctionCommandInput,
  GetFunctionConcurrencyCommandInput,
  GetFunctionConfigurationCommandInput,
  GetFunctionEventInvokeConfigCommandInput,
  GetPolicyCommandInput,
  InvokeCommandInput,
  ListFunctionsCommandInput,
  PutFunctionConcurrencyCommandInput,
  RemovePermissionCommandInput,
} from '@aws-sdk/client-lambda';
import { ASYNC_INVOCATION } from '../../eventbridge/service-facts';
import { invokeConfigOf } from '../../template/invoke-config';
import type { Statement } from '../../template/policy-document';
import type { LambdaFunction } from '../services/lambda';
import { ServiceError } from '../services/service-error';
import type { Input } from './input';
import { MODELS } from './models/models';
import { HttpReply, operation, page, type Service, type Services, validationError } from './service';

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_SYNCHRONOUS_BYTES = 6 * 1024 * 1024;

/** The body is bytes, whatever the SDK's user gave. */
type InvokeInput = Omit<InvokeCommandInput, 'Payload'> & { readonly Payload: Uint8Array };

/** The functions by the names and ARNs, with or without a qualifier, that requests give. */
class FunctionNames {
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
  }

  /** A name, a partial ARN or an ARN, each with or without a qualifier, as an ARN and the qualifier. */
  #read(identifier: string, parameter?: string): { arn: string; qualifier: string | undefined } {
    // A name takes one part, `account:function:name` three, an ARN seven; a qualifier one more.
    const parts = identifier.split(':');
    const isArn = parts[0] === 'arn';
    const isPartial = /^\d{12}(:|$)/.test(identifier);
    const size = isArn ? 7 : isPartial ? 3 : parts[0] === 'function' ? 2 : 1;
    const { partition, region, account } = this.#services.assembly;
    const owner = isPartial ? parts[0] : account;
    const arn = isArn
      ? parts.slice(0, size).join(':')
      : `arn:${partition}:lambda:${region}:${owner}:function:${parts[size - 1]}`;
    const inName = parts[size];
    if (inName !== undefined && parameter !== undefined && inName !== parameter) {
      throw new ServiceError(
        'InvalidParameterValueException',
        'The derived qualifier from the function name does not match the specified qualifier.',
      );
    }
    return { arn, qualifier: inName ?? parameter };
  }

  arn(identifier: string): string {
    return this.#read(identifier).arn;
  }

  /** @throws ServiceError (ResourceNotFoundException), also for an alias or version: there are none here */
  find(identifier: string, parameter?: string): LambdaFunction {
    const { arn, qualifier } = this.#read(identifier, parameter);
    const found = this.#services.functions.find((each) => each.arn === arn);
    if (found && (qualifier ?? '$LATEST') === '$LATEST') return found;
    const shown = qualifier === undefined ? arn : `${arn}:${qualifier}`;
    throw notFound(`Function not found: ${shown}`);
  }
}

const notFound = (message: string) => new ServiceError('ResourceNotFoundException', message, 404);

export function lambda(services: Services): Service {
  return {
    name: 'lambda',
    rest: 'json',
    model: MODELS.lambda,
    invalid: validationError('ValidationException'),
    accessDenied: { code: 'AccessDeniedException', status: 403 },
    operations: {
      ...invocationOperations(services),
      ...policyOperations(services),
      ...concurrencyOperations(services),
    },
  };
}

function invocationOperations(services: Services): Service['operations'] {
  const { functions, assembly, startedAt } = services;
  const names = new FunctionNames(services);
  const configure = (each: LambdaFunction) => configuration(each, startedAt);
  return {
    Invoke: operation<InvokeInput>({
      action: 'InvokeFunction',
      resources: ({ FunctionName }) => [names.arn(FunctionName)],
      async run({ FunctionName, Qualifier, InvocationType, LogType, Payload }, { trace }) {
        const invoked = names.find(FunctionName, Qualifier);
        const payload = readPayload(Buffer.from(Payload), InvocationType);
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
        return { Functions: shown.items.map(configure), NextMarker: shown.next };
      },
    }),
    GetFunctionConfiguration: operation<GetFunctionConfigurationCommandInput>({
      resources: ({ FunctionName }) => [names.arn(FunctionName)],
      run: ({ FunctionName, Qualifier }) => configure(names.find(FunctionName, Qualifier)),
    }),
    GetFunction: operation<GetFunctionCommandInput>({
      resources: ({ FunctionName }) => [names.arn(FunctionName)],
      run({ FunctionName, Qualifier }) {
        const found = names.find(FunctionName, Qualifier);
        const reserved = found.reservedConcurrency;
        return {
          Configuration: configure(found),
          Code: { RepositoryType: 'S3' },
          ...(reserved !== undefined && { Concurrency: { ReservedConcurrentExecutions: reserved } }),
          Tags: tagsOf(found),
        };
      },
    }),
    GetFunctionEventInvokeConfig: operation<GetFunctionEventInvokeConfigCommandInput>({
      resources: ({ FunctionName }) => [names.arn(FunctionName)],
      run({ FunctionName, Qualifier }) {
        const { arn, resource } = names.find(FunctionName, Qualifier);
        const { resource: ofConfig, ...config } = invokeConfigOf(assembly, resource);
        if (!ofConfig) throw notFound(`The function ${arn} doesn't have an EventInvokeConfig`);
        return {
          FunctionArn: `${arn}:$LATEST`,
          LastModified: new Date(startedAt),
          MaximumRetryAttempts: config.retries,
          MaximumEventAgeInSeconds: config.ageSeconds,
          DestinationConfig: {
            OnFailure: { Destination: config.onFailure },
            OnSuccess: { Destination: config.onSuccess },
          },
        };
      },
    }),
  };
}

/** A function's resource policy, which decides who may invoke it. */
function policyOperations({ policies, ...services }: Services): Service['operations'] {
  const names = new FunctionNames({ policies, ...services });
  const statementsOf = ({ arn }: LambdaFunction) => policies().ofResource(arn);
  const noPolicy = () => notFound('The resource you requested does not exist.');
  return {
    GetPolicy: operation<GetPolicyCommandInput>({
      resources: ({ FunctionName }) => [names.arn(FunctionName)],
      run({ FunctionName, Qualifier }) {
        const statements = statementsOf(names.find(FunctionName, Qualifier));
        if (statements.length === 0) throw noPolicy();
        const Policy = JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement: statements });
        return { Policy, RevisionId: `revision-${policies().revision}` };
      },
    }),
    AddPermission: operation<AddPermissionCommandInput>({
      isChange: true,
      resources: ({ FunctionName }) => [names.arn(FunctionName)],
      run({ FunctionName, Qualifier, ...request }) {
        const found = names.find(FunctionName, Qualifier);
        const statements = statementsOf(found);
        if (statements.some(({ Sid }) => Sid === request.StatementId)) {
          const message = `The statement id (${request.StatementId}) provided already exists. Please provide a new statement id, or remove the existing statement.`;
          throw new ServiceError('ResourceConflictException', message, 409);
        }
        const statement = permissionStatement(found.arn, request);
        policies().setOfResource(found.arn, [...statements, statement]);
        return { Statement: JSON.stringify(statement) };
      },
    }),
    RemovePermission: operation<RemovePermissionCommandInput>({
      isChange: true,
      resources: ({ FunctionName }) => [names.arn(FunctionName)],
      run({ FunctionName, Qualifier, StatementId }) {
        const found = names.find(FunctionName, Qualifier);
        const statements = statementsOf(found);
        const kept = statements.filter(({ Sid }) => Sid !== StatementId);
        if (kept.length === statements.length) {
          throw notFound(`Statement ${StatementId} is not found in resource policy.`);
        }
        policies().setOfResource(found.arn, kept);
        return undefined;
      },
    }),
  };
}

function permissionStatement(
  arn: string,
  request: Omit<Input<AddPermissionCommandInput>, 'FunctionName' | 'Qualifier'>,
): Statement {
  const { StatementId, Action, Principal, SourceArn, SourceAccount, PrincipalOrgID } = request;
  const isService = Principal.includes('.');
  const equals = {
    ...(SourceAccount !== undefined && { 'AWS:SourceAccount': SourceAccount }),
    ...(PrincipalOrgID !== undefined && { 'aws:PrincipalOrgID': PrincipalOrgID }),
  };
  const condition = {
    ...(SourceArn !== undefined && { ArnLike: { 'AWS:SourceArn': SourceArn } }),
    ...(Object.keys(equals).length > 0 && { StringEquals: equals }),
  };
  return {
    Sid: StatementId,
    Effect: 'Allow',
    Principal: isService ? { Service: Principal } : { AWS: Principal },
    Action,
    Resource: arn,
    ...(Object.keys(condition).length > 0 && { Condition: condition }),
  };
}

/** Default quota of an account. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const ACCOUNT_CONCURRENCY = 1000;
/** Concurrency that must stay unreserved. */
const UNRESERVED = 100;

function concurrencyOperations(services: Services): Service['operations'] {
  const { functions } = services;
  const names = new FunctionNames(services);
  const reservedBy = (others: readonly LambdaFunction[]) =>
    others.reduce((sum, { reservedConcurrency = 0 }) => sum + Number(reservedConcurrency), 0);
  return {
    GetFunctionConcurrency: operation<GetFunctionConcurrencyCommandInput>({
      resources: ({ FunctionName }) => [names.arn(FunctionName)],
      run({ FunctionName }) {
        return { ReservedConcurrentExecutions: names.find(FunctionName).reservedConcurrency };
      },
    }),
    PutFunctionConcurrency: operation<PutFunctionConcurrencyCommandInput>({
      isChange: true,
      resources: ({ FunctionName }) => [names.arn(FunctionName)],
      run({ FunctionName, ReservedConcurrentExecutions }) {
        const found = names.find(FunctionName);
        const others = reservedBy(functions.filter((each) => each !== found));
        if (ACCOUNT_CONCURRENCY - others - ReservedConcurrentExecutions < UNRESERVED) {
          const message = `Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${UNRESERVED}].`;
          throw new ServiceError('InvalidParameterValueException', message);
        }
        found.reservedConcurrency = ReservedConcurrentExecutions;
        return { ReservedConcurrentExecutions };
      },
    }),
    DeleteFunctionConcurrency: operation<DeleteFunctionConcurrencyCommandInput>({
      isChange: true,
      resources: ({ FunctionName }) => [names.arn(FunctionName)],
      run({ FunctionName }) {
        names.find(FunctionName).reservedConcurrency = undefined;
        return undefined;
      },
    }),
    GetAccountSettings: operation({
      run: () => ({
        AccountLimit: {
          TotalCodeSize: 80_530_636_800,
          CodeSizeUnzipped: 262_144_000,
          CodeSizeZipped: 52_428_800,
          ConcurrentExecutions: ACCOUNT_CONCURRENCY,
          UnreservedConcurrentExecutions: ACCOUNT_CONCURRENCY - reservedBy(functions),
        },
        AccountUsage: { FunctionCount: functions.length },
      }),
    }),
  };
}

function tagsOf({ resource }: LambdaFunction): object {
  const tags: readonly { Key: string; Value: string }[] = resource.properties.Tags ?? [];
  return Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));
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

function configuration({ name, arn, resource: { properties } }: LambdaFunction, startedAt: number): object {
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
    LastModified: new Date(startedAt).toISOString().replace('Z', '+0000'),
    PackageType: 'Zip',
    State: 'Active',
    LastUpdateStatus: 'Successful',
  };
}

const JSON_HEADERS = { 'content-type': 'application/json' };
