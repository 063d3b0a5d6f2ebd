/**
 * Reads the text of an event pattern and refuses what EventBridge refuses, in the service's own words.
 *
 * The grammar is that of AWS's matcher (event-ruler, which the service runs), and so is the order of the checks: a
 * pattern is read once from left to right, and the first thing wrong is the one reported. That is why the JSON is
 * pulled token by token instead of parsed first.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
import type { Test } from './field-test';
import { FieldTestParser } from './field-test-parser';
import { JsonReader } from './json-reader';
import { RULE } from './service-facts';
import { isTooComplex } from './wildcard-complexity';

/** One field of a pattern: its dotted path, its conditions, and the list as it was written. */
interface FieldPattern {
  path: string;
  tests: Test[];
  allowed: unknown[];
}

/** The fields that must match together, sorted by path: one of these for each combination of the pattern's `$or`s. */
export type Branch = readonly FieldPattern[];

/** Error of a refused pattern. `message` is the service's own, in one line. */
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

/** Field names that AWS's matcher reserves inside `$or`. */
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
 * Checks the maximum length of a pattern: 2,048 characters. Not part of `parsePattern`, since TestEventPattern allows
 * 4,096.
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

type Fields = Map<string, FieldPattern>;

/**
 * The grammar of patterns on top of the tokens. Each `$or` forks the branches read so far, as AWS's compiler does: so a
 * field that stands both outside and inside of an `$or` keeps what was written last, and so does a duplicate key.
 */
class PatternParser {
  readonly #reader: JsonReader;
  readonly #tests: FieldTestParser;
  readonly #path: string[] = [];
  #orCombinations = 1;

  constructor(private readonly json: string) {
    this.#reader = new JsonReader(json);
    this.#tests = new FieldTestParser(this.#reader);
  }

  parse(): Fields[] {
    try {
      if (this.#reader.next() !== '{') this.#fail('Filter is not an object');
      const branches: Fields[] = [];
      this.#readFields(branches, false);
      // Text after the object is ignored, as in AWS's matcher.
      return branches;
    } catch (error) {
      if (error instanceof InvalidEventPatternError) throw error;
      const reason = (error as Error).message;
      const field = this.#path.length > 0 ? this.#path.join('.') : undefined;
      throw new InvalidEventPatternError(
        `Event pattern is not valid. Reason: ${reason}`,
        'InvalidEventPatternException',
        field,
      );
    }
  }

  /** Reads the fields of an object into each of the branches (a first one is made if there is none yet). */
  #readFields(branches: Fields[], insideOr: boolean): void {
    let isEmpty = true;
    for (let token = this.#reader.next(); token !== '}'; token = this.#reader.next()) {
      isEmpty = false;
      const name = this.#reader.text;
      if (name === '$or') {
        this.#readOr(branches);
        continue;
      }
      if (insideOr && RESERVED_INSIDE_OR.has(name)) {
        this.#fail(`${name} is Ruler reserved fieldName which cannot be used inside $or.`);
      }
      this.#path.push(name);
      const value = this.#reader.next();
      if (value === '{') {
        this.#readFields(branches, insideOr);
      } else if (value === '[') {
        const field = this.#readField();
        if (branches.length === 0) branches.push(new Map());
        for (const branch of branches) branch.set(field.path, field);
      } else {
        this.#fail(`"${name}" must be an object or an array`);
      }
      this.#path.pop();
    }
    if (isEmpty) this.#fail('Empty objects are not allowed');
  }

  #readOr(branches: Fields[]): void {
    const before = branches.splice(0);
    if (this.#reader.next() !== '[') this.#fail('It must be an Array followed with $or.');
    let alternatives = 0;
    for (let token = this.#reader.next(); token !== ']'; token = this.#reader.next()) {
      if (token !== '{') this.#fail('Only JSON object is allowed in array of $or relationship.');
      alternatives++;
      const forked = before.length > 0 ? before.map((branch) => new Map(branch)) : [new Map()];
      this.#readFields(forked, true);
      branches.push(...forked);
      this.#checkCombinations(Math.max(branches.length, this.#orCombinations * alternatives));
    }
    if (alternatives < 2) this.#fail('There must have at least 2 Objects in $or relationship.');
    this.#orCombinations *= alternatives;
  }

  /** The service counts the product of the lengths of all `$or` arrays. Checked early: the branches are that many. */
  #checkCombinations(count: number): void {
    if (count <= RULE.maxOrCombinations) return;
    throw new InvalidEventPatternError(
      `The $or arrays of the event pattern make more than ${RULE.maxOrCombinations} rule combinations`,
      'LimitExceededException',
      this.#path.length > 0 ? this.#path.join('.') : undefined,
    );
  }

  #readField(): FieldPattern {
    const { start } = this.#reader;
    const tests: Test[] = [];
    for (let token = this.#reader.next(); token !== ']'; token = this.#reader.next()) {
      tests.push(this.#tests.readTest(token));
    }
    if (tests.length === 0) this.#fail('Empty arrays are not allowed');
    return {
      path: this.#path.join('.'),
      tests,
      allowed: JSON.parse(this.json.slice(start, this.#reader.end)),
    };
  }

  #fail(reason: string): never {
    throw new Error(reason);
  }
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
