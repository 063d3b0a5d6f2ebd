/**
 * Decides for all events of a contract that a rule takes whether the consumer accepts the fields that the rule's
 * transformer makes. A value is inserted as JSON, a missing one as `""`.
 */
import type { Consumer } from '../../app';
import { type EventDomain, type FieldDomain, findTaken } from '../../eventbridge/decide';
import type { BusEvent } from '../../eventbridge/event';
import type { InputReference } from '../../eventbridge/input-transformer';
import { lengthBetween } from '../../eventbridge/text-machine';
import {
  ABSENT,
  all,
  any,
  Budget,
  complement,
  contains,
  members,
  texts,
  types,
  UndecidedError,
  type ValueSet,
} from '../../eventbridge/value-set';
import type { JsonSchema } from '../contracts/detail-schema';
import { schemaDomain, WITHIN_BOTH_LENGTHS } from '../contracts/domain';
import { fieldSchema, payloadSchema } from '../contracts/payload-schema';
import type { RoutedRule, Routing, Target } from './routing';

/** Result for one field of a consumer's payload. */
export type FieldDecision = {
  readonly contract: string;
  readonly rule: string;
  readonly target: string;
  /** Dotted path in the payload. */
  readonly field: string;
} & (
  | { readonly verdict: 'accepted' }
  /** The event whose payload the consumer refuses. */
  | { readonly verdict: 'refused'; readonly taken: object }
  | { readonly verdict: 'cannot tell'; readonly reason: string }
);

/** Maximum number of states in the search for a text that is too long. */
const BUDGET = 30_000;

/** @returns an empty list if the target has no transformer, or the consumer does not say what it reads */
export function decideFields(
  routing: Routing,
  contract: string,
  rule: RoutedRule,
  target: Target,
  domain: EventDomain,
  consumer: Consumer | undefined,
): FieldDecision[] {
  const { pattern } = rule;
  if (!pattern || !consumer?.payload || !target.input) return [];
  const schema = payloadSchema(consumer.payload);
  const byField = new Map<string, InputReference[]>();
  for (const reference of target.input.references) {
    const { field, variable } = reference;
    if (field?.startsWith('$.') !== true || variable === undefined) continue;
    const name = field.slice('$.'.length);
    byField.set(name, [...(byField.get(name) ?? []), reference]);
  }
  const isRefused = (event: object) =>
    routing.deliver(rule, event as BusEvent).some((each) => each.target === target.id && each.problem);
  return [...byField].flatMap(([field, references]): FieldDecision[] => {
    const at = { contract, rule: rule.name, target: target.id, field };
    try {
      const wanted = fieldSchema(schema, field);
      if (!wanted) return [];
      const accepted = () => schemaDomain(schema, {}, () => true).field(field).values;
      const [first] = references as [InputReference];
      if (references.length > 1 || first.position === 'quoted') {
        const room = roomOf(wanted, field) - (target.model.input.InputTransformer?.InputTemplate.length ?? 0);
        requireShort(references, room, domain);
        return [{ ...at, verdict: 'accepted' }];
      }
      const path = eventPath(first);
      if (path === 'detail') {
        if (isAnyObject(wanted)) return [{ ...at, verdict: 'accepted' }];
        throw new UndecidedError(
          `${field} is the whole detail, and more is asked of it than to be an object`,
        );
      }
      const value = domain.field(path);
      const refused = any(
        all(complement(ABSENT), complement(accepted())),
        ...(contains(accepted(), '') ? [] : [ABSENT]),
      );
      requireScalar(value, path);
      const taken = findTaken(pattern, domain, path, refused, isRefused);
      return [taken ? { ...at, verdict: 'refused', taken } : { ...at, verdict: 'accepted' }];
    } catch (error) {
      if (error instanceof UndecidedError) return [{ ...at, verdict: 'cannot tell', reason: error.message }];
      throw error;
    }
  });
}

function eventPath({ path = '' }: InputReference): string {
  const [, field] = /^\$\.([^*[\]]+)$/.exec(path) ?? [];
  if (field === undefined) throw new UndecidedError(`the path ${path} is more than a field`);
  return field;
}

function requireScalar({ isPlain, arrays }: FieldDomain, path: string): void {
  if (!isPlain || arrays.length > 0) throw new UndecidedError(`${path} can be an object or a list`);
}

/** Checks whether nothing more is asked of an object than to be one. */
function isAnyObject({ type, properties, required = [], additionalProperties, propertyNames }: JsonSchema) {
  const isOpen = additionalProperties === undefined || Object.keys(Object(additionalProperties)).length === 0;
  const takesAnyName = propertyNames === undefined || Object.keys(propertyNames).join() === 'type';
  return type === 'object' && !properties && required.length === 0 && isOpen && takesAnyName;
}

/** Maximum length of a text field of which nothing else is asked. */
function roomOf({ type, maxLength, ...others }: JsonSchema, field: string): number {
  const isFree = Object.keys(others).every((keyword) =>
    ['description', 'title', WITHIN_BOTH_LENGTHS].includes(keyword),
  );
  if (type !== 'string' || !isFree) throw new UndecidedError(`${field} is put together of several texts`);
  return maxLength === undefined ? Number.POSITIVE_INFINITY : Number(maxLength);
}

/** @throws UndecidedError unless the values together are texts of at most that many characters */
function requireShort(references: readonly InputReference[], room: number, domain: EventDomain): void {
  if (room === Number.POSITIVE_INFINITY) return;
  const each = Math.floor(room / references.length);
  for (const reference of references) {
    const path = eventPath(reference);
    const value = domain.field(path);
    requireScalar(value, path);
    const tooLong =
      each < 0 ? types('string') : texts(lengthBetween(each + 1, Number.POSITIVE_INFINITY, 'units'));
    const spoils: ValueSet = all(value.values, any(tooLong, types('number')));
    for (const _ of members(spoils, new Budget(BUDGET)))
      throw new UndecidedError(`${path} may make the text too long`);
  }
}
