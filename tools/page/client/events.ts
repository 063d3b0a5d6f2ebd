/** The events of the run as the page knows them, and the list that is shown of them. */
import { batch, computed, signal } from '@preact/signals';
import type { EventState, EventSummary } from '../model';

/** Filter of the listed events. */
export type Filter = 'all' | 'failed' | 'waiting' | 'on-its-way';

const known = new Map<string, EventSummary>();
let number = 0;
/** Ids of the events of each correlation id. */
const related = new Map<string, Set<string>>();
const unsettledIds = new Set<string>();

/** Shown events, oldest first, without those held back. */
export const events = signal<readonly EventSummary[]>([]);
/** Events of which a hop is on its way, waits or failed. */
export const unsettled = signal<readonly EventSummary[]>([]);
/** Number of known events in each state. */
export const stateCounts = signal<Readonly<Partial<Record<EventState, number>>>>({});
/** Number of events that came while the list was paused or touched. */
export const held = signal(0);
export const isPaused = signal(false);
/** True while the pointer or the focus is in the list: then no row moves. */
export const isTouched = signal(false);
export const searchText = signal('');
export const filter = signal<Filter>('all');
export const isGrouped = signal(true);
export const selected = signal<string | undefined>(undefined);

/** Number of calls of `publish`. */
const published = signal(0);

/** The selected event as it is now. */
export const current = computed(() => {
  const [, id] = [published.value, selected.value];
  return id === undefined ? undefined : known.get(id);
});

const texts = new WeakMap<EventSummary, string>();

function textOf(event: EventSummary): string {
  let text = texts.get(event);
  if (text === undefined) {
    const { source, detailType, entity, correlationId, label, eventId, hops, replay } = event;
    const words = [source, detailType, entity, correlationId, label, eventId, replay];
    text = [...words, ...hops.flatMap(({ rule, target, reason }) => [rule, target, reason])]
      .join(' ')
      .toLowerCase();
    texts.set(event, text);
  }
  return text;
}

/** Events that the search and the filter leave, oldest first. */
const found = computed(() => {
  const wanted = searchText.value.trim().toLowerCase();
  const state = filter.value;
  if (state === 'all' && wanted === '') return events.value;
  return events.value.filter(
    (event) =>
      (state === 'all' || event.state === state) && (wanted === '' || textOf(event).includes(wanted)),
  );
});

/** The rows of the list, newest first; those of a correlation id together, at the place of the newest. */
export const listed = computed((): readonly EventSummary[] => {
  const list = found.value;
  const groups = new Map<string, EventSummary[]>();
  const rows: (EventSummary | EventSummary[])[] = [];
  for (let i = list.length - 1; i >= 0; i--) {
    const event = list[i] as EventSummary;
    const id = isGrouped.value ? event.correlationId : undefined;
    const group = id === undefined ? undefined : groups.get(id);
    if (group) group.push(event);
    else if (id === undefined) rows.push(event);
    else {
      const fresh = [event];
      groups.set(id, fresh);
      rows.push(fresh);
    }
  }
  return rows.flat();
});

/** @returns the number of events that came so far */
export const come = (): number => number;

/** Events of a correlation id, newest first. */
export function eventsOf(correlationId: string): EventSummary[] {
  return [...(related.get(correlationId) ?? [])].flatMap((id) => known.get(id) ?? []).reverse();
}

export function forget(): void {
  known.clear();
  related.clear();
  unsettledIds.clear();
}

/** Takes over new and changed events. They are shown with the next call of `publish`. */
export function merge(changed: readonly EventSummary[], capacity: number): void {
  for (const summary of changed) {
    const { eventId, correlationId, state } = summary;
    if (!known.has(eventId)) number++;
    known.set(eventId, summary);
    if (state === 'handled' || state === 'unmatched') unsettledIds.delete(eventId);
    else unsettledIds.add(eventId);
    if (correlationId === undefined) continue;
    const ids = related.get(correlationId) ?? new Set();
    related.set(correlationId, ids.add(eventId));
  }
  for (const [id, { correlationId }] of known) {
    if (known.size <= capacity) break;
    known.delete(id);
    unsettledIds.delete(id);
    const ids = correlationId === undefined ? undefined : related.get(correlationId);
    ids?.delete(id);
    if (correlationId !== undefined && ids?.size === 0) related.delete(correlationId);
  }
}

/** Shows what is known; while paused only counts it, while touched also changes the rows in their places. */
export function refreshLists(): void {
  batch(() => {
    published.value++;
    const all = [...known.values()];
    unsettled.value = [...unsettledIds].flatMap((id) => known.get(id) ?? []);
    const counts: Partial<Record<EventState, number>> = {};
    for (const { state } of unsettled.value) counts[state] = (counts[state] ?? 0) + 1;
    stateCounts.value = counts;
    if (!isPaused.value && !(isTouched.value && events.value.length > 0)) {
      events.value = all;
      held.value = 0;
      return;
    }
    // A dropped event stays in a list that is held.
    if (!isPaused.value) events.value = events.value.map((event) => known.get(event.eventId) ?? event);
    const newest = events.value.at(-1)?.eventId;
    held.value = all.length - 1 - all.findLastIndex(({ eventId }) => eventId === newest);
  });
}

/** Shows the events that were held back. */
export function release(): void {
  batch(() => {
    isPaused.value = false;
    isTouched.value = false;
    refreshLists();
  });
}

export function togglePause(): void {
  if (isPaused.value) release();
  else isPaused.value = true;
}

/** Moves the selection through the rows. */
export function step(by: 1 | -1, only?: (event: EventSummary) => boolean): void {
  const list = listed.value;
  const at = list.findIndex(({ eventId }) => eventId === selected.value);
  for (let i = at < 0 && by < 0 ? list.length - 1 : at + by; i >= 0 && i < list.length; i += by) {
    const event = list[i];
    if (!event || (only && !only(event))) continue;
    selected.value = event.eventId;
    return;
  }
}
