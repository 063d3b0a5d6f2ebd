/**
 * Answers of the page's API as schemas, of which its OpenAPI document is made. The compiler holds them equal to the types
 * of `model.ts`; a test holds the answers to them.
 */
import * as v from 'valibot';
import { StepSchema } from '../local/step-schema';
import type * as model from './model';

const text = v.string();
const texts = v.array(text);
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const counts = v.pipe(v.record(text, count), v.description('Counts by physical name.'));
const time = v.pipe(text, v.isoTimestamp());
const amount = v.number();
const values = v.record(text, v.unknown());
/** An object of which nothing is known: an event, an item, a JSON Schema. */
const anyObject = v.looseObject({}) as unknown as v.GenericSchema<object>;
const optional = v.exactOptional;

const hopState = v.picklist(['on-its-way', 'handled', 'waiting', 'failed']);
const Hop = v.strictObject({
  ...{ rule: text, target: text, state: hopState },
  attempt: count,
  retryAt: optional(v.pipe(time, v.description("By the stack's clock."))),
  ...{ reason: optional(text), queue: optional(text) },
});

export const EventSummarySchema = v.strictObject({
  ...{ eventId: text, revision: count },
  at: v.pipe(time, v.description("Time when it was put, by the stack's clock.")),
  wall: v.pipe(time, v.description("The same by the machine's clock.")),
  ...{ source: text, detailType: text, entity: optional(text), correlationId: optional(text) },
  ...{ label: optional(text), replay: optional(text) },
  state: v.pipe(
    v.picklist(['on-its-way', 'handled', 'waiting', 'failed', 'unmatched']),
    v.description(
      'on-its-way: a hop is running. waiting: at least one is retried later. failed: a target failed for the last time. unmatched: no rule matched.',
    ),
  ),
  hops: v.array(Hop),
  tookMs: v.pipe(v.number(), v.minValue(0)),
});

const numbered = {
  seq: v.pipe(count, v.description('Number of the step in the run: 1, 2, 3, …')),
  wall: v.pipe(time, v.description('Time of the machine.')),
};
/** A step as `npm start -- --json` prints it, with its number and the machine's time. */
export const NumberedStepSchema = v.variant(
  'kind',
  StepSchema.options.map(({ entries }) => v.strictObject({ ...entries, ...numbered })) as never,
) as unknown as v.GenericSchema<model.NumberedStep>;

const MissedField = v.strictObject({
  path: text,
  value: optional(v.unknown()),
  allowed: v.array(v.unknown()),
  reason: text,
});

export const EventPageSchema = v.strictObject({
  summary: EventSummarySchema,
  event: anyObject,
  steps: v.array(NumberedStepSchema),
  incomplete: v.pipe(v.boolean(), v.description('Earlier steps were dropped to limit memory.')),
  misses: v.array(
    v.strictObject({ rule: text, fields: v.array(MissedField), alternatives: optional(v.number()) }),
  ),
  transforms: v.array(
    v.strictObject({ rule: text, target: text, paths: v.record(text, text), template: text }),
  ),
  items: v.array(
    v.strictObject({
      seq: count,
      before: optional(
        v.pipe(v.nullable(anyObject), v.description('Item before the write; null: there was none.')),
      ),
    }),
  ),
  personalData: v.pipe(texts, v.description('Fields of the detail with personal data.')),
});

export const BrokenSchema = v.strictObject({
  ...{ id: text, hop: text, kind: v.picklist(['throttle', 'fail', 'time-out', 'deny']) },
  left: optional(v.pipe(count, v.description('Calls that are still to fail; absent: until it is mended.'))),
});

const update = {
  seq: v.pipe(count, v.description('Number of the newest step that it includes.')),
  now: v.pipe(time, v.description("Time of the stack's clock.")),
  events: v.array(EventSummarySchema),
};
const state = {
  ...{ met: counts, passed: counts, queues: counts, disabled: texts, broken: v.array(BrokenSchema) },
  dropped: v.pipe(count, v.description('Events that were dropped to limit memory.')),
};

const Node = v.strictObject({
  id: text,
  kind: v.picklist([
    ...(['publisher', 'schedule', 'pipe', 'bus', 'archive', 'rule', 'function', 'queue', 'topic'] as const),
    ...(['table', 'stream', 'bucket', 'subscriber', 'port', 'other'] as const),
  ]),
  ...{ title: text, subtitle: text, name: text, x: amount, y: amount, width: amount, height: amount },
});
const Edge = v.strictObject({
  ...{ from: text, to: text, kind: v.picklist(['event', 'failure', 'replay', 'reads']) },
  ...{ label: optional(text), path: text },
});

export const SnapshotSchema = v.strictObject({
  ...{ ...update, ...state, nextDue: optional(time) },
  ...{ stackName: text, endpoint: text, speed: amount, startedAt: time },
  flow: v.strictObject({
    ...{ width: amount, height: amount, nodes: v.array(Node), edges: v.array(Edge) },
    beside: v.array(v.strictObject({ type: text, count })),
  }),
  contracts: v.array(
    v.strictObject({
      ...{
        type: text,
        source: text,
        detailType: text,
        version: count,
        schema: anyObject,
        example: anyObject,
      },
      personalData: texts,
    }),
  ),
  ...{ buses: texts, entityName: text, capacity: count },
  beside: v.array(v.strictObject({ stackName: text, account: text, region: text, endpoint: text })),
});

/** Message of the stream of changes: of all but the first three, only what changed since the last one. */
export const DeltaSchema = v.strictObject({
  ...update,
  ...{ met: optional(counts), passed: optional(counts), queues: optional(counts), disabled: optional(texts) },
  ...{ broken: optional(state.broken), dropped: optional(state.dropped) },
  nextDue: optional(v.nullable(time)),
  frameMs: optional(v.pipe(count, v.description('Minimum time until the next message, in milliseconds.'))),
});

