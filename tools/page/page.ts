/**
 * The page of the local run: static files, and `/_page/api` with its data and actions. It is behind the same guard as
 * the endpoint; the API requires a token, too, since the endpoint has no password.
 */
import { timingSafeEqual } from 'node:crypto';
import type { App, Contract } from '../app';
import { InputError } from '../cli/errors';
import type { Handler, RequestContext } from '../local/endpoint/answer';
import type { HttpRequest, Reply } from '../local/endpoint/http';
import type { LocalStack } from '../local/stack';
import { detailSchema } from '../proof/contracts/detail-schema';
import type { Measurement } from '../proof/cost/measurement';
import { describedBy } from '../proof/described';
import { readFlow } from '../proof/routes/flow';
import { placeFlow } from '../proof/routes/flow-layout';
import { Actions, PageInputError } from './actions';
import { readAssets } from './assets';
import { changes, pause } from './changes';
import { exportRun } from './export';
import { dryRun, eventPage, stackState } from './inspect';
import type { ContractForm, NumberedStep, PageUpdate, PlacedFlow, Snapshot } from './model';
import { OPENAPI, ROUTES } from './openapi';
import { CAPACITY, type Recorder } from './recorder';
import { auditReport, billReport, routesReport } from './reports';
import { FRAME_MS } from './rhythm';

export interface PageOptions {
  /** Description of the app; not used for the template of another one. */
  readonly app: App;
  readonly stack: LocalStack;
  /** Stacks that run beside it; the page names them. */
  readonly beside: readonly LocalStack[];
  readonly recorder: Recorder;
  readonly token: string;
  /** Measurement for the cost report; there is none without it. */
  readonly measurement?: Measurement;
}

