/** State of the page, as signals; components read nothing else. */
import { batch, signal } from '@preact/signals';
import type { Broken, Counts, Delta, PageUpdate, Snapshot } from '../model';
import { ApiError, call, follow } from './api';
import { forget, merge, refreshLists, selected } from './events';

export type View = 'flow' | 'put' | 'state' | 'routes' | 'audit' | 'bill';
export const VIEWS: readonly { readonly view: View; readonly title: string }[] = [
  { view: 'flow', title: 'Flow' },
  { view: 'put', title: 'Put' },
  { view: 'state', title: 'State' },
  { view: 'routes', title: 'Routes' },
  { view: 'audit', title: 'Audit' },
  { view: 'bill', title: 'Bill' },
];
/** State that does not change during a run; the signals below have the rest. */
export const snapshot = signal<Omit<Snapshot, keyof PageUpdate> | undefined>(undefined);
export const view = signal<View>('flow');
/** Time of the stack's clock, to the second. */
export const now = signal('');
/** Number of the newest step. */
export const seq = signal(0);
export const met = signal<Counts>({});
export const passed = signal<Counts>({});
export const queues = signal<Counts>({});
export const nextDue = signal<string | undefined>(undefined);
export const disabled = signal<readonly string[]>([]);
export const broken = signal<readonly Broken[]>([]);
export const dropped = signal(0);
/** Time between two frames while events come, in milliseconds. */
export const frameMs = signal(0);
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

export async function connect(): Promise<void> {
  for (;;) {
    try {
      const first = await call<Snapshot>('GET', 'snapshot');
      forget();
      batch(() => {
        snapshot.value = first;
        isConnected.value = true;
        waitingDelta = undefined;
        merge(first.events, first.capacity);
        apply({ ...first, nextDue: first.nextDue ?? null });
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

/** Changes since the last frame. */
let waitingDelta: Delta | undefined;

function take(delta: Delta): void {
  merge(delta.events, snapshot.value?.capacity ?? 0);
  const before = waitingDelta;
  waitingDelta = before ? joined(before, delta) : delta;
  if (!before) requestAnimationFrame(draw);
}

function draw(): void {
  const delta = waitingDelta;
  waitingDelta = undefined;
  if (delta) batch(() => apply(delta));
}

function joined(before: Delta, after: Delta): Delta {
  return {
    ...before,
    ...after,
    met: { ...before.met, ...after.met },
    passed: { ...before.passed, ...after.passed },
    queues: { ...before.queues, ...after.queues },
  };
}

function apply(delta: Delta): void {
  now.value = `${delta.now.slice(0, 19)}Z`;
  seq.value = delta.seq;
  if (delta.met) met.value = { ...met.value, ...delta.met };
  if (delta.passed) passed.value = { ...passed.value, ...delta.passed };
  if (delta.queues) queues.value = { ...queues.value, ...delta.queues };
  if (delta.nextDue !== undefined) nextDue.value = delta.nextDue ?? undefined;
  if (delta.disabled) disabled.value = delta.disabled;
  if (delta.broken) broken.value = delta.broken;
  if (delta.dropped !== undefined) dropped.value = delta.dropped;
  if (delta.frameMs !== undefined) frameMs.value = delta.frameMs;
  refreshLists();
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
