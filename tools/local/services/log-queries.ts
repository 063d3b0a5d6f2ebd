/** Queries of CloudWatch Logs Insights and their results. */
import { type InsightsRow, parseQuery, type Row } from './insights-query';
import type { LogEvent, LogGroups } from './log-groups';
import { ServiceError } from './service-error';
import type { World } from './world';

export interface LogQueryRequest {
  readonly groups: readonly string[];
  readonly text: string;
  /** Milliseconds since 1970-01-01 UTC, inclusive. */
  readonly startTime: number;
  /** Inclusive. */
  readonly endTime: number;
  /** @default that of the query, or 10,000 */
  readonly limit?: number;
}

export interface LogQueryResults {
  readonly rows: readonly Row[];
  readonly recordsMatched: number;
  readonly recordsScanned: number;
  readonly bytesScanned: number;
}

const DEFAULT_LIMIT = 10_000;
/** Results that are kept. */
const MAX_QUERIES = 100;

export class LogQueries {
  readonly #logGroups: LogGroups;
  readonly #account: string;
  readonly #world: Pick<World, 'uuid'>;
  readonly #results = new Map<string, LogQueryResults>();

  constructor(logGroups: LogGroups, account: string, world: Pick<World, 'uuid'>) {
    this.#logGroups = logGroups;
    this.#account = account;
    this.#world = world;
  }

  /**
   * @returns the query's id; it is answered at once
   * @throws InsightsError for a query that is malformed or uses what is not known here, ServiceError
   */
  start({ groups, text, startTime, endTime, limit }: LogQueryRequest): string {
    const query = parseQuery(text);
    const records: InsightsRow[] = [];
    let bytesScanned = 0;
    for (const group of groups) {
      for (const event of this.#logGroups.events(group, startTime, endTime)) {
        records.push(this.#record(group, event));
        bytesScanned += Buffer.byteLength(event.message);
      }
    }
    // The latest first, unless the query sorts.
    records.sort((a, b) => Number(b['@timestamp']) - Number(a['@timestamp']));
    const { rows, matched } = query.run(records, limit ?? DEFAULT_LIMIT);
    const id = this.#world.uuid();
    this.#results.set(id, {
      ...{ rows, recordsMatched: matched, recordsScanned: records.length, bytesScanned },
    });
    const [oldest] = this.#results.keys();
    if (this.#results.size > MAX_QUERIES && oldest !== undefined) this.#results.delete(oldest);
    return id;
  }

  /** @throws ServiceError (ResourceNotFoundException) */
  results(queryId: string): LogQueryResults {
    const results = this.#results.get(queryId);
    if (results) return results;
    throw new ServiceError('ResourceNotFoundException', `The query ${queryId} does not exist.`);
  }

  #record(group: string, { id, stream, timestamp, ingestionTime, message }: LogEvent): InsightsRow {
    return {
      ...fieldsOf(message),
      '@timestamp': timestamp,
      '@ingestionTime': ingestionTime,
      '@message': message,
      '@logStream': stream,
      '@log': `${this.#account}:${group}`,
      '@ptr': Buffer.from(`${group} ${id}`).toString('base64'),
    };
  }
}

/** Fields that are discovered in a JSON line, under dotted paths. */
function fieldsOf(message: string): InsightsRow {
  if (!message.startsWith('{')) return {};
  try {
    const fields: Record<string, string | number> = {};
    const visit = (value: unknown, path: string) => {
      if (value === null || value === undefined) return;
      if (typeof value !== 'object') {
        fields[path] = typeof value === 'boolean' ? String(Number(value)) : (value as string | number);
        return;
      }
      for (const [key, child] of Object.entries(value)) visit(child, path === '' ? key : `${path}.${key}`);
    };
    visit(JSON.parse(message), '');
    return fields;
  } catch {
    return {};
  }
}
