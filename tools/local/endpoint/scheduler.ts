import type {
  CreateScheduleCommandInput,
  DeleteScheduleCommandInput,
  GetScheduleCommandInput,
  GetScheduleGroupCommandInput,
  ListScheduleGroupsCommandInput,
  ListSchedulesCommandInput,
} from '@aws-sdk/client-scheduler';
import type { Assembly } from '../../template/assembly';
import { type SchedulerSchedule, schedulesOf } from '../../template/schedules';
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

/** Schedules of the template, and those that clients made. */
class Schedules {
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
  }

  get all(): SchedulerSchedule[] {
    const { eventBridge, schedules } = this.#services;
    return [...schedulesOf(eventBridge.options.assembly), ...schedules.all];
  }

  /** @throws ServiceError (ResourceNotFoundException) */
  find(name: string, group = 'default'): SchedulerSchedule {
    const found = this.all.find((each) => each.name === name && each.group === group);
    if (!found) throw notFound(`Schedule ${name} does not exist.`);
    return found;
  }

  /** @throws ServiceError (ConflictException, ResourceNotFoundException, ValidationException) */
  create({ ClientToken: _, ...input }: Input<CreateScheduleCommandInput>): string {
    const { assembly, schedules } = this.#services;
    const { Name: name, GroupName = 'default' } = input;
    requireGroup(assembly, GroupName);
    if (this.all.some((each) => each.name === name && each.group === GroupName))
      throw new ServiceError('ConflictException', `Schedule ${name} already exists.`, 409);
    return schedules.create(input);
  }

  /** @throws ServiceError (ResourceNotFoundException, UnsupportedOperationException) */
  delete(name: string, group?: string): void {
    const { resource } = this.find(name, group);
    if (this.#services.schedules.delete(resource.arn)) return;
    const reason = `The schedule ${name} is the template's: a deployment deletes it.`;
    throw new ServiceError('UnsupportedOperationException', reason);
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
