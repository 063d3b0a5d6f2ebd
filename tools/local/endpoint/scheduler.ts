import type {
  CreateScheduleCommandInput,
  DeleteScheduleCommandInput,
  GetScheduleCommandInput,
  GetScheduleGroupCommandInput,
  ListScheduleGroupsCommandInput,
  ListSchedulesCommandInput,
} from '@aws-sdk/client-scheduler';
import { InvalidTargetInputError } from '../../eventbridge/input-transformer';
import { InvalidScheduleError } from '../../eventbridge/schedule';
import { type Assembly, AssemblyError } from '../../template/assembly';
import { readSchedule, type SchedulerSchedule, schedulesOf } from '../../template/schedules';
import { defineSchedule } from '../services/rule';
import { ServiceError } from '../services/service-error';
import type { Input } from './input';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services, validationError } from './service';

/** EventBridge Scheduler: the schedules and groups of the template, to be looked at, and schedules that handlers make. */
export function scheduler(services: Services): Service {
  const schedules = new Schedules(services);
  return {
    name: 'scheduler',
    rest: 'json',
    model: MODELS.scheduler,
    invalid: validationError('ValidationException'),
    accessDenied: { code: 'AccessDeniedException', status: 403 },
    operations: { ...scheduleOperations(services, schedules), ...groupOperations(services) },
  };
}

/** Schedules of the template, and those that are made while the stack runs, until they have fired or are deleted. */
class Schedules {
  readonly #services: Services;
  readonly #made = new Map<string, SchedulerSchedule>();

  constructor(services: Services) {
    this.#services = services;
  }

