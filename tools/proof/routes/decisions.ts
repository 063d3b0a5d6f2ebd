/**
 * Statements about all events that the contracts' schemas allow, and not examples only: which rules take every, some
 * or none of them, which rules take the same ones, and whether a transformer makes JSON of each.
 */

import { type App, type Contract, findConsumer } from '../../app';
import { printableJson } from '../../cli/escape-control';
import { defined } from '../../defined';
import {
  ANY_EVENT,
  compare,
  type EventDomain,
  findTaken,
  type SetAnswer,
  takes,
} from '../../eventbridge/decide';
import type { BusEvent } from '../../eventbridge/event';
import type { EventPattern } from '../../eventbridge/event-pattern';
import type { InputReference } from '../../eventbridge/input-transformer';
import { rulerBugs } from '../../eventbridge/ruler-bugs';
import { LAST_UNIT, NondeterministicMachine } from '../../eventbridge/text-machine';
import { texts, UndecidedError } from '../../eventbridge/value-set';
import { hasPlaceholder, reasonsOf } from '../../template/placeholder';
import { contractDomain } from '../contracts/domain';
import { decideFields, type FieldDecision } from './accepted-fields';
import type { Finding, RoutedRule, Routing, Target } from './routing';

interface Undecided {
  readonly verdict: 'cannot tell';
  readonly reason: string;
}

/** The part of a contract's events that a rule matches. */
export type RuleDecision = { readonly contract: string; readonly rule: string } & (
  | {
      readonly verdict: 'every' | 'some' | 'none';
      /** An event that it takes, and one that it does not. */
      readonly taken?: object;
      readonly missed?: object;
    }
  | Undecided
);

/**
 * Relation of two rules that both take events of a contract, or of any event if no contract is described. Rules that
 * take none in common are not listed.
 */
export type PairDecision = { readonly contract?: string; readonly rules: readonly [string, string] } & (
  | { readonly verdict: 'same' }
  /** The second takes all that the first does. */
  | { readonly verdict: 'inside' }
  | { readonly verdict: 'overlap'; readonly taken?: object }
  | Undecided
);

/** Result for a target's transformer: whether its output is JSON for all events of a contract that the rule matches. */
export type InputDecision = { readonly contract: string; readonly rule: string; readonly target: string } & (
  | { readonly verdict: 'valid' }
  | { readonly verdict: 'invalid'; readonly variable: string; readonly taken: object }
  | Undecided
);

export interface RouteDecisions {
  readonly rules: readonly RuleDecision[];
  readonly pairs: readonly PairDecision[];
  readonly inputs: readonly InputDecision[];
  /** Fields of transformers' outputs that their consumers read. */
  readonly fields: readonly FieldDecision[];
  /** Questions that exceeded the budget. */
  readonly notLookedAt: readonly string[];
}

/** Pairs of rules that are compared, of one contract: 45 rules that take some of its events. */
const MAX_PAIRS = 1_000;

/** Way in which rules are compared without a contract; part of each report. */
export const READING_WITHOUT_CONTRACTS = 'events whose fields have one value each';

/** Way in which the schemas are read; part of each report. */
export const READING = 'events with only the declared fields, and without dots in field names';

/**
 * @param examples an event of each contract
 * @param isReachable whether events of the contracts can come to the rule
 */
