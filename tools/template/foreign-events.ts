/**
 * Events that come to the template's buses from elsewhere: of AWS's services, of SaaS partners, of other accounts; and
 * those that come from one bus to another.
 */
import { ANY_EVENT, overlap } from '../eventbridge/decide';
import { compile } from '../eventbridge/event-pattern';
import { busName } from './identity';
import { busPolicyStatement } from './policy-document';
import type { Assembly, Resource } from './resource';
import { type RuleModel, rulesOf } from './rules';
import type { Json } from './template';

/** A bus that takes the events of a SaaS partner over, and no others. */
export const isPartnerBus = ({ type, properties }: Resource): boolean =>
  type === 'AWS::Events::EventBus' && properties.EventSourceName !== undefined;

/** Checks by a rule whether it takes only events that others publish. */
export class ForeignEvents {
  readonly #partnerBuses: readonly string[];
  /** Conditions on the sources of events that others may put on a bus of the template. */
  readonly #sources: readonly unknown[];

  constructor(assembly: Assembly) {
    const buses = assembly.ofType('AWS::Events::EventBus');
    this.#partnerBuses = buses.filter(isPartnerBus).map(({ name }) => name);
    const statements = assembly
      .ofType('AWS::Events::EventBusPolicy')
      .map(({ properties }) => busPolicyStatement(properties, ''));
    const inflows = rulesOf(assembly).filter(
      (rule) => this.#isElsewhere(rule) && rule.targets.some(({ reference }) => isBus(reference.resource)),
    );
    this.#sources = [
      ...statements.filter((each) => letsOthersIn(assembly, each)).flatMap(conditionedSources),
      ...inflows.flatMap(({ eventPattern }) => sourcesOf(eventPattern)),
      ...this.#partnerBuses.map((prefix) => ({ prefix })),
    ];
  }

  /** @param rule with its bus and pattern as in the template */
  isForeign(rule: Pick<RuleModel, 'bus' | 'eventPattern'>): boolean {
    const sources = sourcesOf(rule.eventPattern);
    if (this.#partnerBuses.includes(rule.bus)) return true;
    if (rule.bus === 'default') return sources.length > 0 && sources.every(isOfService);
    return sources.length > 0 && sources.every((source) => this.#comesFromElsewhere(source));
  }

  #isElsewhere({ bus, eventPattern }: RuleModel): boolean {
    return (
      this.#partnerBuses.includes(bus) || (bus === 'default' && sourcesOf(eventPattern).every(isOfService))
    );
  }

  #comesFromElsewhere(source: unknown): boolean {
    const text = textOf(source);
    return this.#sources.some((known) => {
      if (typeof known === 'string') return known === source;
      const prefix = textOf(known);
      return prefix !== undefined && text?.startsWith(prefix) === true;
    });
  }
}

const isBus = (resource: Resource | undefined): boolean => resource?.type === 'AWS::Events::EventBus';

const isOfService = (source: unknown): boolean => textOf(source)?.startsWith('aws.') === true;

/** Text of a condition by value or prefix. */
function textOf(source: unknown): string | undefined {
  const text = typeof source === 'string' ? source : (source as { prefix?: unknown } | null)?.prefix;
  return typeof text === 'string' ? text : undefined;
}

function sourcesOf(pattern: RuleModel['eventPattern']): readonly unknown[] {
  let read: unknown = pattern;
  try {
    if (typeof pattern === 'string') read = JSON.parse(pattern);
  } catch {
    return []; // `routes` reports the error.
  }
  const { source } = (typeof read === 'object' && read !== null ? read : {}) as { readonly source?: unknown };
  return Array.isArray(source) ? source : [];
}

/** Checks whether a statement of a bus's policy lets in somebody besides this account. */
function letsOthersIn({ account }: Assembly, statement: Json): boolean {
  const principals = [statement?.Principal?.AWS ?? statement?.Principal ?? []].flat().map(String);
  return statement?.Effect === 'Allow' && principals.some((each) => !each.includes(account));
}

/** Sources that a statement of a bus's policy names in its condition. */
function conditionedSources(statement: Json): string[] {
  const conditions: Record<string, Record<string, unknown>> = statement?.Condition ?? {};
  return Object.entries(conditions).flatMap(([operator, keys]) =>
    /String(Equals|Like)$/.test(operator) ? [keys?.['events:source'] ?? []].flat().map(String) : [],
  );
}

/** Somebody outside this account who may put events on a bus. */
export interface ForeignPublisher {
  /** E.g. `account 111122223333`, `organization o-a1b2c3d4e5`, or the name of a partner's event source. */
  readonly name: string;
  /** Sources of its events; empty if it may publish any. */
  readonly sources: readonly string[];
}

/** Publishers whom the policy of a bus lets in, and the partner of a partner's bus. */
export function foreignPublishersOf(assembly: Assembly, bus: Resource): ForeignPublisher[] {
  if (isPartnerBus(bus)) return [{ name: bus.name, sources: [] }];
  return assembly.ofType('AWS::Events::EventBusPolicy').flatMap(({ properties }) => {
    const statement = busPolicyStatement(properties, bus.arn);
    if (busName(properties.EventBusName) !== bus.name || statement?.Effect !== 'Allow') return [];
    const organization = statement.Condition?.StringEquals?.['aws:PrincipalOrgID'];
    const principals = [statement.Principal?.AWS ?? []].flat().map(String);
    const accounts = principals.flatMap((each) => each.match(/\b\d{12}\b/) ?? []);
    const others = accounts.filter((account) => account !== assembly.account);
    const names = [
      ...[organization ?? []].flat().map((id) => `organization ${id}`),
      ...others.map((account) => `account ${account}`),
    ];
    return names.map((name) => ({ name, sources: conditionedSources(statement) }));
  });
}

/** Two rules in a row, the second of which would hand on to a third bus: EventBridge drops the events. */
export interface ThirdBus {
  readonly first: RuleModel;
  readonly second: RuleModel;
  /** Name or ARN of the third bus. */
  readonly bus: string;
  /** Reason why it cannot be told whether an event takes both rules; undefined if one does. */
  readonly unknown?: string;
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html */
export function thirdBusesOf(assembly: Assembly): ThirdBus[] {
  const toBuses = rulesOf(assembly).flatMap((rule) => {
    const buses = rule.targets.flatMap(({ arn }) => (/:event-bus\//.test(arn) ? [busName(arn)] : []));
    const { eventPattern: pattern } = rule;
    return rule.enabled && pattern !== undefined ? buses.map((to) => ({ rule, pattern, to })) : [];
  });
  return toBuses.flatMap(({ rule: first, pattern, to }) =>
    toBuses
      .filter(({ rule, to: bus }) => rule.bus === to && bus !== to)
      .flatMap(({ rule: second, pattern: next, to: bus }): ThirdBus[] => {
        const common = commonEvents(pattern, next);
        if (common === 'none') return [];
        return [{ first, second, bus, ...(common !== 'some' && { unknown: common }) }];
      }),
  );
}

type Pattern = NonNullable<RuleModel['eventPattern']>;

/** @returns the reason if it cannot be told */
function commonEvents(first: Pattern, second: Pattern): string {
  try {
    const answer = overlap(compile(first), compile(second), ANY_EVENT);
    if (answer.verdict === 'cannot tell') return answer.reason;
    return answer.verdict === 'apart' ? 'none' : 'some';
  } catch {
    return 'none'; // A pattern that EventBridge refuses is told elsewhere.
  }
}
