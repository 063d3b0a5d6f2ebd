/**
 * OpenAPI document of the page's API, for scripts. Only what it has is answered. Bodies are checked by the same schemas; the
 * answers are the types of `model.ts`.
 */
import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import { StepSchema } from '../local/step-schema';
import {
  ClockRequest,
  FaultRequest,
  PutRequest,
  RedriveRequest,
  ReplayRequest,
  SendRequest,
  SwitchRequest,
} from './actions';

const schemaOf = (schema: v.GenericSchema): JsonSchema => toJsonSchema(schema, { errorMode: 'ignore' });

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

function operation(summary: string, ...more: readonly object[]) {
  const answer = { description: 'Done.', content: { 'application/json': { schema: { type: 'object' } } } };
  return { summary, responses: { 200: answer, ...problems }, ...Object.assign({}, ...more) };
}

/** @param schema of the data of each server-sent event */
function stream(summary: string, schema: object) {
  const answer = { description: 'Server-sent events.', content: { 'text/event-stream': { schema } } };
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
  components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  paths: {
    '/snapshot': { get: operation('The picture, the contracts, and the state of every kept event') },
    '/changes': {
      get: stream('Changed events and counts, at most ten times a second', { type: 'object' }),
    },
    '/steps': {
      get: stream(
        'Every step: as `npm start -- --json` prints it, with its number `seq` and the time of the machine `wall`',
        schemaOf(StepSchema),
      ),
    },
    '/events': { post: operation('Puts an event', body(PutRequest)) },
    '/events/{id}': {
      get: operation(
        'One event: its steps, each rule that did not match with the values that kept it, transformers, items before and after',
        inPath('id', 'EventBridge id'),
      ),
    },
    '/events/{id}/send': {
      post: operation(
        'Sends it again as it was: to the bus, or only to the function `to`',
        inPath('id', 'EventBridge id'),
        body(SendRequest),
      ),
    },
    '/dry-run': { post: operation('Who would take an entry; nothing is sent', body(PutRequest)) },
    '/state': { get: operation('Queues, tables, topics, streams and alarms as they are now') },
    '/queues/{name}/redrive': {
      post: operation(
        'Sends failed events again, each only to the consumer that failed: those named, or all but poison',
        inPath('name', 'Name of the queue'),
        body(RedriveRequest),
      ),
    },
    '/queues/{name}/purge': { post: operation('Empties the queue', inPath('name', 'Name of the queue')) },
    '/rules/{name}': {
      post: operation('Enables or disables a rule', inPath('name', 'Name of the rule'), body(SwitchRequest)),
    },
    '/replays': { post: operation('Replays the last minutes of an archive to its bus', body(ReplayRequest)) },
    '/broken': { post: operation('Breaks the next calls of a function on purpose', body(FaultRequest)) },
    '/broken/{id}': {
      delete: operation('Mends what was broken', inPath('id', 'As `POST /broken` answered')),
    },
    '/clock': { post: operation('Moves the clock forward', body(ClockRequest)) },
    '/routes': { get: operation('What `npm run routes` says of the running template') },
    '/audit': { get: operation('What `npm run audit` says of it') },
    '/cost': { get: operation('Its bill, for 26 numbers of events a month') },
    '/export': { post: operation('The run as one HTML file, without personal data') },
    '/openapi.json': { get: operation('This document') },
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