export function decideRoutes(
  routing: Routing,
  app: App,
  examples: ReadonlyMap<Contract, BusEvent>,
  isReachable: (rule: RoutedRule) => boolean,
): RouteDecisions {
  const decided = [...examples].map(([contract, example]): RouteDecisions => {
    const domain = contractDomain(contract, example);
    const rules = routing.rules.filter((rule) => rule.pattern && isReachable(rule));
    const verdicts = rules.map((rule): RuleDecision => {
      return { contract: contract.type, rule: rule.name, ...decideRule(rule, domain) };
    });
    const living = rules.filter((_, i) => verdicts[i]?.verdict !== 'none');
    const pairs = living.flatMap((one, i) => living.slice(i + 1).map((other) => [one, other] as const));
    const isTooMuch = pairs.length > MAX_PAIRS;
    return {
      rules: verdicts,
      pairs: isTooMuch ? [] : pairs.flatMap(([one, other]) => decidePair(contract.type, one, other, domain)),
      notLookedAt: isTooMuch
        ? [`which of the ${living.length} rules that take events of ${contract.type} take the same ones`]
        : [],
      inputs: living.flatMap((rule) =>
        rule.targets.flatMap((target) => decideInput(routing, contract.type, rule, target, domain)),
      ),
      fields: living.flatMap((rule) =>
        rule.targets.flatMap((target) => {
          const consumer = findConsumer(app, target.consumer);
          return decideFields(routing, contract.type, rule, target, domain, consumer);
        }),
      ),
    };
  });
  const any = examples.size === 0 ? comparedOnBuses(routing) : { pairs: [], notLookedAt: [] };
  return {
    rules: decided.flatMap(({ rules }) => rules),
    pairs: [...decided.flatMap(({ pairs }) => pairs), ...any.pairs],
    inputs: decided.flatMap(({ inputs }) => inputs),
    fields: decided.flatMap(({ fields }) => fields),
    notLookedAt: [...decided.flatMap(({ notLookedAt }) => notLookedAt), ...any.notLookedAt],
  };
}

/** Compares the rules of each bus with each other, for any events. */
function comparedOnBuses({ rules }: Routing): Pick<RouteDecisions, 'pairs' | 'notLookedAt'> {
  const living = rules.filter(({ pattern, enabled }) => pattern && enabled);
  const [unsure, sure] = [true, false].map((isUnsure) =>
    living.filter(({ eventPattern }) => hasPlaceholder(eventPattern) === isUnsure),
  ) as [RoutedRule[], RoutedRule[]];
  const pairs = sure.flatMap((one, i) =>
    sure
      .slice(i + 1)
      .filter((other) => other.bus === one.bus)
      .map((other) => [one, other] as const),
  );
  const isTooMuch = pairs.length > MAX_PAIRS;
  return {
    pairs: isTooMuch ? [] : pairs.flatMap(([one, other]) => decidePair(undefined, one, other, ANY_EVENT)),
    notLookedAt: [
      ...(isTooMuch ? [`which of the ${sure.length} rules take the same events`] : []),
      ...(living.length > 1
        ? unsure.map(
            ({ name, eventPattern }) =>
              `what rule ${name} takes in common with others: ${reasonsOf(eventPattern)}`,
          )
        : []),
    ],
  };
}

function decideRule({ pattern }: RoutedRule, domain: EventDomain): SetAnswer<'every' | 'some' | 'none'> {
  return pattern ? takes(pattern, domain) : { verdict: 'none' };
}

function decidePair(
  contract: string | undefined,
  one: RoutedRule,
  other: RoutedRule,
  domain: EventDomain,
): PairDecision[] {
  if (!one.pattern || !other.pattern) return [];
  const pair = (first: RoutedRule, second: RoutedRule) => ({
    ...defined({ contract }),
    rules: [first.name, second.name] as const,
  });
  const relation = compare(one.pattern, other.pattern, domain);
  switch (relation.verdict) {
    case 'apart':
      return [];
    case 'around':
      return [{ ...pair(other, one), verdict: 'inside' }];
    default:
      return [{ ...pair(one, other), ...relation }];
  }
}

/** Texts that cannot stand between quotes as they are: with a quote, a backslash or a control character. */
const SPOILING = texts(
  new NondeterministicMachine(
    [
      [
        { from: 0, to: LAST_UNIT, target: 0 },
        ...[
          [0x00, 0x1f],
          [0x22, 0x22],
          [0x5c, 0x5c],
        ].map(([from = 0, to = 0]) => ({ from, to, target: 1 })),
      ],
      [{ from: 0, to: LAST_UNIT, target: 1 }],
    ],
    new Set([1]),
  ),
);

