/** One event: its timeline, the payload and the writes of each hop, and the rules that did not match. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { EventPage, EventSummary, MissedField, NumberedStep } from '../model';
import { call } from './api';
import { outcome, short } from './event-list';
import { current, events, eventsOf, selected } from './events';
import { bytes, closestOf, plural, took } from './format';
import { Key, StateIcon } from './icons';
import { readLog } from './log-text';
import { type Mark, Payload, sourcesOf } from './payload';
import { act, draft, load, now, open, view } from './state';
import { type Track, timelineOf } from './timeline';
import { Timeline } from './timeline-view';
import { Writes } from './writes-view';

export function EventView() {
  const summary = current.value;
  const page = useSignal<EventPage | undefined>(undefined);
  const chosen = useSignal('');
  const id = summary?.eventId;
  const revision = summary?.revision;
  useEffect(() => {
    if (id === undefined) return;
    let isCurrent = true;
    // Load once for many steps a millisecond apart.
    const timer = setTimeout(
      () =>
        void load(async () => {
          const read = await call<EventPage>('GET', `events/${encodeURIComponent(id)}`);
          if (isCurrent) page.value = read;
        }),
      page.value?.summary.eventId === id ? 100 : 0,
    );
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [id, revision]);
  if (!summary) return null;
  const detail = page.value?.summary.eventId === id ? page.value : undefined;
  const tracks = detail ? timelineOf(detail) : [];
  const track =
    tracks.find(({ key }) => key === chosen.value) ?? tracks.find(({ kind }) => kind === 'function');
  return (
    <div class="split">
      <Rail />
      <div class="stack">
        <section class="panel" aria-label="One event">
          <header>
            <StateIcon state={summary.state} />
            <h2>{summary.detailType}</h2>
            <span class="dim">
              {[summary.label, summary.entity, summary.correlationId].filter(Boolean).join(' · ')}
            </span>
            <span class="space" />
            <SendAgain page={detail} />
          </header>
          {detail && <Timeline tracks={tracks} chosen={track?.key} choose={(key) => (chosen.value = key)} />}
          {detail?.incomplete && (
            <footer class="dim">Its first steps were dropped: too many came since.</footer>
          )}
        </section>
        {detail && track && <HopPanel page={detail} track={track} />}
        {detail && (
          <div class="pair">
            <Misses page={detail} />
            <Writes page={detail} />
          </div>
        )}
        {detail && <Logs page={detail} />}
      </div>
    </div>
  );
}

/** Maximum number of related, and of other events beside one. */
const RAIL = 30;

/** List of other events: those of the same correlation id first, then the newest. */
function Rail() {
  const chosen = current.value;
  const id = chosen?.correlationId;
  const related = id === undefined ? [] : eventsOf(id).slice(0, RAIL);
  const rest: EventSummary[] = [];
  for (let i = events.value.length - 1; i >= 0 && rest.length < RAIL; i--) {
    const event = events.value[i];
    if (event && (id === undefined || event.correlationId !== id)) rest.push(event);
  }
  const item = (event: EventSummary) => (
    <button
      key={event.eventId}
      type="button"
      class="item"
      aria-current={event.eventId === selected.value}
      onClick={() => open(event.eventId)}
      title={outcome(event, now.value)}
    >
      <StateIcon state={event.state} />
      <span>{event.label ?? event.detailType}</span>
      <span class="dim">{event.entity}</span>
    </button>
  );
  return (
    <nav class="panel rail" aria-label="Other events">
      <header>
        <button type="button" class="link" onClick={() => open(undefined)}>
          ← All events
        </button>
      </header>
      {related.length > 0 && <p class="group mono">{chosen?.correlationId}</p>}
      {related.map(item)}
      {rest.length > 0 && <p class="group">others</p>}
      {rest.map(item)}
    </nav>
  );
}

export function editAndSend(event: { source: string; 'detail-type': string; detail: object }): void {
  draft.value = { source: event.source, detailType: event['detail-type'], detail: event.detail };
  view.value = 'put';
}

export async function sendAgain(eventId: string, to?: string): Promise<string> {
  const { sentTo } = await call<{ sentTo: string }>(
    'POST',
    `events/${encodeURIComponent(eventId)}/send`,
    to ? { to } : {},
  );
  return `Sent again, as it was, to ${short(sentTo)}.`;
}

