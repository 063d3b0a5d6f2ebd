/**
 * The query language of CloudWatch Logs Insights, as far as saved queries of a service use it: fields, filter, stats,
 * sort, limit, display and dedup, with the functions below.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
 */

/** Error of a query that is malformed, or uses an unknown command or function. */
export class InsightsError extends Error {
  override readonly name = 'InsightsError';
}

type Value = string | number | undefined;
/** A log event by its fields. */
export type InsightsRow = Readonly<Record<string, Value>>;
/** A row of results. */
export type Row = Readonly<Record<string, string>>;

type Expression = (row: InsightsRow) => Value;
interface Command {
  apply(rows: readonly InsightsRow[]): readonly InsightsRow[];
  /** Names of the resulting columns. @default unchanged */
  readonly columns?: readonly string[];
  readonly isFilter?: boolean;
  /** True if its rows are aggregates, not log events. */
  readonly isAggregate?: boolean;
}

export interface InsightsQuery {
  /** @param limit rows that are returned at most, if the query has no limit of its own */
  run(
    records: readonly InsightsRow[],
    limit: number,
  ): { readonly rows: readonly Row[]; readonly matched: number };
}

const TOKEN =
  /\s+|#[^\n]*|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|\/(?:[^/\\]|\\.)+\/i?|\d+(?:\.\d+)?[smhd]?(?![\w.])|@?[A-Za-z_][\w.@-]*|=~|!=|<=|>=|[-+*/%^=<>(),|[\]])/y;

/** @throws InsightsError */
export function parseQuery(text: string): InsightsQuery {
  const parser = new Parser(tokenize(text));
  const commands = parser.commands();
  return {
    run(records, limit) {
      let rows = records;
      let columns: readonly string[] = ['@timestamp', '@message'];
      let matched = records.length;
      let isAggregated = false;
      for (const command of commands) {
        rows = command.apply(rows);
        columns = command.columns ?? columns;
        isAggregated ||= command.isAggregate ?? false;
        if (!isAggregated && command.isFilter) matched = rows.length;
      }
      const shown = rows.slice(0, limit).map((row) => show(row, columns));
      return { rows: shown, matched };
    },
  };
}

/** Row as the service prints it; a field without value is left out. */
function show(row: InsightsRow, columns: readonly string[]): Row {
  const shown = columns.flatMap((name) => {
    const value = row[name];
    if (value === undefined) return [];
    const isTime = typeof value === 'number' && /^@(timestamp|ingestionTime)$/.test(name);
    return [[name, isTime ? formatTime(value) : String(value)]];
  });
  return Object.fromEntries(row['@ptr'] === undefined ? shown : [...shown, ['@ptr', String(row['@ptr'])]]);
}

const formatTime = (time: number) => new Date(time).toISOString().replace('T', ' ').replace('Z', '');

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new InsightsError(`unexpected symbol found ${text.slice(at, at + 20)}`);
    if (match[1] !== undefined) tokens.push(match[1]);
  }
  return tokens;
}

const number = (value: Value): number => (value === undefined || value === '' ? Number.NaN : Number(value));
const isTrue = (value: Value): boolean => value !== undefined && value !== 0 && value !== '' && value !== '0';
const truth = (holds: boolean): number => (holds ? 1 : 0);

