/**
 * Fuzzing of parsers of outside input: examples with changes of chance. A parser must take an input or refuse it by its own
 * error, soon, without a trace in objects of others, and without personal data in the refusal.
 */
import fc from 'fast-check';

type ErrorClass = abstract new (...values: never[]) => Error;

export interface FuzzedParser {
  readonly name: string;
  /** Text, or a JSON value that is changed as one. */
  readonly examples: readonly unknown[];
  read(input: never): unknown;
  /** Errors by which it refuses. */
  readonly refuses: readonly ErrorClass[];
  /** Matches personal data in the examples, which no refusal may tell. */
  readonly personal?: RegExp;
}

export interface FuzzFinding {
  readonly parser: string;
  readonly input: unknown;
  readonly problem: string;
}

const SLOW_MS = 2_000;

const TOKENS = [
  ...[
    '',
    ' ',
    '\n',
    '\0',
    '"',
    "'",
    '\\',
    '{',
    '}',
    '[',
    ']',
    '(',
    ')',
    '<',
    '>',
    ',',
    ':',
    ';',
    '*',
    '?',
    '$',
    '!{',
  ],
  ...[
    '${',
    '<a>',
    '%',
    '&',
    '=',
    '-',
    '--',
    '+',
    '.',
    '..',
    '/',
    '#',
    '@',
    'null',
    'true',
    '0',
    '-1',
    '1e999',
    'NaN',
  ],
  ...[
    '9'.repeat(30),
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'Fn::Sub',
    'Ref',
    '\ud800',
    'é',
    '\u202e',
  ],
  ...[
    '2026-02-30',
    'rate(',
    'cron(',
    '"exists"',
    '"prefix"',
    'x'.repeat(300),
    '['.repeat(200),
    '{"a":'.repeat(100),
  ],
];

/** JSON, as what they are put into: what is missing is removed, and no input has the value undefined. */
const VALUES: readonly unknown[] = [
  ...[null, true, 0, -1, 0.1, 1e300, Number.MAX_SAFE_INTEGER + 1, '', ' ', '0', 'x', '\0', '\ud800'],
  ...[
    [],
    {},
    [null],
    [[]],
    { a: 1 },
    'x'.repeat(3_000),
    '*',
    '__proto__',
    { constructor: { prototype: {} } },
  ],
  JSON.parse('{"__proto__": {"polluted": true}}'),
  Array.from({ length: 500 }).reduce<unknown>((inner) => [inner], 0),
];

const place = fc.nat(9_999);
const textEdit = fc.tuple(
  place,
  fc.constantFrom('insert', 'cut', 'repeat', 'replace'),
  fc.constantFrom(...TOKENS),
);
const valueEdit = fc.tuple(place, fc.constantFrom('replace', 'remove', 'add'), fc.constantFrom(...VALUES));

function editText(text: string, [at, how, token]: readonly [number, string, string]): string {
  const start = text.length === 0 ? 0 : at % text.length;
  const end = start + 1 + (at % 7);
  if (how === 'insert') return text.slice(0, start) + token + text.slice(start);
  if (how === 'cut') return text.slice(0, start) + text.slice(end);
  if (how === 'repeat') return text.slice(0, end) + text.slice(start);
  return text.slice(0, start) + token + text.slice(end);
}

type Container = Record<string, unknown>;

/** Changes one of the value's places, counted through. */
function editValue(value: unknown, [at, how, token]: readonly [number, string, unknown]): unknown {
  const copy = structuredClone(value);
  const places: [Container, string][] = [];
  const visit = (each: unknown, depth: number) => {
    if (typeof each !== 'object' || each === null || depth > 20) return;
    for (const key of Object.keys(each)) {
      places.push([each as Container, key]);
      visit((each as Container)[key], depth + 1);
    }
  };
  visit(copy, 0);
  const found = places[at % Math.max(1, places.length)];
  if (!found) return token;
  const [container, key] = found;
  if (how === 'remove') delete container[key];
  else if (how === 'replace') container[key] = token;
  else Object.defineProperty(container, typeof token === 'string' ? token : 'more', { value: token, ...OWN });
  return copy;
}

const OWN = { enumerable: true, configurable: true, writable: true };

function inputsOf({ examples }: FuzzedParser): fc.Arbitrary<unknown> {
  return fc
    .tuple(
      fc.constantFrom(...examples),
      fc.array(textEdit, { maxLength: 3 }),
      fc.array(valueEdit, { maxLength: 3 }),
    )
    .map(([example, texts, values]) =>
      typeof example === 'string' ? texts.reduce(editText, example) : values.reduce(editValue, example),
    );
}

const globalsOf = () =>
  [Object, Array, Function, String].map(({ prototype }) => Reflect.ownKeys(prototype).length).join();

/** @returns the first finding, shrunk; undefined if there is none */
export function fuzz(parser: FuzzedParser, runs: number, seed: number): FuzzFinding | undefined {
  const before = globalsOf();
  const property = fc.property(inputsOf(parser), (input) => {
    const problem = problemOf(parser, input, before);
    if (problem !== undefined) throw new Error(problem);
  });
  const { failed, counterexample, errorInstance } = fc.check(property, { numRuns: runs, seed });
  if (!failed) return undefined;
  const problem = (errorInstance as Error).message;
  return { parser: parser.name, input: counterexample?.[0], problem };
}

function problemOf(
  { read, refuses, personal }: FuzzedParser,
  input: unknown,
  before: string,
): string | undefined {
  const start = performance.now();
  try {
    read(input as never);
  } catch (error) {
    if (!refuses.some((each) => error instanceof each)) return `crashed: ${(error as Error).stack}`;
    if (personal?.test(String(error))) return `told personal data: ${String(error)}`;
  }
  const tookMs = performance.now() - start;
  if (tookMs > SLOW_MS) return `took ${tookMs.toFixed(0)} ms`;
  return globalsOf() === before ? undefined : 'changed the prototype of all objects';
}
