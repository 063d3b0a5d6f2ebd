/** Present state of queues, tables, topics, streams and alarms, with their actions. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { StackState } from '../model';
import { call } from './api';
import { short } from './event-list';
import { clockTime, plural } from './format';
import { StateIcon } from './icons';
import { QueuePanel } from './queue-panel';
import { act, disabled, load, now, seq, snapshot } from './state';

/** Interval at which the state is read again while steps come, in milliseconds. */
const REFRESH_MS = 400;

export function StateView() {
  const state = useSignal<StackState | undefined>(undefined);
  useEffect(() => {
    let read = -1;
    let isReading = false;
    const refresh = async () => {
      if (isReading || read === seq.value) return;
      isReading = true;
      read = seq.value;
      await load(async () => {
        state.value = await call<StackState>('GET', 'state');
      });
      isReading = false;
    };
    void refresh();
    const timer = setInterval(() => void refresh(), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  if (!state.value) return <p class="empty">Reading …</p>;
  const { queues, tables, topics, streams, alarms, rules, functions } = state.value;
  return (
    <div class="stack">
      <div class="columns">
        {queues.map((queue) => (
          <QueuePanel key={queue.name} queue={queue} now={now.value} />
        ))}
      </div>
      {tables.map((table) => (
        <TablePanel key={table.name} table={table} />
      ))}
      <div class="masonry">
        {topics.map((topic) => (
          <TopicPanel key={topic.name} topic={topic} />
        ))}
        {streams.map((stream) => (
          <StreamPanel key={stream.name} stream={stream} />
        ))}
        <Alarms alarms={alarms} />
        <Hops rules={rules} functions={functions} />
        <Replay />
      </div>
    </div>
  );
}

function TopicPanel({ topic }: { topic: StackState['topics'][number] }) {
  const { name, subscribers, messages } = topic;
  return (
    <section class="panel" aria-label={`Topic ${short(name)}`}>
      <header>
        <h2>{short(name)}</h2>
        <span class="badge">{messages.length}</span>
        {subscribers === 0 && (
          <span class="waiting">no subscription in this template: nobody receives these</span>
        )}
      </header>
      {messages.length === 0 && <p class="empty">Nothing published yet.</p>}
      {messages.map((message) => (
        <div key={message.at + message.body} class="log">
          <span class="dim">{clockTime(message.at)}</span>
          <b>{message.subject ?? ''}</b>
          <span>{message.text}</span>
        </div>
      ))}
    </section>
  );
}

function StreamPanel({ stream }: { stream: StackState['streams'][number] }) {
  const { name, records, objects } = stream;
  return (
    <section class="panel" aria-label={`Stream ${short(name)}`}>
      <header>
        <h2>{short(name)}</h2>
        <span class="badge">{plural(records, 'record')}</span>
      </header>
      {objects.length === 0 && <p class="empty">No object written yet: records are collected first.</p>}
      {objects.map(({ key, records: count, bytes }) => (
        <div key={key} class="log object">
          <code>{key}</code>
          <span class="dim">
            {plural(count, 'record')}, {bytes.toLocaleString('en-US')} B
          </span>
        </div>
      ))}
    </section>
  );
}

function TablePanel({ table }: { table: StackState['tables'][number] }) {
  const wanted = useSignal('');
  const isShown = useSignal(false);
  const { name, key, items, count } = table;
  const personal = new Set(snapshot.value?.contracts.flatMap(({ personalData }) => personalData));
  const columns = [...new Set([...key, ...items.flatMap((item) => Object.keys(item))])].slice(0, 10);
  const shown = items.filter(
    (item) => wanted.value === '' || key.some((attribute) => String(item[attribute]).includes(wanted.value)),
  );
  return (
    <section class="panel" aria-label={`Table ${short(name)}`}>
      <header>
        <h2>{short(name)}</h2>
        <span class="badge">{plural(count, 'item')}</span>
        <span class="space" />
        {columns.some((column) => personal.has(column)) && (
          <button type="button" aria-pressed={isShown.value} onClick={() => (isShown.value = !isShown.value)}>
            Personal data
          </button>
        )}
        <input
          type="search"
          aria-label={`Find in ${short(name)} by ${key.join(', ')}`}
          placeholder={key.join(', ')}
          value={wanted.value}
          onInput={({ currentTarget }) => (wanted.value = currentTarget.value)}
        />
      </header>
      {count === 0 && <p class="empty">No item yet.</p>}
      {shown.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label={`Items of ${short(name)}`}>
          <table>
            <thead>
              <tr>
                {columns.map((column) => (
                  <th key={column}>{column}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.slice(0, 200).map((item) => (
                <tr key={key.map((attribute) => String(item[attribute])).join(' ')}>
                  {columns.map((column) => (
                    <td key={column} class={typeof item[column] === 'number' ? 'right' : ''}>
                      {personal.has(column) && !isShown.value && item[column] !== undefined
                        ? 'hidden'
                        : cell(item[column])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {count > items.length && <footer class="dim">The first {items.length} are shown.</footer>}
    </section>
  );
}

function cell(value: unknown): string {
  if (value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function Alarms({ alarms }: { alarms: StackState['alarms'] }) {
  const isShown = useSignal(false);
  const of = (state: string) => alarms.filter((alarm) => alarm.state === state);
  const [inAlarm, ok, unknown] = [of('ALARM'), of('OK'), of('INSUFFICIENT_DATA')];
  const list = isShown.value ? [...inAlarm, ...ok, ...unknown] : inAlarm;
  return (
    <section class="panel" aria-label="Alarms">
      <header>
        <h2>Alarms</h2>
        <span class={`badge ${inAlarm.length > 0 ? 'failed' : ''}`}>{inAlarm.length} in alarm</span>
        <span class="badge">{ok.length} OK</span>
        <span class="badge">{unknown.length} not evaluated here</span>
        <span class="space" />
        <button type="button" aria-pressed={isShown.value} onClick={() => (isShown.value = !isShown.value)}>
          Show all
        </button>
      </header>
      {list.length === 0 && <p class="empty">None is in alarm.</p>}
      {list.map(({ name, state, reason, description }) => (
        <div key={name} class="reach">
          <StateIcon state={state === 'ALARM' ? 'failed' : state === 'OK' ? 'handled' : 'unmatched'} />
          <span>{short(name)}</span>
          <span>
            {state === 'INSUFFICIENT_DATA' ? `Not evaluated here: ${reason}` : readable(reason)}
            {state === 'ALARM' && description && <div class="dim">{description}</div>}
          </span>
        </div>
      ))}
    </section>
  );
}

/** The reason of a composite alarm, with the names of its alarms instead of their ARNs. */
const readable = (reason: string) =>
  reason.replace(/ALARM\("arn:[^"]*:alarm:([^"]+)"\)/g, (_, name: string) => short(name));

const FAULTS = [
  { kind: 'throttle', calls: 1, title: 'throttle next' },
  { kind: 'fail', calls: 1, title: 'fail next' },
  { kind: 'time-out', calls: 1, title: 'time out next' },
  { kind: 'deny', title: 'take permissions away' },
] as const;

function Hops({ rules, functions }: Pick<StackState, 'rules' | 'functions'>) {
  const off = new Set(disabled.value);
  return (
    <section class="panel" aria-label="Rules and functions">
      <header>
        <h2>Rules and functions</h2>
      </header>
      {rules.map((name) => (
        <div key={name} class="reach">
          <span />
          <span>{short(name)}</span>
          <button
            type="button"
            onClick={() =>
              void act(async () => {
                await call('POST', `rules/${encodeURIComponent(name)}`, { enabled: off.has(name) });
                return `${short(name)} is ${off.has(name) ? 'enabled' : 'disabled'}.`;
              })
            }
          >
            {off.has(name) ? 'Enable' : 'Disable'}
          </button>
        </div>
      ))}
      {functions.map((name) => (
        <div key={name} class="reach">
          <span />
          <span>{short(name)}</span>
          <span>
            {FAULTS.map(({ title, ...fault }) => (
              <button
                key={fault.kind}
                type="button"
                aria-label={`Break ${short(name)}: ${title}`}
                onClick={() =>
                  void act(async () => {
                    await call('POST', 'broken', { hop: name, ...fault });
                    return undefined;
                  })
                }
              >
                {title}
              </button>
            ))}
          </span>
        </div>
      ))}
    </section>
  );
}

function Replay() {
  const shot = snapshot.value;
  const minutes = useSignal(60);
  const [archive] = shot?.flow.nodes.filter(({ kind }) => kind === 'archive') ?? [];
  if (!archive) return null;
  const replay = () =>
    act(async () => {
      const { replay: name } = await call<{ replay: string }>('POST', 'replays', {
        archive: archive.name,
        minutes: minutes.value,
      });
      return `Replay ${name} has begun: its events come marked in the list.`;
    });
  return (
    <section class="panel" aria-label="Replay">
      <header>
        <h2>Replay</h2>
        <span class="dim">what {short(archive.name)} has, to the bus that it came from</span>
      </header>
      <div class="preview">
        <label>
          The last{' '}
          <input
            id="replay-minutes"
            type="number"
            min="1"
            max="100000"
            value={minutes.value}
            onInput={({ currentTarget }) => (minutes.value = Number(currentTarget.value))}
          />{' '}
          minutes
        </label>
        <button id="replay" type="button" onClick={() => void replay()}>
          Replay
        </button>
      </div>
    </section>
  );
}
