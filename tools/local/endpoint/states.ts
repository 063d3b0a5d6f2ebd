import type {
  DescribeExecutionCommandInput,
  DescribeStateMachineCommandInput,
  GetExecutionHistoryCommandInput,
  ListExecutionsCommandInput,
  ListStateMachinesCommandInput,
  RedriveExecutionCommandInput,
  StartExecutionCommandInput,
  StartSyncExecutionCommandInput,
  StopExecutionCommandInput,
} from '@aws-sdk/client-sfn';
import { ServiceError } from '../services/service-error';
import type { Execution, HistoryEvent, StateMachine } from '../state-machine/state-machine';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services, validationError } from './service';

/** Step Functions: the template's state machines, and the executions of this run. */
export function states(services: Services): Service {
  return {
    name: 'states',
    target: 'AWSStepFunctions',
    jsonVersion: '1.0',
    model: MODELS.states,
    invalid: validationError('ValidationException'),
    accessDenied: { code: 'AccessDeniedException', status: 400 },
    operations: {
      ...machineOperations(services),
      ...startOperations(services),
      ...executionOperations(services),
      ...changeOperations(services),
    },
  };
}

const onMachine = ({ stateMachineArn }: { readonly stateMachineArn?: string | undefined }) => [
  stateMachineArn ?? '*',
];
const onExecution = ({ executionArn }: { readonly executionArn: string }) => [executionArn];

function finders({ stateMachines }: Services) {
  return {
    machine(arn: string): StateMachine {
      const machine = stateMachines.find((each) => each.arn === arn);
      if (machine) return machine;
      throw new ServiceError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
    },
    /** @throws ServiceError also for an Express one, which the service keeps none of */
    execution(arn: string): { machine: StateMachine; execution: Execution } {
      for (const machine of stateMachines) {
        const execution = machine.type === 'STANDARD' ? machine.find(arn) : undefined;
        if (execution) return { machine, execution };
      }
      throw new ServiceError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
    },
  };
}

function machineOperations(services: Services): Service['operations'] {
  const { stateMachines } = services;
  const { machine: find } = finders(services);
  const describe = (each: StateMachine) => ({
    ...{
      stateMachineArn: each.arn,
      name: each.name,
      type: each.type,
      creationDate: new Date(each.createdAt),
    },
  });
  return {
    ListStateMachines: operation<ListStateMachinesCommandInput>({
      run({ maxResults, nextToken }) {
        const { items, next } = page(stateMachines, maxResults || 100, nextToken, 'InvalidToken');
        return { stateMachines: items.map(describe), nextToken: next };
      },
    }),
    DescribeStateMachine: operation<DescribeStateMachineCommandInput>({
      resources: onMachine,
      run({ stateMachineArn }) {
        const machine = find(stateMachineArn);
        const { definition, role: roleArn } = machine;
        return { ...describe(machine), status: 'ACTIVE', definition, roleArn };
      },
    }),
  };
}

function startOperations(services: Services): Service['operations'] {
  const { machine: find } = finders(services);
  return {
    StartExecution: operation<StartExecutionCommandInput>({
      resources: onMachine,
      run({ stateMachineArn, name, input, traceHeader }, { trace = traceHeader }) {
        const started = find(stateMachineArn).start({ ...given({ name, input }), trace });
        return { executionArn: started.arn, startDate: new Date(started.startedAt) };
      },
    }),
    // SDKs put `sync-` before its host, unless their clients are made with `disableHostPrefix`.
    StartSyncExecution: operation<StartSyncExecutionCommandInput>({
      resources: onMachine,
      async run({ stateMachineArn, name, input, traceHeader }, { trace = traceHeader }) {
        const machine = find(stateMachineArn);
        if (machine.type !== 'EXPRESS')
          throw new ServiceError('StateMachineTypeNotSupported', 'This operation is for Express ones only.');
        const execution = machine.start({ ...given({ name, input }), trace });
        await execution.ended;
        return { ...describeExecution(machine, execution), name: execution.name };
      },
    }),
  };
}

