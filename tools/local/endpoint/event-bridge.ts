import type {
  CancelReplayCommandInput,
  DeleteRuleCommandInput,
  DescribeArchiveCommandInput,
  DescribeEventBusCommandInput,
  DescribeReplayCommandInput,
  DescribeRuleCommandInput,
  DisableRuleCommandInput,
  EnableRuleCommandInput,
  ListArchivesCommandInput,
  ListEventBusesCommandInput,
  ListReplaysCommandInput,
  ListRuleNamesByTargetCommandInput,
  ListRulesCommandInput,
  ListTargetsByRuleCommandInput,
  PutEventsCommandInput,
  PutRuleCommandInput,
  PutTargetsCommandInput,
  RemoveTargetsCommandInput,
  StartReplayCommandInput,
  TestEventPatternCommandInput,
} from '@aws-sdk/client-eventbridge';
import {
  InvalidEventError,
  InvalidEventPatternError,
  testEventPattern,
} from '../../eventbridge/event-pattern';
import { isNestedDeeper } from '../../eventbridge/exact-json';
import { MAX_NESTING } from '../../eventbridge/service-facts';
import type { BusDefinition } from '../services/event-bridge';
import type { Replay } from '../services/replays';
import { RuleChanges } from '../services/rule-changes';
import { ServiceError } from '../services/service-error';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services, validationError } from './service';

const INVALID = 'ValidationException';
const notFound = (message: string) => new ServiceError('ResourceNotFoundException', message);

export function eventBridge(services: Services): Service {
  return {
    name: 'events',
    target: 'AWSEvents',
    model: MODELS.events,
    invalid: validationError(INVALID),
    accessDenied: { code: 'AccessDeniedException', status: 400 },
    notHere: {
      'is of a deployment': ['CreateArchive', 'CreateEventBus', 'DeleteArchive', 'DeleteEventBus'],
    },
    operations: {
      ...eventOperations(services),
      ...ruleOperations(services),
      ...ruleChangeOperations(services),
      ...archiveOperations(services),
      ...replayOperations(services),
    },
  };
}

/** The bus, the rules and their ARNs by the names and ARNs that requests give. */
class Names {
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
  }

  arn(resource: string): string {
    const { partition, region, account } = this.#services.assembly;
    return `arn:${partition}:events:${region}:${account}:${resource}`;
  }

  /** An ARN stays as it is, so that it is judged by its own account and region. */
  arnOfBus(nameOrArn = 'default'): string {
    return nameOrArn.startsWith('arn:') ? nameOrArn : this.arn(`event-bus/${nameOrArn}`);
  }

  arnOfRule(name: string, bus?: string): string {
    const [prefix, busName] = this.arnOfBus(bus).split(':event-bus/');
    return `${prefix}:rule/${busName === 'default' ? '' : `${busName}/`}${name}`;
  }

  /** @throws ServiceError (ResourceNotFoundException) */
  findBus(nameOrArn = 'default'): BusDefinition {
    const bus = this.#services.eventBridge.findBus(nameOrArn);
    if (bus) return bus;
    throw notFound(`Event bus ${nameOrArn.replace(/^arn:.*:event-bus\//, '')} does not exist.`);
  }

  /** @throws ServiceError (ResourceNotFoundException) */
  findRule(name: string, busNameOrArn?: string) {
    const bus = this.findBus(busNameOrArn);
    const found = this.#services.eventBridge.rules.find(
      (rule) => rule.name === name && rule.busName === bus.name,
    );
    if (found) return found;
    throw notFound(`Rule ${name} does not exist on EventBus ${bus.name}.`);
  }

  /** @throws ServiceError (ResourceNotFoundException, ManagedRuleException) */
  findChangeableRule(name: string, bus?: string) {
    const rule = this.findRule(name, bus);
    if (!rule.managedBy) return rule;
    const message = `Rule ${name} is managed by ${rule.managedBy} and cannot be changed.`;
    throw new ServiceError('ManagedRuleException', message);
  }
}

