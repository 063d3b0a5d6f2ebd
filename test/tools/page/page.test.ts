/** The page's API, on the project's own stack and its real bundles. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteRuleCommand, EventBridgeClient, PutRuleCommand } from '@aws-sdk/client-eventbridge';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import Ajv from 'ajv';
import Ajv2020 from 'ajv/dist/2020';
import fc from 'fast-check';
import { APP } from '../../../bin/app-description';
import { ESBUILD_OPTIONS, entryOf } from '../../../lib/bundling';
import { Bundler } from '../../../tools/local/bundler';
import { SystemWorld } from '../../../tools/local/services/world';
import { LocalStack } from '../../../tools/local/stack';
import { STEP_SCHEMA_FILE, stepSchema } from '../../../tools/local/step-schema';
import type { TimedStep } from '../../../tools/local/steps';
import { PageAttachment } from '../../../tools/page/attachment';
import { withoutPersonal } from '../../../tools/page/export';
import type { DryRun, EventPage, RedriveResult, Snapshot, StackState } from '../../../tools/page/model';
import { readAssembly } from '../../../tools/template/assembly';
import { Builds } from '../ops/deployment';
import { assemblyOf } from '../proof/assembly';

jest.setTimeout(60_000);

const BUS = 'event-driven-bus';
const CREATED = {
  source: 'app.orders',
  detailType: 'OrderCreated',
  detail: { orderId: 'order-7', customerId: 'c', customerEmail: 'jane@example.com', total: 5 },
};
const POISON = { ...CREATED, detail: { orderId: 'order-8', customerId: 'c', total: 'five' } };

/** A stack of another account that runs beside it, as far as the page names it. */
const BESIDE = {
  assembly: { stackName: 'billing', account: '111122223333', region: 'eu-west-1' },
  url: 'http://127.0.0.1:4567',
} as LocalStack;

const builds = new Builds();
let stack: LocalStack;
let address: URL;
/** Steps of the run, as `npm start -- --json` prints them. */
const steps: TimedStep[] = [];
beforeAll(async () => {
  const bundler = new Bundler(process.cwd(), { entryOf, options: ESBUILD_OPTIONS, app: 'bin/app.ts' });
  const page = new PageAttachment({ app: () => APP, measurement: () => undefined });
  stack = await LocalStack.start({
    assembly: readAssembly(builds.intact, { region: 'us-east-1' }),
    world: new SystemWorld(),
    port: 0,
    maxEnvironments: 1,
    sourceMapOf: (name, code) => bundler.mapOf(name, code),
    handlers: page.handlers,
    onStep: (step) => {
      steps.push(step);
      page.onStep(step);
    },
  });
  address = new URL(page.attach(stack, [BESIDE]));
  await describeApi();
});
afterAll(async () => {
  await stack?.stop();
  builds.remove();
});

const authorization = () => `Bearer ${address.hash.replace('#token=', '')}`;
const api = (path: string, init: RequestInit = {}) =>
  fetch(new URL(`/_page/api/${path}`, address), { headers: { authorization: authorization() }, ...init });

interface Document {
  readonly paths: Record<
    string,
    Record<string, { responses: Record<string, { content: Record<string, object> }> }>
  >;
}
/** The API's own document; the answers of all tests are held to it. */
let described: { readonly paths: Document['paths']; readonly ajv: Ajv2020 };
/** Operations that have been answered, e.g. `GET /state`. */
const answered = new Set<string>();

async function describeApi(): Promise<void> {
  const document = (await (await api('openapi.json')).json()) as Document;
  const ajv = new Ajv2020({ formats: { 'date-time': true }, strict: false });
  described = { paths: document.paths, ajv: ajv.addSchema(document, 'api') };
}

