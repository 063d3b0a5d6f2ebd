/**
 * Filter criteria of an event source mapping or a pipe: which messages of a queue, or records of a stream, are taken. The
 * others are deleted from the queue, or passed over. https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
 */
import { compile, type EventPattern, InvalidEventPatternError } from '../../eventbridge/event-pattern';

/** Default quota of filters of a mapping, and of a pipe. */
const MAX_FILTERS = 5;

export class EventFilter {
  /** Empty if everything passes. */
  readonly #filters: readonly EventPattern[];

  /**
   * @param criteria the property FilterCriteria
   * @param refuse makes the error to throw
   */
  constructor(criteria: unknown, refuse: (problem: string) => Error) {
    const { Filters: filters = [] } = (criteria ?? {}) as { readonly Filters?: unknown };
    if (!Array.isArray(filters)) throw refuse('FilterCriteria.Filters is not a list.');
    if (filters.length > MAX_FILTERS) {
      throw refuse(`FilterCriteria has ${filters.length} filters; AWS takes ${MAX_FILTERS}.`);
    }
    this.#filters = filters.flatMap((filter: { readonly Pattern?: unknown } | null, index) => {
      const at = `FilterCriteria.Filters[${index}].Pattern`;
      if (typeof filter?.Pattern !== 'string') throw refuse(`${at} is not the JSON of a pattern.`);
      try {
        // `{}` lets everything through.
        return isEmpty(filter.Pattern) ? [] : [compile(filter.Pattern)];
      } catch (error) {
        if (error instanceof InvalidEventPatternError) throw refuse(`${at}: ${error.message}.`);
        throw error;
      }
    });
    // One filter that takes everything makes the others have no effect.
    if (this.#filters.length < filters.length) this.#filters = [];
  }

  /** @param record as the function or the pipe's target would get it */
  matches(record: object): boolean {
    if (this.#filters.length === 0) return true;
    const { body } = record as { readonly body?: string };
    const read = body === undefined ? record : { ...record, body: bodyOf(body) };
    return this.#filters.some((filter) => filter.matches(read));
  }
}

function isEmpty(pattern: string): boolean {
  try {
    return Object.keys(JSON.parse(pattern)).length === 0;
  } catch {
    return false; // The error of `compile` says more.
  }
}

/** A body of JSON is matched by its fields, any other as text. */
function bodyOf(body: string): unknown {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : body;
  } catch {
    return body;
  }
}