function executionOperations(services: Services): Service['operations'] {
  const { execution: find, machine: findMachine } = finders(services);
  return {
    DescribeExecution: operation<DescribeExecutionCommandInput>({
      resources: onExecution,
      run({ executionArn }) {
        const { machine, execution } = find(executionArn);
        const { redriveCount, redrivenAt } = execution;
        const isDone = !machine.isRedrivable(execution);
        return {
          ...describeExecution(machine, execution),
          ...{ redriveCount, redriveStatus: isDone ? 'NOT_REDRIVABLE' : 'REDRIVABLE' },
          ...(redrivenAt !== undefined && { redriveDate: new Date(redrivenAt) }),
        };
      },
    }),
    ListExecutions: operation<ListExecutionsCommandInput>({
      resources: onMachine,
      run({ stateMachineArn, statusFilter, redriveFilter, maxResults, nextToken }) {
        if (stateMachineArn === undefined)
          throw new ServiceError(
            'ValidationException',
            'A stateMachineArn must be given: there are no map runs.',
          );
        const machine = findMachine(stateMachineArn);
        if (machine.type !== 'STANDARD')
          throw new ServiceError('StateMachineTypeNotSupported', 'This operation is not for Express ones.');
        const found = machine.executions.filter(
          ({ status, redriveCount }) =>
            (statusFilter === undefined || status === statusFilter) &&
            (redriveFilter === undefined || redriveCount > 0 === (redriveFilter === 'REDRIVEN')),
        );
        const { items, next } = page(found, maxResults || 100, nextToken, 'InvalidToken');
        const executions = items.map((each) => {
          const { input, output, error, cause, ...summary } = describeExecution(machine, each);
          return { ...summary, redriveCount: each.redriveCount };
        });
        return { executions, nextToken: next };
      },
    }),
    GetExecutionHistory: operation<GetExecutionHistoryCommandInput>({
      resources: onExecution,
      run({ executionArn, maxResults, reverseOrder, nextToken, includeExecutionData = true }) {
        const { history } = find(executionArn).execution;
        const ordered = reverseOrder ? history.toReversed() : history;
        const { items, next } = page(ordered, maxResults || 100, nextToken, 'InvalidToken');
        return { events: items.map((each) => describeEvent(each, includeExecutionData)), nextToken: next };
      },
    }),
  };
}

function changeOperations(services: Services): Service['operations'] {
  const { execution: find } = finders(services);
  return {
    StopExecution: operation<StopExecutionCommandInput>({
      resources: onExecution,
      isChange: true,
      async run({ executionArn, error, cause }) {
        const { execution } = find(executionArn);
        if (execution.status === 'RUNNING') {
          execution.stop(given({ error, cause }));
          await execution.ended;
        }
        return { stopDate: new Date(execution.endedAt as number) };
      },
    }),
    RedriveExecution: operation<RedriveExecutionCommandInput>({
      resources: onExecution,
      isChange: true,
      run({ executionArn }) {
        const { machine, execution } = find(executionArn);
        if (!machine.isRedrivable(execution))
          throw new ServiceError(
            'ExecutionNotRedrivable',
            'Execution is not redrivable: it did not fail, or it is over for more than 14 days.',
          );
        return { redriveDate: new Date(execution.redrive()) };
      },
    }),
  };
}

/** The members that were given. */
function given<Fields extends object>(fields: Fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Field in keyof Fields]?: Exclude<Fields[Field], undefined>;
  };
}

function describeExecution(machine: StateMachine, execution: Execution) {
  const { arn, name, status, startedAt, endedAt, input, output, failure } = execution;
  return {
    ...{ executionArn: arn, stateMachineArn: machine.arn, name, status, startDate: new Date(startedAt) },
    ...(endedAt !== undefined && { stopDate: new Date(endedAt) }),
    ...{ input, ...(output !== undefined && { output }), ...failure },
  };
}

/** Details that are the states' data. */
const DATA = ['input', 'output', 'parameters'];

function describeEvent({ id, previousId, at, type, details }: HistoryEvent, withData: boolean) {
  const [, entered] = /State(Entered|Exited)$/.exec(type) ?? [];
  const name = entered ? `state${entered}` : type.charAt(0).toLowerCase() + type.slice(1);
  const shown = Object.fromEntries(
    Object.entries(details).filter(([field]) => withData || !DATA.includes(field)),
  );
  const [, service, resource] = /:states:::(?:aws-sdk:)?(\w+):(\w+)$/.exec(String(details.resource)) ?? [];
  return {
    ...{ id, previousEventId: previousId, timestamp: new Date(at), type },
    [`${name}EventDetails`]: { ...shown, ...(service && { resourceType: service, resource }) },
  };
}
