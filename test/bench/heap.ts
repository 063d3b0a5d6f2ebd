/**
 * Heap of the handlers over many events: an execution environment lives for hours, and must not keep what an event
 * brings. Each handler's bundle runs in a process of its own, on Lambda's Node, with orders and ids that do not repeat.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAwsAnswers } from './aws-answers';
import { bundle, runHandler, SUBJECTS } from './cold-start';
import type { Figures } from './figures';
import { findNode24 } from './node-24';

/** Numbers of events after which the heap is measured. */
const MARKS = [10_000, 50_000, 100_000];
/** Maximum growth from the first mark to the last, in bytes for each event. An id that is kept takes 60 and more. */
const GOAL_BYTES = 10;

export interface HeapOf {
  readonly entry: string;
  /** Bytes held after a collection: at the start, and after each number of events. */
  readonly held: readonly number[];
}

/** @param marks numbers of events, ascending; the first at least 600, which come before the start is measured */
export async function measureHeap(
  node: string,
  marks: readonly number[],
  onProgress: (text: string) => void = () => {},
): Promise<HeapOf[]> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-heap-'));
  const answers = await startAwsAnswers();
  try {
    const found: HeapOf[] = [];
    for (const { entry, event } of SUBJECTS) {
      onProgress(`heap: ${marks.at(-1)} events of ${entry}`);
      const file = join(directory, `${entry}.json`);
      writeFileSync(file, JSON.stringify(event));
      const program = join(__dirname, 'handler-process.cjs');
      const args = ['--expose-gc', program, bundle(entry, directory), file, 'heap', marks.join(',')];
      found.push({ entry, ...(await runHandler(node, args, { answers, home: directory })) });
    }
    return found;
  } finally {
    await answers.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

export async function benchHeap(onProgress: (text: string) => void, marks = MARKS): Promise<Figures> {
  const node = findNode24();
  const measured = await measureHeap(node.path, marks, onProgress);
  const [first = 0, last = 0] = [marks[0], marks.at(-1)];
  const growth = ({ held }: HeapOf) => ((held.at(-1) ?? 0) - (held[1] ?? 0)) / (last - first);
  const mb = (bytes = Number.NaN) => (bytes / 1024 ** 2).toFixed(2);
  return {
    name: 'heap',
    title: 'Heap of the handlers',
    notes: [
      `Bytes held after a collection, buffers among them; Node ${node.version}. Each event has an order and an id of its own.`,
    ],
    tables: [
      {
        head: ['MB held after so many events', ...measured.map(({ entry }) => entry)],
        rows: [
          ['the start', ...measured.map(({ held }) => mb(held[0]))],
          ...marks.map((mark, index) => [
            mark.toLocaleString('en'),
            ...measured.map(({ held }) => mb(held[index + 1])),
          ]),
          [
            `growth after ${first.toLocaleString('en')}, bytes an event (goal: at most ${GOAL_BYTES})`,
            ...measured.map((each) => growth(each).toFixed(1)),
          ],
        ],
      },
    ],
    data: measured,
  };
}
