/** The events, newest first; only the rows that can be seen are drawn. */
import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { EventSummary } from '../model';
import { ago, clockTime, plural, took, until } from './format';
import { StateIcon } from './icons';
import {
  countOf,
  events,
  type Filter,
  filter,
  hasRelativeTimes,
  held,
  isGrouped,
  isPaused,
  listed,
  open,
  search,
  selected,
  snapshot,
  togglePause,
} from './state';

const ROW = 28;

const FILTERS: readonly { readonly filter: Filter; readonly title: string }[] = [
  { filter: 'all', title: 'All' },
  { filter: 'failed', title: 'Failed' },
  { filter: 'waiting', title: 'Waiting' },
  { filter: 'on-its-way', title: 'On its way' },
];

export function EventList() {
  const shot = snapshot.value;
  const list = listed.value;
  return (
    <section class="panel grow" aria-label="Events" id="events">
      <header>
        <h2>Events</h2>
        <span class="badge">
          {list.length.toLocaleString('en-US')} of {events.value.length.toLocaleString('en-US')}
        </span>
        <input
          id="search"
          type="search"
          aria-label="Search events"
          placeholder="type, id, correlation id, rule  ( / )"
          value={search.value}
          onInput={(event) => {
            search.value = event.currentTarget.value;
          }}
        />
        <Filters />
        <span class="space" />
        {isPaused.value && held.value > 0 && (
          <button type="button" class="accent" onClick={togglePause}>
            {plural(held.value, 'new event')}
          </button>
        )}
        <button
          type="button"
          aria-pressed={isGrouped.value}
          onClick={() => {
            isGrouped.value = !isGrouped.value;
          }}
        >
          Grouped by correlation id
        </button>
      </header>
      <Rows list={list} now={shot?.now ?? ''} />
      {(shot?.dropped ?? 0) > 0 && (
        <footer class="dim">
          {plural(shot?.dropped ?? 0, 'earlier event')} dropped: the newest{' '}
          {shot?.capacity.toLocaleString('en-US')} are kept.
        </footer>
      )}
    </section>
  );
}

const Filters = () => (
  <>
    {FILTERS.map(({ filter: each, title }) => {
      const count = each === 'all' ? 0 : countOf(each);
      return (
        <button
          key={each}
          type="button"
          aria-pressed={filter.value === each}
          onClick={() => {
            filter.value = each;
          }}
        >
          {title}
          {count > 0 && <b> {count}</b>}
        </button>
      );
    })}
  </>
);

function Rows({ list, now }: { list: readonly EventSummary[]; now: string }) {
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(400);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      height.value = element.clientHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [list.length === 0]);
  if (list.length === 0) return <Nothing />;
  const ordered = isGrouped.value ? grouped(list) : list;
  const first = Math.max(0, Math.floor(top.value / ROW) - 5);
  const count = Math.ceil(height.value / ROW) + 10;
  // Newest first: row i is the i-th from the end.
  const shown = Array.from({ length: Math.max(0, Math.min(count, ordered.length - first)) }, (_, i) => {
    const at = ordered.length - 1 - (first + i);
    return {
      event: ordered[at] as EventSummary,
      above: ordered[at + 1],
      below: ordered[at - 1],
      row: first + i,
    };
  });
  return (
    <div
      class="rows"
      ref={box}
      tabIndex={0}
      role="listbox"
      aria-label="List of events"
      aria-activedescendant={selected.value && `event-${selected.value}`}
      onScroll={(event) => {
        top.value = event.currentTarget.scrollTop;
      }}
    >
      <Head />
      <div class="canvas" style={{ height: `${ordered.length * ROW}px` }}>
        {shown.map(({ event, above, below, row }) => (
          <Row key={event.eventId} event={event} above={above} below={below} top={row * ROW} now={now} />
        ))}
      </div>
    </div>
  );
}

const Head = () => (
  <div class="row head" aria-hidden="true">
    <span />
    <span>Time (UTC)</span>
    <span>Correlation id</span>
    <span>Type</span>
    <span>{snapshot.value?.entityName || 'Id'}</span>
    <span>Reached</span>
    <span>Outcome</span>
    <span class="right">Took</span>
  </div>
);

function Nothing() {
  const shot = snapshot.value;
  if (events.value.length > 0) {
    const clear = () => {
      search.value = '';
      filter.value = 'all';
    };
    return (
      <p class="empty">
        Nothing matches.{' '}
        <button type="button" onClick={clear}>
          Clear search and filters
        </button>
      </p>
    );
  }
  return (
    <div class="empty">
      <p>
        No event yet. Put one (<kbd>p</kbd>), or send one from a shell:
      </p>
      <pre>{`aws --endpoint-url ${shot?.endpoint ?? ''} events put-events --entries file://samples/entries/minimal-order.json`}</pre>
    </div>
  );
}

function Row(props: {
  event: EventSummary;
  above: EventSummary | undefined;
  below: EventSummary | undefined;
  top: number;
  now: string;
}) {
  const { event, above, below, top, now } = props;
  const same = (other: EventSummary | undefined) =>
    isGrouped.value && event.correlationId !== undefined && other?.correlationId === event.correlationId;
  const bracket = same(above) || same(below) ? 'bracket' : '';
  return (
    <div
      id={`event-${event.eventId}`}
      class={`row ${event.state}`}
      role="option"
      aria-selected={selected.value === event.eventId}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => open(event.eventId)}
    >
      <span>
        <StateIcon state={event.state} />
      </span>
      <span class="mono" title={event.at}>
        {clockTime(event.at)} <i>{hasRelativeTimes.value ? ago(event.at, now) : ''}</i>
      </span>
      <span class={`mono ${bracket}`}>{same(above) ? '' : (event.correlationId ?? '')}</span>
      <span>
        {event.detailType} {event.label && <b class="label">{event.label}</b>} <i>{event.source}</i>
        {event.replay && <i> replayed by {event.replay}</i>}
      </span>
      <span class="mono">{event.entity ?? ''}</span>
      <span class="reached">
        {event.hops.map((hop) => (
          <span key={`${hop.rule} ${hop.target}`}>
            <StateIcon state={hop.state} /> {short(hop.target)}
          </span>
        ))}
      </span>
      <span class={event.state}>{outcome(event, now)}</span>
      <span class="right">{event.state === 'on-its-way' ? '' : took(event.tookMs)}</span>
    </div>
  );
}

/** Groups events by correlation id, newest group last; events without an id are not grouped. */
function grouped(list: readonly EventSummary[]): readonly EventSummary[] {
  const groups = new Map<string, EventSummary[]>();
  for (const event of list) {
    const key = event.correlationId ?? event.eventId;
    const group = groups.get(key);
    // A group is at the place of its newest event.
    if (group) groups.delete(key);
    groups.set(key, [...(group ?? []), event]);
  }
  return [...groups.values()].flat();
}

export function outcome(event: EventSummary, now: string): string {
  if (event.state === 'unmatched') return 'no rule took it';
  const hop = event.hops.find(({ state }) => state === event.state);
  if (event.state === 'handled' || !hop) return '';
  if (event.state === 'on-its-way') return `rule ${short(hop.rule)} → ${short(hop.target)}`;
  if (event.state === 'failed')
    return `${hop.reason ?? 'failed'}${hop.queue ? `, in ${short(hop.queue)}` : ''}`;
  return `${hop.reason ?? ''}; attempt ${hop.attempt + 1} in ${hop.retryAt ? until(hop.retryAt, now) : '?'}`;
}

/** A name without the stack's prefix. */
export function short(name: string): string {
  const prefix = `${snapshot.value?.stackName ?? ''}-`;
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}
