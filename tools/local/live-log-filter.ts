/** Filter of the live log by `--only`. */
import type { Only } from '../cli/only';

/** An event's way by a rule to a function, as the log names them. */
interface Facts {
  readonly entity: string | undefined;
  readonly rule: string;
  readonly function: string;
  readonly isFailure: boolean;
}

/** @param short leaves out what the names of all resources begin with */
export function isMet(only: Only, facts: Facts, short: (name: string) => string): boolean {
  if (only.kind === 'failed') return facts.isFailure;
  if (only.kind === 'entity') return facts.entity === only.value;
  return short(only.value) === facts[only.kind];
}

/** Id of an event's entity; undefined if its detail has none. */
export function idIn(detail: unknown, field: string | undefined): string | undefined {
  const id = field !== undefined && Object(detail)[field];
  return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
}
