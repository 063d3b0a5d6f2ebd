/** Queries of the page to the running stack: one event in detail, the state of the stores, a dry run. */

import { type App, consumerName, findConsumer } from '../app';
import { defined } from '../defined';
import { arnName } from '../eventbridge/arn';
import type { EventPattern } from '../eventbridge/event-pattern';
import { compileInput, type TargetInput } from '../eventbridge/input-transformer';
import type { LocalStack } from '../local/stack';
import { readFailedEvent } from '../ops/failed-event';
import { PageInputError, PutRequest, parseBody, queueMessage } from './actions';
import type { DryRun, EventPage, ItemChange, Miss, MissedField, StackState, Transform } from './model';
import type { Recorder } from './recorder';

/** Maximum number of messages or items of a store that are shown. */
const SHOWN = 200;

export function eventPage(stack: LocalStack, app: App, recorder: Recorder, eventId: string): EventPage {
  const detail = recorder.event(eventId);
  if (!detail) throw new PageInputError(`The event ${eventId} is not, or no longer, known.`);
  const { source, detailType, hops } = detail.summary;
  const contract = app.contracts.find((each) => each.source === source && each.detailType === detailType);
  return {
    ...detail,
    misses: missesOf(stack, detail, contract?.personalData ?? []),
    transforms: hops.flatMap(({ rule, target }) => transformOf(stack, rule, target)),
    items: detail.steps.flatMap((step): ItemChange[] =>
      step.kind === 'item-written' ? [{ seq: step.seq, ...recorder.before(step.seq) }] : [],
    ),
    personalData: contract?.personalData ?? [],
  };
}

function missesOf(
  stack: LocalStack,
  { event, summary, steps }: ReturnType<Recorder['event']> & object,
  personalData: readonly string[],
): Miss[] {
  const put = steps.find(({ kind }) => kind === 'event-put');
  const bus = put?.kind === 'event-put' ? put.bus : undefined;
  const taken = new Set(summary.hops.map(({ rule }) => rule));
  return stack.eventBridge.rules.flatMap(({ name, busName, pattern, archive, state }): Miss[] => {
    if (busName !== bus || !pattern || archive || taken.has(name)) return [];
    if (state === 'DISABLED') return [{ rule: name, fields: [] }];
    const { misses, alternatives } = missedFields(pattern, event, personalData);
    return [{ rule: name, fields: misses, ...defined({ alternatives }) }];
  });
}

/** @param personalData names of fields whose values are hidden, since the page and its export show all others */
function missedFields(
  pattern: EventPattern,
  event: object,
  personalData: readonly string[] = [],
): { readonly misses: MissedField[]; readonly alternatives?: number } {
  const { misses, others } = pattern.explain(event);
  const told = misses.map(({ field: path, actual, allowed, reason }) => {
    if (path.split('.').some((name) => personalData.includes(name)))
      return { path, allowed, reason: `${path} is personal data`, value: 'hidden' };
    return { path, allowed, reason, ...defined({ value: actual }) };
  });
  return { misses: told, ...(others.length > 0 && { alternatives: 1 + others.length }) };
}

function transformOf(stack: LocalStack, ruleName: string, targetName: string): Transform[] {
  const rule = stack.eventBridge.rules.find(({ name }) => name === ruleName);
  const target = rule?.targets.find(({ Arn }) => arnName(Arn) === targetName);
  const transformer = (target as TargetInput | undefined)?.InputTransformer;
  if (!transformer) return [];
  const { InputPathsMap: paths = {}, InputTemplate: template } = transformer;
  return [{ rule: ruleName, target: targetName, paths, template }];
}

/** Finds the rules that match an entry, and whether each consumer accepts the payload. */
export function dryRun(stack: LocalStack, app: App, body: unknown): DryRun {
  const { source, detailType, detail, bus } = parseBody(PutRequest, body);
  const time = new Date(stack.now).toISOString();
  const event = {
    ...{ version: '0', id: '00000000-0000-0000-0000-000000000000', 'detail-type': detailType, source },
    ...{ account: stack.assembly.account, time: `${time.slice(0, 19)}Z`, region: stack.assembly.region },
    ...{ resources: [], detail },
  };
  const contract = app.contracts.find((each) => each.source === source && each.detailType === detailType);
  const problem = contract?.problem(event);
  const rules = stack.eventBridge.rules.flatMap((rule): DryRun['rules'][number][] => {
    const { name, arn, busName, pattern, archive, state, targets } = rule;
    if (!pattern || archive || (bus !== undefined && busName !== bus)) return [];
    if (state === 'DISABLED')
      return [
        { rule: name, misses: [{ path: 'state', allowed: ['ENABLED'], reason: 'the rule is disabled' }] },
      ];
    if (!pattern.matches(event)) return [{ rule: name, ...missedFields(pattern, event) }];
    const context = { ruleArn: arn, ruleName: name, ingestionTime: time };
    return [
      {
        rule: name,
        targets: targets.map((target) => {
          const targetName = arnName(target.Arn);
          const refuses = refusalOf(
            stack,
            app,
            targetName,
            compileInput(target as TargetInput)(event, context),
          );
          return { name: targetName, ...defined({ refuses }) };
        }),
      },
    ];
  });
  return { ...(problem && { problem }), rules };
}