  get all(): SchedulerSchedule[] {
    const { options, rules } = this.#services.eventBridge;
    const known = new Set(rules.map(({ arn }) => arn));
    for (const arn of this.#made.keys()) if (!known.has(arn)) this.#made.delete(arn);
    return [...schedulesOf(options.assembly), ...this.#made.values()];
  }

  /** @throws ServiceError (ResourceNotFoundException) */
  find(name: string, group = 'default'): SchedulerSchedule {
    const found = this.all.find((each) => each.name === name && each.group === group);
    if (!found) throw notFound(`Schedule ${name} does not exist.`);
    return found;
  }

  /** @throws ServiceError (ConflictException, ResourceNotFoundException, ValidationException) */
  create({ ClientToken: _, ...input }: Input<CreateScheduleCommandInput>): string {
    const { eventBridge, assembly } = this.#services;
    const { Name: name, GroupName = 'default' } = input;
    requireGroup(assembly, GroupName);
    if (this.all.some((each) => each.name === name && each.group === GroupName))
      throw new ServiceError('ConflictException', `Schedule ${name} already exists.`, 409);
    const invalid = (problem: string) => new ServiceError('ValidationException', problem);
    const { options } = eventBridge;
    if (!options.targets.has(input.Target.Arn))
      throw invalid(`The local run has no target ${input.Target.Arn}.`);
    const arn = arnOf(assembly, `schedule/${GroupName}/${name}`);
    const resource = {
      ...{ logicalId: name, stackName: assembly.stackName, type: 'AWS::Scheduler::Schedule', name, arn },
      // Without the members that the request leaves out.
      ...{ ref: name, properties: JSON.parse(JSON.stringify(input)), metadata: {} },
    };
    try {
      const made = readSchedule(assembly, resource);
      eventBridge.setRule(defineSchedule(made, options));
      this.#made.set(arn, made);
      return arn;
    } catch (error) {
      if (error instanceof InvalidScheduleError) throw invalid('Invalid Schedule Expression.');
      if (error instanceof InvalidTargetInputError || error instanceof AssemblyError)
        throw invalid(error.message);
      throw error;
    }
  }

  /** @throws ServiceError (ResourceNotFoundException, UnsupportedOperationException) */
  delete(name: string, group?: string): void {
    const { resource } = this.find(name, group);
    if (!this.#made.delete(resource.arn)) {
      const reason = `The schedule ${name} is the template's: a deployment deletes it.`;
      throw new ServiceError('UnsupportedOperationException', reason);
    }
    this.#services.eventBridge.removeRule(resource.arn);
  }
}

function scheduleOperations(services: Services, schedules: Schedules): Service['operations'] {
  const { startedAt } = services;
  const arnOfSchedule = ({
    Name,
    GroupName = 'default',
  }: {
    Name?: string;
    GroupName?: string | undefined;
  }) => [arnOf(services.assembly, `schedule/${GroupName}/${Name}`)];
  const summarize = ({ name, resource, group, enabled, targetArn }: SchedulerSchedule) => ({
    ...{ Name: name, Arn: resource.arn, GroupName: group, State: enabled ? 'ENABLED' : 'DISABLED' },
    ...created(startedAt),
    Target: { Arn: targetArn },
  });
  return {
    CreateSchedule: operation<CreateScheduleCommandInput>({
      isChange: true,
      resources: arnOfSchedule,
      passes: ({ Target }) => [Target.RoleArn],
      run: (input) => ({ ScheduleArn: schedules.create(input) }),
    }),
    DeleteSchedule: operation<DeleteScheduleCommandInput>({
      isChange: true,
      resources: arnOfSchedule,
      run({ Name, GroupName }) {
        schedules.delete(Name, GroupName);
        return {};
      },
    }),
    GetSchedule: operation<GetScheduleCommandInput>({
      resources: arnOfSchedule,
      run({ Name, GroupName }) {
        const found = schedules.find(Name, GroupName);
        const { Description, FlexibleTimeWindow, Target, KmsKeyArn } = found.resource.properties;
        return {
          ...summarize(found),
          ...{ Description, KmsKeyArn, FlexibleTimeWindow, Target },
          ScheduleExpression: found.expression,
          ScheduleExpressionTimezone: found.timezone,
        };
      },
    }),
    ListSchedules: operation<ListSchedulesCommandInput>({
      resources: ({ GroupName = '*' }) => [arnOf(services.assembly, `schedule/${GroupName}/*`)],
      run({ GroupName, NamePrefix = '', State, MaxResults = 100, NextToken }) {
        if (GroupName !== undefined) requireGroup(services.assembly, GroupName);
        const found = schedules.all
          .map(summarize)
          .filter(
            (each) =>
              each.GroupName === (GroupName ?? each.GroupName) &&
              each.Name.startsWith(NamePrefix) &&
              each.State === (State ?? each.State),
          );
        const { items, next } = page(found, MaxResults, NextToken, 'ValidationException');
        return { Schedules: items, NextToken: next };
      },
    }),
  };
}

function groupOperations({ startedAt, assembly }: Services): Service['operations'] {
  const describeGroup = (Name: string) => ({
    ...{ Name, Arn: arnOf(assembly, `schedule-group/${Name}`), State: 'ACTIVE' },
    ...(Name !== 'default' && created(startedAt)),
  });
  return {
    GetScheduleGroup: operation<GetScheduleGroupCommandInput>({
      resources: ({ Name }) => [arnOf(assembly, `schedule-group/${Name}`)],
      run: ({ Name }) => describeGroup(requireGroup(assembly, Name)),
    }),
    ListScheduleGroups: operation<ListScheduleGroupsCommandInput>({
      run({ NamePrefix = '', MaxResults = 100, NextToken }) {
        const found = groupsOf(assembly).filter((name) => name.startsWith(NamePrefix));
        const { items, next } = page(found, MaxResults, NextToken, 'ValidationException');
        return { ScheduleGroups: items.map(describeGroup), NextToken: next };
      },
    }),
  };
}

const created = (at: number) => ({ CreationDate: new Date(at), LastModificationDate: new Date(at) });

const arnOf = ({ partition, region, account }: Assembly, resource: string) =>
  `arn:${partition}:scheduler:${region}:${account}:${resource}`;

const groupsOf = (assembly: Assembly): string[] => [
  'default',
  ...assembly.ofType('AWS::Scheduler::ScheduleGroup').map(({ name }) => name),
];

/** @throws ServiceError (ResourceNotFoundException) */
function requireGroup(assembly: Assembly, name: string): string {
  if (groupsOf(assembly).includes(name)) return name;
  throw notFound(`Schedule group ${name} does not exist.`);
}

const notFound = (message: string) => new ServiceError('ResourceNotFoundException', message, 404);
