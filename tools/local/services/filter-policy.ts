/**
 * Filter policies of SNS subscriptions: which messages a subscriber gets, by their attributes or their JSON body. The
 * operators are those of event patterns. https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
 */
import { compile, type EventPattern, InvalidEventPatternError } from '../../eventbridge/event-pattern';
import type { MessageAttribute } from './queue';
import { ServiceError } from './service-error';

export type FilterPolicyScope = 'MessageAttributes' | 'MessageBody';

export class FilterPolicy {
  readonly text: string;
  readonly scope: FilterPolicyScope;
  readonly #pattern: EventPattern | undefined;

  /** @throws ServiceError (InvalidParameter) */
  constructor(text: string, scope = 'MessageAttributes') {
    const refuse = (reason: string) =>
      new ServiceError('InvalidParameter', `Invalid parameter: Attributes Reason: FilterPolicy: ${reason}`);
    if (scope !== 'MessageAttributes' && scope !== 'MessageBody') {
      throw new ServiceError(
        'InvalidParameter',
        `Invalid parameter: Attributes Reason: FilterPolicyScope: Invalid value [${scope}]. Please use either MessageBody or MessageAttributes`,
      );
    }
    this.text = text;
    this.scope = scope;
    try {
      // `{}` lets everything through.
      this.#pattern = Object.keys(JSON.parse(text)).length === 0 ? undefined : compile(text);
    } catch (error) {
      if (error instanceof SyntaxError) throw refuse('failed to parse JSON.');
      if (error instanceof InvalidEventPatternError) throw refuse(error.message.replace(/^.*Reason: /, ''));
      throw error;
    }
  }

  matches(body: string, attributes: Readonly<Record<string, MessageAttribute>>): boolean {
    if (!this.#pattern) return true;
    if (this.scope === 'MessageAttributes') {
      return this.#pattern.matches(
        Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, readValue(value)])),
      );
    }
    try {
      return this.#pattern.matches(JSON.parse(body));
    } catch {
      return false; // Only JSON has fields to match.
    }
  }
}

function readValue({ DataType, StringValue = '' }: MessageAttribute): unknown {
  if (DataType.startsWith('Number')) return Number(StringValue);
  if (DataType !== 'String.Array') return StringValue;
  try {
    return JSON.parse(StringValue);
  } catch {
    return StringValue;
  }
}
