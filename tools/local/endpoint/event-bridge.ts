import {
  InvalidEventError,
  InvalidEventPatternError,
  testEventPattern,
} from '../../eventbridge/event-pattern';
import { RULE } from '../../eventbridge/service-facts';
import type { Replay } from '../services/replays';
import { ServiceError } from '../services/service-error';
import { anything, integer, list, type Member, required, string, structure, timestamp } from './input';
import { operation, page, type Service, type Services, validationError } from './service';

const NAME = /^[.\-_A-Za-z0-9]+$/;
const ruleName = string({ min: 1, max: 64, pattern: NAME });
const replayName = ruleName;
const busName = string({
  min: 1,
  max: 1600,
  pattern: /^(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[/.\-_A-Za-z0-9]+$/,
});
const archiveName = string({ min: 1, max: 48, pattern: NAME });
const sourceArn = string({
  min: 1,
  max: 1600,
  pattern: /^arn:aws([a-z]|-)*:events:([a-z]|\d|-)*:([0-9]{12})?:.+\/.+$/,
});
const limit = integer({ min: 1, max: 100 });
const token = string({ min: 1, max: 2048 });
const prefix = (max: number): Member<string, false> => string({ min: 1, max, pattern: NAME });

export function eventBridge({ eventBridge: engine, assembly }: Services): Service {
  const arn = (resource: string) => `arn:aws:events:${assembly.region}:${assembly.account}:${resource}`;
  const nameOfBus = (nameOrArn = 'default') => nameOrArn.replace(/^arn:.*:event-bus\//, '');
  const arnOfBus = (nameOrArn?: string) => arn(`event-bus/${nameOfBus(nameOrArn)}`);
  const arnOfRule = (name: string, bus?: string) =>
    arn(nameOfBus(bus) === 'default' ? `rule/${name}` : `rule/${nameOfBus(bus)}/${name}`);

  const findBus = (nameOrArn?: string) => {
    const name = nameOfBus(nameOrArn);
    const bus = engine.buses.get(name);
    if (!bus) throw new ServiceError('ResourceNotFoundException', `Event bus ${name} does not exist.`);
    return bus;
  };
  const findRule = (name: string, busNameOrArn?: string) => {
    const bus = findBus(busNameOrArn);
    const found = engine.rules.find((rule) => rule.name === name && rule.busName === bus.name);
    if (found) return found;
    const message = `Rule ${name} does not exist on EventBus ${bus.name}.`;
    throw new ServiceError('ResourceNotFoundException', message);
  };
  const describeRule = (rule: ReturnType<typeof findRule>) => ({
    Name: rule.name,
    Arn: rule.arn,
    EventPattern: rule.eventPattern,
    ScheduleExpression: rule.scheduleExpression,
    State: rule.state,
    Description: rule.description,
    ManagedBy: rule.managedBy,
    EventBusName: rule.busName,
  });
  const changeableRule = (name: string, bus?: string) => {
    const rule = findRule(name, bus);
    if (!rule.managedBy) return rule;
    const message = `Rule ${name} is managed by ${rule.managedBy} and cannot be changed.`;
    throw new ServiceError('ManagedRuleException', message);
  };
  const describeBus = (bus: ReturnType<typeof findBus>) => ({
    Name: bus.name,
    Arn: bus.arn,
    Description: bus.description,
    Policy: bus.policy && JSON.stringify(bus.policy),
  });
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
  const listed = <Item>(items: readonly Item[], key: string, size = 100, next?: string) => {
    const { items: shown, next: nextToken } = page(items, size, next, 'ValidationException');
    return { [key]: shown, NextToken: nextToken };
  };
  const summary = ({ ReplayArn: _, Description: __, Destination: ___, ...replay }: Replay) => replay;

  return {
    name: 'events',
    target: 'AWSEvents',
    invalid: validationError('ValidationException'),
    accessDenied: { code: 'AccessDeniedException', status: 400 },
    operations: {
      PutEvents: operation({
        input: {
          Entries: required(
            list(
              structure({
                Time: anything,
                Source: string(),
                Resources: list(string({ max: 2048 })),
                DetailType: string(),
                Detail: string(),
                EventBusName: busName,
                TraceHeader: string({ min: 1, max: 500 }),
              }),
            ),
          ),
        },
        resources: ({ Entries }) => [...new Set(Entries.map(({ EventBusName }) => arnOfBus(EventBusName)))],
        run({ Entries }) {
          const results = engine.putEvents(Entries as Parameters<typeof engine.putEvents>[0]);
          return {
            FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length,
            Entries: results,
          };
        },
      }),
      TestEventPattern: operation({
        input: {
          EventPattern: required(string({ max: RULE.maxApiPatternLength })),
          Event: required(string()),
        },
        run({ EventPattern, Event }) {
          try {
            return { Result: testEventPattern(EventPattern, Event) };
          } catch (error) {
            if (error instanceof InvalidEventError) throw new ServiceError(error.code, error.message);
            if (!(error instanceof InvalidEventPatternError)) throw error;
            throw new ServiceError('InvalidEventPatternException', error.message);
          }
        },
      }),
      ListRules: operation({
        input: { NamePrefix: prefix(64), EventBusName: busName, Limit: limit, NextToken: token },
        resources: ({ EventBusName }) => [arnOfRule('*', EventBusName)],
        run({ NamePrefix = '', EventBusName, Limit, NextToken }) {
          const bus = findBus(EventBusName);
          const rules = engine.rules.filter(
            (rule) => rule.busName === bus.name && rule.name.startsWith(NamePrefix),
          );
          return listed(rules.map(describeRule), 'Rules', Limit, NextToken);
        },
      }),
      DescribeRule: operation({
        input: { Name: required(ruleName), EventBusName: busName },
        resources: ({ Name, EventBusName }) => [arnOfRule(Name, EventBusName)],
        run: ({ Name, EventBusName }) => describeRule(findRule(Name, EventBusName)),
      }),
      ListTargetsByRule: operation({
        input: { Rule: required(ruleName), EventBusName: busName, Limit: limit, NextToken: token },
        resources: ({ Rule, EventBusName }) => [arnOfRule(Rule, EventBusName)],
        run: ({ Rule, EventBusName, Limit, NextToken }) =>
          listed(findRule(Rule, EventBusName).targets, 'Targets', Limit, NextToken),
      }),
      EnableRule: operation({
        input: { Name: required(ruleName), EventBusName: busName },
        resources: ({ Name, EventBusName }) => [arnOfRule(Name, EventBusName)],
        run({ Name, EventBusName }) {
          changeableRule(Name, EventBusName).enable();
          return undefined;
        },
      }),
      DisableRule: operation({
        input: { Name: required(ruleName), EventBusName: busName },
        resources: ({ Name, EventBusName }) => [arnOfRule(Name, EventBusName)],
        run({ Name, EventBusName }) {
          changeableRule(Name, EventBusName).disable();
          return undefined;
        },
      }),
      ListEventBuses: operation({
        input: { NamePrefix: prefix(256), Limit: limit, NextToken: token },
        run({ NamePrefix = '', Limit, NextToken }) {
          const buses = [...engine.buses.values()].filter(({ name }) => name.startsWith(NamePrefix));
          return listed(buses.map(describeBus), 'EventBuses', Limit, NextToken);
        },
      }),
      DescribeEventBus: operation({
        input: { Name: busName },
        resources: ({ Name }) => [arnOfBus(Name)],
        run: ({ Name }) => describeBus(findBus(Name)),
      }),
      ListArchives: operation({
        input: {
          NamePrefix: prefix(48),
          EventSourceArn: sourceArn,
          State: string({
            values: ['ENABLED', 'DISABLED', 'CREATING', 'UPDATING', 'CREATE_FAILED', 'UPDATE_FAILED'],
          }),
          Limit: limit,
          NextToken: token,
        },
        run({ NamePrefix, EventSourceArn, State, Limit, NextToken }) {
          oneFilter('ListArchives', NamePrefix, EventSourceArn, State);
          const found = archives().filter(
            (archive) =>
              archive.ArchiveName.startsWith(NamePrefix ?? '') &&
              archive.EventSourceArn === (EventSourceArn ?? archive.EventSourceArn) &&
              archive.State === (State ?? archive.State),
          );
          return listed(found, 'Archives', Limit, NextToken);
        },
      }),
      DescribeArchive: operation({
        input: { ArchiveName: required(archiveName) },
        resources: ({ ArchiveName }) => [arn(`archive/${ArchiveName}`)],
        run({ ArchiveName }) {
          const archive = engine.archives.get(ArchiveName);
          if (!archive) {
            throw new ServiceError('ResourceNotFoundException', `Archive ${ArchiveName} does not exist.`);
          }
          return {
            ArchiveArn: archive.arn,
            Description: archive.description,
            EventPattern: archive.eventPattern,
            ...archives().find((candidate) => candidate.ArchiveName === ArchiveName),
          };
        },
      }),
      StartReplay: operation({
        input: {
          ReplayName: required(replayName),
          Description: string({ max: 512 }),
          EventSourceArn: required(sourceArn),
          EventStartTime: required(timestamp),
          EventEndTime: required(timestamp),
          Destination: required(
            structure({
              Arn: required(string({ min: 1, max: 1600 })),
              FilterArns: list(string({ min: 1, max: 1600 })),
            }),
          ),
        },
        resources: ({ ReplayName }) => [arn(`replay/${ReplayName}`)],
        run({ EventStartTime, EventEndTime, ...request }) {
          const { ReplayArn, State, StateReason, ReplayStartTime } = engine.startReplay({
            ...(request as Omit<Parameters<typeof engine.startReplay>[0], 'EventStartTime' | 'EventEndTime'>),
            EventStartTime: EventStartTime / 1000,
            EventEndTime: EventEndTime / 1000,
          });
          return { ReplayArn, State, StateReason, ReplayStartTime };
        },
      }),
      DescribeReplay: operation({
        input: { ReplayName: required(replayName) },
        resources: ({ ReplayName }) => [arn(`replay/${ReplayName}`)],
        run: ({ ReplayName }) => engine.describeReplay(ReplayName),
      }),
      ListReplays: operation({
        input: {
          NamePrefix: prefix(64),
          State: string({
            values: ['STARTING', 'RUNNING', 'CANCELLING', 'COMPLETED', 'CANCELLED', 'FAILED'],
          }),
          EventSourceArn: sourceArn,
          Limit: limit,
          NextToken: token,
        },
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
          return listed(found.map(summary), 'Replays', Limit, NextToken);
        },
      }),
      CancelReplay: operation({
        input: { ReplayName: required(replayName) },
        resources: ({ ReplayName }) => [arn(`replay/${ReplayName}`)],
        run({ ReplayName }) {
          const { ReplayArn, State, StateReason } = engine.cancelReplay(ReplayName);
          return { ReplayArn, State, StateReason };
        },
      }),
    },
  };
}

function oneFilter(operationName: string, ...filters: readonly unknown[]): void {
  if (filters.filter((filter) => filter !== undefined).length < 2) return;
  throw new ServiceError(
    'ValidationException',
    `At most one filter is allowed for ${operationName}. Use either : State, EventSourceArn, or NamePrefix.`,
  );
}