/** Holds an answer to the schema that the document has for its operation. */
function hold(method: string, given: string, status: number, type: string, answer: unknown): void {
  const path = Object.keys(described.paths).find((each) =>
    new RegExp(`^${each.replace(/\{\w+\}/g, '[^/]+')}$`).test(`/${given.split('?')[0]}`),
  );
  const own = described.paths[path ?? '']?.[method.toLowerCase()];
  expect(Object.keys(own?.responses[status]?.content ?? {})).toEqual([type]);
  const pointer = [path, method.toLowerCase(), 'responses', status, 'content', type, 'schema']
    .map((part) => `${part}`.replaceAll('~', '~0').replaceAll('/', '~1'))
    .join('/');
  const validate = described.ajv.compile({ $ref: `api#/paths/${pointer}` });
  validate(answer);
  expect({ path, errors: validate.errors }).toEqual({ path, errors: null });
  if (status === 200) answered.add(`${method} ${path}`);
}

async function answerOf(method: string, path: string, body?: object) {
  const init = { method, ...(body && { body: JSON.stringify(body) }) };
  const response = await api(path, init);
  const answer = (await response.json()) as object;
  hold(method, path, response.status, 'application/json', answer);
  return { status: response.status, answer };
}

async function get<Result>(path: string): Promise<Result> {
  const { status, answer } = await answerOf('GET', path);
  expect({ status, ...answer }).toMatchObject({ status: 200 });
  return answer as Result;
}

async function post<Result>(path: string, body: object): Promise<Result> {
  const { status, answer } = await answerOf('POST', path, body);
  expect({ status, ...answer }).toMatchObject({ status: 200 });
  return answer as Result;
}

