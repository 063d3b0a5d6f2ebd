/** Formats times, durations and sizes. */
export const clockTime = (iso: string): string => iso.slice(11, 23);

export function ago(iso: string, now: string): string {
  const seconds = Math.max(0, Math.round((Date.parse(now) - Date.parse(iso)) / 1000));
  if (seconds < 2) return 'now';
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** Time left until a point in time, as `0:42`. */
export function until(iso: string, now: string): string {
  const seconds = Math.max(0, Math.ceil((Date.parse(iso) - Date.parse(now)) / 1000));
  const rest = String(seconds % 60).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function took(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

export const bytes = (text: string): string =>
  `${new TextEncoder().encode(text).length.toLocaleString('en-US')} B`;

export const plural = (count: number, word: string): string =>
  `${count.toLocaleString('en-US')} ${word}${count === 1 ? '' : 's'}`;

/** Note to a rule's missed fields, if its pattern has other alternatives. */
export const closestOf = (alternatives: number | undefined): string =>
  alternatives === undefined ? '' : `the closest of ${plural(alternatives, 'alternative')}`;