function listed<Item>(items: readonly Item[], key: string, size = 100, next?: string) {
  const { items: shown, next: nextToken } = page(items, size, next, INVALID);
  return { [key]: shown, NextToken: nextToken };
}

function eventOperations(services: Services): Service['operations'] {
  const { eventBridge: engine } = services;
  const names = new Names(services);
  const describeBus = ({ name, arn, description, policy, createdAt, encryption }: BusDefinition) => ({
    Name: name,
    Arn: arn,
    Description: description,
    ...encryption,
    Policy: policy && JSON.stringify(policy),
    CreationTime: createdAt === undefined ? undefined : new Date(createdAt),
    LastModifiedTime: createdAt === undefined ? undefined : new Date(createdAt),
  });
  return {
    PutEvents: operation<PutEventsCommandInput>({
      resources: ({ Entries }) => [
        ...new Set(Entries.map(({ EventBusName }) => names.arnOfBus(EventBusName))),
      ],
      run({ Entries, EndpointId }) {
        if (EndpointId !== undefined) {
          const reason = 'The local run has no global endpoints.';
          throw new ServiceError(INVALID, `Parameter EndpointId is not valid. Reason: ${reason}`);
        }
        const results = engine.putEvents(
          Entries.map(({ Time, ...entry }) => ({ ...entry, ...(Time && { Time: Time.getTime() / 1000 }) })),
        );
        return {
          FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length,
          Entries: results,
        };
      },
    }),
    TestEventPattern: operation<TestEventPatternCommandInput>({
      run({ EventPattern, Event }) {
        try {
          refuseDeepNesting('Event pattern', EventPattern);
          refuseDeepNesting('Event', Event);
          return { Result: testEventPattern(EventPattern, Event) };
        } catch (error) {
          if (error instanceof InvalidEventError) throw new ServiceError(error.code, error.message);
          if (!(error instanceof InvalidEventPatternError)) throw error;
          throw new ServiceError('InvalidEventPatternException', error.message);
        }
      },
    }),
    ListEventBuses: operation<ListEventBusesCommandInput>({
      run({ NamePrefix = '', Limit, NextToken }) {
        const buses = [...engine.buses.values()].filter(({ name }) => name.startsWith(NamePrefix));
        return listed(buses.map(describeBus), 'EventBuses', Limit, NextToken);
      },
    }),
    DescribeEventBus: operation<DescribeEventBusCommandInput>({
      resources: ({ Name }) => [names.arnOfBus(Name)],
      run: ({ Name }) => describeBus(names.findBus(Name)),
    }),
  };
}

/** Text that is no JSON is left to the reader of patterns and events, which says so in the service's words. */
function refuseDeepNesting(what: string, text: string): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return;
  }
  if (!isNestedDeeper(value, MAX_NESTING)) return;
  const message = `${what} is not valid. Reason: It is nested in more than ${MAX_NESTING} levels.`;
  throw new ServiceError('InvalidEventPatternException', message);
}

