/**
 * Reads the text of an event pattern and refuses what EventBridge refuses, in the service's own words.
 *
 * The grammar is that of AWS's matcher (event-ruler, which the service runs), and so is the order of the checks: a
 * pattern is read once from left to right, and the first thing wrong is the one reported. That is why the JSON is
 * pulled token by token instead of parsed first.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
import { MAX_NESTING, RULE } from './service-facts';
import { isTooComplex } from './wildcard-complexity';

/** A value that a field of an event can have: arrays and objects are never compared, only what lies in them. */
export type Scalar = string | number | boolean | null;

interface Bound {
  value: number;
  inclusive: boolean;
}

/** One condition of the list that a field's value is tested against. */
export type Test =
  | { op: 'equals'; value: Scalar }
  | { op: 'prefix' | 'suffix'; text: string; ignoreCase: boolean }
  | { op: 'equals-ignore-case'; text: string }
  /** The literal parts between the wildcards, escapes resolved: `a*b` is `['a', 'b']`. */
  | { op: 'wildcard'; parts: string[] }
  | { op: 'numeric'; lower?: Bound; upper?: Bound }
  /** A network of 4 or 16 bytes. A literal address in a pattern is a network of its full length. */
  | { op: 'cidr'; network: Uint8Array; bits: number }
  | { op: 'exists'; exists: boolean }
  /** Matches a present value that none of these matches. */
  | { op: 'anything-but'; but: Test[] };

/** One field of a pattern: its dotted path, its conditions, and the list as it was written. */
interface FieldPattern {
  path: string;
  tests: Test[];
  allowed: unknown[];
}

/** The fields that must match together, sorted by path: one of these for each combination of the pattern's `$or`s. */
export type Branch = readonly FieldPattern[];

/** The pattern is refused. `message` is the one line that the service answers with. */
export class InvalidEventPatternError extends Error {
  override readonly name = 'InvalidEventPatternError';

  constructor(
    message: string,
    /** The service's error code. */
    readonly code: 'InvalidEventPatternException' | 'LimitExceededException',
    /** The dotted path of the field where reading stopped, where there is one. */
    readonly field?: string,
  ) {
    super(message);
  }
}

/** Field names that AWS's matcher keeps for itself inside `$or`. */
const RESERVED_INSIDE_OR = new Set([
  ...[
    'exactly',
    'equals-ignore-case',
    'prefix',
    'suffix',
    'anything-but',
    'exists',
    'wildcard',
    'numeric',
    'cidr',
  ],
  ...['=', '<', '<=', '>', '>=', 'regex', 'not-wildcard', 'not-equals-ignore-case'],
  ...['date-after', 'date-on-or-after', 'date-before', 'date-on-or-before', 'in-date-range'],
  ...['ip-address-in-range', 'ip-address-not-in-range'],
]);

/**
 * Checks the quota that does not depend on what the pattern says: at most 2,048 characters. It stands apart from
 * `parsePattern` because TestEventPattern takes longer ones (4,096).
 *
 * @throws InvalidEventPatternError
 */
export function checkPatternLength(pattern: string | object): void {
  const { length } = typeof pattern === 'string' ? pattern : JSON.stringify(pattern);
  if (length > RULE.maxPatternLength) {
    throw new InvalidEventPatternError(
      `The event pattern has ${length} characters, more than the ${RULE.maxPatternLength} that a rule may have`,
      'LimitExceededException',
    );
  }
}

/**
 * @param text the pattern's JSON
 * @returns one branch for each combination of the pattern's `$or`s (one if there is none)
 * @throws InvalidEventPatternError
 */
export function parsePattern(text: string): Branch[] {
  const branches = new PatternParser(text)
    .parse()
    .map((fields) => [...fields.values()].sort((a, b) => (a.path < b.path ? -1 : 1)));
  checkWildcards(branches);
  return branches;
}

/**
 * The bytes of an IPv4 (4) or IPv6 (16) address, or undefined if the text is none. An IPv4-mapped IPv6 address counts
 * as the IPv4 address, as it does for the service (Java's InetAddress).
 */
