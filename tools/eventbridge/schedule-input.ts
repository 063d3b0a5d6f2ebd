/** Input that EventBridge Scheduler gives to a target. */
import type { BusEvent } from './event';
import { type CompiledInput, InvalidTargetInputError, type TransformedInput } from './input-transformer';

/**
 * Context attributes, which Scheduler replaces in the input.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
 */
const ATTRIBUTES: Readonly<Record<string, (event: BusEvent) => string>> = {
  '<aws.scheduler.schedule-arn>': ({ resources }) => String(resources[0]),
  '<aws.scheduler.scheduled-time>': ({ time }) => time,
  '<aws.scheduler.execution-id>': ({ id }) => id,
  '<aws.scheduler.attempt-number>': () => '1',
};

/**
 * Input of a schedule's target, made of the event that a scheduled rule would send.
 * @param input text of the schedule; without one Scheduler sends an event of its own
 * @throws InvalidTargetInputError if Scheduler would refuse it
 */
export function compileScheduleInput(input: string | undefined): CompiledInput {
  const fill = (event: BusEvent): string => {
    if (input === undefined) return JSON.stringify({ ...event, source: 'aws.scheduler', detail: '{}' });
    return Object.entries(ATTRIBUTES).reduce(
      (text, [name, value]) => text.replaceAll(name, value(event)),
      input,
    );
  };
  const [unknown] =
    (input ?? '').match(/<aws\.scheduler\.[^>]*>/g)?.filter((name) => !Object.hasOwn(ATTRIBUTES, name)) ?? [];
  if (unknown) throw new InvalidTargetInputError(`The input has no context attribute ${unknown}.`);
  const compiled = (event: BusEvent): TransformedInput => ({ delivered: true, body: fill(event) });
  return Object.assign(compiled, { references: [] });
}
