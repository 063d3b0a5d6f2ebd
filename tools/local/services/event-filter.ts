/**
 * Filter criteria of an event source mapping: which messages of a queue reach the function. The others are deleted from
 * the queue. https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
 */
import { compile, type EventPattern, InvalidEventPatternError } from '../../eventbridge/event-pattern';

/** Default quota of filters of a mapping. */
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
      throw refuse(`FilterCriteria has ${filters.length} filters; Lambda takes ${MAX_FILTERS}.`);
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

  /** @param record as the function would get it */
  matches(record: { readonly body: string }): boolean {
    if (this.#filters.length === 0) return true;
    const read = { ...record, body: bodyOf(record.body) };
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