function ruleOperations(services: Services): Service['operations'] {
  const { eventBridge: engine, assembly } = services;
  const names = new Names(services);
  const summarize = (rule: ReturnType<typeof names.findRule>) => ({
    Name: rule.name,
    Arn: rule.arn,
    EventPattern: rule.eventPattern,
    ScheduleExpression: rule.scheduleExpression,
    State: rule.state,
    Description: rule.description,
    ManagedBy: rule.managedBy,
    EventBusName: rule.busName,
  });
  return {
    ListRules: operation<ListRulesCommandInput>({
      resources: ({ EventBusName }) => [names.arnOfRule('*', EventBusName)],
      run({ NamePrefix = '', EventBusName, Limit, NextToken }) {
        const bus = names.findBus(EventBusName);
        const rules = engine.rules.filter(
          (rule) => rule.busName === bus.name && rule.name.startsWith(NamePrefix),
        );
        return listed(rules.map(summarize), 'Rules', Limit, NextToken);
      },
    }),
    DescribeRule: operation<DescribeRuleCommandInput>({
      resources: ({ Name, EventBusName }) => [names.arnOfRule(Name, EventBusName)],
      run: ({ Name, EventBusName }) => ({
        ...summarize(names.findRule(Name, EventBusName)),
        CreatedBy: assembly.account,
      }),
    }),
    ListTargetsByRule: operation<ListTargetsByRuleCommandInput>({
      resources: ({ Rule, EventBusName }) => [names.arnOfRule(Rule, EventBusName)],
      run: ({ Rule, EventBusName, Limit, NextToken }) =>
        listed(names.findRule(Rule, EventBusName).targets, 'Targets', Limit, NextToken),
    }),
    EnableRule: operation<EnableRuleCommandInput>({
      isChange: true,
      resources: ({ Name, EventBusName }) => [names.arnOfRule(Name, EventBusName)],
      run({ Name, EventBusName }) {
        names.findChangeableRule(Name, EventBusName).enable();
        return undefined;
      },
    }),
    DisableRule: operation<DisableRuleCommandInput>({
      isChange: true,
      resources: ({ Name, EventBusName }) => [names.arnOfRule(Name, EventBusName)],
      run({ Name, EventBusName }) {
        names.findChangeableRule(Name, EventBusName).disable();
        return undefined;
      },
    }),
  };
}

function ruleChangeOperations(services: Services): Service['operations'] {
  const { eventBridge: engine } = services;
  const names = new Names(services);
  const changes = new RuleChanges(engine);
  return {
    PutRule: operation<PutRuleCommandInput>({
      isChange: true,
      resources: ({ Name, EventBusName }) => [names.arnOfRule(Name, EventBusName)],
      run({ EventBusName, Tags: _, RoleArn: __, ...request }) {
        const bus = names.findBus(EventBusName);
        const arn = names.arnOfRule(request.Name, bus.name);
        if (engine.rules.some((rule) => rule.arn === arn)) names.findChangeableRule(request.Name, bus.name);
        changes.putRule(bus, arn, request);
        return { RuleArn: arn };
      },
    }),
    DeleteRule: operation<DeleteRuleCommandInput>({
      isChange: true,
      resources: ({ Name, EventBusName }) => [names.arnOfRule(Name, EventBusName)],
      run({ Name, EventBusName }) {
        const bus = names.findBus(EventBusName);
        // As in AWS, it is no error to delete what is not there.
        if (!engine.rules.some((rule) => rule.name === Name && rule.busName === bus.name)) return undefined;
        changes.deleteRule(names.findChangeableRule(Name, EventBusName));
        return undefined;
      },
    }),
    PutTargets: operation<PutTargetsCommandInput>({
      isChange: true,
      resources: ({ Rule, EventBusName }) => [names.arnOfRule(Rule, EventBusName)],
      run({ Rule, EventBusName, Targets }) {
        changes.putTargets(names.findChangeableRule(Rule, EventBusName), Targets);
        return { FailedEntryCount: 0, FailedEntries: [] };
      },
    }),
    RemoveTargets: operation<RemoveTargetsCommandInput>({
      isChange: true,
      resources: ({ Rule, EventBusName }) => [names.arnOfRule(Rule, EventBusName)],
      run({ Rule, EventBusName, Ids }) {
        const FailedEntries = changes.removeTargets(names.findChangeableRule(Rule, EventBusName), Ids);
        return { FailedEntryCount: FailedEntries.length, FailedEntries };
      },
    }),
    ListRuleNamesByTarget: operation<ListRuleNamesByTargetCommandInput>({
      run({ TargetArn, EventBusName, Limit, NextToken }) {
        const bus = names.findBus(EventBusName);
        const found = engine.rules.filter(
          (rule) => rule.busName === bus.name && rule.targets.some(({ Arn }) => Arn === TargetArn),
        );
        return listed(
          found.map(({ name }) => name),
          'RuleNames',
          Limit,
          NextToken,
        );
      },
    }),
  };
}

