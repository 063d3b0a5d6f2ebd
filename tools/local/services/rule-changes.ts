/** Rules and targets that are put, changed and taken away while the stack runs: who wants to try a pattern, or to listen. */
import { defined } from '../../defined';
import { checkPatternLength, InvalidEventPatternError } from '../../eventbridge/event-pattern';
import { InvalidTargetInputError } from '../../eventbridge/input-transformer';
import { InvalidScheduleError } from '../../eventbridge/schedule';
import { RULE, TARGET } from '../../eventbridge/service-facts';
import { Delivery, type TargetDefinition } from './delivery';
import type { BusDefinition, EventBridge } from './event-bridge';
import { type Rule, type RuleDefinition, TARGET_PROPERTIES } from './rule';
import { ServiceError } from './service-error';

/** Field names are those of PutRule. */
export interface PutRuleRequest {
  readonly Name: string;
  readonly Description?: string | undefined;
  readonly EventPattern?: string | undefined;
  readonly ScheduleExpression?: string | undefined;
  readonly State?: string | undefined;
}

/** A target that was not put or removed. */
export interface FailedTarget {
  readonly TargetId: string;
  readonly ErrorCode: string;
  readonly ErrorMessage: string;
}

export class RuleChanges {
  readonly #engine: EventBridge;

  constructor(engine: EventBridge) {
    this.#engine = engine;
  }

  /**
   * Makes a rule, or changes the one of that name and leaves its targets as they are.
   * @throws ServiceError as PutRule does
   */
  putRule(bus: BusDefinition, arn: string, request: PutRuleRequest): void {
    const { Name, Description, EventPattern, ScheduleExpression, State = 'ENABLED' } = request;
    if (EventPattern === undefined && ScheduleExpression === undefined) {
      throw invalid('Parameter(s) EventPattern or ScheduleExpression must be specified.');
    }
    if (ScheduleExpression !== undefined && bus.name !== 'default') {
      throw invalid('ScheduleExpression is supported only on the default event bus.');
    }
    const before = this.#engine.rules.find((rule) => rule.arn === arn);
    const ofBus = this.#engine.rules.filter(({ busName }) => busName === bus.name);
    if (!before && ofBus.length >= RULE.maxRulesOfBus) {
      throw limitExceeded(`The requested resource exceeds the maximum number allowed.`);
    }
    const definition: RuleDefinition = {
      ...{ name: Name, arn, busName: bus.name, state: State === 'DISABLED' ? 'DISABLED' : 'ENABLED' },
      ...defined({
        description: Description,
        eventPattern: EventPattern,
        scheduleExpression: ScheduleExpression,
      }),
      deliveries: before?.deliveries ?? [],
    };
    try {
      if (EventPattern !== undefined) checkPatternLength(EventPattern);
      this.#engine.setRule(definition);
    } catch (error) {
      if (error instanceof InvalidEventPatternError) {
        throw new ServiceError('InvalidEventPatternException', error.message);
      }
      if (error instanceof InvalidScheduleError) throw invalid('Parameter ScheduleExpression is not valid.');
      throw error;
    }
  }

  /** @throws ServiceError (ValidationException) for a rule that has targets */
  deleteRule(rule: Rule): void {
    if (rule.targets.length > 0) throw invalid("Rule can't be deleted since it has targets.");
    this.#engine.removeRule(rule.arn);
  }

  /**
   * Puts targets, each in place of the one of its id.
   * @throws ServiceError (LimitExceededException, ValidationException), and then nothing has changed
   */
  putTargets(rule: Rule, targets: readonly TargetDefinition[]): void {
    for (const target of targets) checkTarget(target);
    const made = targets.map((target) => this.#deliver(rule, target));
    const ids = new Set(targets.map(({ Id }) => Id));
    const deliveries = [...rule.deliveries.filter(({ target }) => !ids.has(target.Id)), ...made];
    if (deliveries.length > TARGET.maxTargetsOfRule) {
      throw limitExceeded('The requested resource exceeds the maximum number allowed.');
    }
    this.#replace(rule, deliveries);
  }

  /** @returns targets that the rule does not have */
  removeTargets(rule: Rule, ids: readonly string[]): FailedTarget[] {
    const missing = ids.filter((id) => !rule.targets.some(({ Id }) => Id === id));
    this.#replace(
      rule,
      rule.deliveries.filter(({ target }) => !ids.includes(target.Id)),
    );
    return missing.map((id) => ({
      TargetId: id,
      ErrorCode: 'ResourceNotFoundException',
      ErrorMessage: `Rule ${rule.name} does not have a target with the Id ${id}.`,
    }));
  }

  #deliver(rule: Rule, target: TargetDefinition): Delivery {
    const other = Object.entries(target).find(
      ([field, value]) => value !== undefined && !TARGET_PROPERTIES.includes(field),
    );
    if (other) {
      throw invalid(
        `Parameter ${other[0]} of target ${target.Id} is not valid. Reason: The local run does not know it.`,
      );
    }
    const { targets } = this.#engine.options;
    if (!targets.has(target.Arn)) {
      throw invalid(
        `Parameter ${target.Arn} is not valid. Reason: The local run has no such target; it knows the stack's own functions, queues and topics.`,
      );
    }
    try {
      return new Delivery({ name: rule.name, arn: rule.arn }, target, this.#engine.options);
    } catch (error) {
      if (error instanceof InvalidTargetInputError) throw invalid(error.message);
      throw error;
    }
  }

  #replace(rule: Rule, deliveries: readonly Delivery[]): void {
    const { name, arn, busName, description, eventPattern, scheduleExpression, state } = rule;
    this.#engine.setRule({
      ...{ name, arn, busName, state, deliveries },
      ...defined({ description, eventPattern, scheduleExpression }),
    });
  }
}

/** @throws ServiceError (ValidationException) for what EventBridge refuses of any target, before it looks for one */
function checkTarget({ Id, Arn, SqsParameters }: TargetDefinition): void {
  if (!/^arn:[^:]+:[^:]+:[^:]*:[^:]*:./.test(Arn)) {
    throw invalid(`Parameter ${Arn} is not valid. Reason: Provided Arn is not in correct format.`);
  }
  if (/^arn:[^:]+:sqs:.*\.fifo$/.test(Arn) && SqsParameters === undefined) {
    throw invalid(`Parameter(s) SqsParameters must be specified for target: ${Id}.`);
  }
}

const invalid = (message: string) => new ServiceError('ValidationException', message);
const limitExceeded = (message: string) => new ServiceError('LimitExceededException', message);
