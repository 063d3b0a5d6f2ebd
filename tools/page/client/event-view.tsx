/** One event: its timeline, the payload and the writes of each hop, and the rules that did not match. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { EventPage, NumberedStep } from '../model';
import { call } from './api';
import { outcome, short } from './event-list';
import { bytes, took } from './format';
import { Key, StateIcon } from './icons';
import { type Mark, Payload, sourcesOf } from './payload';
import { act, current, draft, events, open, selected, snapshot, view } from './state';
import { type Track, timelineOf } from './timeline';

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
        void act(async () => {
          const read = await call<EventPage>('GET', `events/${encodeURIComponent(id)}`);
          if (isCurrent) page.value = read;
          return undefined;
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

/** List of other events: those of the same correlation id first, then the newest. */
function Rail() {
  const now = snapshot.value?.now ?? '';
  const chosen = current.value;
  const all = [...events.value].reverse();
  const related = all.filter(
    ({ correlationId }) => correlationId !== undefined && correlationId === chosen?.correlationId,
  );
  const rest = all.filter((event) => !related.includes(event)).slice(0, 30);
  const item = (event: (typeof all)[number]) => (
    <button
      key={event.eventId}
      type="button"
      class="item"
      aria-current={event.eventId === selected.value}
      onClick={() => open(event.eventId)}
      title={outcome(event, now)}
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

function Timeline(props: {
  tracks: readonly Track[];
  chosen: string | undefined;
  choose(key: string): void;
}) {
  const { tracks, chosen, choose } = props;
  const scale = scaleOf(tracks);
  return (
    <div class="timeline" role="group" aria-label="Timeline">
      <div class="track head" aria-hidden="true">
        <span>Hop (bar: run, mark: a call)</span>
        <span class="axis">
          {scale.ticks.map(({ at, text }) => (
            <i key={at} style={{ left: `${at}%` }}>
              {text}
            </i>
          ))}
        </span>
        <span class="right">Took</span>
      </div>
      {tracks.map((track) => (
        <button
          key={track.key}
          type="button"
          class={`track ${track.state}`}
          aria-current={track.key === chosen}
          onClick={() => choose(track.key)}
        >
          <span style={{ paddingLeft: `${track.level * 14}px` }}>
            <StateIcon state={track.state} /> {track.title} <i class="dim">{track.note}</i>
          </span>
          <span class="axis">
            {track.bars.map((bar) => (
              <i
                key={bar.from}
                class={`bar ${bar.tone}`}
                style={{
                  left: `${scale.at(bar.from)}%`,
                  width: `max(4px, ${scale.at(bar.to) - scale.at(bar.from)}%)`,
                }}
              />
            ))}
            {track.marks.map((mark) => (
              <i key={mark.at} class="mark" style={{ left: `${scale.at(mark.at)}%` }} title={mark.says} />
            ))}
          </span>
          <span class="right">{track.tookMs === undefined ? '' : took(track.tookMs)}</span>
        </button>
      ))}
    </div>
  );
}

/** Minimum idle time that is drawn as a short gap, in milliseconds. */
const IDLE_MS = 1_000;

function scaleOf(tracks: readonly Track[]) {
  const points = tracks.flatMap(({ bars, marks }) => [
    ...bars.flatMap(({ from, to }) => [from, to]),
    ...marks.map(({ at }) => at),
  ]);
  const sorted = [...new Set([0, ...points])].sort((a, b) => a - b);
  const busy = (from: number, to: number) =>
    tracks.some(({ bars }) => bars.some((bar) => bar.from <= from && bar.to >= to));
  // Positions on a line whose long idle stretches are shortened to a tenth of the rest.
  const work = sorted.slice(1).reduce((sum, at, i) => {
    const before = sorted[i] as number;
    return sum + (at - before > IDLE_MS && !busy(before, at) ? 0 : at - before);
  }, 0);
  const gap = Math.max(2, work / 10);
  const places = new Map<number, number>();
  const ticks: { at: number; text: string }[] = [];
  let place = 0;
  for (const [i, at] of sorted.entries()) {
    const before = sorted[i - 1] ?? 0;
    const isIdle = at - before > IDLE_MS && !busy(before, at);
    if (isIdle) ticks.push({ at: place, text: `${took(at - before)} idle` });
    place += isIdle ? gap : at - before;
    places.set(at, place);
  }
  const total = Math.max(1, place);
  return {
    at: (ms: number) => (100 * (places.get(ms) ?? 0)) / total,
    ticks: [
      { at: 0, text: '0' },
      ...ticks.map(({ at, text }) => ({ at: (100 * at) / total, text })),
      { at: 92, text: took(sorted.at(-1) ?? 0) },
    ],
  };
}

function HopPanel({ page, track }: { page: EventPage; track: Track }) {
  const delivered = track.steps.find((step) => step.kind === 'delivered');
  const transform = page.transforms.find(({ rule }) => rule === track.rule);
  const ended = track.steps.findLast(
    (step) => step.kind === 'invocation-succeeded' || step.kind === 'invocation-failed',
  );
  const failure = track.steps.findLast(
    (step) => step.kind === 'invocation-failed' || step.kind === 'delivery-failed',
  );
  return (
    <section class="panel" aria-label={`Hop ${track.title}`}>
      <header>
        <h3>{track.title}</h3>
        <span class="dim">
          {[
            ended && 'attempt' in ended && `attempt ${ended.attempt}`,
            track.tookMs !== undefined && took(track.tookMs),
            ended?.kind === 'invocation-succeeded' && `returned ${ended.result.slice(0, 200)}`,
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
      </header>
      {failure && <Failure step={failure} />}
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

function Failure({ step }: { step: NumberedStep }) {
  if (step.kind === 'delivery-failed') return <pre class="error">{`${step.code}: ${step.message}`}</pre>;
  if (step.kind !== 'invocation-failed') return null;
  return <pre class="error">{`${step.errorType}: ${step.errorMessage}`}</pre>;
}

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
      <footer class="dim">→ passed on = taken over + made by the template grey: left behind</footer>
    </>
  );
}

function Misses({ page: { misses } }: { page: EventPage }) {
  return (
    <section class="panel" aria-label="Rules that did not match">
      <header>
        <h3>Rules that did not match</h3>
        <span class="badge">{misses.length}</span>
      </header>
      {misses.length === 0 && <p class="empty">Every rule of the bus took it.</p>}
      <dl>
        {misses.map(({ rule, fields }) => (
          <>
            <dt>{short(rule)}</dt>
            <dd>
              {fields.length === 0 && 'disabled'}
              {fields.map(({ field, reason }) => (
                <div key={field}>
                  <code>{field}</code> {reason}
                </div>
              ))}
            </dd>
          </>
        ))}
      </dl>
    </section>
  );
}

function Writes({ page }: { page: EventPage }) {
  const writes = page.steps.filter(
    (step) =>
      step.kind === 'item-written' || step.kind === 'message-published' || step.kind === 'item-deleted',
  );
  return (
    <section class="panel" aria-label="Writes">
      <header>
        <h3>Writes</h3>
        <span class="badge">{writes.length}</span>
      </header>
      {writes.length === 0 && <p class="empty">Nothing was written on its behalf.</p>}
      {writes.map((step) => (
        <div key={step.seq} class="write">
          {step.kind === 'item-written' && (
            <ItemDiff
              step={step}
              before={page.items.find(({ seq }) => seq === step.seq)?.before}
              personalData={page.personalData}
            />
          )}
          {step.kind === 'item-deleted' && (
            <p>{`${short(step.table)} ${JSON.stringify(step.key)} deleted`}</p>
          )}
          {step.kind === 'message-published' && (
            <p>
              <b>{short(step.topic)}</b> {step.subject}{' '}
              <span class="dim">{step.subscribers} subscribers</span>
            </p>
          )}
        </div>
      ))}
    </section>
  );
}

function ItemDiff(props: {
  step: NumberedStep & { kind: 'item-written' };
  before: object | null | undefined;
  personalData: readonly string[];
}) {
  const { step, before, personalData } = props;
  const after = step.item;
  const old = (before ?? {}) as Record<string, unknown>;
  const names = [...new Set([...Object.keys(old), ...Object.keys(after)])].filter(
    (name) => !Object.hasOwn(step.key, name),
  );
  const changed = names.filter((name) => JSON.stringify(old[name]) !== JSON.stringify(after[name]));
  const show = (name: string, value: unknown) =>
    personalData.includes(name) ? 'hidden' : JSON.stringify(value);
  const kind =
    before === null
      ? 'new item'
      : before === undefined
        ? 'what it was before, this run has not seen'
        : `${names.length - changed.length} attributes unchanged`;
  return (
    <>
      <p>
        <b>{short(step.table)}</b> <code>{Object.values(step.key).join(' ')}</code>{' '}
        <span class="dim">{kind}</span>
      </p>
      <pre>
        {changed.flatMap((name) => [
          ...(Object.hasOwn(old, name)
            ? [
                <span key={`-${name}`} class="line del">
                  <span class="sign">-</span>
                  <span>{`${name}  ${show(name, old[name])}`}</span>
                </span>,
              ]
            : []),
          ...(Object.hasOwn(after, name)
            ? [
                <span key={`+${name}`} class="line add">
                  <span class="sign">+</span>
                  <span>{`${name}  ${show(name, after[name])}`}</span>
                </span>,
              ]
            : []),
        ])}
      </pre>
    </>
  );
}

function Logs({ page }: { page: EventPage }) {
  const lines = page.steps.flatMap((step) => (step.kind === 'log-line' ? [step] : []));
  if (lines.length === 0) return null;
  const start = Date.parse(page.summary.at);
  return (
    <section class="panel" aria-label="Logs">
      <header>
        <h3>Logs</h3>
        <span class="badge">{lines.length}</span>
      </header>
      {lines.map((line) => (
        <div key={line.seq} class="log">
          <span class="dim">+{took(Math.max(0, Date.parse(line.at) - start))}</span>
          <span>{short(line.function)}</span>
          <code>{line.message.trimEnd()}</code>
        </div>
      ))}
    </section>
  );
}