export function parseAddress(text: string): Uint8Array | undefined {
  // Nearly every string that is tested is no address: let those go at the first characters.
  const first = text.charCodeAt(0) | 32;
  if (!(first >= 48 && first <= 58) && !(first >= 97 && first <= 102)) return undefined;
  if (/^\d+\.\d+\.\d+\.\d+$/.test(text)) {
    const bytes = text.split('.').map(Number);
    return bytes.every((byte) => byte <= 255) ? Uint8Array.from(bytes) : undefined;
  }
  if (!/^[0-9a-fA-F:]*:[0-9a-fA-F:]*$/.test(text)) return undefined;

  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!groups.every((group) => group.length >= 1 && group.length <= 4)) return undefined;

  const bytes = new Uint8Array(16);
  for (const [i, group] of groups.entries()) {
    const value = Number.parseInt(group, 16);
    bytes[2 * i] = value >> 8;
    bytes[2 * i + 1] = value & 0xff;
  }
  const isMappedIPv4 = bytes.every((byte, i) => i >= 12 || byte === (i >= 10 ? 0xff : 0));
  return isMappedIPv4 ? bytes.slice(12) : bytes;
}

type Token = '{' | '}' | '[' | ']' | 'name' | 'string' | 'number' | 'true' | 'false' | 'null' | 'end';

const VALUE = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'";

/** A pull parser for JSON whose complaints are those of the service's (Jackson's). */
class JsonReader {
  /** The decoded text of the last name or string, the spelling of the last number, else the token itself. */
  text = '';
  /** Where the last token starts and where the next is looked for. */
  start = 0;
  end = 0;
  private readonly open: { close: '}' | ']'; start: number; entries: number; valueIsDue: boolean }[] = [];

  constructor(private readonly json: string) {}

  /** @throws Error whose message is the reason */
  next(): Token {
    const container = this.open.at(-1);
    this.skipSpace();
    if (this.end >= this.json.length) {
      if (!container) return 'end';
      const kind = container.close === ']' ? 'Array' : 'Object';
      throw new Error(
        `Unexpected end-of-input: expected close marker for ${kind} (start marker at ${this.at(container.start)})`,
      );
    }
    if (container?.valueIsDue) {
      container.valueIsDue = false;
      return this.readValue();
    }
    const char = this.json.charAt(this.end);
    if (char === '}' || char === ']') return this.close(char);
    if (container && container.entries++ > 0) {
      if (char !== ',') {
        const kind = container.close === ']' ? 'Array' : 'Object';
        throw this.unexpected(`was expecting comma to separate ${kind} entries`);
      }
      this.end++;
      this.skipSpace();
    }
    if (container?.close !== '}') return this.readValue();

    if (this.json.charAt(this.end) !== '"')
      throw this.unexpected('was expecting double-quote to start field name');
    this.readString();
    this.skipSpace();
    if (this.json.charAt(this.end) !== ':') {
      throw this.unexpected('was expecting a colon to separate field name and value');
    }
    this.end++;
    container.valueIsDue = true;
    return 'name';
  }

  private skipSpace(): void {
    while (/[ \t\r\n]/.test(this.json.charAt(this.end))) this.end++;
  }

  private close(marker: '}' | ']'): Token {
    const container = this.open.pop();
    if (container?.close !== marker) {
      if (!container) throw this.unexpected(`expected a valid value (${VALUE})`);
      const kind = container.close === ']' ? 'Array' : 'Object';
      throw new Error(
        `Unexpected close marker '${marker}': expected '${container.close}' (for ${kind} starting at ${this.at(container.start)})`,
      );
    }
    return this.take(marker, marker);
  }

  private readValue(): Token {
    const rest = (pattern: RegExp): string | undefined => {
      pattern.lastIndex = this.end;
      return pattern.exec(this.json)?.[0];
    };
    const char = this.json.charAt(this.end);
    if (char === '{' || char === '[') {
      this.open.push({ close: char === '{' ? '}' : ']', start: this.end, entries: 0, valueIsDue: false });
      if (this.open.length > MAX_NESTING) {
        throw new Error(
          `Document nesting depth (${this.open.length}) exceeds the maximum allowed (${MAX_NESTING})`,
        );
      }
      return this.take(char, char);
    }
    if (char === '"') return this.readString();
    if (rest(/-?0\d/y)) throw new Error('Invalid numeric value: Leading zeroes not allowed');
    const number = rest(/-?\d+(\.\d+)?([eE][+-]?\d+)?/y);
    if (number) return this.take('number', number);
    const word = rest(/[\p{L}_$][\p{L}\p{N}_$]*/uy);
    if (word === 'true' || word === 'false' || word === 'null') return this.take(word, word);
    if (word) throw new Error(`Unrecognized token '${word}': was expecting (${VALUE})`);
    throw this.unexpected(`expected a valid value (${VALUE})`);
  }

