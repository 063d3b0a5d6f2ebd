/** Rules of a Choice state. https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html */
import { compilePath, isStateObject, type Scope, type StateJson } from './json-path';
import { DefinitionError, StatesError, UnknownInDefinitionError } from './states-error';

export type Condition = (scope: Scope) => boolean;

type Order = (difference: number) => boolean;

const ORDERS: Readonly<Record<string, Order>> = {
  Equals: (difference) => difference === 0,
  LessThan: (difference) => difference < 0,
  GreaterThan: (difference) => difference > 0,
  LessThanEquals: (difference) => difference <= 0,
  GreaterThanEquals: (difference) => difference >= 0,
};

/** Date and time of RFC 3339, with a capital T and Z. */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
export const isTimestamp = (value: unknown): value is string =>
  typeof value === 'string' && TIMESTAMP.test(value) && !Number.isNaN(Date.parse(value));

/** Difference of two values of a type; undefined if one is of another type. */
const DIFFERENCES: Readonly<Record<string, (a: StateJson, b: StateJson) => number | undefined>> = {
  String: (a, b) =>
    typeof a === 'string' && typeof b === 'string' ? (a < b ? -1 : a > b ? 1 : 0) : undefined,
  Numeric: (a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : undefined),
  Boolean: (a, b) => (typeof a === 'boolean' && typeof b === 'boolean' ? Number(a) - Number(b) : undefined),
  Timestamp: (a, b) => (isTimestamp(a) && isTimestamp(b) ? Date.parse(a) - Date.parse(b) : undefined),
};

const KINDS: Readonly<Record<string, (value: StateJson) => boolean>> = {
  IsNull: (value) => value === null,
  IsString: (value) => typeof value === 'string',
  IsNumeric: (value) => typeof value === 'number',
  IsBoolean: (value) => typeof value === 'boolean',
  IsTimestamp: isTimestamp,
};

/**
 * Compiles a rule, but for its `Next`.
 * @throws DefinitionError, UnknownInDefinitionError
 */
export function compileCondition(rule: StateJson): Condition {
  if (!isStateObject(rule)) throw new DefinitionError('a rule of a Choice must be an object');
  const { And: and, Or: or, Not: not, Variable: variable } = rule;
  for (const [rules, combine] of [
    [and, (each: Condition[]) => (scope: Scope) => each.every((condition) => condition(scope))],
    [or, (each: Condition[]) => (scope: Scope) => each.some((condition) => condition(scope))],
  ] as const) {
    if (rules === undefined) continue;
    if (!Array.isArray(rules) || rules.length === 0)
      throw new DefinitionError('And and Or of a Choice have a list of rules');
    return combine(rules.map(compileCondition));
  }
  if (not !== undefined) {
    const condition = compileCondition(not);
    return (scope) => !condition(scope);
  }
  if (typeof variable !== 'string') throw new DefinitionError('a rule of a Choice must have a Variable');
  const others = Object.entries(rule).filter(([name]) => !['Variable', 'Next', 'Comment'].includes(name));
  const [only, second] = others;
  if (!only || second) throw new DefinitionError(`a rule on ${variable} must have one comparison`);
  return compileComparison(variable, ...only);
}

function compileComparison(variable: string, operator: string, operand: StateJson): Condition {
  const read = compilePath(variable);
  if (operator === 'IsPresent') return (scope) => isPresent(read, scope) === operand;
  const isKind = Object.hasOwn(KINDS, operator) ? KINDS[operator] : undefined;
  if (isKind) return (scope) => isKind(read(scope)) === operand;
  if (operator === 'StringMatches') {
    if (typeof operand !== 'string') throw new DefinitionError('StringMatches must be a string');
    const pattern = wildcard(operand);
    return (scope) => {
      const value = read(scope);
      return typeof value === 'string' && pattern.test(value);
    };
  }
  const [, type = '', order = '', isPath] =
    /^(String|Numeric|Boolean|Timestamp)(\w+?)(Path)?$/.exec(operator) ?? [];
  const [differ, holds] = [DIFFERENCES[type], ORDERS[order]];
  if (!differ || !holds || (type === 'Boolean' && order !== 'Equals'))
    throw new UnknownInDefinitionError(`the comparison ${operator}`);
  const other = isPath ? compilePath(String(operand)) : () => operand;
  if (!isPath && differ(operand, operand) === undefined)
    throw new DefinitionError(`${operator} has an operand of another type: ${JSON.stringify(operand)}`);
  return (scope) => {
    const difference = differ(read(scope), other(scope));
    return difference !== undefined && holds(difference);
  };
}

function isPresent(read: (scope: Scope) => StateJson, scope: Scope): boolean {
  try {
    read(scope);
    return true;
  } catch (error) {
    if (error instanceof StatesError) return false;
    throw error;
  }
}

/** `*` is any text; a backslash before it is the character itself. */
function wildcard(text: string): RegExp {
  const parts = [...text.matchAll(/\\(.)|(\*)|([^\\*]+|\\$)/gsu)].map(([, escaped, star, plain = '']) =>
    star ? '.*' : (escaped ?? plain).replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'),
  );
  return new RegExp(`^${parts.join('')}$`, 'su');
}
