/** Lines that a function logged. */
import {
  type CloudWatchLogsClient,
  paginateFilterLogEvents,
  ResourceNotFoundException,
} from '@aws-sdk/client-cloudwatch-logs';
import { elementsOf, required } from './answers';

export interface LoggedLine {
  readonly id: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly time: number;
  readonly message: string;
}

/** Reads the lines since a time; none of a function that has never logged. */
export async function* readFunctionLog(
  logs: CloudWatchLogsClient,
  functionName: string,
  { startTime, filterPattern }: { readonly startTime: number; readonly filterPattern?: string },
): AsyncGenerator<LoggedLine> {
  const logGroupName = `/aws/lambda/${functionName}`;
  const pages = paginateFilterLogEvents({ client: logs }, { logGroupName, startTime, filterPattern });
  try {
    for await (const event of elementsOf(pages, ({ events }) => events)) {
      yield {
        id: required(event, 'eventId'),
        time: required(event, 'timestamp'),
        message: required(event, 'message'),
      };
    }
  } catch (error) {
    // Lambda creates a log group with the first line that it writes.
    if (!(error instanceof ResourceNotFoundException)) throw error;
  }
}