function compare(a: Value, b: Value): number {
  if (a === undefined || b === undefined) return truth(a !== undefined) - truth(b !== undefined);
  const [x, y] = [number(a), number(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return String(a) < String(b) ? -1 : truth(String(a) > String(b));
}

const FUNCTIONS: Readonly<Record<string, (args: readonly Value[]) => Value>> = {
  ispresent: ([value]) => truth(value !== undefined),
  isempty: ([value]) => truth(value === undefined || value === ''),
  isblank: ([value]) => truth(value === undefined || String(value).trim() === ''),
  coalesce: (values) => values.find((value) => value !== undefined),
  concat: (values) => values.map((value) => value ?? '').join(''),
  strlen: ([value]) => (value === undefined ? undefined : [...String(value)].length),
  toupper: ([value]) => (value === undefined ? undefined : String(value).toUpperCase()),
  tolower: ([value]) => (value === undefined ? undefined : String(value).toLowerCase()),
  trim: ([value]) => (value === undefined ? undefined : String(value).trim()),
  abs: ([value]) => Math.abs(number(value)),
  ceil: ([value]) => Math.ceil(number(value)),
  floor: ([value]) => Math.floor(number(value)),
};

type Aggregate = (values: readonly Value[], rows: readonly InsightsRow[]) => Value;
const present = (values: readonly Value[]) => values.filter((value) => value !== undefined);
const numbers = (values: readonly Value[]) => values.map(number).filter((value) => !Number.isNaN(value));
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const extreme = (values: readonly Value[], sign: number) =>
  present(values).reduce<Value>(
    (found, value) => (found === undefined || sign * compare(value, found) > 0 ? value : found),
    undefined,
  );
/** Value of the first or last event that has one, by time. */
const atTime =
  (sign: number): Aggregate =>
  (values, rows) => {
    const pairs = values.map((value, index) => ({ value, time: number(rows[index]?.['@timestamp']) }));
    const known = pairs.filter(({ value }) => value !== undefined);
    return known.sort((a, b) => sign * (b.time - a.time))[0]?.value;
  };
const AGGREGATES: Readonly<Record<string, Aggregate>> = {
  count: (values) => present(values).length,
  count_distinct: (values) => new Set(present(values)).size,
  sum: (values) => sum(numbers(values)),
  avg: (values) => known(sum(numbers(values)) / numbers(values).length),
  min: (values) => extreme(values, -1),
  max: (values) => extreme(values, 1),
  latest: atTime(1),
  earliest: atTime(-1),
};

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

interface Column {
  readonly name: string;
  readonly read: Expression;
}

/** Tokens of a query that have not been read yet. */
class TokenStream {
  readonly tokens: string[];

  constructor(tokens: string[]) {
    this.tokens = tokens;
  }

  list<Item>(read: () => Item): Item[] {
    const items = [read()];
    while (this.takeIf(',')) items.push(read());
    return items;
  }

  take(): string {
    return this.tokens.shift() ?? this.unexpected();
  }

  /** Takes the word, in any case, if it is next. */
  takeIf(word: string): boolean {
    if (this.tokens[0]?.toLowerCase() !== word) return false;
    this.tokens.shift();
    return true;
  }

  expect(token: string): void {
    if (!this.takeIf(token)) this.unexpected();
  }

  unexpected(token = this.tokens[0]): never {
    throw new InsightsError(`unexpected symbol found ${token ?? 'at the end'}`);
  }
}

class Parser extends TokenStream {
  commands(): Command[] {
    const commands: Command[] = [];
    while (this.tokens.length > 0) {
      if (this.takeIf('|')) continue;
      commands.push(this.#command());
      if (this.tokens.length > 0 && this.tokens[0] !== '|') this.unexpected();
    }
    return commands;
  }

  #command(): Command {
    const name = this.take();
    switch (name.toLowerCase()) {
      case 'fields':
      case 'display':
        return this.#fields();
      case 'filter':
        return this.#filter();
      case 'stats':
        return this.#stats();
      case 'sort':
        return this.#sort();
      case 'limit': {
        const limit = Number(this.take());
        return { apply: (rows) => rows.slice(0, limit) };
      }
      case 'dedup':
        return this.#dedup();
      default:
        throw new InsightsError(`the command ${name} is not known to the local run`);
    }
  }

  #fields(): Command {
    const columns = this.list(() => this.#column());
    return {
      columns: columns.map(({ name }) => name),
      apply: (rows) =>
        rows.map((row) => ({
          ...row,
          ...Object.fromEntries(columns.map(({ name, read }) => [name, read(row)])),
        })),
    };
  }

  #filter(): Command {
    const holds = this.#any();
    return { isFilter: true, apply: (rows) => rows.filter((row) => isTrue(holds(row))) };
  }

  #stats(): Command {
    const aggregates = this.list(() => this.#aggregate());
    const by = this.takeIf('by') ? this.list(() => this.#column()) : [];
    return {
      isAggregate: true,
      columns: [...by, ...aggregates].map(({ name }) => name),
      apply(rows) {
        const groups = new Map<string, InsightsRow[]>();
        for (const row of rows) {
          const key = JSON.stringify(by.map(({ read }) => read(row) ?? null));
          const group = groups.get(key);
          if (group) group.push(row);
          else groups.set(key, [row]);
        }
        if (by.length === 0 && groups.size === 0) groups.set('', []);
        return [...groups.values()].map((group) => ({
          ...Object.fromEntries(by.map(({ name, read }) => [name, group[0] && read(group[0])])),
          ...Object.fromEntries(aggregates.map(({ name, reduce }) => [name, reduce(group)])),
        }));
      },
    };
  }

  #aggregate(): { name: string; reduce: (rows: readonly InsightsRow[]) => Value } {
    const start = [...this.tokens];
    const name = this.take();
    const aggregate = AGGREGATES[name.toLowerCase()];
    if (!aggregate) throw new InsightsError(`the function ${name} of stats is not known to the local run`);
    this.expect('(');
    const read: Expression = this.takeIf('*') || this.tokens[0] === ')' ? () => 1 : this.#any();
    this.expect(')');
    const written = start.slice(0, start.length - this.tokens.length).join('');
    return { name: this.#alias() ?? written, reduce: (rows) => aggregate(rows.map(read), rows) };
  }

  #sort(): Command {
    const keys = this.list(() => {
      const read = this.#any();
      const isDescending = this.takeIf('desc');
      if (!isDescending) this.takeIf('asc');
      return { read, sign: isDescending ? -1 : 1 };
    });
    return {
      apply: (rows) =>
        [...rows].sort((a, b) => {
          for (const { read, sign } of keys) {
            const order = sign * compare(read(a), read(b));
            if (order !== 0) return order;
          }
          return 0;
        }),
    };
  }

  #dedup(): Command {
    const columns = this.list(() => this.#any());
    return {
      apply(rows) {
        const seen = new Set<string>();
        return rows.filter((row) => {
          const key = JSON.stringify(columns.map((read) => read(row) ?? null));
          return !seen.has(key) && seen.add(key);
        });
      },
    };
  }

  #column(): Column {
    const start = [...this.tokens];
    const read = this.#any();
    const written = start
      .slice(0, start.length - this.tokens.length)
      .join('')
      .replaceAll('`', '');
    return { read, name: this.#alias() ?? written };
  }

  #alias(): string | undefined {
    return this.takeIf('as') ? this.take().replaceAll('`', '') : undefined;
  }

  #any(): Expression {
    const parts = [this.#all()];
    while (this.takeIf('or')) parts.push(this.#all());
    const [only] = parts;
    return only && parts.length === 1 ? only : (row) => truth(parts.some((part) => isTrue(part(row))));
  }

  #all(): Expression {
    const parts = [this.#not()];
    while (this.takeIf('and')) parts.push(this.#not());
    const [only] = parts;
    return only && parts.length === 1 ? only : (row) => truth(parts.every((part) => isTrue(part(row))));
  }

  #not(): Expression {
    if (!this.takeIf('not')) return this.#comparison();
    const part = this.#not();
    return (row) => truth(!isTrue(part(row)));
  }

  #comparison(): Expression {
    const left = this.#sum();
    const isNegated = this.takeIf('not');
    const operator = this.tokens[0]?.toLowerCase() ?? '';
    const holds = this.#operator(operator, left);
    if (!holds) return isNegated ? this.unexpected() : left;
    return (row) => truth(holds(row) !== isNegated);
  }

  #operator(operator: string, left: Expression): ((row: InsightsRow) => boolean) | undefined {
    if (operator === 'in') {
      this.take();
      this.expect('[');
      const values = this.list(() => this.#sum());
      this.expect(']');
      return (row) => values.some((value) => left(row) !== undefined && compare(left(row), value(row)) === 0);
    }
    if (operator === 'like' || operator === '=~') {
      this.take();
      const matches = this.#pattern();
      return (row) => left(row) !== undefined && matches(String(left(row)));
    }
    if (!/^(=|!=|<|<=|>|>=)$/.test(operator)) return undefined;
    this.take();
    const right = this.#sum();
    return (row) => {
      const [a, b] = [left(row), right(row)];
      if (operator === '!=') return a === undefined || compare(a, b) !== 0;
      if (a === undefined || b === undefined) return false;
      const order = compare(a, b);
      if (operator === '=') return order === 0;
      return operator.startsWith('<')
        ? order < 0 || (order === 0 && operator === '<=')
        : order > 0 || (order === 0 && operator === '>=');
    };
  }

  /** A regular expression, or text that is contained. */
  #pattern(): (text: string) => boolean {
    const token = this.take();
    const [, source, flags] = /^\/(.*)\/(i?)$/s.exec(token) ?? [];
    if (source === undefined) return (text) => text.includes(unquote(token));
    const isInsensitive = source.startsWith('(?i)');
    const expression = new RegExp(source.replace(/^\(\?i\)/, ''), flags || (isInsensitive ? 'i' : ''));
    return (text) => expression.test(text);
  }

  #sum(): Expression {
    let left = this.#product();
    for (let token = this.tokens[0]; token === '+' || token === '-'; token = this.tokens[0]) {
      this.take();
      const [a, b, sign] = [left, this.#product(), token === '+' ? 1 : -1];
      left = (row) => known(number(a(row)) + sign * number(b(row)));
    }
    return left;
  }

  #product(): Expression {
    let left = this.#primary();
    for (
      let token = this.tokens[0];
      token === '*' || token === '/' || token === '%';
      token = this.tokens[0]
    ) {
      this.take();
      const [a, b, operator] = [left, this.#primary(), token];
      left = (row) => {
        const [x, y] = [number(a(row)), number(b(row))];
        return known(operator === '*' ? x * y : operator === '/' ? x / y : x % y);
      };
    }
    return left;
  }

  #primary(): Expression {
    const token = this.take();
    if (token === '(') {
      const value = this.#any();
      this.expect(')');
      return value;
    }
    if (token === '-') {
      const value = this.#primary();
      return (row) => known(-number(value(row)));
    }
    if (/^["']/.test(token)) return () => unquote(token);
    if (/^\d/.test(token)) return () => Number(token);
    if (!/^[@A-Za-z_`]/.test(token)) return this.unexpected(token);
    if (!this.takeIf('(')) {
      const field = token.replaceAll('`', '');
      return (row) => row[field];
    }
    if (token.toLowerCase() === 'bin') return this.#bin();
    const call = FUNCTIONS[token.toLowerCase()];
    if (!call) throw new InsightsError(`the function ${token} is not known to the local run`);
    const values = this.tokens[0] === ')' ? [] : this.list(() => this.#any());
    this.expect(')');
    return (row) => call(values.map((value) => value(row)));
  }

  /** The start of the period in which the event was: `bin(5m)`. */
  #bin(): Expression {
    const [, count = '', unit = ''] = /^(\d+)([smhd])$/.exec(this.take()) ?? [];
    const period = Number(count) * (UNITS[unit] ?? Number.NaN);
    if (!(period > 0)) throw new InsightsError('bin takes a period such as 5m');
    this.expect(')');
    return (row) => formatTime(Math.floor(number(row['@timestamp']) / period) * period);
  }
}

const known = (value: number): Value => (Number.isFinite(value) ? value : undefined);

const unquote = (token: string) => token.slice(1, -1).replaceAll(/\\(.)/g, '$1');