function refusalOf(
  stack: LocalStack,
  app: App,
  target: string,
  input: ReturnType<ReturnType<typeof compileInput>>,
): string | undefined {
  if (!input.delivered) return input.reason;
  const lambda = stack.functions.find(({ name }) => name === target);
  const consumer = findConsumer(app, consumerName(app, lambda?.resource.properties.Environment?.Variables));
  if (!lambda || !consumer) return undefined;
  try {
    consumer.accepts(JSON.parse(input.body));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

export async function stackState(stack: LocalStack, app: App, recorder: Recorder): Promise<StackState> {
  const known = new Map(recorder.events.map(({ eventId, entity }) => [eventId, entity]));
  return {
    queues: stack.queues.map((queue) => {
      const messages = queue.peek();
      return {
        name: queue.name,
        visible: messages.length,
        messages: messages.slice(0, SHOWN).map((message) => failedMessage(message, app, known)),
      };
    }),
    tables: await Promise.all(stack.tables.names.map((name) => tableState(stack, name))),
    topics: stack.topics.map(({ name, subscriptions }) => ({
      name,
      subscribers: subscriptions.length,
      messages: messagesOf(recorder, name),
    })),
    streams: stack.deliveryStreams.map(({ name, objects }) => ({
      name,
      records: recorder.counters.records[name] ?? 0,
      objects: objects.map(({ key, records, body }) => ({ key, records, bytes: body.length })),
    })),
    alarms: alarmsOf(stack),
    rules: stack.eventBridge.rules.filter(({ archive }) => !archive).map(({ name }) => name),
    functions: stack.functions.map(({ name }) => name),
  };
}

function failedMessage(
  message: ReturnType<LocalStack['queues'][number]['peek']>[number],
  app: App,
  known: ReadonlyMap<string, string | undefined>,
): StackState['queues'][number]['messages'][number] {
  const failed = readFailedEvent(queueMessage(message), app);
  const failedAt = new Date(message.sentAt).toISOString();
  const base = { messageId: message.id, failedAt };
  if (failed.kind === 'unreadable')
    return { ...base, cause: 'unreadable', reason: failed.reason, poison: false };
  const payload = failed.kind === 'undelivered' ? failed.published.event : failed.payload;
  const id = (payload as { id?: unknown } | null)?.id;
  const eventId = typeof id === 'string' && known.has(id) ? id : undefined;
  const entity = eventId && known.get(eventId);
  return {
    ...base,
    ...{ consumer: failed.consumer, cause: failed.cause, reason: failed.reason, poison: failed.poison },
    ...(eventId && { eventId }),
    ...(entity && { entity }),
  };
}

async function tableState(stack: LocalStack, name: string): Promise<StackState['tables'][number]> {
  const { unmarshall } = await import('@aws-sdk/util-dynamodb');
  const { Table } = await stack.tables.request('DescribeTable', { TableName: name });
  const { Items = [] } = await stack.tables.request('Scan', { TableName: name, Limit: SHOWN });
  const { Count = Items.length } = await stack.tables.request('Scan', { TableName: name, Select: 'COUNT' });
  return {
    name,
    key: Table.KeySchema.map(({ AttributeName }: { AttributeName: string }) => AttributeName),
    count: Count,
    items: Items.map((item: Parameters<typeof unmarshall>[0]) => unmarshall(item)),
  };
}

function messagesOf(recorder: Recorder, topic: string): StackState['topics'][number]['messages'] {
  return recorder.published(topic).map(({ at, subject, body }) => {
    let text = body;
    try {
      const { body: inner, AlarmDescription, NewStateValue, NewStateReason } = Object(JSON.parse(body));
      if (typeof inner === 'string') text = inner;
      else if (NewStateValue !== undefined) text = `${AlarmDescription ?? NewStateReason}`;
    } catch {
      // The message is not JSON.
    }
    return { at, ...defined({ subject }), body, text };
  });
}

function alarmsOf(stack: LocalStack): StackState['alarms'] {
  return stack.alarms.statuses().map(({ resource: { name, properties }, state, reason }) => ({
    ...{ name, state, reason },
    description: String(properties.AlarmDescription ?? ''),
  }));
}