export const DryRunSchema = v.strictObject({
  problem: optional(v.strictObject({ field: text, message: text })),
  rules: v.array(
    v.strictObject({
      rule: text,
      targets: optional(v.array(v.strictObject({ name: text, refuses: optional(text) }))),
      misses: optional(v.array(MissedField)),
      alternatives: optional(v.number()),
    }),
  ),
});

const FailedMessage = v.strictObject({
  ...{ messageId: text, consumer: optional(text), cause: text, reason: text, failedAt: time },
  poison: v.pipe(v.boolean(), v.description('No attempt can succeed.')),
  ...{ eventId: optional(text), entity: optional(text) },
});

export const StackStateSchema = v.strictObject({
  queues: v.array(v.strictObject({ name: text, visible: count, messages: v.array(FailedMessage) })),
  tables: v.array(v.strictObject({ name: text, key: texts, count, items: v.array(values) })),
  topics: v.array(
    v.strictObject({
      ...{ name: text, subscribers: count },
      messages: v.array(v.strictObject({ at: time, subject: optional(text), body: text, text })),
    }),
  ),
  streams: v.array(
    v.strictObject({
      ...{ name: text, records: count },
      objects: v.array(v.strictObject({ key: text, records: count, bytes: count })),
    }),
  ),
  alarms: v.array(v.strictObject({ name: text, state: text, reason: text, description: text })),
  ...{ rules: texts, functions: texts },
});

export const PutAnswer = v.strictObject({ eventId: v.pipe(text, v.description('EventBridge id.')) });
export const SendAnswer = v.strictObject({
  sentTo: v.pipe(text, v.description('Name of the bus or function.')),
});
export const RedriveAnswer = v.strictObject({
  sent: count,
  left: v.array(v.strictObject({ messageId: text, why: text })),
});
export const ReplayAnswer = v.strictObject({ replay: v.pipe(text, v.description('Name of the replay.')) });
export const ClockAnswer = v.strictObject({ now: time });
export const ExportAnswer = v.strictObject({ html: text });
export const NoAnswer = v.strictObject({});

const ReportEntry = v.strictObject({ kind: optional(text), message: text, about: optional(text) });
const entries = v.array(ReportEntry);
const deliveries = v.array(
  v.strictObject({
    target: text,
    payload: optional(v.pipe(text, v.description('Absent if it is the event as it is.'))),
    problem: optional(v.pipe(text, v.description('Reason why it cannot be delivered, or is refused.'))),
  }),
);

export const RoutesSchema = v.strictObject({
  rules: v.array(
    v.strictObject({
      ...{ name: text, bus: text, isEnabled: v.boolean(), description: optional(text) },
      ...{ pattern: v.unknown(), targets: texts },
    }),
  ),
  archives: texts,
  rows: v.array(
    v.strictObject({
      ...{ contract: text, label: text, isNearMiss: v.boolean(), event: anyObject, archives: texts },
      cells: v.pipe(
        v.array(
          v.strictObject({
            outcome: v.picklist(['accepted', 'refused', 'missed']),
            misses: v.array(v.strictObject({ field: text, reason: text })),
            alternatives: optional(v.number()),
            deliveries,
          }),
        ),
        v.description('In the order of the rules.'),
      ),
    }),
  ),
  schedules: v.array(v.strictObject({ rule: text, expression: text, next: optional(time), deliveries })),
  ...{ decisions: texts, findings: entries, unknown: entries, notLookedAt: entries, warnings: texts },
});

export const AuditSchema = v.strictObject({
  hops: v.array(
    v.strictObject({
      ...{ kind: text, from: text, to: text, retry: text, ageLimit: text, whenAllFails: text },
      ...{ encryption: text, permissions: v.array(v.strictObject({ needed: text, reason: text })) },
      ...{ alarms: texts, gaps: entries, unknown: entries },
    }),
  ),
  ...{ notLookedAt: entries, warnings: texts, notes: texts },
});

export const BillSchema = v.strictObject({
  months: v.array(
    v.strictObject({
      ...{ events: count, usd: amount },
      items: v.array(v.strictObject({ name: text, usd: amount })),
    }),
  ),
  ...{ missing: optional(text), notPriced: entries },
});

type DeepReadonly<Value> = Value extends object
  ? { readonly [Name in keyof Value]: DeepReadonly<Value[Name]> }
  : Value;
/** All fields, those that may be absent as well: types that lack some of them are assignable to each other. */
type DeepRequired<Value> = Value extends object
  ? { readonly [Name in keyof Value]-?: DeepRequired<Value[Name]> }
  : Value;
type Equal<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
/** True if each of both has all fields of the other. */
type Same<A, B> = Equal<DeepReadonly<A>, DeepReadonly<B>> & Equal<DeepRequired<A>, DeepRequired<B>>;
type Read<Schema extends v.GenericSchema> = v.InferOutput<Schema>;

/** The compiler's check that the schemas and the types are one. */
export const isModel: [
  Same<Read<typeof SnapshotSchema>, model.Snapshot>,
  Same<Read<typeof DeltaSchema>, model.Delta>,
  Same<Read<typeof EventPageSchema>, model.EventPage>,
  Same<Read<typeof DryRunSchema>, model.DryRun>,
  Same<Read<typeof StackStateSchema>, model.StackState>,
  Same<Read<typeof RedriveAnswer>, model.RedriveResult>,
  Same<Read<typeof RoutesSchema>, model.RoutesReport>,
  Same<Read<typeof AuditSchema>, model.AuditReport>,
  Same<Read<typeof BillSchema>, model.BillReport>,
] = [true, true, true, true, true, true, true, true, true];
