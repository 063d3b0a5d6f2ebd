/** `report`: makes a function do its scheduled work for one day, and prints the result. */
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { findConsumer, type ScheduledWork } from '../app';
import { EXIT, type ExitCode, InputError } from '../cli/errors';
import { required } from './answers';
import type { Session } from './session';

export interface ReportOptions {
  readonly date: string;
  readonly again?: boolean;
  readonly partial?: boolean;
}

/** Timeout in milliseconds: longer than any scheduled work may take. */
const WORK_TIMEOUT = 16 * 60_000;

export async function report(
  session: Session,
  { date, again = false, partial = false }: ReportOptions,
): Promise<ExitCode> {
  const { stack, terminal, now } = session;
  const day = readDay(date, now(), partial);
  const { name, request } = findWork(session);
  const requestHandler = { ...stack.clientConfig.requestHandler, requestTimeout: WORK_TIMEOUT };
  // One attempt: a retry while the first call still runs would do the same work twice.
  const lambda = new LambdaClient({ ...stack.clientConfig, requestHandler, maxAttempts: 1 });
  const answer = await lambda.send(
    new InvokeCommand({
      FunctionName: name,
      Payload: Buffer.from(JSON.stringify(request(day, { again, partial }))),
    }),
  );
  const payload = JSON.parse(required(answer, 'Payload').transformToString());
  if (answer.FunctionError) {
    // A function that ran out of time or memory gives no type of error.
    const { errorType = answer.FunctionError, errorMessage } = payload;
    terminal.note(`${stack.shortName(name)} failed: ${errorType}: ${errorMessage}`);
    return EXIT.failed;
  }
  const result = JSON.parse(payload.body);
  terminal.print(result, () => describe(result));
  return EXIT.ok;
}

/** @throws InputError if it is no day, or the day is not over and `partial` is false */
function readDay(date: string, now: number, partial: boolean): string {
  const dayOf = (time: number) => new Date(time).toISOString().slice(0, 'YYYY-MM-DD'.length);
  const isDay = /^\d{4}-\d\d-\d\d$/.test(date) && new Date(`${date}T00:00:00Z`).toJSON()?.startsWith(date);
  if (!isDay)
    throw new InputError(`--date is ${JSON.stringify(date)}, but must be a day such as 2026-01-15.`);
  const today = dayOf(now);
  if (date > today) throw new InputError(`--date is ${date}, which has not begun (UTC).`);
  if (date === today && !partial) {
    throw new InputError(`--date is ${date}, which is not over (UTC): ask tomorrow, or add --partial.`);
  }
  return date;
}

/** Finds the function that takes requests for the work of a day. */
function findWork({ app, stack }: Session): { name: string; request: NonNullable<ScheduledWork['request']> } {
  for (const name of stack.functions) {
    const request = findConsumer(app, stack.shortName(name))?.scheduled?.request;
    if (request) return { name, request };
  }
  throw new InputError('No function of the stack is described as one that reports a day.');
}

/** The function's answer. */
interface Result {
  readonly date: string;
  readonly outcome: string;
  readonly eventId: string;
  readonly replaces?: string;
  readonly figures: Readonly<Record<string, unknown>>;
}

function describe({ date, outcome, eventId, replaces, figures }: Result): string {
  const head = `${date}: ${outcome}, as event ${eventId}${replaces ? `, which replaces ${replaces}` : ''}`;
  const hint = outcome === 'made before' ? ['To count it and publish it again: --again'] : [];
  return [
    head,
    ...Object.entries(figures).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`),
    ...hint,
  ].join('\n');
}
