/** Lengths of time, counted and told. Seconds. */
export const MINUTE = 60;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const times = (retries: number): string => (retries === 1 ? '1 retry' : `${retries} retries`);

/** E.g. `14 days`, `1 h`, `90 s`. */
export function duration(seconds: number): string {
  const units = [
    ['days', DAY, 2],
    ['h', HOUR, 1],
    ['min', MINUTE, 1],
  ] as const;
  const fits = units.find(([, size, least]) => seconds % size === 0 && seconds >= least * size);
  return fits ? `${seconds / fits[1]} ${fits[0]}` : `${seconds} s`;
}
