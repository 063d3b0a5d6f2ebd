/**
 * Metric math of CloudWatch: the subset for alarms and simple graphs.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 */

/** Values by the start of their period, in milliseconds since 1970-01-01 UTC. A period without data has none. */
export type Series = ReadonlyMap<number, number>;
type Value = number | Series | readonly Series[];

/** Error of an expression that is malformed, or uses an unknown function. */
export class MetricMathError extends Error {
  override readonly name = 'MetricMathError';
}

export interface MathContext {
  /** Metrics and other expressions by their ids. */
  readonly ids: ReadonlyMap<string, Series>;
  /** Starts of all periods, in their order. */
  readonly times: readonly number[];
}

const TOKEN = /\s*(&&|\|\||==|!=|<=|>=|[-+*/^()[\],<>]|"[^"]*"|\d+(?:\.\d+)?(?:e[+-]?\d+)?|[A-Za-z]\w*)/y;

/** @throws MetricMathError */
export function evaluateExpression(expression: string, context: MathContext): Series {
  const parser = new Parser(tokenize(expression), context);
  const value = parser.any();
  parser.end();
  if (typeof value === 'number') return new Map(context.times.map((time) => [time, value]));
  if (isList(value)) throw new MetricMathError(`'${expression}' gives several time series, not one.`);
  return value;
}

function tokenize(expression: string): string[] {
  const tokens: string[] = [];
  const text = expression.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) throw new MetricMathError(`Unexpected '${text.slice(at).trim()}'.`);
    tokens.push(token);
  }
  return tokens;
}

const truth = (holds: boolean) => (holds ? 1 : 0);

const OPERATORS: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '^': (a, b) => a ** b,
  '<': (a, b) => truth(a < b),
  '<=': (a, b) => truth(a <= b),
  '>': (a, b) => truth(a > b),
  '>=': (a, b) => truth(a >= b),
  '==': (a, b) => truth(a === b),
  '!=': (a, b) => truth(a !== b),
  AND: (a, b) => truth(a !== 0 && b !== 0),
  OR: (a, b) => truth(a !== 0 || b !== 0),
};
/** Operators, from the lowest to the highest precedence. */
const PRECEDENCE: readonly (readonly string[])[] = [
  ['OR', '||'],
  ['AND', '&&'],
  ['==', '!=', '<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/'],
  ['^'],
];

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const REDUCERS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  SUM: sum,
  AVG: (values) => sum(values) / values.length,
  MAX: (values) => Math.max(...values),
  MIN: (values) => Math.min(...values),
};
const ROUNDINGS: Readonly<Record<string, (value: number) => number>> = {
  ABS: Math.abs,
  CEIL: Math.ceil,
  FLOOR: Math.floor,
};
const CALENDAR: Readonly<Record<string, (time: Date) => number>> = {
  MINUTE: (time) => time.getUTCMinutes(),
  HOUR: (time) => time.getUTCHours(),
  DAY: (time) => time.getUTCDay() || 7,
  DATE: (time) => time.getUTCDate(),
  MONTH: (time) => time.getUTCMonth() + 1,
  YEAR: (time) => time.getUTCFullYear(),
};

class Parser {
  readonly #tokens: string[];
  readonly #context: MathContext;

  constructor(tokens: string[], context: MathContext) {
    this.#tokens = tokens;
    this.#context = context;
  }

  any(level = 0): Value {
    const operators = PRECEDENCE[level];
    if (!operators) return this.#unary();
    let left = this.any(level + 1);
    for (let token = this.#peek(); operators.includes(token); token = this.#peek()) {
      this.#tokens.shift();
      const name = token === '||' ? 'OR' : token === '&&' ? 'AND' : token;
      left = combine(left, this.any(level + 1), OPERATORS[name] as (a: number, b: number) => number);
    }
    return left;
  }

  end(): void {
    if (this.#tokens.length > 0) throw new MetricMathError(`Unexpected '${this.#tokens[0]}'.`);
  }

  /** Words of operators are read in any case, ids are not. */
  #peek(): string {
    const [token = ''] = this.#tokens;
    return /^(and|or)$/i.test(token) ? token.toUpperCase() : token;
  }

  #unary(): Value {
    if (this.#peek() !== '-') return this.#primary();
    this.#tokens.shift();
    return combine(0, this.#unary(), (a, b) => a - b);
  }

  #primary(): Value {
    const token = this.#tokens.shift();
    if (token === undefined) throw new MetricMathError('The expression ends too early.');
    if (token === '(') {
      const value = this.any();
      this.#expect(')');
      return value;
    }
    if (token === '[') return this.#arguments(']').map(oneSeries);
    if (/^\d/.test(token)) return Number(token);
    if (this.#tokens[0] === '(') {
      this.#tokens.shift();
      return this.#call(token.toUpperCase());
    }
    const series = this.#context.ids.get(token);
    if (!series) throw new MetricMathError(`There is no metric with the id '${token}'.`);
    return series;
  }

