/** State of the page, as signals; components read nothing else. */
import { batch, computed, signal } from '@preact/signals';
import type { Change, EventSummary, Snapshot } from '../model';
import { ApiError, call, follow } from './api';

export type View = 'flow' | 'put' | 'state' | 'routes' | 'audit' | 'bill';
export const VIEWS: readonly { readonly view: View; readonly title: string }[] = [
  { view: 'flow', title: 'Flow' },
  { view: 'put', title: 'Put' },
  { view: 'state', title: 'State' },
  { view: 'routes', title: 'Routes' },
  { view: 'audit', title: 'Audit' },
  { view: 'bill', title: 'Bill' },
];
/** Filter of the listed events. */
export type Filter = 'all' | 'failed' | 'waiting' | 'on-its-way';

export const snapshot = signal<Snapshot | undefined>(undefined);
/** Events, oldest first, without those held back while paused. */
export const events = signal<readonly EventSummary[]>([]);
export const view = signal<View>('flow');
export const selected = signal<string | undefined>(undefined);
export const search = signal('');
export const filter = signal<Filter>('all');
export const isGrouped = signal(true);
export const isPaused = signal(false);
/** Number of events that came while paused. */
export const held = signal(0);
export const isConnected = signal(true);
export interface Notice {
  readonly text: string;
  readonly isError: boolean;
  /** Event that the notice is about, to open. */
  readonly eventId?: string;
}
/** Notice for the reader: an error, or the result of an action. */
export const notice = signal<Notice | undefined>(undefined);
export const hasRelativeTimes = signal(true);
/** Initial entry of the form, e.g. of an event to edit and send. */
export const draft = signal<{ source: string; detailType: string; detail: object } | undefined>(undefined);

/** Known events by id; `events` is updated from them once a frame. */
const known = new Map<string, EventSummary>();
let isFrameAsked = false;

export const current = computed(() => {
  const id = selected.value;
  return id === undefined ? undefined : events.value.find(({ eventId }) => eventId === id);
});

export const listed = computed(() => {
  const wanted = search.value.trim().toLowerCase();
  const state = filter.value;
  return events.value.filter(
    (event) =>
      (state === 'all' || event.state === state) && (wanted === '' || textOf(event).includes(wanted)),
  );
});

export const countOf = (state: EventSummary['state']) =>
  events.value.reduce((count, event) => count + Number(event.state === state), 0);

function textOf(event: EventSummary): string {
  const { source, detailType, entity, correlationId, label, eventId, hops, replay } = event;
  const words = [source, detailType, entity, correlationId, label, eventId, replay];
  return [...words, ...hops.flatMap(({ rule, target, reason }) => [rule, target, reason])]
    .join(' ')
    .toLowerCase();
}

export async function connect(): Promise<void> {
  for (;;) {
    try {
      const first = await call<Snapshot>('GET', 'snapshot');
      known.clear();
      batch(() => {
        snapshot.value = first;
        isConnected.value = true;
        merge(first.events);
        publish();
      });
      await follow(first.seq, take);
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof TypeError)) throw error;
      if (!snapshot.value && error instanceof ApiError) notice.value = { text: error.message, isError: true };
    }
    isConnected.value = false;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

function take(change: Change): void {
  merge(change.events);
  if (isFrameAsked) {
    latest = change;
    return;
  }
  isFrameAsked = true;
  latest = change;
  requestAnimationFrame(() => {
    isFrameAsked = false;
    batch(() => {
      if (snapshot.value && latest) snapshot.value = { ...snapshot.value, ...latest, events: [] };
      if (isPaused.value) held.value = [...known.keys()].length - events.value.length;
      else publish();
    });
  });
}
let latest: Change | undefined;

function merge(changed: readonly EventSummary[]): void {
  for (const summary of changed) known.set(summary.eventId, summary);
  const capacity = snapshot.value?.capacity ?? 10_000;
  for (const id of known.keys()) {
    if (known.size <= capacity) break;
    known.delete(id);
  }
}

function publish(): void {
  events.value = [...known.values()];
  held.value = 0;
}

export function togglePause(): void {
  batch(() => {
    isPaused.value = !isPaused.value;
    if (!isPaused.value) publish();
  });
}

/** Runs an action, and shows its result or its error as a notice. */
export async function act(work: () => Promise<string | Notice | undefined>): Promise<void> {
  try {
    const result = await work();
    notice.value = typeof result === 'string' ? { text: result, isError: false } : result;
  } catch (error) {
    notice.value = noticeOf(error);
  }
}

let loadFailure: Notice | undefined;

/** Loads what a view shows. An error is a notice until a load succeeds; other notices stay. */
export async function load(work: () => Promise<void>): Promise<void> {
  try {
    await work();
    if (loadFailure && notice.value === loadFailure) notice.value = undefined;
  } catch (error) {
    notice.value = loadFailure = noticeOf(error);
  }
}

function noticeOf(error: unknown): Notice {
  if (!(error instanceof ApiError)) throw error;
  return { text: error.message, isError: true };
}

const MODIFIERS: ReadonlySet<string> = new Set(['Control', 'Shift', 'Alt', 'Meta']);
let inputs = 0;
addEventListener('keydown', ({ key, repeat }) => repeat || MODIFIERS.has(key) || inputs++, true);
addEventListener('pointerdown', () => inputs++, true);

/** @returns a test whether the reader has neither pressed a key nor clicked since */
export function whileUntouched(): () => boolean {
  const before = inputs;
  return () => inputs === before;
}

/** Moves the focus to an element, which may be drawn only now, before the next key is read. */
export function focus(id: string): void {
  queueMicrotask(() => document.getElementById(id)?.focus());
}

export function open(eventId: string | undefined): void {
  batch(() => {
    selected.value = eventId;
    view.value = 'flow';
  });
}

/** Moves the selection through the listed events, newest first. */
export function step(by: 1 | -1, only?: (event: EventSummary) => boolean): void {
  const list = [...listed.value].reverse();
  const at = list.findIndex(({ eventId }) => eventId === selected.value);
  for (let i = at < 0 && by < 0 ? list.length - 1 : at + by; i >= 0 && i < list.length; i += by) {
    const event = list[i];
    if (!event || (only && !only(event))) continue;
    selected.value = event.eventId;
    return;
  }
}
