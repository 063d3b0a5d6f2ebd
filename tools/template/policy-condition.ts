/**
 * The condition operators of IAM.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */
import { BlockList, isIP } from 'node:net';
import { reasonsOf } from './placeholder';
import { anyTrue, arnLike, equal, like, negated, type Truth } from './text-match';

/** Condition keys and their values, e.g. `aws:SourceArn`. */
export type Context = Readonly<Record<string, string | readonly string[]>>;

type Test = (wanted: string, actual: string) => Truth;

const compared =
  (toNumber: (text: string) => number, holds: (actual: number, wanted: number) => boolean): Test =>
  (wanted, actual) => {
    const [left, right] = [toNumber(actual), toNumber(wanted)];
    return Number.isNaN(left) || Number.isNaN(right) ? unless(wanted, actual) : holds(left, right);
  };

/** Result for a value that is no number, date or address: false, unless a placeholder may be one. */
const unless = (wanted: string, actual: string): Truth => reasonsOf([wanted, actual]) || false;

const number = (text: string) => (text.trim() === '' ? Number.NaN : Number(text));
/** Seconds since 1970, or ISO 8601. */
const date = (text: string) => (/^\d+$/.test(text) ? 1000 * Number(text) : Date.parse(text));

const OPERATORS: Readonly<Record<string, Test>> = {
  StringEquals: equal,
  StringEqualsIgnoreCase: (wanted, actual) => equal(wanted.toLowerCase(), actual.toLowerCase()),
  StringLike: like,
  ArnEquals: arnLike,
  ArnLike: arnLike,
  BinaryEquals: equal,
  Bool: (wanted, actual) => equal(wanted.toLowerCase(), actual.toLowerCase()),
  NumericEquals: compared(number, (actual, wanted) => actual === wanted),
  NumericLessThan: compared(number, (actual, wanted) => actual < wanted),
  NumericLessThanEquals: compared(number, (actual, wanted) => actual <= wanted),
  NumericGreaterThan: compared(number, (actual, wanted) => actual > wanted),
  NumericGreaterThanEquals: compared(number, (actual, wanted) => actual >= wanted),
  DateEquals: compared(date, (actual, wanted) => actual === wanted),
  DateLessThan: compared(date, (actual, wanted) => actual < wanted),
  DateLessThanEquals: compared(date, (actual, wanted) => actual <= wanted),
  DateGreaterThan: compared(date, (actual, wanted) => actual > wanted),
  DateGreaterThanEquals: compared(date, (actual, wanted) => actual >= wanted),
  IpAddress: inRange,
};

/** Written out, so that `StringNotEqual` is an unknown operator and not one that lost its `s`. */
const NEGATED: Readonly<Record<string, string>> = {
  StringNotEquals: 'StringEquals',
  StringNotEqualsIgnoreCase: 'StringEqualsIgnoreCase',
  StringNotLike: 'StringLike',
  ArnNotEquals: 'ArnEquals',
  ArnNotLike: 'ArnLike',
  NumericNotEquals: 'NumericEquals',
  DateNotEquals: 'DateEquals',
  NotIpAddress: 'IpAddress',
};

interface Operator {
  readonly test: Test;
  readonly isNegated: boolean;
  readonly set?: string | undefined;
  readonly ifExists: boolean;
}

function parse(text: string): Operator | undefined {
  const [, set, name = '', suffix] = /^(?:(ForAnyValue|ForAllValues):)?(\w+?)(IfExists)?$/.exec(text) ?? [];
  const negated = Object.hasOwn(NEGATED, name) ? NEGATED[name] : undefined;
  const positive = negated ?? name;
  const test = Object.hasOwn(OPERATORS, positive) ? OPERATORS[positive] : undefined;
  return test && { test, isNegated: negated !== undefined, set, ifExists: suffix !== undefined };
}

export const isKnownOperator = (operator: string): boolean =>
  operator === 'Null' || parse(operator) !== undefined;

/**
 * @param wanted values of the policy, variables replaced
 * @param actual of the request; undefined if the request does not have the key
 */
export function conditionHolds(
  operator: string,
  wanted: readonly string[],
  actual: string | readonly string[] | undefined,
): Truth {
  if (operator === 'Null')
    return wanted.some((value) => (value.toLowerCase() === 'true') === (actual === undefined));
  const known = parse(operator);
  if (!known) return `the condition operator ${operator} is not known`;
  const { test, isNegated, set, ifExists } = known;
  const fits = (value: string): Truth => {
    const matches = anyTrue(wanted.map((each) => test(each, value)));
    return isNegated ? negated(matches) : matches;
  };
  if (set !== undefined) {
    const values = actual === undefined ? [] : [actual].flat();
    if (set === 'ForAllValues') return negated(anyTrue(values.map((value) => negated(fits(value)))));
    return values.length === 0 && ifExists ? true : anyTrue(values.map(fits));
  }
  if (actual === undefined) return isNegated || ifExists;
  const values = [actual].flat();
  const [value] = values;
  // IAM calls the result of a single-valued operator on several values unpredictable.
  if (value === undefined || values.length > 1) return `${operator} is given several values`;
  return fits(value);
}

function inRange(wanted: string, actual: string): Truth {
  const [address, bits] = wanted.split('/') as [string, string?];
  const family = isIP(address);
  const range = new BlockList();
  const kind = family === 6 ? 'ipv6' : 'ipv4';
  if (family === 0 || isIP(actual) === 0) return unless(wanted, actual);
  range.addSubnet(address, Number(bits ?? (family === 6 ? 128 : 32)), kind);
  return isIP(actual) === family && range.check(actual, kind);
}
