import type {
  GetScheduleCommandInput,
  GetScheduleGroupCommandInput,
  ListScheduleGroupsCommandInput,
  ListSchedulesCommandInput,
} from '@aws-sdk/client-scheduler';
import type { Assembly } from '../../template/assembly';
import { type SchedulerSchedule, schedulesOf } from '../../template/schedules';
import { ServiceError } from '../services/service-error';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services, validationError } from './service';

/** EventBridge Scheduler: the schedules and groups of the template, to be looked at. */
export function scheduler(services: Services): Service {
  return {
    name: 'scheduler',
    rest: 'json',
    model: MODELS.scheduler,
    invalid: validationError('ValidationException'),
    accessDenied: { code: 'AccessDeniedException', status: 403 },
    operations: { ...scheduleOperations(services), ...groupOperations(services) },
  };
}

function scheduleOperations(services: Services): Service['operations'] {
  const { startedAt, eventBridge } = services;
  const schedules = () => schedulesOf(eventBridge.options.assembly);
  const summarize = ({ name, resource, group, enabled, targetArn }: SchedulerSchedule) => ({
    ...{ Name: name, Arn: resource.arn, GroupName: group, State: enabled ? 'ENABLED' : 'DISABLED' },
    ...created(startedAt),
    Target: { Arn: targetArn },
  });
  return {
    GetSchedule: operation<GetScheduleCommandInput>({
      resources: ({ Name, GroupName = 'default' }) => [
        arnOf(services.assembly, `schedule/${GroupName}/${Name}`),
      ],
      run({ Name, GroupName = 'default' }) {
        const found = schedules().find(({ name, group }) => name === Name && group === GroupName);
        if (!found) throw notFound(`Schedule ${Name} does not exist.`);
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
        const found = schedules()
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