  #arguments(close: string): Value[] {
    const values: Value[] = [];
    while (this.#tokens[0] !== close) {
      values.push(/^REPEAT$/i.test(String(this.#tokens[0])) ? this.#repeat() : this.any());
      if (this.#tokens[0] !== ',') break;
      this.#tokens.shift();
    }
    this.#expect(close);
    return values;
  }

  /** Reads REPEAT of FILL, as NaN. */
  #repeat(): number {
    this.#tokens.shift();
    return Number.NaN;
  }

  #expect(token: string): void {
    const found = this.#tokens.shift();
    if (found !== token) throw new MetricMathError(`Expected '${token}', not '${found ?? 'the end'}'.`);
  }

  #call(name: string): Value {
    const { times, ids } = this.#context;
    const values = name === 'METRICS' ? this.#metrics() : this.#arguments(')');
    const [first = 0, second, third] = values;
    if (name === 'METRICS') return [...ids.values()];
    const reduce = REDUCERS[name];
    if (reduce) return isList(first) ? across(first, reduce) : within(first, reduce);
    const round = ROUNDINGS[name];
    if (round) return combine(first, 0, round);
    const calendar = CALENDAR[name];
    if (calendar) return mapTimes(oneSeries(first), calendar);
    if (name === 'FILL' && second !== undefined) return fill(oneSeries(first), second, times);
    if (name === 'IF' && second !== undefined) return choose(first, second, third, times);
    throw new MetricMathError(`The function ${name} is not known here.`);
  }

  #metrics(): Value[] {
    this.#expect(')');
    return [];
  }
}

function isList(value: Value): value is readonly Series[] {
  return Array.isArray(value);
}

function oneSeries(value: Value): Series {
  if (value instanceof Map) return value;
  throw new MetricMathError('A time series is expected.');
}

/** Two series have a value where both have one. */
function combine(left: Value, right: Value, operate: (a: number, b: number) => number): Value {
  if (typeof left === 'number' && typeof right === 'number') return operate(left, right);
  if (isList(left)) return left.map((each) => oneSeries(combine(each, right, operate)));
  if (isList(right)) return right.map((each) => oneSeries(combine(left, each, operate)));
  const times = [...(typeof left === 'number' ? oneSeries(right) : left).keys()];
  const result = new Map<number, number>();
  for (const time of times) {
    const a = at(left, time);
    const b = at(right, time);
    if (a === undefined || b === undefined) continue;
    const value = operate(a, b);
    // A division by zero is no data.
    if (Number.isFinite(value)) result.set(time, value);
  }
  return result;
}

const at = (value: number | Series, time: number) => (typeof value === 'number' ? value : value.get(time));

/** One value for each period in which any of the series has one. */
function across(list: readonly Series[], reduce: (values: readonly number[]) => number): Series {
  const times = [...new Set(list.flatMap((series) => [...series.keys()]))].sort((a, b) => a - b);
  return new Map(
    times.map((time) => [time, reduce(list.flatMap((series) => series.get(time) ?? []))] as const),
  );
}

function within(value: number | Series, reduce: (values: readonly number[]) => number): Value {
  if (typeof value === 'number') return reduce([value]);
  return value.size === 0 ? new Map<number, number>() : reduce([...value.values()]);
}

const mapTimes = (series: Series, read: (time: Date) => number): Series =>
  new Map([...series.keys()].map((time) => [time, read(new Date(time))]));

/** @param filler NaN for REPEAT */
function fill(series: Series, filler: Value, times: readonly number[]): Series {
  const filled = new Map<number, number>();
  let last: number | undefined;
  for (const time of times) {
    const repeated = Number.isNaN(filler) ? last : at(isList(filler) ? 0 : filler, time);
    const value = series.get(time) ?? repeated;
    if (value !== undefined) filled.set(time, value);
    last = value;
  }
  return filled;
}

/** Without the third argument there is no data where the condition does not hold. */
function choose(condition: Value, yes: Value, no: Value | undefined, times: readonly number[]): Series {
  const chosen = new Map<number, number>();
  if (isList(condition) || isList(yes) || (no !== undefined && isList(no))) {
    throw new MetricMathError('IF takes time series and numbers, no lists.');
  }
  for (const time of times) {
    const holds = at(condition, time);
    if (holds === undefined) continue;
    const branch = holds !== 0 ? yes : no;
    const value = branch === undefined ? undefined : at(branch, time);
    if (value !== undefined) chosen.set(time, value);
  }
  return chosen;
}