function SendAgain({ page }: { page: EventPage | undefined }) {
  if (!page) return null;
  const { summary } = page;
  const failed = summary.hops.filter(({ state }) => state === 'failed');
  return (
    <>
      {failed.map(({ target }) => (
        <button key={target} type="button" onClick={() => void act(() => sendAgain(summary.eventId, target))}>
          Send to {short(target)} only
        </button>
      ))}
      <button type="button" onClick={() => void act(() => sendAgain(summary.eventId))}>
        Send again to the bus <Key>r</Key>
      </button>
      <button type="button" onClick={() => editAndSend(page.event as Parameters<typeof editAndSend>[0])}>
        Edit and send <Key>e</Key>
      </button>
    </>
  );
}

function HopPanel({ page, track }: { page: EventPage; track: Track }) {
  const { steps } = track;
  const delivered = steps.find((step) => step.kind === 'delivered');
  const transform = page.transforms.find(
    ({ rule, target }) => rule === track.rule && (track.target === undefined || target === track.target),
  );
  const ended = steps.findLast(
    (step) => step.kind === 'invocation-succeeded' || step.kind === 'invocation-failed',
  );
  const started = steps.findLast((step) => step.kind === 'invocation-started');
  return (
    <section class="panel" aria-label={`Hop ${track.title}`}>
      <header>
        <h3>{track.title}</h3>
        <span class="dim">
          {[
            ended && 'attempt' in ended && `attempt ${ended.attempt}`,
            started?.kind === 'invocation-started' && (started.coldStart ? 'cold start' : 'warm'),
            track.tookMs !== undefined && took(track.tookMs),
            ended?.kind === 'invocation-succeeded' && `returned ${cut(ended.result, 120)}`,
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
        <span class="space" />
        {delivered?.allowedBy && <Allowed by={delivered.allowedBy} />}
      </header>
      <Failure steps={steps} />
      <Calls steps={steps} />
      {delivered?.kind === 'delivered' && (
        <Payloads
          event={page.event}
          payload={delivered.payload}
          transform={transform}
          personalData={page.personalData}
          target={track.title}
        />
      )}
    </section>
  );
}

function Allowed({ by }: { by: string }) {
  const [action, place] = by.split(' by ');
  return (
    <span class="handled" title={`${action} is allowed by ${place}`}>
      <StateIcon state="handled" /> {action} allowed <code class="dim">{place}</code>
    </span>
  );
}

/** The last failure, with the frames of its stack trace, and each call that was denied. */
function Failure({ steps }: { steps: readonly NumberedStep[] }) {
  const failed = steps.findLast(({ kind }) => kind === 'invocation-failed' || kind === 'delivery-failed');
  const denied = steps.filter((step) => step.kind === 'access-denied');
  return (
    <>
      {denied.map(({ seq, action, resource, reason }) => (
        <pre key={seq} class="error">{`${action} denied on ${resource}\n${reason}`}</pre>
      ))}
      {failed?.kind === 'delivery-failed' && <pre class="error">{`${failed.code}: ${failed.message}`}</pre>}
      {failed?.kind === 'invocation-failed' && (
        <pre class="error">
          {`${failed.errorType}: ${failed.errorMessage}`}
          {failed.frames?.map((frame, i) => (
            <span key={`${i} ${frame}`} class={/node_modules|node:/.test(frame) ? 'frame dim' : 'frame'}>
              {frame}
            </span>
          ))}
        </pre>
      )}
    </>
  );
}

/** The calls that the function made: what, how long, and what allowed it. */
function Calls({ steps }: { steps: readonly NumberedStep[] }) {
  const calls = steps.filter(({ callMs, kind }) => callMs !== undefined && kind !== 'access-denied');
  if (calls.length === 0) return null;
  return (
    <dl class="calls">
      {calls.map((step) => (
        <>
          <dt>
            {step.kind.replaceAll('-', ' ')} <b>{short(storeOf(step))}</b>
          </dt>
          <dd class="right">{took(step.callMs ?? 0)}</dd>
          <dd>{step.allowedBy && <Allowed by={step.allowedBy} />}</dd>
        </>
      ))}
    </dl>
  );
}

function storeOf(step: NumberedStep): string {
  if ('table' in step) return step.table;
  if ('topic' in step) return step.topic;
  if ('stream' in step) return step.stream;
  if ('queue' in step) return step.queue;
  return 'bus' in step ? step.bus : '';
}

const cut = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

function Payloads(props: {
  event: object;
  payload: string;
  transform: EventPage['transforms'][number] | undefined;
  personalData: readonly string[];
  target: string;
}) {
  const { event, payload, transform, personalData, target } = props;
  let given: unknown = payload;
  try {
    given = JSON.parse(payload);
  } catch {
    // The payload may be plain text.
  }
  if (!transform) {
    return (
      <Payload
        title={`The whole event, to ${target}, ${bytes(payload)}`}
        value={given}
        personalData={personalData}
      />
    );
  }
  const sources = sourcesOf(transform.template, transform.paths);
  const used = new Map<string, Mark>();
  const made = new Map<string, Mark>();
  for (const [output, inputs] of sources) {
    const isNew = inputs.includes('+');
    const from = inputs.filter((input) => input !== '+');
    made.set(output, { sign: isNew ? '+' : '=', note: from.join(', ') });
    for (const input of from) {
      const before = used.get(input)?.note;
      used.set(input, { sign: '→', note: before ? `${before}, ${output}` : output });
    }
  }
  // An output of a personal field is personal, whatever its name.
  const renamed = [...sources].filter(([, inputs]) =>
    inputs.some((input) => personalData.includes(input.split('.').at(-1) ?? '')),
  );
  const hidden = [...personalData, ...renamed.map(([output]) => output.split('.').at(-1) ?? '')];
  return (
    <>
      <div class="pair">
        <Payload
          title={`On the bus, ${bytes(JSON.stringify(event))}`}
          value={event}
          marks={used}
          personalData={personalData}
        />
        <Payload
          title={`After the transformer, to ${target}, ${bytes(payload)}`}
          value={given}
          marks={made}
          personalData={hidden}
        />
      </div>
      <MarksLegend />
    </>
  );
}

const MarksLegend = () => (
  <footer class="dim">
    <span class="marks">
      <span>→ passed on</span>
      <span>= taken over</span>
      <span>+ made by the template</span>
      <span>grey: left behind</span>
    </span>
  </footer>
);

function Misses({ page: { misses } }: { page: EventPage }) {
  return (
    <section class="panel" aria-label="Rules that did not match">
      <header>
        <h3>Rules that did not match</h3>
        <span class="badge">{misses.length}</span>
      </header>
      {misses.length === 0 && <p class="empty">Every rule of the bus took it.</p>}
      <dl>
        {misses.map(({ rule, fields, alternatives }) => (
          <>
            <dt>{short(rule)}</dt>
            <dd>
              {fields.length === 0 && 'disabled'}
              {fields.map((field) => (
                <Missed key={field.path} {...field} />
              ))}
              {closestOf(alternatives)}
            </dd>
          </>
        ))}
      </dl>
    </section>
  );
}

function Missed({ path, value, allowed }: MissedField) {
  return (
    <div>
      <code>{path}</code> {value === undefined ? 'is absent' : <>is {JSON.stringify(value)}</>}
      <div class="dim">allowed: {allowed.map((each) => JSON.stringify(each)).join(', ')}</div>
    </div>
  );
}

function Logs({ page }: { page: EventPage }) {
  const lines = page.steps.flatMap((step) => (step.kind === 'log-line' ? [step] : []));
  const told = lines.flatMap((line) => {
    const said = readLog(line.message);
    return said ? [{ ...line, ...said }] : [];
  });
  if (lines.length === 0) return null;
  const start = Date.parse(page.summary.at);
  const rest = lines.length - told.length;
  return (
    <section class="panel" aria-label="Logs">
      <header>
        <h3>Logs</h3>
        <span class="badge">{told.length}</span>
        {rest > 0 && <span class="dim">and {plural(rest, 'line')} of metrics and of the platform</span>}
      </header>
      {told.map((line) => (
        <div key={line.seq} class="log">
          <span class="dim">+{took(Math.max(0, Date.parse(line.at) - start))}</span>
          <span>{short(line.function)}</span>
          <span>
            <code class={line.isError ? 'failed' : ''}>{line.text}</code>{' '}
            <code class="dim">{line.fields}</code>
          </span>
        </div>
      ))}
    </section>
  );
}