function archiveOperations(services: Services): Service['operations'] {
  const { eventBridge: engine } = services;
  const names = new Names(services);
  const archives = () =>
    [...engine.archives.values()].map((archive) => ({
      ArchiveName: archive.name,
      EventSourceArn: archive.eventSourceArn,
      State: 'ENABLED',
      RetentionDays: archive.retentionDays,
      SizeBytes: archive.sizeBytes,
      EventCount: archive.eventCount,
      CreationTime: archive.creationTime,
    }));
  return {
    ListArchives: operation<ListArchivesCommandInput>({
      run({ NamePrefix, EventSourceArn, State, Limit, NextToken }) {
        oneFilter('ListArchives', NamePrefix, EventSourceArn, State);
        if (EventSourceArn !== undefined) names.findBus(EventSourceArn);
        const found = archives().filter(
          (archive) =>
            archive.ArchiveName.startsWith(NamePrefix ?? '') &&
            archive.EventSourceArn === (EventSourceArn ?? archive.EventSourceArn) &&
            archive.State === (State ?? archive.State),
        );
        return listed(found, 'Archives', Limit, NextToken);
      },
    }),
    DescribeArchive: operation<DescribeArchiveCommandInput>({
      resources: ({ ArchiveName }) => [names.arn(`archive/${ArchiveName}`)],
      run({ ArchiveName }) {
        const archive = engine.archives.get(ArchiveName);
        if (!archive) throw notFound(`Archive ${ArchiveName} does not exist.`);
        return {
          ArchiveArn: archive.arn,
          Description: archive.description,
          EventPattern: archive.eventPattern,
          ...archives().find((candidate) => candidate.ArchiveName === ArchiveName),
        };
      },
    }),
  };
}

function replayOperations(services: Services): Service['operations'] {
  const { eventBridge: engine } = services;
  const names = new Names(services);
  const summarize = ({ ReplayArn: _, Description: __, Destination: ___, ...replay }: Replay) => replay;
  return {
    StartReplay: operation<StartReplayCommandInput>({
      isChange: true,
      resources: ({ ReplayName }) => [names.arn(`replay/${ReplayName}`)],
      run({ EventStartTime, EventEndTime, ...request }) {
        const { ReplayArn, State, StateReason, ReplayStartTime } = engine.startReplay({
          ...request,
          EventStartTime: EventStartTime.getTime() / 1000,
          EventEndTime: EventEndTime.getTime() / 1000,
        });
        return { ReplayArn, State, StateReason, ReplayStartTime };
      },
    }),
    DescribeReplay: operation<DescribeReplayCommandInput>({
      resources: ({ ReplayName }) => [names.arn(`replay/${ReplayName}`)],
      run: ({ ReplayName }) => engine.describeReplay(ReplayName),
    }),
    ListReplays: operation<ListReplaysCommandInput>({
      run({ NamePrefix, State, EventSourceArn, Limit, NextToken }) {
        oneFilter('ListReplays', NamePrefix, State, EventSourceArn);
        const found = engine
          .listReplays()
          .filter(
            (replay) =>
              replay.ReplayName.startsWith(NamePrefix ?? '') &&
              replay.State === (State ?? replay.State) &&
              replay.EventSourceArn === (EventSourceArn ?? replay.EventSourceArn),
          );
        return listed(found.map(summarize), 'Replays', Limit, NextToken);
      },
    }),
    CancelReplay: operation<CancelReplayCommandInput>({
      isChange: true,
      resources: ({ ReplayName }) => [names.arn(`replay/${ReplayName}`)],
      run({ ReplayName }) {
        const { ReplayArn, State, StateReason } = engine.cancelReplay(ReplayName);
        return { ReplayArn, State, StateReason };
      },
    }),
  };
}

function oneFilter(operationName: string, ...filters: readonly unknown[]): void {
  if (filters.filter((filter) => filter !== undefined).length < 2) return;
  throw new ServiceError(
    INVALID,
    `At most one filter is allowed for ${operationName}. Use either : State, EventSourceArn, or NamePrefix.`,
  );
}
