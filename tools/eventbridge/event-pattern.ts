/**
 * Matches events with event patterns, as EventBridge does.
 *
 * An event is a set of fields: each scalar in it, under its dotted path. A pattern matches if each of its fields has a
 * value that passes one of the field's conditions, and if all those values can be found together: values that lie in
 * the same array of objects must lie in the same element of it. Nothing else of the event counts: empty objects and
 * arrays are no fields, `{"a.b": 1}` and `{"a": {"b": 1}}` are the same event, and the order of an array is nothing.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
 * @see https://github.com/aws/event-ruler (the matcher that the service runs)
 */
import { BranchMatcher, type FieldMismatch } from './branch-matcher';
import { checkPatternLength, InvalidEventPatternError, parsePattern } from './event-pattern-syntax';
import { isObject, type Reading } from './field-reader';

export { checkPatternLength, InvalidEventPatternError };

export interface MatchExplanation {
  matched: boolean;
  /** Minimal set of fields that did not match; empty if it matched. With `$or`, those of the closest alternative. */
  misses: FieldMismatch[];
  /** The fields that did not match of each further alternative of its `$or`s, closest first; empty if it matched. */
  others: FieldMismatch[][];
}

/**
 * @param pattern JSON text, or the parsed JSON
 * @throws InvalidEventPatternError if the service would refuse it
 */
export function compile(pattern: string | object): EventPattern {
  const text = typeof pattern === 'string' ? pattern : JSON.stringify(pattern);
  return new EventPattern(parsePattern(text).map((branch) => new BranchMatcher(branch)));
}

/** A pattern that has been checked and can be asked about any number of events. */
export class EventPattern {
  constructor(
    /** Alternatives of the pattern's `$or`s; a single one without `$or`. The pattern matches if one of them does. */
    readonly branches: readonly BranchMatcher[],
  ) {}

  /** @param event parsed JSON; a value other than an object matches nothing */
  matches(event: unknown): boolean {
    if (!isObject(event)) return false;
    for (const branch of this.branches) if (branch.matches(event)) return true;
    return false;
  }

  /**
   * Explains why it matches or not. Slower than `matches`.
   * @param read cache of readings of the same event, by path, shared by all rules of a bus
   */
  explain(event: unknown, read = new Map<string, Reading>()): MatchExplanation {
    const alternatives = this.branches.map((branch) => {
      const misses = branch.misses(isObject(event) ? event : {}, read);
      return { misses, hits: branch.fields.length - misses.length };
    });
    alternatives.sort((a, b) => a.misses.length - b.misses.length || b.hits - a.hits);
    const [misses = [], ...others] = alternatives.map((each) => each.misses);
    const matched = misses.length === 0;
    return { matched, misses, others: matched ? [] : others };
  }
}

/** Error of an invalid event for TestEventPattern; `message` is the service's own. */
export class InvalidEventError extends Error {
  override readonly name = 'InvalidEventError';
  /** The service's error code. */
  readonly code = 'ValidationException';

  constructor() {
    super('Parameter Event is not valid.');
  }
}

/** Mandatory fields for TestEventPattern. Its documentation adds `resources`, which the service does not require. */
const MANDATORY_FIELDS = ['id', 'account', 'source', 'time', 'region', 'detail-type'];

/**
 * The TestEventPattern operation.
 *
 * @param pattern JSON text
 * @param event JSON text of a whole event
 * @throws InvalidEventPatternError, InvalidEventError
 */
export function testEventPattern(pattern: string, event: string): boolean {
  const compiled = compile(pattern);
  let parsed: unknown;
  try {
    parsed = JSON.parse(event);
  } catch {
    throw new InvalidEventError();
  }
  if (!isObject(parsed) || !MANDATORY_FIELDS.every((name) => Object.hasOwn(parsed, name))) {
    throw new InvalidEventError();
  }
  return compiled.matches(parsed);
}
