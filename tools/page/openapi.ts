/**
 * OpenAPI document of the page's API, for scripts. Only what it has is answered. Bodies are checked by the same schemas;
 * the answers are those of `answer-schemas.ts`.
 */
import { type JsonSchema, toJsonSchema, toJsonSchemaDefs } from '@valibot/to-json-schema';
import * as v from 'valibot';
import {
  ClockRequest,
  FaultRequest,
  PutRequest,
  RedriveRequest,
  ReplayRequest,
  SendRequest,
  SwitchRequest,
} from './actions';
import {
  AuditSchema,
  BillSchema,
  BrokenSchema,
  ClockAnswer,
  DeltaSchema,
  DryRunSchema,
  EventPageSchema,
  EventSummarySchema,
  ExportAnswer,
  NoAnswer,
  NumberedStepSchema,
  PutAnswer,
  RedriveAnswer,
  ReplayAnswer,
  RoutesSchema,
  SendAnswer,
  SnapshotSchema,
  StackStateSchema,
} from './answer-schemas';

/** Schemas that stand in the document once, by name. */
const definitions = {
  Audit: AuditSchema,
  Bill: BillSchema,
  Broken: BrokenSchema,
  Delta: DeltaSchema,
  DryRun: DryRunSchema,
  Event: EventPageSchema,
  EventSummary: EventSummarySchema,
  Routes: RoutesSchema,
  Snapshot: SnapshotSchema,
  State: StackStateSchema,
  Step: NumberedStepSchema,
};
const CONFIG = {
  errorMode: 'ignore',
  target: 'draft-2020-12',
  definitions,
  overrideRef: ({ referenceId }: { readonly referenceId: string }) => `#/components/schemas/${referenceId}`,
} as const;

function schemaOf(schema: v.GenericSchema): JsonSchema {
  const { $schema: _, $defs: __, ...own } = toJsonSchema(schema, CONFIG);
  return own;
}

const inPath = (name: string, description: string) => ({
  parameters: [{ name, in: 'path', required: true, schema: { type: 'string' }, description }],
});
const after = {
  parameters: [
    {
      ...{ name: 'after', in: 'query', schema: { type: 'integer', minimum: 0 } },
      description: 'Number of the newest known step. Default: 0, none.',
    },
  ],
};
const body = (schema: v.GenericSchema) => ({
  requestBody: { required: true, content: { 'application/json': { schema: schemaOf(schema) } } },
});

const problem = (description: string) => ({
  description,
  content: {
    'application/json': {
      schema: { type: 'object', properties: { message: { type: 'string' } }, required: ['message'] },
    },
  },
});
const problems = {
  400: problem('It cannot be done. `message` says why, and nothing was changed.'),
  401: problem('The token is missing or wrong.'),
};

/** @param schema of the answer */
function operation(summary: string, schema: v.GenericSchema, ...more: readonly object[]) {
  const answer = { description: 'Done.', content: { 'application/json': { schema: schemaOf(schema) } } };
  return { summary, responses: { 200: answer, ...problems }, ...Object.assign({}, ...more) };
}

/** @param schema of the data of each server-sent event */
function stream(summary: string, schema: v.GenericSchema) {
  const content = { 'text/event-stream': { schema: schemaOf(schema) } };
  const answer = { description: 'Server-sent events.', content };
  return { summary, responses: { 200: answer, ...problems }, ...after };
}

export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'The page of the local run',
    version: '1',
    description:
      'What the page shows and does, for scripts. The token is in the fragment of the address that the local run prints.',
  },
  servers: [{ url: '/_page/api' }],
  security: [{ token: [] }],
  components: {
    securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    schemas: toJsonSchemaDefs(definitions, CONFIG),
  },
  paths: {
    '/snapshot': {
      get: operation('The picture, the contracts, and the state of every kept event', SnapshotSchema),
    },
    '/changes': {
      get: stream('Changed events and counts, at most ten times a second', DeltaSchema),
    },
    '/steps': {
      get: stream(
        'Every step: as `npm start -- --json` prints it, with its number `seq` and the time of the machine `wall`',
        NumberedStepSchema,
      ),
    },
    '/events': { post: operation('Puts an event', PutAnswer, body(PutRequest)) },
    '/events/{id}': {
      get: operation(
        'One event: its steps, each rule that did not match with the values that kept it, transformers, items before and after',
        EventPageSchema,
        inPath('id', 'EventBridge id'),
      ),
    },
    '/events/{id}/send': {
      post: operation(
        'Sends it again as it was: to the bus, or only to the function `to`',
        SendAnswer,
        inPath('id', 'EventBridge id'),
        body(SendRequest),
      ),
    },
    '/dry-run': {
      post: operation('Who would take an entry; nothing is sent', DryRunSchema, body(PutRequest)),
    },
    '/state': {
      get: operation('Queues, tables, topics, streams and alarms as they are now', StackStateSchema),
    },
    '/queues/{name}/redrive': {
      post: operation(
        'Sends failed events again, each only to the consumer that failed: those named, or all but poison',
        RedriveAnswer,
        inPath('name', 'Name of the queue'),
        body(RedriveRequest),
      ),
    },
    '/queues/{name}/purge': {
      post: operation('Empties the queue', NoAnswer, inPath('name', 'Name of the queue')),
    },
    '/rules/{name}': {
      post: operation(
        'Enables or disables a rule',
        NoAnswer,
        inPath('name', 'Name of the rule'),
        body(SwitchRequest),
      ),
    },
    '/replays': {
      post: operation('Replays the last minutes of an archive to its bus', ReplayAnswer, body(ReplayRequest)),
    },
    '/broken': {
      post: operation('Breaks the next calls of a function on purpose', BrokenSchema, body(FaultRequest)),
    },
    '/broken/{id}': {
      delete: operation('Mends what was broken', NoAnswer, inPath('id', 'As `POST /broken` answered')),
    },
    '/clock': { post: operation('Moves the clock forward', ClockAnswer, body(ClockRequest)) },
    '/routes': { get: operation('What `npm run routes` says of the running template', RoutesSchema) },
    '/audit': { get: operation('What `npm run audit` says of it', AuditSchema) },
    '/cost': { get: operation('Its bill, for 26 numbers of events a month', BillSchema) },
    '/export': { post: operation('The run as one HTML file, without personal data', ExportAnswer) },
    '/openapi.json': { get: operation('This document', v.looseObject({})) },
  },
} as const;

/** The document's operations, e.g. `POST queues/:id/purge`. */
export const ROUTES: ReadonlySet<string> = new Set(
  Object.entries(OPENAPI.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(
      (method) => `${method.toUpperCase()} ${path.slice(1).replace(/\{\w+\}/, ':id')}`,
    ),
  ),
);