/** Path of the page on the endpoint. */
const PREFIX = '/_page';
const DUE_MS = 500;
const JSON_HEADERS = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
/** Allows only the page's own scripts, styles and connections, and no frames. */
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export class Page {
  readonly #options: PageOptions;
  readonly #recorder: Recorder;
  readonly #actions: Actions;
  #due: { askedAt: number; time: number | undefined } = {
    askedAt: Number.NEGATIVE_INFINITY,
    time: undefined,
  };
  #flow: { of: object; placed: PlacedFlow } | undefined;

  constructor(options: PageOptions) {
    const { stack, recorder } = options;
    const app = describedBy(options.app, stack.assembly);
    this.#options = { ...options, app };
    this.#recorder = recorder;
    this.#actions = new Actions(stack, app, recorder);
    recorder.name({
      ...(app.entity && { idField: app.entity.idField }),
      labels: labelsOf(app),
      beganEmpty: stack.beganEmpty,
    });
  }

  readonly answer: Handler = async (request, context) => {
    const path = request.path.slice(PREFIX.length);
    if (!path.startsWith('/api/')) return this.#asset(path);
    if (!this.#hasToken(request)) {
      return json(401, { message: 'The page must be opened by the address that the local run printed.' });
    }
    try {
      return await this.#api(request, path.slice('/api/'.length), context);
    } catch (error) {
      // A proof refuses a template without rules in the same way.
      if (error instanceof PageInputError || error instanceof InputError)
        return json(400, { message: error.message });
      return json(500, { message: `${(error as Error).name}: ${(error as Error).message}` });
    }
  };

  #hasToken({ headers }: HttpRequest): boolean {
    const given = Buffer.from(String(headers.authorization ?? '').replace(/^Bearer /, ''));
    const token = Buffer.from(this.#options.token);
    return given.length === token.length && timingSafeEqual(given, token);
  }

  async #asset(path: string): Promise<Reply> {
    const asset = (await readAssets()).get(path === '' || path === '/' ? '/index.html' : path);
    if (!asset)
      return { status: 404, headers: { 'content-type': 'text/plain' }, body: 'There is no such page.' };
    return {
      status: 200,
      headers: {
        'content-type': asset.type,
        'content-security-policy': CSP,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-cache',
      },
      body: asset.body,
    };
  }

  async #api(request: HttpRequest, path: string, context: RequestContext): Promise<Reply> {
    const { app, stack, measurement } = this.#options;
    const actions = this.#actions;
    const [resource = '', id = '', verb = ''] = path.split('/').map(decodeURIComponent);
    const body = readBody(request);
    const route = `${request.method} ${[resource, id && ':id', verb].filter(Boolean).join('/')}`;
    // A route that the document does not have is not answered.
    switch (ROUTES.has(route) ? route : '') {
      case 'GET snapshot':
        return json(200, this.#snapshot());
      case 'GET changes':
        return stream(
          changes(this.#recorder, readNumber(request, 'after'), () => this.#state(stack), context.signal),
        );
      case 'GET steps':
        return stream(this.#steps(readNumber(request, 'after'), context.signal));
      case 'GET events/:id':
        return json(200, eventPage(stack, app, this.#recorder, id));
      case 'POST events':
        return json(200, await actions.put(body));
      case 'POST events/:id/send':
        return json(200, await actions.sendAgain(id, body));
      case 'POST dry-run':
        return json(200, dryRun(stack, app, body));
      case 'GET state':
        return json(200, await stackState(stack, app, this.#recorder));
      case 'POST queues/:id/redrive':
        return json(200, await actions.redrive(id, body));
      case 'POST queues/:id/purge':
        return json(200, await actions.purge(id));
      case 'POST rules/:id':
        return json(200, await actions.switchRule(id, body));
      case 'POST replays':
        return json(200, await actions.replay(body));
      case 'POST broken':
        return json(200, actions.breakHop(body));
      case 'DELETE broken/:id':
        return json(200, actions.mendHop(id));
      case 'POST clock':
        return json(200, await actions.moveClock(body));
      case 'GET routes':
        return json(200, routesReport(stack.assembly, app));
      case 'GET audit':
        return json(200, auditReport(stack.assembly, app));
      case 'GET cost':
        return json(200, billReport(stack.assembly, app, measurement));
      case 'POST export':
        return json(200, {
          html: await exportRun(this.#snapshot(), (each) => eventPage(stack, app, this.#recorder, each), app),
        });
      case 'GET openapi.json':
        return json(200, OPENAPI);
      default:
        return json(404, {
          message: `There is no ${route} in this API; GET ${PREFIX}/api/openapi.json has what there is.`,
        });
    }
  }

  #snapshot(): Snapshot {
    const { app, stack, beside } = this.#options;
    return {
      ...this.#state(stack),
      events: this.#recorder.events,
      stackName: stack.assembly.stackName,
      endpoint: stack.url,
      speed: stack.speed,
      startedAt: new Date(stack.startedAt).toISOString(),
      flow: this.#placed(stack),
      contracts: app.contracts.map(formOf),
      buses: [...stack.eventBridge.buses.keys()].filter((name) => name !== 'default'),
      entityName: app.entity?.name ?? '',
      capacity: CAPACITY,
      beside: beside.map(({ assembly: { stackName, account, region }, url: endpoint }) => ({
        ...{ stackName, account, region, endpoint },
      })),
    };
  }

  /** Layout of the picture, computed once for each template. */
  #placed(stack: LocalStack): PlacedFlow {
    if (this.#flow?.of !== stack.assembly) {
      this.#flow = { of: stack.assembly, placed: placeFlow(readFlow(stack.assembly, this.#options.app)) };
    }
    return this.#flow.placed;
  }

  #state(stack: LocalStack): Omit<PageUpdate, 'events'> {
    const nextDue = this.#dueNext();
    return {
      seq: this.#recorder.seq,
      now: new Date(stack.now).toISOString(),
      met: { ...this.#recorder.counters.met },
      passed: { ...this.#recorder.counters.passed },
      queues: Object.fromEntries(stack.queues.map((queue) => [queue.name, queue.depth().visible])),
      ...(nextDue !== undefined && { nextDue: new Date(nextDue).toISOString() }),
      disabled: stack.eventBridge.rules.filter(({ state }) => state === 'DISABLED').map(({ name }) => name),
      broken: stack.faults.list(),
      dropped: this.#recorder.dropped,
    };
  }

  /** Asked of every rule and event at most twice a second. */
  #dueNext(): number | undefined {
    const now = performance.now();
    if (now - this.#due.askedAt > DUE_MS) this.#due = { askedAt: now, time: this.#actions.nextDue };
    return this.#due.time;
  }

  async *#steps(after: number, signal: AbortSignal): AsyncGenerator<string> {
    let known = after;
    while (!signal.aborted) {
      const steps: readonly NumberedStep[] = this.#recorder.steps(known);
      for (const step of steps) yield `id: ${step.seq}\ndata: ${JSON.stringify(step)}\n\n`;
      known = steps.at(-1)?.seq ?? known;
      await pause(FRAME_MS, signal);
    }
  }
}

function formOf(contract: Contract): ContractForm {
  const { type, source, detailType, version, example, personalData } = contract;
  return { type, source, detailType, version, example, personalData, schema: detailSchema(contract) };
}

/** Fields of a detail by which consumers select among events of a type. */
function labelsOf({ consumers }: App): string[] {
  const patterns = Object.values(consumers).flatMap(({ receives }) => receives.map(({ pattern }) => pattern));
  const details = patterns.map((pattern) => (pattern as { detail?: object }).detail ?? {});
  return [...new Set(details.flatMap((detail) => Object.keys(detail)))];
}

function readBody({ body }: HttpRequest): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new PageInputError('The body of the request is no JSON.');
  }
}

function readNumber({ query }: HttpRequest, name: string): number {
  const value = Number(query.get(name) ?? 0);
  if (!Number.isInteger(value) || value < 0) {
    throw new PageInputError(`${name} is ${query.get(name)}, but must be a whole number of at least 0.`);
  }
  return value;
}

const json = (status: number, value: unknown): Reply => ({
  status,
  headers: JSON_HEADERS,
  body: JSON.stringify(value),
});

const stream = (body: AsyncIterable<string>): Reply => ({
  status: 200,
  headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  body,
});
