/** The stack's schedules of EventBridge Scheduler, as they are deployed now, and when a schedule fires next. */
import { GetScheduleCommand, paginateListSchedules, SchedulerClient } from '@aws-sdk/client-scheduler';
import { InvalidScheduleError } from '../eventbridge/schedule';
import { timesOf } from '../template/schedules';
import { elementsOf, required } from './answers';
import { nameInArn } from './failed-event';
import type { DeployedStack } from './stack';

export interface StackSchedule {
  readonly name: string;
  readonly enabled: boolean;
  readonly expression: string;
  /** Name of the IANA time zone database. */
  readonly timezone: string;
  /** Minutes within which it fires after its time; 0: on time. */
  readonly flexibleMinutes: number;
  /** Name of the target. */
  readonly consumer: string;
}

/** Asks nothing of a stack without schedules. */
export async function listStackSchedules(stack: DeployedStack): Promise<StackSchedule[]> {
  const own = new Set(stack.schedules);
  if (own.size === 0) return [];
  const client = new SchedulerClient(stack.clientConfig);
  const schedules: StackSchedule[] = [];
  const pages = paginateListSchedules({ client }, { NamePrefix: `${stack.name}-` });
  for await (const { Name: name, GroupName } of elementsOf(pages, ({ Schedules }) => Schedules)) {
    if (name === undefined || !own.has(name)) continue;
    const found = await client.send(new GetScheduleCommand({ Name: name, GroupName }));
    schedules.push({
      name,
      enabled: found.State !== 'DISABLED',
      expression: required(found, 'ScheduleExpression'),
      timezone: found.ScheduleExpressionTimezone ?? 'UTC',
      flexibleMinutes: required(found, 'FlexibleTimeWindow').MaximumWindowInMinutes ?? 0,
      consumer: nameInArn(required(required(found, 'Target'), 'Arn')),
    });
  }
  return schedules;
}

/**
 * The next time in milliseconds since 1970-01-01 UTC; undefined if there is none, or if it cannot be told: a rate counts
 * from when it was made.
 */
export function nextTime(
  { expression, timezone }: { readonly expression: string; readonly timezone: string },
  now: number,
): number | undefined {
  if (expression.startsWith('rate(')) return undefined;
  try {
    return timesOf({ expression, timezone }).next(new Date(now))?.getTime();
  } catch (error) {
    if (error instanceof InvalidScheduleError) return undefined;
    throw error;
  }
}
