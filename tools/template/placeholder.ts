/**
 * Stand-ins for values that only AWS knows. A placeholder is text, so that it can stand within other text (an ARN
 * with an unknown account), and names its origin: `⟨parameter Mail⟩`. Two equal placeholders
 * stand for the same value; whether a placeholder equals anything else cannot be told.
 */

import { AssemblyError } from './template';

export type PlaceholderKind =
  /** An attribute of a resource (`Fn::GetAtt`); the name is e.g. `Api.ApiEndpoint`. */
  | 'attribute'
  /** `Ref` of a resource whose type is not modelled. */
  | 'reference'
  /** A value that another stack exports. */
  | 'import'
  /** A parameter without a default. */
  | 'parameter'
  /** A parameter that CloudFormation reads from Parameter Store. */
  | 'stored parameter'
  /** `{{resolve:...}}`. */
  | 'dynamic reference'
  /** `Fn::GetAZs`. */
  | 'zones'
  /** A pseudo parameter, e.g. the stack's id. */
  | 'pseudo parameter'
  /** `Fn::If` with a condition that depends on another placeholder. */
  | 'condition'
  /** A map without a value for the keys, e.g. for the assumed region. */
  | 'mapping'
  /** A function of CloudFormation or a macro that is not evaluated. */
  | 'function';

export interface Placeholder {
  readonly kind: PlaceholderKind;
  readonly name: string;
  /** Why the value is not known, as part of a sentence: `parameter Mail has no default`. */
  readonly reason: string;
}

const REASONS: Readonly<Record<PlaceholderKind, (name: string) => string>> = {
  attribute: (name) => `only AWS knows the attribute ${name}`,
  reference: (name) => `only AWS knows what Ref gives for ${name}`,
  import: (name) => `${name} is exported by a stack that is not here`,
  parameter: (name) => `parameter ${name} has no default`,
  'stored parameter': (name) => `parameter ${name} is read from Parameter Store`,
  'dynamic reference': (name) => `AWS looks up the dynamic reference to ${name}`,
  zones: (name) => `only AWS knows the Availability Zones of ${name}`,
  'pseudo parameter': (name) => `only AWS knows ${name}`,
  condition: (name) => `it depends on ${name}, which cannot be evaluated`,
  mapping: (name) => `there is no mapping ${name}`,
  function: (name) => `${name} is not evaluated`,
};

const PATTERN = new RegExp(`⟨(${Object.keys(REASONS).join('|')}) ([^⟨⟩]*)⟩`, 'g');

/** The text of a placeholder. It has no colon, so that an ARN with a placeholder keeps its number of parts. */
export function placeholder(kind: PlaceholderKind, name: string): string {
  return `⟨${kind} ${name.replace(/[⟨⟩]/g, '').replaceAll('::', '.').replaceAll(':', ' ')}⟩`;
}

/** The placeholders within a text, or anywhere within a list or an object; each once. */
export function placeholdersIn(value: unknown): Placeholder[] {
  const found = new Map<string, Placeholder>();
  const search = (part: unknown): void => {
    if (typeof part === 'string') {
      for (const match of part.matchAll(PATTERN)) {
        const [text, kind, name] = match as unknown as [string, PlaceholderKind, string];
        found.set(text, { kind, name, reason: REASONS[kind](name) });
      }
    } else if (typeof part === 'object' && part !== null) {
      for (const [key, item] of Object.entries(part)) {
        search(key);
        search(item);
      }
    }
  };
  search(value);
  return [...found.values()];
}

export const hasPlaceholder = (value: unknown): boolean => placeholdersIn(value).length > 0;

/** Reasons why a value is not known, from its placeholders: `parameter Mail has no default and ...`. */
export const reasonsOf = (value: unknown): string =>
  placeholdersIn(value)
    .map(({ reason }) => reason)
    .join(' and ');

/** The text with each placeholder replaced. */
export const replacePlaceholders = (text: string, by: (placeholder: string) => string): string =>
  text.replace(PATTERN, (found) => by(found));

/** Splits a text at a separator outside of placeholders. */
export function splitKnown(text: string, separator: string): string[] {
  const kept: string[] = [];
  const masked = text.replace(PATTERN, (found) => `\u0000${kept.push(found) - 1}\u0001`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no template holds these two characters, so they mark kept placeholders
  const restore = (part: string) => part.replace(/\u0000(\d+)\u0001/g, (_, index) => String(kept[index]));
  return masked.split(separator).map(restore);
}

/** A number or boolean that may be known to AWS only. */
export type Maybe<Value extends number | boolean> = Value | Unknown;

/** A number or boolean that is not known. */
export class Unknown {
  constructor(
    /** Reason, as part of a sentence. */
    readonly reason: string,
  ) {}
}

/**
 * Returns a value that must be known: the local run refuses a template with placeholders before it starts.
 * @throws AssemblyError
 */
export function expectKnown<Value extends number | boolean>(value: Maybe<Value>): Value {
  if (!(value instanceof Unknown)) return value;
  throw new AssemblyError(`A value that is needed is not known: ${value.reason}.`);
}

export const isKnown = <Value extends number | boolean>(value: Maybe<Value>): value is Value =>
  !(value instanceof Unknown);