function decideInput(
  routing: Routing,
  contract: string,
  rule: RoutedRule,
  target: Target,
  domain: EventDomain,
): InputDecision[] {
  const { pattern } = rule;
  const quoted = target.input?.references.filter(
    ({ position, path }) => position === 'quoted' && path !== undefined,
  );
  const isTransformed = target.input?.references.some(({ variable }) => variable !== undefined);
  if (!pattern || !quoted || !isTransformed) return [];
  const at = { contract, rule: rule.name, target: target.id };
  const isInvalid = (event: object) =>
    routing
      .deliver(rule, event as BusEvent)
      .some((delivery) => delivery.target === target.id && delivery.problem?.kind === 'invalid-payload');
  try {
    for (const reference of quoted) {
      const path = fieldPath(reference);
      const taken = spoiledBy(path, domain) && findTaken(pattern, domain, path, SPOILING, isInvalid);
      if (taken) return [{ ...at, verdict: 'invalid', variable: reference.variable ?? '', taken }];
    }
    return [{ ...at, verdict: 'valid' }];
  } catch (error) {
    if (error instanceof UndecidedError) return [{ ...at, verdict: 'cannot tell', reason: error.message }];
    throw error;
  }
}

/** @throws UndecidedError if an object or a list may stand there, whose own quotes would spoil the text */
function spoiledBy(path: string, domain: EventDomain): boolean {
  const { isPlain, arrays } = domain.field(path);
  // A path does not lead through a list.
  if (arrays.length > 0 && !arrays.includes(path)) return false;
  if (!isPlain) throw new UndecidedError(`${path} can be an object or a list, between quotes`);
  return true;
}

/** `$.detail.a` -> `detail.a` */
function fieldPath({ path = '' }: InputReference): string {
  const [, field] = /^\$\.([^*[\]]+)$/.exec(path) ?? [];
  if (field === undefined) throw new UndecidedError(`the path ${path} is more than a field`);
  return field;
}

/** Inputs that are no JSON for an event that none of those tried is like. */
export function spoiledInputs({ inputs }: RouteDecisions, known: readonly Finding[]): Finding[] {
  return inputs.flatMap((input): Finding[] => {
    const { contract, rule, target } = input;
    const isKnown = known.some(
      (each) => each.kind === 'invalid-payload' && each.rule === rule && each.target === target,
    );
    if (input.verdict !== 'invalid' || isKnown) return [];
    const message =
      `Rule ${rule} has nothing valid to give to its target ${target} for some events of ${contract}: ` +
      `<${input.variable}> stands in quotes and is inserted as it is. E.g. ${printableJson(input.taken)}.`;
    return [{ kind: 'invalid-payload', rule, target, contract, message }];
  });
}

/** Fields that a consumer refuses for an event that none of those tried is like. */
export function refusedFields({ fields }: RouteDecisions, known: readonly Finding[]): Finding[] {
  return fields.flatMap((decision): Finding[] => {
    if (decision.verdict !== 'refused') return [];
    const { contract, rule, target, field, taken } = decision;
    const isKnown = known.some(
      (each) => each.kind === 'refused-payload' && each.rule === rule && each.target === target,
    );
    if (isKnown) return [];
    const message =
      `Rule ${rule} gives its target ${target} a field ${field} that it refuses for some events of ${contract}. ` +
      `E.g. ${printableJson(taken)}.`;
    return [{ kind: 'refused-payload', rule, target, contract, message }];
  });
}

/** Patterns that AWS's matcher is known to get wrong, one line each. */
export function patternWarnings({ rules, archives }: Routing): string[] {
  const warnings = (what: string, pattern?: EventPattern) =>
    pattern ? rulerBugs(pattern).map((bug) => `${what}: ${bug}.`) : [];
  return [
    ...rules.flatMap(({ name, pattern }) => warnings(`Rule ${name}`, pattern)),
    ...archives.flatMap(({ name, pattern }) => warnings(`Archive ${name}`, pattern)),
  ];
}