  private readString(): Token {
    const from = this.end;
    let to = from + 1;
    for (; this.json.charAt(to) !== '"'; to++) {
      const code = this.json.charCodeAt(to);
      if (Number.isNaN(code))
        throw new Error('Unexpected end-of-input: was expecting closing quote for a string value');
      if (code < 0x20) {
        throw new Error(
          `Illegal unquoted character ((CTRL-CHAR, code ${code})): has to be escaped using backslash to be included in string value`,
        );
      }
      if (code === 0x5c) {
        const sequence = this.json.slice(to, to + 6);
        if (!/^\\(["\\/bfnrt]|u[0-9a-fA-F]{4}|$)/.test(sequence)) {
          throw new Error(
            `Unrecognized character escape '${sequence.charAt(1)}' (code ${sequence.charCodeAt(1)})`,
          );
        }
        to++;
      }
    }
    const literal = this.json.slice(from, to + 1);
    this.take('string', literal);
    this.text = JSON.parse(literal);
    return 'string';
  }

  private take(token: Token, spelling: string): Token {
    this.start = this.end;
    this.end += spelling.length;
    this.text = spelling;
    return token;
  }

  private unexpected(complaint: string): Error {
    const char = String.fromCodePoint(this.json.codePointAt(this.end) ?? 0);
    return this.end < this.json.length
      ? new Error(`Unexpected character ('${char}' (code ${char.charCodeAt(0)})): ${complaint}`)
      : new Error(`Unexpected end-of-input: ${complaint}`);
  }

  private at(offset: number): string {
    const lines = this.json.slice(0, offset).split('\n');
    return `[Source: (String)"${this.json}"; line: ${lines.length}, column: ${(lines.at(-1)?.length ?? 0) + 1}]`;
  }
}

type Fields = Map<string, FieldPattern>;

/**
 * The grammar of patterns on top of the tokens. Each `$or` forks the branches read so far, as AWS's compiler does: so a
 * field that stands both outside and inside of an `$or` keeps what was written last, and so does a duplicate key.
 */
class PatternParser {
  private readonly reader: JsonReader;
  private readonly path: string[] = [];
  private orCombinations = 1;

  constructor(private readonly json: string) {
    this.reader = new JsonReader(json);
  }

  parse(): Fields[] {
    try {
      if (this.reader.next() !== '{') this.fail('Filter is not an object');
      const branches: Fields[] = [];
      this.readFields(branches, false);
      if (this.reader.next() !== 'end') this.fail('Only one JSON object is allowed');
      return branches;
    } catch (error) {
      if (error instanceof InvalidEventPatternError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      const field = this.path.length > 0 ? this.path.join('.') : undefined;
      throw new InvalidEventPatternError(
        `Event pattern is not valid. Reason: ${reason}`,
        'InvalidEventPatternException',
        field,
      );
    }
  }

  /** Reads the fields of an object into each of the branches (a first one is made if there is none yet). */
  private readFields(branches: Fields[], insideOr: boolean): void {
    let isEmpty = true;
    for (let token = this.reader.next(); token !== '}'; token = this.reader.next()) {
      isEmpty = false;
      const name = this.reader.text;
      if (name === '$or') {
        this.readOr(branches);
        continue;
      }
      if (insideOr && RESERVED_INSIDE_OR.has(name)) {
        this.fail(`${name} is Ruler reserved fieldName which cannot be used inside $or.`);
      }
      this.path.push(name);
      const value = this.reader.next();
      if (value === '{') {
        this.readFields(branches, insideOr);
      } else if (value === '[') {
        const field = this.readField();
        if (branches.length === 0) branches.push(new Map());
        for (const branch of branches) branch.set(field.path, field);
      } else {
        this.fail(`"${name}" must be an object or an array`);
      }
      this.path.pop();
    }
    if (isEmpty) this.fail('Empty objects are not allowed');
  }

  private readOr(branches: Fields[]): void {
    const before = branches.splice(0);
    if (this.reader.next() !== '[') this.fail('It must be an Array followed with $or.');
    let alternatives = 0;
    for (let token = this.reader.next(); token !== ']'; token = this.reader.next()) {
      if (token !== '{') this.fail('Only JSON object is allowed in array of $or relationship.');
      alternatives++;
      const forked = before.length > 0 ? before.map((branch) => new Map(branch)) : [new Map()];
      this.readFields(forked, true);
      branches.push(...forked);
      this.checkCombinations(Math.max(branches.length, this.orCombinations * alternatives));
    }
    if (alternatives < 2) this.fail('There must have at least 2 Objects in $or relationship.');
    this.orCombinations *= alternatives;
  }

  /** The service counts the product of the lengths of all `$or` arrays. Checked early: the branches are that many. */
  private checkCombinations(count: number): void {
    if (count <= RULE.maxOrCombinations) return;
    throw new InvalidEventPatternError(
      `The $or arrays of the event pattern make more than ${RULE.maxOrCombinations} rule combinations`,
      'LimitExceededException',
      this.path.length > 0 ? this.path.join('.') : undefined,
    );
  }

  private readField(): FieldPattern {
    const { start } = this.reader;
    const tests: Test[] = [];
    for (let token = this.reader.next(); token !== ']'; token = this.reader.next()) {
      tests.push(this.readTest(token));
    }
    if (tests.length === 0) this.fail('Empty arrays are not allowed');
    return { path: this.path.join('.'), tests, allowed: JSON.parse(this.json.slice(start, this.reader.end)) };
  }

  private readTest(token: Token): Test {
    switch (token) {
      case '{':
        return this.readMatchExpression();
      case 'string': {
        const text = this.reader.text;
        const network = parseAddress(text);
        return network ? { op: 'cidr', network, bits: network.length * 8 } : { op: 'equals', value: text };
      }
      case 'number':
        return { op: 'equals', value: Number(this.reader.text) };
      case 'true':
      case 'false':
        return { op: 'equals', value: token === 'true' };
      case 'null':
        return { op: 'equals', value: null };
      default:
        return this.fail('Match value must be String, number, true, false, or null');
    }
  }

  private readMatchExpression(): Test {
    if (this.reader.next() !== 'name') this.fail('Match expression name not found');
    const operator = this.reader.text;
    switch (operator) {
      case 'exactly':
        return this.only({ op: 'equals', value: this.readString('exact match pattern must be a string') });
      case 'prefix':
      case 'suffix':
        return this.readAffix(operator);
      case 'equals-ignore-case':
        return this.only({
          op: operator,
          text: this.readString('equals-ignore-case match pattern must be a string'),
        });
      case 'wildcard':
        return this.only(this.wildcard(this.readString('wildcard match pattern must be a string')));
      case 'numeric':
        return this.readNumeric();
      case 'cidr':
        // The service's own message: it speaks of a prefix here.
        return this.only(this.cidr(this.readString('prefix match pattern must be a string')));
      case 'exists': {
        const token = this.reader.next();
        if (token !== 'true' && token !== 'false')
          this.fail('exists match pattern must be either true or false.');
        return this.only({ op: 'exists', exists: token === 'true' });
      }
      case 'anything-but':
        return this.readAnythingBut();
      default:
        return this.fail(`Unrecognized match type ${operator}`);
    }
  }

  private readAffix(op: 'prefix' | 'suffix'): Test {
    const token = this.reader.next();
    if (token === 'string') return this.only({ op, text: this.reader.text, ignoreCase: false });
    if (token !== '{') this.fail(`${op} match pattern must be a string`);

    const title = op === 'prefix' ? 'Prefix' : 'Suffix';
    if (this.reader.next() !== 'name') this.fail(`${title} expression name not found`);
    if (this.reader.text !== 'equals-ignore-case')
      this.fail(`Unsupported ${op} pattern: ${this.reader.text}`);
    const text = this.readString('equals-ignore-case match pattern must be a string');
    return this.only(this.only({ op, text, ignoreCase: true }));
  }

  private readNumeric(): Test {
    if (this.reader.next() !== '[') this.fail('Value of numeric must be an array.');
    if (this.reader.next() !== 'string') this.fail(`Invalid member in numeric match: ${this.reader.text}`);
    const operator = this.reader.text;
    let test: Test;
    switch (operator) {
      case '=':
        test = { op: 'equals', value: this.readNumber('equals') };
        break;
      case '<':
      case '<=':
        test = { op: 'numeric', upper: { value: this.readNumber(operator), inclusive: operator === '<=' } };
        break;
      case '>':
      case '>=': {
        const lower = { value: this.readNumber(operator), inclusive: operator === '>=' };
        const token = this.reader.next();
        if (token === ']')
          return this.only({ op: 'numeric', lower }, 'Too many elements in numeric expression');
        test = { op: 'numeric', lower, upper: this.readUpperBound(token, lower) };
        if (this.reader.next() !== ']') this.fail('Too many terms in numeric range expression');
        return this.only(test, 'Too many elements in numeric expression');
      }
      default:
        return this.fail(`Unrecognized numeric range operator: ${operator}`);
    }
    if (this.reader.next() !== ']') this.fail('Too many elements in numeric expression');
    return this.only(test, 'Too many elements in numeric expression');
  }

  private readUpperBound(token: Token, lower: Bound): Bound {
    if (token !== 'string') this.fail(`Bad value in numeric range: ${this.reader.text}`);
    const operator = this.reader.text;
    if (operator !== '<' && operator !== '<=') this.fail(`Bad numeric range operator: ${operator}`);
    const value = this.readNumber(operator);
    if (value <= lower.value) this.fail('Bottom must be less than top');
    return { value, inclusive: operator === '<=' };
  }

  private readAnythingBut(): Test {
    let token = this.reader.next();
    if (token === '{') return this.readAnythingButStrings();

    const values: (string | number)[] = [];
    if (token === 'string' || token === 'number') {
      values.push(token === 'string' ? this.reader.text : this.comparableNumber());
    } else if (token === '[') {
      for (token = this.reader.next(); token !== ']'; token = this.reader.next()) {
        if (token === 'string') values.push(this.reader.text);
        else if (token === 'number') values.push(this.comparableNumber());
        else this.fail('Inside anything but list, start|null|boolean is not supported.');
      }
      if (new Set(values.map((value) => typeof value)).size !== 1) {
        this.fail(
          'Inside anything but list, either all values are number or string, mixed type is not supported',
        );
      }
    } else {
      this.fail('Value of anything-but must be an array or single string/number value.');
    }
    const but = values.map((value): Test => ({ op: 'equals', value }));
    return this.only({ op: 'anything-but', but }, 'Too many elements in numeric expression');
  }

  private readAnythingButStrings(): Test {
    if (this.reader.next() !== 'name') this.fail('Anything-But expression name not found');
    const operator = this.reader.text;
    const toTest = this.anythingButOperator(operator);
    const but: Test[] = [];
    const add = (token: Token): void => {
      if (token !== 'string') this.fail(toTest.complaint);
      but.push(toTest.test(this.reader.text));
    };

    let token = this.reader.next();
    if (token === '[') {
      for (token = this.reader.next(); token !== ']'; token = this.reader.next()) add(token);
    } else if (token === 'string' || token === 'number') {
      add(token);
    } else {
      this.fail('Value of anything-but must be an array or single string/number value.');
    }
    const complaint = 'Too many elements in numeric expression';
    return this.only(this.only({ op: 'anything-but', but }, complaint), complaint);
  }

  private anythingButOperator(operator: string): { complaint: string; test: (text: string) => Test } {
    switch (operator) {
      case 'prefix':
      case 'suffix':
        return {
          complaint: 'prefix/suffix match pattern must be a string',
          test: (text) => {
            if (text === '') this.fail('Null prefix/suffix not allowed');
            return { op: operator, text, ignoreCase: false };
          },
        };
      case 'equals-ignore-case':
        return {
          complaint:
            'Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.',
          test: (text) => ({ op: operator, text }),
        };
      case 'wildcard':
        return { complaint: 'wildcard match pattern must be a string', test: (text) => this.wildcard(text) };
      default:
        return this.fail(`Unsupported anything-but pattern: ${operator}`);
    }
  }

  private wildcard(text: string): Test {
    const parts = [''];
    for (let i = 0; i < text.length; i++) {
      const char = text.charAt(i);
      const following = text.charAt(i + 1);
      // The service counts the bytes of the quoted text.
      const position = () => Buffer.byteLength(text.slice(0, i)) + 1;
      if (char === '*') {
        if (following === '*') this.fail(`Consecutive wildcard characters at pos ${position()}`);
        parts.push('');
      } else if (char === '\\') {
        if (following !== '*' && following !== '\\')
          this.fail(`Invalid escape character at pos ${position()}`);
        parts[parts.length - 1] += following;
        i++;
      } else {
        parts[parts.length - 1] += char;
      }
    }
    return { op: 'wildcard', parts };
  }

  private cidr(text: string): Test {
    // Java's split drops what is empty at the end.
    const [address = '', mask = '', ...more] = text.replace(/\/+$/, '').split('/');
    if (mask === '' || more.length > 0) this.fail("Malformed CIDR, one '/' required");
    const bits = /^[+-]?\d+$/.test(mask) ? Number(mask) : Number.NaN;
    if (!(Math.abs(bits) < 2 ** 31)) this.fail('Malformed CIDR, mask bits must be an integer');
    if (bits < 0) this.fail('Malformed CIDR, mask bits must not be negative');
    const network = parseAddress(address);
    if (!network) {
      const looksLikeAddress = /^(\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]*:[0-9a-fA-F:]*)$/.test(address);
      return this.fail(`${looksLikeAddress ? 'Invalid' : 'Nonstandard'} IP address: ${address}`);
    }
    if (network.length === 4 && bits > 31) this.fail('IPv4 mask bits must be < 32');
    if (network.length === 16 && bits > 127) this.fail('IPv6 mask bits must be < 128');
    return { op: 'cidr', network, bits };
  }

  private readString(complaint: string): string {
    if (this.reader.next() !== 'string') this.fail(complaint);
    return this.reader.text;
  }

  private readNumber(operator: string): number {
    if (this.reader.next() !== 'number') this.fail(`Value of ${operator} must be numeric`);
    return this.comparableNumber();
  }

  /** Operators compare numbers as doubles, and refuse one that a double cannot hold. */
  private comparableNumber(): number {
    const spelling = this.reader.text;
    const value = Number(spelling);
    if (!Number.isFinite(value) || normalizeDecimal(String(value)) !== normalizeDecimal(spelling)) {
      this.fail(`Cannot compare number : ${spelling}`);
    }
    return value;
  }

  /** The match expression ends here: it has one key. */
  private only(test: Test, complaint = 'Only one key allowed in match expression'): Test {
    if (this.reader.next() !== '}') this.fail(complaint);
    return test;
  }

  private fail(reason: string): never {
    throw new Error(reason);
  }
}

/** One spelling for each decimal: its digits without zeros at the ends, and its exponent. */
function normalizeDecimal(spelling: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(spelling) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

/** Wildcards count together where one value meets them all: on the same field, behind the same conditions. */
function checkWildcards(branches: readonly Branch[]): void {
  const together = new Map<string, { field: string; patterns: Map<string, string[][]> }>();
  for (const branch of branches) {
    let conditions = '';
    for (const { path, tests, allowed } of branch) {
      conditions += JSON.stringify(path);
      for (const test of tests) {
        const wildcards = (test.op === 'anything-but' ? test.but : [test]).flatMap((each) =>
          each.op === 'wildcard' ? [each.parts] : [],
        );
        if (wildcards.length === 0) continue;
        const group = together.get(conditions) ?? { field: path, patterns: new Map() };
        group.patterns.set(JSON.stringify([test.op, wildcards]), wildcards);
        together.set(conditions, group);
      }
      conditions += JSON.stringify(allowed);
    }
  }
  for (const { field, patterns } of together.values()) {
    if (isTooComplex([...patterns.values()])) {
      throw new InvalidEventPatternError(
        'Event pattern is not valid. Reason: Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character',
        'InvalidEventPatternException',
        field,
      );
    }
  }
}
