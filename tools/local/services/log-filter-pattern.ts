/**
 * Filter patterns of CloudWatch Logs, for text and for JSON lines. Not here: regular expressions and
 * space-delimited patterns. Where the service finds words, this finds the text anywhere in the message.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */
import { ServiceError } from './service-error';

export type LogFilter = (message: string) => boolean;

/**
 * - `ERROR`, `"exact phrase"`: all of them are in the message; `-term`: and this is not; `?a ?b`: any of these.
 * - `{ $.field = "x" }` with `= != < <= > >=`, `*` in strings, IS NULL, IS TRUE, IS FALSE, NOT EXISTS, `&&`, `||`,
 *   parentheses, and selectors such as `$.a.b[0]`.
 * @throws ServiceError (InvalidParameterException) for anything else
 */
export function compileFilterPattern(pattern: string): LogFilter {
  const text = pattern.trim();
  if (text === '') return () => true;
  if (text.startsWith('{')) return compileJson(text);
  if (text.startsWith('[')) throw invalid('Space-delimited filter patterns are not known to the local run');
  if (text.startsWith('%'))
    throw invalid('Regular expressions in filter patterns are not known to the local run');
  return compileTerms(text);
}

const invalid = (reason: string) =>
  new ServiceError('InvalidParameterException', `Invalid filter pattern: ${reason}`);

function compileTerms(text: string): LogFilter {
  const required: string[] = [];
  const excluded: string[] = [];
  const alternatives: string[] = [];
  const terms = /\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))/gy;
  while (terms.lastIndex < text.length) {
    const [, sign, phrase, word] = terms.exec(text) ?? [];
    if (word !== undefined && !/^\w+$/.test(word)) {
      throw invalid(`Invalid character(s) in term '${word}'. Put it in double quotation marks`);
    }
    const term = phrase?.replaceAll(/\\(.)/g, '$1') ?? word;
    if (term === undefined) throw invalid(text);
    (sign === '?' ? alternatives : sign === '-' ? excluded : required).push(term);
  }
  if (alternatives.length > 0 && required.length + excluded.length > 0) {
    throw invalid(`?${alternatives[0]} cannot stand beside terms without question mark`);
  }
  return (message) =>
    required.every((term) => message.includes(term)) &&
    !excluded.some((term) => message.includes(term)) &&
    (alternatives.length === 0 || alternatives.some((term) => message.includes(term)));
}

type Condition = (line: unknown) => boolean;

const TOKEN = /\s*(&&|\|\||[()]|!=|<=|>=|=|<|>|"(?:[^"\\]|\\.)*"|\$(?:\.[\w@-]+|\[\d+\])+|[\w.*:/+-]+)/y;

function compileJson(text: string): LogFilter {
  if (!text.endsWith('}')) throw invalid("If a filter pattern starts with '{' it must end with '}'");
  const tokens = tokenize(text.slice(1, -1).trimEnd());
  const condition = parseAny(tokens);
  if (tokens.length > 0) throw invalid(`unexpected '${tokens[0]}'`);
  return (message) => {
    if (!message.startsWith('{')) return false;
    let line: unknown;
    try {
      line = JSON.parse(message);
    } catch {
      return false; // A JSON pattern matches JSON lines only.
    }
    return condition(line);
  };
}

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) throw invalid(`unexpected '${text.slice(at).trim()}'`);
    tokens.push(token);
  }
  return tokens;
}

function parseAny(tokens: string[]): Condition {
  const conditions = [parseAll(tokens)];
  while (tokens[0] === '||') {
    tokens.shift();
    conditions.push(parseAll(tokens));
  }
  return (line) => conditions.some((holds) => holds(line));
}

function parseAll(tokens: string[]): Condition {
  const conditions = [parseOne(tokens)];
  while (tokens[0] === '&&') {
    tokens.shift();
    conditions.push(parseOne(tokens));
  }
  return (line) => conditions.every((holds) => holds(line));
}

function parseOne(tokens: string[]): Condition {
  const first = tokens.shift();
  if (first === '(') {
    const condition = parseAny(tokens);
    if (tokens.shift() !== ')') throw invalid("')' is missing");
    return condition;
  }
  if (!first?.startsWith('$')) throw invalid(`'${first ?? ''}' is not a selector such as $.field`);
  const path = [...first.matchAll(/\.([\w@-]+)|\[(\d+)\]/g)].map(([, key, index]) => key ?? Number(index));
  const select = (line: unknown) =>
    path.reduce<unknown>((value, key) => (value as Record<string, unknown> | null | undefined)?.[key], line);
  const operator = tokens.shift() ?? '';
  const operand = tokens.shift();
  if (operand === undefined) throw invalid(`an operator and a value are missing after '${first}'`);
  switch (`${operator} ${operand}`) {
    case 'IS NULL':
      return (line) => select(line) === null;
    case 'IS TRUE':
      return (line) => select(line) === true;
    case 'IS FALSE':
      return (line) => select(line) === false;
    case 'NOT EXISTS':
      return (line) => select(line) === undefined;
  }
  const compare = comparison(operator, operand);
  return (line) => compare(select(line));
}

const ORDER: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

function comparison(operator: string, operand: string): (value: unknown) => boolean {
  const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(operand) ? Number(operand) : undefined;
  if (operator === '=' || operator === '!=') {
    const equals =
      number === undefined
        ? matcher(operand.startsWith('"') ? operand.slice(1, -1).replaceAll(/\\(.)/g, '$1') : operand)
        : (value: unknown) => value === number;
    return operator === '=' ? equals : (value) => value !== undefined && !equals(value);
  }
  if (number === undefined) throw invalid(`'${operator}' takes a number, not ${operand}`);
  const holds = ORDER[operator];
  if (!holds) throw invalid(`'${operator}' is not an operator`);
  return (value) => typeof value === 'number' && holds(value, number);
}

function matcher(wanted: string): (value: unknown) => boolean {
  if (!wanted.includes('*')) return (value) => value === wanted;
  const parts = wanted.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const expression = new RegExp(`^${parts.join('.*')}$`, 's');
  return (value) => typeof value === 'string' && expression.test(value);
}
