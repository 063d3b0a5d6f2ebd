/** The events, newest first; only the rows that can be seen are drawn. */
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import type { EventSummary } from '../model';
import {
  events,
  type Filter,
  filter,
  held,
  isGrouped,
  isPaused,
  isTouched,
  listed,
  refreshLists,
  release,
  searchText,
  selected,
  stateCounts,
} from './events';
import { ago, clockTime, plural, took, until } from './format';
import { StateIcon } from './icons';
import { dropped, hasRelativeTimes, now, open, snapshot } from './state';

const ROW = 28;

const FILTERS: readonly { readonly filter: Filter; readonly title: string }[] = [
  { filter: 'all', title: 'All' },
  { filter: 'failed', title: 'Failed' },
  { filter: 'waiting', title: 'Waiting' },
  { filter: 'on-its-way', title: 'On its way' },
];

export function EventList() {
  return (
    <section class="panel grow" aria-label="Events" id="events">
      <header>
        <h2>Events</h2>
        <span class="badge">
          {listed.value.length.toLocaleString('en-US')} of {events.value.length.toLocaleString('en-US')}
        </span>
        <input
          id="search"
          type="search"
          aria-label="Search events"
          placeholder="type, id, correlation id, rule  ( / )"
          value={searchText.value}
          onInput={(event) => {
            searchText.value = event.currentTarget.value;
          }}
        />
        <Filters />
        <span class="space" />
        {held.value > 0 && (
          <button type="button" class="accent" onClick={release}>
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
      <Rows list={listed.value} />
      {dropped.value > 0 && (
        <footer class="dim">
          {plural(dropped.value, 'earlier event')} dropped: the newest{' '}
          {snapshot.value?.capacity.toLocaleString('en-US')} are kept.
        </footer>
      )}
    </section>
  );
}

const Filters = () => (
  <>
    {FILTERS.map(({ filter: each, title }) => {
      const count = each === 'all' ? 0 : (stateCounts.value[each] ?? 0);
      return (
        <button
          key={each}
          type="button"
          aria-pressed={filter.value === each}
          onClick={() => {
            filter.value = each;
          }}
        >
          {each !== 'all' && <StateIcon state={each} />} {title}
          {count > 0 && <b> {count.toLocaleString('en-US')}</b>}
        </button>
      );
    })}
  </>
);

function Rows({ list }: { list: readonly EventSummary[] }) {
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(400);
  const isEmpty = list.length === 0;
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      height.value = element.clientHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [isEmpty]);
  useEffect(() => () => touch(false), [isEmpty]);
  if (isEmpty) return <Nothing />;
  const first = Math.min(Math.max(0, Math.floor(top.value / ROW) - 4), list.length - 1);
  const shown = list.slice(first, first + Math.ceil(height.value / ROW) + 8);
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
      onPointerEnter={() => touch(true)}
      onPointerLeave={() => touch(false)}
      onFocusIn={() => touch(true)}
      onFocusOut={() => touch(false)}
    >
      <Head />
      <div class="canvas" style={{ height: `${list.length * ROW}px` }}>
        {shown.map((event, i) => (
          <Row
            key={event.eventId}
            event={event}
            index={first + i}
            count={list.length}
            place={placeOf(event, list[first + i - 1], list[first + i + 1])}
          />
        ))}
      </div>
    </div>
  );
}

function touch(isIn: boolean): void {
  if (isTouched.value === isIn) return;
  isTouched.value = isIn;
  if (!isIn && !isPaused.value) refreshLists();
}

/** Place of a row among those of its correlation id. */
type Place = 'alone' | 'first' | 'later';

function Row(props: { event: EventSummary; index: number; count: number; place: Place }) {
  const { event, index, count, place } = props;
  // A row that only moved gets the same node for its cells, which then are not drawn again.
  const cells = useMemo(() => <Cells event={event} place={place} />, [event, place]);
  return (
    <div
      id={`event-${event.eventId}`}
      class={`row ${event.state}`}
      role="option"
      aria-selected={selected.value === event.eventId}
      aria-posinset={index + 1}
      aria-setsize={count}
      style={{ transform: `translateY(${index * ROW}px)` }}
      onClick={() => open(event.eventId)}
    >
      {cells}
    </div>
  );
}

function placeOf(
  event: EventSummary,
  above: EventSummary | undefined,
  below: EventSummary | undefined,
): Place {
  const id = isGrouped.value ? event.correlationId : undefined;
  if (id === undefined) return 'alone';
  if (above?.correlationId === id) return 'later';
  return below?.correlationId === id ? 'first' : 'alone';
}

const Head = () => (
  <div class="row head" aria-hidden="true">
    <span />
    <span>Time (UTC)</span>
    <span>Correlation id</span>
    <span>Type</span>
    <span>{snapshot.value?.entityName.replace(/^./, (letter) => letter.toUpperCase()) || 'Id'}</span>
    <span>Reached</span>
    <span>Outcome</span>
    <span class="right">Took</span>
  </div>
);

function Nothing() {
  if (events.value.length > 0) {
    const clear = () => {
      searchText.value = '';
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
      <pre>{`aws --endpoint-url ${snapshot.value?.endpoint ?? ''} events put-events --entries file://samples/entries/minimal-order.json`}</pre>
    </div>
  );
}

function Cells({ event, place }: { event: EventSummary; place: Place }) {
  return (
    <>
      <span>
        <StateIcon state={event.state} />
      </span>
      <span class="mono" title={event.at}>
        {clockTime(event.at)} <Ago at={event.at} />
      </span>
      <span class={`mono ${place === 'alone' ? '' : `bracket ${place}`}`} title={event.correlationId}>
        {place === 'later' ? '' : (event.correlationId ?? '')}
      </span>
      <span title={`${event.detailType} of ${event.source}`}>
        {event.detailType} {event.label && <b class="label">{event.label}</b>} <i>{event.source}</i>
        {event.replay && <i> replayed by {event.replay}</i>}
      </span>
      <span class="mono" title={event.entity}>
        {event.entity ?? ''}
      </span>
      <span class="reached">
        {event.hops.map((hop) => (
          <span key={`${hop.rule} ${hop.target}`}>
            <StateIcon state={hop.state} /> {short(hop.target)}
          </span>
        ))}
      </span>
      <Outcome event={event} />
      <span class="right">{event.state === 'on-its-way' ? '' : took(event.tookMs)}</span>
    </>
  );
}

const Ago = ({ at }: { at: string }) => <i class="ago">{hasRelativeTimes.value ? ago(at, now.value) : ''}</i>;

function Outcome({ event }: { event: EventSummary }) {
  // Only what waits has to be drawn again with the time.
  const text = outcome(event, event.state === 'waiting' ? now.value : '');
  return (
    <span class={event.state} title={text}>
      {text}
    </span>
  );
}

export function outcome(event: EventSummary, at: string): string {
  if (event.state === 'unmatched') return 'no rule took it';
  const hop = event.hops.find(({ state }) => state === event.state);
  if (event.state === 'handled' || !hop) return '';
  if (event.state === 'on-its-way') return `rule ${short(hop.rule)} → ${short(hop.target)}`;
  if (event.state === 'failed')
    return `${hop.reason ?? 'failed'}${hop.queue ? `, in ${short(hop.queue)}` : ''}`;
  return `attempt ${hop.attempt + 1} in ${hop.retryAt ? until(hop.retryAt, at) : '?'}: ${hop.reason ?? ''}`;
}

/** A name without the stack's prefix. */
export function short(name: string): string {
  const prefix = `${snapshot.value?.stackName ?? ''}-`;
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}
