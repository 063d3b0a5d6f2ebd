/** Functions in this process leave the same behind as functions in processes of their own. */
import path from 'node:path';
import { inProcess } from '../../../tools/local/in-process';
import { readSamples } from '../../../tools/local/samples';
import { ManualClock } from '../../../tools/local/services/clock';
import { SystemWorld } from '../../../tools/local/services/world';
import { LocalStack } from '../../../tools/local/stack';
import type { TimedStep } from '../../../tools/local/steps';
import { readAssembly } from '../../../tools/template/assembly';
import { synthesize } from '../../../tools/template/source/synthesize';
import { temporaryDirectory } from '../template/template';

const START = Date.parse('2026-01-15T10:00:00Z');

/** All that the samples leave in tables, topics, streams and queues, without ids and times of the run. */
async function leftBy(cdkOut: string, isInProcess: boolean) {
  const clock = new ManualClock(START);
  const steps: TimedStep[] = [];
  const stack = await LocalStack.start({
    assembly: readAssembly(cdkOut, { region: 'us-east-1' }),
    world: new SystemWorld(clock),
    port: 0,
    maxEnvironments: 1,
    onStep: (step) => void steps.push(step),
    ...(isInProcess && { parts: { startEnvironment: inProcess({ world: new SystemWorld(clock) }) } }),
  });
  try {
    for (const { entries } of readSamples('samples')) {
      for (const entry of entries) {
        stack.eventBridge.putEvents([entry]);
        await stack.settled();
      }
    }
    for (let minutes = 0; minutes < 4; minutes++) {
      await clock.advance(60_000);
      await stack.settled();
    }
    for (const stream of stack.deliveryStreams) await stream.flush();
    const items = await Promise.all(
      stack.tables.names.map((TableName) => stack.tables.request('Scan', { TableName })),
    );
    const told = steps.flatMap((step) => (step.kind === 'message-published' ? [step.body] : []));
    const objects = steps.flatMap((step) => (step.kind === 'object-written' ? [step.records] : []));
    const lines = steps.flatMap((step) => (step.kind === 'log-line' ? [step.message] : []));
    return {
      tables: items.map(({ Items }) => normalized(Items).sort()),
      told: normalized(told),
      objects,
      queues: stack.queues.map((queue) => normalized(queue.peek().map(({ body }) => body)).sort()),
      lines: normalized(lines.filter((line) => !line.includes('"type":"platform.'))).sort(),
      kinds: steps.map(({ kind }) => kind).sort(),
    };
  } finally {
    await stack.stop();
  }
}

/** Texts without ids, times, durations, stack frames and what is derived of them. */
const normalized = (values: readonly unknown[]): string[] =>
  values.map((value) =>
    (typeof value === 'string' ? value : JSON.stringify(value))
      .replaceAll(/[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/g, '<id>')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
      .replaceAll(/1-[\da-f]{8}-[\da-f]{24}/g, '<trace>')
      .replaceAll(/\b\d{10}(\d{3})?\b/g, '<epoch>')
      .replaceAll(/\[\$LATEST\][\da-f]+/g, '<stream>')
      .replaceAll(/(callMs\\*":\{)[^}]*/g, '$1')
      // The last frame may be cut off anywhere.
      .replaceAll(/,\\*"\s*(at\b[^"]*|\sa|\s|)\\*"/g, ''),
  );

test('the samples leave the same tables, messages, records, queues and log lines', async () => {
  const cdkOut = path.join(temporaryDirectory(), 'cdk.out');
  await synthesize(process.cwd(), cdkOut);
  const [here, there] = await Promise.all([leftBy(cdkOut, true), leftBy(cdkOut, false)]);
  expect(here).toEqual(there);
  expect(here.told.length).toBeGreaterThan(0);
  expect(here.queues.flat().length).toBeGreaterThan(0);
});
