import type { EventState } from '../model';

/** Shapes of the states, so that they do not differ by colour only. */
const STATES: Readonly<Record<EventState, { path: string; says: string }>> = {
  handled: { path: 'M2.5 7.5l3 3 6-7', says: 'handled' },
  failed: { path: 'M3 3l8 8M11 3l-8 8', says: 'failed' },
  waiting: { path: 'M7 1.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11M7 4v3.5l2.5 1', says: 'waits for a retry' },
  'on-its-way': { path: 'M1 7h7M5 4l3 3-3 3M12 2.5v9', says: 'on its way' },
  unmatched: { path: 'M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9', says: 'no rule took it' },
};

/** @param says name for a screen reader, where it is not the state of an event */
export const StateIcon = ({ state, says = STATES[state].says }: { state: EventState; says?: string }) => (
  <svg class={`icon ${state}`} viewBox="0 0 14 14" role="img" aria-label={says} aria-hidden={says === ''}>
    <path d={STATES[state].path} />
  </svg>
);

export const Key = ({ children }: { children: string }) => <kbd>{children}</kbd>;
