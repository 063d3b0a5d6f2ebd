/** Calling a handler as Lambda does, and reading what it writes to its log group. */
import type { Context } from 'aws-lambda';
import { embeddedMetrics, metricFields } from '../../tools/cloudwatch/embedded-metrics';

/** One log line. */
export type Line = Record<string, unknown> & { readonly message?: string };

export interface Invocation<Response> {
  /** Result of the handler; undefined if it threw. */
  readonly response: Response | undefined;
  readonly error: unknown;
  /** Log lines, at every level, without their metrics. */
  readonly lines: readonly Line[];
  /** Values of the metrics it sent, by name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** All that it wrote, as text. */
  readonly output: string;
}

/** Context that Lambda gives the handler, as far as handlers ask for it. */
export const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 30_000 } as Context;

/** Runs the handler on the event. What it throws is in the result: a test says what it expects. */
export async function invoke<Response>(
  handler: (event: unknown, context: Context) => Promise<Response>,
  event: unknown,
): Promise<Invocation<Response>> {
  const written: string[] = [];
  const streams = [process.stdout, process.stderr].map((stream) =>
    jest.spyOn(stream, 'write').mockImplementation((chunk) => {
      written.push(String(chunk));
      return true;
    }),
  );
  let response: Response | undefined;
  let error: unknown;
  try {
    response = await handler(event, context);
  } catch (thrown) {
    error = thrown;
  } finally {
    for (const stream of streams) stream.mockRestore();
  }
  const output = written.join('');
  const lines = output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
  const metrics = lines
    .flatMap((line) => embeddedMetrics(line))
    .map(({ name, values: [value] }) => [name, value]);
  return {
    response,
    error,
    lines: lines.filter(({ message }) => message !== undefined).map(withoutMetrics),
    metrics: Object.fromEntries(metrics),
    output,
  };
}

function withoutMetrics(line: Line): Line {
  const names = new Set(metricFields(line));
  names.delete('service');
  return Object.fromEntries(Object.entries(line).filter(([name]) => !names.has(name)));
}
