/** OpenAPI document of the page's API, for scripts. The schemas of answers are the types of `model.ts`. */
const text = { type: 'string' } as const;
const id = (name: string, description: string) => ({
  name,
  in: 'path',
  required: true,
  schema: text,
  description,
});
const body = (properties: Readonly<Record<string, object>>, required: readonly string[] = []) => ({
  required: true,
  content: { 'application/json': { schema: { type: 'object', properties, required } } },
});
const answers = {
  200: { description: 'Done; the answer is JSON.' },
  400: { description: 'It cannot be done. `message` says why, and nothing was changed.' },
  401: { description: 'The token is missing or wrong.' },
};
const entry = body(
  {
    source: text,
    detailType: text,
    detail: { type: 'object' },
    bus: { ...text, description: 'Default: the custom bus.' },
  },
  ['source', 'detailType', 'detail'],
);

const operation = (summary: string, more: object = {}) => ({ summary, responses: answers, ...more });

export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'The page of the local run',
    version: '1',
    description:
      'What the page shows and does, for scripts. The token stands in the fragment of the address that the local run prints.',
  },
  servers: [{ url: '/_page/api' }],
  security: [{ token: [] }],
  components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  paths: {
    '/snapshot': {
      get: operation('The picture, the contracts, and what became of every event that is kept'),
    },
    '/changes': {
      get: operation('What changes, as server-sent events: at most one every 50 ms', {
        parameters: [
          {
            name: 'after',
            in: 'query',
            schema: { type: 'integer' },
            description: 'Number of the newest step that is known.',
          },
        ],
      }),
    },
    '/steps': {
      get: operation(
        'Every step, as server-sent events: what `npm start -- --json` prints, with a number and the time of the machine',
        {
          parameters: [{ name: 'after', in: 'query', schema: { type: 'integer' } }],
        },
      ),
    },
    '/events': { post: operation('Puts an event', { requestBody: entry }) },
    '/events/{id}': {
      get: operation('One event: its steps, the rules that did not take it, items before and after', {
        parameters: [id('id', 'EventBridge id')],
      }),
    },
    '/events/{id}/send': {
      post: operation('Sends it again as it was: to the bus, or only to one function', {
        parameters: [id('id', 'EventBridge id')],
        requestBody: body({ to: { ...text, description: 'Name of a function. Default: the bus.' } }),
      }),
    },
    '/dry-run': { post: operation('Who would take an entry; nothing is sent', { requestBody: entry }) },
    '/state': { get: operation('Queues, tables, topics, streams and alarms as they are now') },
    '/queues/{name}/redrive': {
      post: operation('Sends failed events again, each only to the consumer that failed', {
        parameters: [id('name', 'Name of the queue')],
        requestBody: body(
          {
            messageIds: { type: 'array', items: text, description: 'Default: all but poison.' },
            dryRun: { type: 'boolean' },
          },
          ['dryRun'],
        ),
      }),
    },
    '/queues/{name}/purge': {
      post: operation('Empties the queue', { parameters: [id('name', 'Name of the queue')] }),
    },
    '/rules/{name}': {
      post: operation('Enables or disables a rule', {
        parameters: [id('name', 'Name of the rule')],
        requestBody: body({ enabled: { type: 'boolean' } }, ['enabled']),
      }),
    },
    '/replays': {
      post: operation('Replays the last minutes of an archive to its bus', {
        requestBody: body(
          { archive: text, minutes: { type: 'number' }, rules: { type: 'array', items: text } },
          ['archive', 'minutes'],
        ),
      }),
    },
    '/broken': {
      post: operation('Breaks the next calls of a function on purpose', {
        requestBody: body(
          { hop: text, kind: { enum: ['throttle', 'fail', 'time-out', 'deny'] }, calls: { type: 'integer' } },
          ['hop', 'kind'],
        ),
      }),
    },
    '/broken/{id}': {
      delete: operation('Mends what was broken', { parameters: [id('id', 'As `POST /broken` answered')] }),
    },
    '/clock': {
      post: operation('Moves the clock forward', {
        requestBody: body({ to: { const: 'next' }, seconds: { type: 'number' } }),
      }),
    },
    '/routes': { get: operation('What `npm run routes` says of the running template') },
    '/audit': { get: operation('What `npm run audit` says of it') },
    '/cost': { get: operation('Its bill, for 26 numbers of events a month') },
    '/export': { post: operation('The run as one HTML file, without personal data') },
    '/openapi.json': { get: operation('This document') },
  },
} as const;