async function settled(eventId: string): Promise<EventPage> {
  for (;;) {
    const page = await get<EventPage>(`events/${eventId}`);
    if (page.summary.state !== 'on-its-way') return page;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function put(entry: object): Promise<EventPage> {
  const { eventId } = await post<{ eventId: string }>('events', entry);
  return settled(eventId);
}

describe('who may ask', () => {
  test.each(['snapshot', 'state', 'events/x', 'routes'])('nobody without the token: %s', async (path) => {
    expect((await api(path, { headers: {} })).status).toBe(401);
    expect((await api(path, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
  });

  test('no page of another origin, not even with the token', async () => {
    const headers = { authorization: authorization(), origin: 'https://evil.example' };
    expect((await api('snapshot', { headers })).status).toBe(403);
  });

  test('nobody for what is not there, or by what is no number', async () => {
    const missing = await fetch(new URL('/_page/none.js', address));
    expect([missing.status, await missing.text()]).toEqual([404, 'There is no such page.']);
    expect((await api('nothing')).status).toBe(404);
    const wrong = await api('steps?after=-1');
    expect([wrong.status, await wrong.json()]).toEqual([
      ...[400, { message: expect.stringMatching(/^after is -1, but must be a whole number/) }],
    ]);
  });

  test('the files need none, and let nothing in but themselves', async () => {
    const response = await fetch(new URL('/_page', address));
    expect(response.status).toBe(200);
    const policy = response.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect((await fetch(new URL('/_page/../package.json', address))).status).not.toBe(200);
  });
});

describe('an event', () => {
  test('that was put is in the table, with all that became of it', async () => {
    const { summary, misses, items, personalData } = await put({ ...CREATED, bus: BUS });
    expect(summary).toMatchObject({ state: 'handled', entity: 'order-7' });
    expect(summary.hops.map(({ target }) => target)).toContain('event-driven-order-processor');
    expect(misses.flatMap(({ fields }) => fields)).toContainEqual(
      expect.objectContaining({
        path: 'detail-type',
        value: 'OrderCreated',
        allowed: expect.arrayContaining(['OrderStatusChanged']),
      }),
    );
    expect(items[0]).toMatchObject({ before: null });
    expect(personalData).toContain('customerEmail');
    const client = DynamoDBDocumentClient.from(
      new DynamoDBClient({
        endpoint: stack.url,
        region: 'us-east-1',
        credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
      }),
    );
    const { Item } = await client.send(
      new GetCommand({ TableName: 'event-driven-orders', Key: { orderId: 'order-7' } }),
    );
    expect(Item).toMatchObject({ status: 'PENDING' });
  });

  test('says before it is sent who would take it, and why the contract refuses it', async () => {
    const fine = await post<DryRun>('dry-run', CREATED);
    expect(fine.problem).toBeUndefined();
    expect(
      fine.rules.filter(({ targets }) => targets).flatMap(({ targets = [] }) => targets),
    ).not.toContainEqual(expect.objectContaining({ refuses: expect.anything() }));
    const poison = await post<DryRun>('dry-run', POISON);
    expect(poison.problem).toMatchObject({ field: 'detail.total' });
    expect(poison.rules.flatMap(({ targets = [] }) => targets)).toContainEqual(
      expect.objectContaining({
        name: 'event-driven-order-processor',
        refuses: expect.stringContaining('detail.total'),
      }),
    );
  });

  test('is sent again to the one function that was given it', async () => {
    const { summary } = await put({ ...CREATED, detail: { ...CREATED.detail, orderId: 'order-9' } });
    const before = await get<Snapshot>('snapshot');
    await post(`events/${summary.eventId}/send`, { to: 'event-driven-analytics' });
    await stack.settled();
    const after = await get<Snapshot>('snapshot');
    expect(after.met[BUS]).toBe(before.met[BUS]);
  });
});

describe('a failed event', () => {
  let eventId: string;
  beforeAll(async () => {
    ({ eventId } = (await put(POISON)).summary);
    // Lambda tries it again after one and two minutes.
    for (let state = 'waiting'; state !== 'failed'; ) {
      await post('clock', { to: 'next' });
      await new Promise((resolve) => setTimeout(resolve, 50));
      ({ state } = (await settled(eventId)).summary);
    }
  });
  const failedQueue = async () =>
    (await get<StackState>('state')).queues.find(({ name }) => name === 'event-driven-failed-events');

  test('lies in its queue, explained', async () => {
    expect((await failedQueue())?.messages).toMatchObject([
      {
        consumer: 'event-driven-order-processor',
        cause: 'PoisonEventError',
        poison: true,
        eventId,
        entity: 'order-8',
      },
    ]);
  });

  test('is left there by a redrive of all if it is poison, and the preview sends nothing', async () => {
    const preview = await post<RedriveResult>('queues/event-driven-failed-events/redrive', { dryRun: true });
    expect(preview).toMatchObject({ sent: 0, left: [{ why: 'it is poison' }] });
    expect((await failedQueue())?.visible).toBe(1);
  });

  test('is sent to the consumer that failed if it is chosen', async () => {
    const messageIds = ((await failedQueue())?.messages ?? []).map(({ messageId }) => messageId);
    const result = await post<RedriveResult>('queues/event-driven-failed-events/redrive', {
      dryRun: false,
      messageIds,
    });
    expect(result).toMatchObject({ sent: 1, left: [] });
    expect((await failedQueue())?.visible).toBe(0);
  });
});

test('a call that is broken on purpose fails once, is told of, and then all is well again', async () => {
  await post('broken', { hop: 'event-driven-order-processor', kind: 'fail', calls: 1 });
  expect((await get<Snapshot>('snapshot')).broken).toMatchObject([
    { hop: 'event-driven-order-processor', kind: 'fail', left: 1 },
  ]);
  const { summary } = await put({ ...CREATED, detail: { ...CREATED.detail, orderId: 'order-10' } });
  expect(summary.hops).toContainEqual(
    expect.objectContaining({ state: 'waiting', reason: expect.stringContaining('BrokenOnPurpose') }),
  );
  expect((await get<Snapshot>('snapshot')).broken).toEqual([]);
  await post('clock', { to: 'next' });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await settled(summary.eventId)).summary.state).toBe('handled');
});

test('why a rule did not match hides the value of a personal field', async () => {
  const events = new EventBridgeClient({
    endpoint: stack.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
  });
  const pattern = {
    'detail-type': ['OrderCreated'],
    detail: { customerEmail: [{ suffix: '@example.org' }] },
  };
  const rule = { Name: 'event-driven-of-one', EventBusName: BUS };
  await events.send(new PutRuleCommand({ ...rule, EventPattern: JSON.stringify(pattern) }));
  const detail = { ...CREATED.detail, orderId: 'order-12', customerEmail: 'jane@example.com' };
  const { misses } = await put({ ...CREATED, detail });
  await events.send(new DeleteRuleCommand(rule));
  expect(misses.find((each) => each.rule === rule.Name)?.fields).toEqual([
    {
      path: 'detail.customerEmail',
      allowed: [{ suffix: '@example.org' }],
      reason: 'detail.customerEmail is personal data',
      value: 'hidden',
    },
  ]);
});

test('a rule that is switched off takes nothing, and is shown as such', async () => {
  await post('rules/event-driven-order-created', { enabled: false });
  const { summary, misses } = await put({ ...CREATED, detail: { ...CREATED.detail, orderId: 'order-11' } });
  expect(summary.hops.map(({ rule }) => rule)).not.toContain('event-driven-order-created');
  expect(misses).toContainEqual({ rule: 'event-driven-order-created', fields: [] });
  await post('rules/event-driven-order-created', { enabled: true });
  expect((await get<Snapshot>('snapshot')).disabled).toEqual([]);
});

test('a stack that runs beside it is named, since the page does not show it', async () => {
  const { assembly, url: endpoint } = BESIDE;
  expect((await get<Snapshot>('snapshot')).beside).toEqual([{ ...assembly, endpoint }]);
});

describe('a template of somebody else', () => {
  /** Asks a page of another template, with this run behind it. */
  async function ask(path: string, template: object, app = APP): Promise<{ status: number; answer: object }> {
    const assembly = assemblyOf(template);
    const other = new Proxy(stack, {
      get: (target, name) => (name === 'assembly' ? assembly : Reflect.get(target, name, target)),
    });
    const page = new PageAttachment({ app: () => app, measurement: () => undefined });
    const token = new URL(page.attach(other)).hash.replace('#token=', '');
    const reply = await page.handlers['/_page']?.(
      {
        ...{ method: 'GET', path: `/_page/api/${path}`, query: new URLSearchParams(), body: Buffer.from('') },
        headers: { authorization: `Bearer ${token}` },
      } as never,
      { signal: new AbortController().signal } as never,
    );
    return { status: reply?.status ?? 0, answer: JSON.parse(`${reply?.body}`) };
  }
  const Rule = { Type: 'AWS::Events::Rule', Properties: { EventPattern: { source: ['shop'] }, Targets: [] } };

  test('has none of the contracts of the described app', async () => {
    expect((await ask('snapshot', { Resources: { Rule } })).answer).toMatchObject({
      ...{ contracts: [], entityName: '', beside: [] },
    });
    expect((await ask('routes', { Resources: { Rule } })).answer).toMatchObject({ rows: [] });
  });

  test('that hands no event on has no routes, and the page says why', async () => {
    const Queue = { Type: 'AWS::SQS::Queue' };
    for (const path of ['routes', 'audit'])
      expect(await ask(path, { Resources: { Queue } })).toMatchObject({
        status: 400,
        answer: { message: expect.stringContaining('has no AWS::Events::Rule') },
      });
  });
});

test('changes come as server-sent events', async () => {
  const controller = new AbortController();
  const response = await api('changes?after=0', {
    headers: { authorization: authorization() },
    signal: controller.signal,
  });
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  expect(new TextDecoder().decode(value)).toMatch(/^data: \{"seq":\d+,/);
  controller.abort();
});

describe('what cannot be done is one sentence, and changes nothing', () => {
  test.each([
    ['events', { source: 'a' }, /^detailType/],
    ['queues/nothing/purge', {}, 'The stack has no queue nothing.'],
    ['rules/nothing', { enabled: true }, 'The stack has no rule nothing.'],
    ['broken', { hop: 'nothing', kind: 'fail' }, 'hop is nothing, but must be a function of the stack.'],
    ['broken', { hop: 'event-driven-notifier', kind: 'burn' }, /^kind/],
    ['events', { ...CREATED, detail: [] }, /^detail: it is a list, but PutEvents requires a JSON object/],
    ['dry-run', { ...CREATED, detail: [1] }, /^detail: it is a list/],
    ['events/nothing/send', [], /^The body is a list/],
    ['replays', { archive: 'nothing', minutes: 5 }, /^archive is nothing/],
    ['clock', { seconds: -1 }, /seconds/],
    ['events/nothing/send', {}, 'The event nothing is not known any more.'],
  ])('%s %j', async (path, body, message) => {
    const response = await api(path, { method: 'POST', body: JSON.stringify(body) });
    expect(response.status).toBe(400);
    const answer = (await response.json()) as { message: string };
    expect(answer.message).toMatch(message);
  });

  test('whatever the body is, there is no answer of 500', async () => {
    const paths = ['events', 'dry-run', 'replays', 'broken', 'clock', 'rules/x', 'events/x/send'];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.json(), async (path, body) => {
        const { status } = await api(path, { method: 'POST', body });
        expect([200, 400]).toContain(status);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the OpenAPI document', () => {
  /** First message of a stream, as it is read. */
  async function firstOf(path: string): Promise<unknown> {
    const controller = new AbortController();
    const response = await api(path, {
      headers: { authorization: authorization() },
      signal: controller.signal,
    });
    let text = '';
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += piece;
      if (text.includes('\n\n')) break;
    }
    controller.abort();
    const [, data = ''] = /^data: (.*)$/m.exec(text) ?? [];
    return JSON.parse(data);
  }

  test('has the streams as they are sent', async () => {
    await put({ ...CREATED, bus: BUS });
    for (const path of ['changes', 'steps']) hold('GET', path, 200, 'text/event-stream', await firstOf(path));
  });

  test('has each kind of step with its number and the time of the machine', () => {
    const validate = described.ajv.compile({ $ref: 'api#/components/schemas/Step' });
    const own = { seq: 1, wall: new Date().toISOString() };
    for (const step of steps) {
      validate({ ...JSON.parse(JSON.stringify(step)), ...own });
      expect({ kind: step.kind, errors: validate.errors }).toEqual({ kind: step.kind, errors: null });
    }
    expect(validate(steps[0])).toBe(false);
  });

  test('has the answers of the reports, and of an export', async () => {
    for (const path of ['routes', 'audit', 'cost', 'openapi.json']) await get(path);
    await post('export', {});
  });

  test('has the answers of actions', async () => {
    await post('queues/event-driven-dlq/purge', {});
    await post('replays', { archive: 'event-driven-archive', minutes: 1 });
    const { id } = await post<{ id: string }>('broken', {
      hop: 'event-driven-notifier',
      kind: 'fail',
      calls: 1,
    });
    expect(await answerOf('DELETE', `broken/${id}`)).toEqual({ status: 200, answer: {} });
  });

  test('has a refusal of every operation that can refuse, in its form', async () => {
    for (const [path, methods] of Object.entries(described.paths)) {
      for (const method of Object.keys(methods)) {
        if (!path.includes('{') && method === 'get') continue;
        await answerOf(
          method.toUpperCase(),
          path.slice(1).replace(/\{\w+\}/, 'none'),
          method === 'post' ? {} : undefined,
        );
      }
    }
  });

  test('has nothing that none of these tests has seen answered', () => {
    const all = Object.entries(described.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect([...answered].sort()).toEqual(all.sort());
  });
});

test('the page is at most 60 KB, compressed', async () => {
  let bytes = 0;
  for (const path of ['', '/page.js', '/style.css']) {
    const response = await fetch(new URL(`/_page${path}`, address));
    expect(response.status).toBe(200);
    bytes += gzipSync(await response.text()).length;
  }
  expect(bytes).toBeLessThanOrEqual(60_000);
});

describe('an export', () => {
  test('holds no personal field, in whatever text it stands', async () => {
    await put(CREATED);
    const { html } = await post<{ html: string }>('export', {});
    expect(html).toContain('order-7');
    expect(html).not.toContain('jane@example.com');
  });

  test('hides fields wherever they are', () => {
    fc.assert(
      fc.property(fc.json({ depthSize: 'medium' }), (text) => {
        const value = { a: { email: 'SECRET' }, b: JSON.stringify({ email: 'SECRET', c: JSON.parse(text) }) };
        expect(JSON.stringify(withoutPersonal(value, new Set(['email']), (each) => each))).not.toContain(
          'SECRET',
        );
      }),
    );
  });
});

describe('the steps of the run', () => {
  const validate = new Ajv({ formats: { 'date-time': true } }).compile(
    JSON.parse(readFileSync(STEP_SCHEMA_FILE, 'utf8')),
  );
  const printed = () => steps.map((step) => JSON.parse(JSON.stringify(step)) as TimedStep);

  test('are described by the file that npm run schema writes', () => {
    expect(readFileSync(STEP_SCHEMA_FILE, 'utf8')).toBe(stepSchema());
  });

  test('are as docs/steps.schema.json says, which has no unknown field', () => {
    for (const step of printed())
      expect({ step, errors: validate(step) ? null : validate.errors }).toMatchObject({ errors: null });
    for (const step of printed().slice(0, 50)) expect(validate({ ...step, other: 1 })).toBe(false);
  });

  test('each of a delivery, an invocation, a call or a message of an event has its id', () => {
    const ofEvents = new Set(['delivered', 'log-line', 'item-written', 'message-published', 'records-put']);
    const without = steps.filter(
      ({ kind, eventId }) => (ofEvents.has(kind) || kind.startsWith('invocation-')) && eventId === undefined,
    );
    // What the page sends to one function alone is no event of a bus.
    const direct = new Set(without.flatMap((step) => ('requestId' in step ? [step.requestId] : [])));
    const sent = steps.filter(
      (step) => 'requestId' in step && !direct.has(step.requestId) && step.kind !== 'egress-refused',
    );
    expect(sent.filter(({ eventId }) => eventId === undefined)).toEqual([]);
    expect(steps.filter(({ kind, eventId }) => kind === 'message-sent' && eventId !== undefined)).not.toEqual(
      [],
    );
  });

  test('of a delivery and of a call name the statement that allowed it', () => {
    const policies = new Set(stack.assembly.resources.keys());
    const policyOf = (step: TimedStep) => step.allowedBy?.replace(/^\S+ by (.* of )?/, '') ?? '';
    const toFunctions = steps.filter((step) => step.kind === 'delivered' && step.requestId !== undefined);
    const calls = steps.filter(({ kind, trace }) => kind === 'item-written' && trace !== undefined);
    for (const step of [...toFunctions, ...calls]) expect(policies).toContain(policyOf(step));
    expect([toFunctions.length, calls.length]).not.toContain(0);
  });

  test('of a failure say when it is tried again, and where in the source it was thrown', () => {
    const failed = steps.filter((step) => step.kind === 'invocation-failed');
    const [first] = failed.filter(({ retryInMs }) => retryInMs !== undefined);
    expect(Date.parse(first?.dueAt ?? '') - Date.parse(first?.at ?? '')).toBe(first?.retryInMs);
    expect(failed.flatMap(({ frames = [] }) => frames)).toContainEqual(
      expect.stringMatching(/^at .*lambdas\/order-processor\/handler\.ts:\d+:\d+/),
    );
  });

  test('tell of rules that were switched and of the clock that was moved', () => {
    expect(steps.flatMap((step) => (step.kind === 'rule-changed' ? [step.state] : []))).toEqual([
      'DISABLED',
      'ENABLED',
    ]);
    expect(steps.find(({ kind }) => kind === 'clock-moved')).toBeDefined();
  });
});
