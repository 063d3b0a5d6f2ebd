/** Events on their way along the edges of the picture: dots, or a heavier line with the rate of a busy edge. */
import { effect, useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { Counts, PlacedEdge, PlacedFlow } from '../model';
import { passed } from './state';

/** Events a second above which an edge shows its rate instead of dots. */
const DOTS_PER_SECOND = 10;
/** Maximum number of dots on an edge at a time. */
const MAX_DOTS = 5;
const DOT_MS = 400;
const DOT_GAP_MS = 70;
/** Time over which a rate is measured, in milliseconds. */
const WINDOW_MS = 1_000;

interface Moving {
  readonly id: number;
  readonly edge: PlacedEdge;
  readonly delayMs: number;
}

interface Busy {
  readonly edge: PlacedEdge;
  readonly rate: number;
}

/** Watches the counts: tells which edges were passed since the last look, and which are busy. */
class Watcher {
  readonly #flow: PlacedFlow;
  readonly #names: ReadonlyMap<string, string>;
  readonly #samples: { readonly at: number; readonly counts: Counts }[] = [];
  #next = 0;

  constructor(flow: PlacedFlow) {
    this.#flow = flow;
    this.#names = new Map(flow.nodes.map(({ id, name }) => [id, name]));
  }

  look(counts: Counts): { moving: Moving[]; busy: Busy[] } {
    const [moving, busy]: [Moving[], Busy[]] = [[], []];
    const at = performance.now();
    const last = this.#samples.at(-1);
    this.#samples.push({ at, counts });
    while (this.#samples[1] && this.#samples[1].at <= at - WINDOW_MS) this.#samples.shift();
    const [first] = this.#samples;
    if (!last || !first) return { moving, busy };
    for (const edge of this.#flow.edges) {
      const count = countOf(edge, this.#names, counts);
      const come = count - countOf(edge, this.#names, last.counts);
      // A burst is no rate before the window has passed.
      const span = Math.max(WINDOW_MS, at - first.at);
      const rate = ((count - countOf(edge, this.#names, first.counts)) * 1_000) / span;
      if (rate > DOTS_PER_SECOND) busy.push({ edge, rate });
      else
        for (let i = 0; i < Math.min(come, MAX_DOTS); i++)
          moving.push({ id: this.#next++, edge, delayMs: i * DOT_GAP_MS });
    }
    return { moving, busy };
  }
}

export function Traffic({ flow }: { flow: PlacedFlow }) {
  const moving = useSignal<readonly Moving[]>([]);
  const busy = useSignal<readonly Busy[]>([]);
  const watcher = useMemo(() => new Watcher(flow), [flow]);
  useEffect(() => {
    const end = effect(() => {
      const seen = watcher.look(passed.value);
      if (seen.busy.length > 0 || busy.peek().length > 0) busy.value = seen.busy;
      if (seen.moving.length === 0) return;
      moving.value = [...moving.peek(), ...seen.moving];
      const gone = new Set(seen.moving);
      setTimeout(
        () => {
          moving.value = moving.peek().filter((each) => !gone.has(each));
        },
        DOT_MS + MAX_DOTS * DOT_GAP_MS,
      );
    });
    // A busy edge comes to rest without a further message.
    const rest = setInterval(() => {
      if (busy.peek().length > 0) busy.value = watcher.look(passed.peek()).busy;
    }, WINDOW_MS);
    return () => {
      end();
      clearInterval(rest);
    };
  }, [watcher]);
  return (
    <g aria-hidden="true">
      {busy.value.map(({ edge }) => (
        <path key={edge.path} class={`edge heavy ${edge.kind}`} d={edge.path} />
      ))}
      {busy.value.map(({ edge, rate }) => (
        <text key={edge.path} class="rate" {...middleOf(edge.path)} dy="4" text-anchor="middle">
          {rate.toFixed(0)}/s
        </text>
      ))}
      {moving.value.map((each) => (
        <Dot key={each.id} {...each} />
      ))}
    </g>
  );
}

const Dot = ({ edge, delayMs }: Moving) => (
  <g class={`moving ${edge.kind}`}>
    <path class="tint" d={edge.path} />
    <circle
      class="dot"
      r="4"
      style={{ offsetPath: `path('${edge.path}')`, animationDelay: `${delayMs}ms` }}
    />
  </g>
);

/** The count of an edge's passages: by the names of both ends, or, if nobody knows from where, of its end. */
function countOf({ from, to, kind }: PlacedEdge, names: ReadonlyMap<string, string>, counts: Counts): number {
  if (kind !== 'event' && kind !== 'failure') return 0;
  const exact = counts[`${names.get(from)} ${names.get(to)}`];
  return exact ?? (kind === 'event' ? counts[`* ${names.get(to)}`] : undefined) ?? 0;
}

/** The middle of an edge, as the layout draws them: a line, a curve after a line, or a trunk between two lines. */
function middleOf(path: string): { x: number; y: number } {
  const numbers = (path.match(/-?\d+(\.\d+)?/g) ?? []).map(Number);
  const points = numbers.flatMap((x, i) => (i % 2 === 0 ? [{ x, y: numbers[i + 1] ?? 0 }] : []));
  const [from, to] = points.length === 2 ? points : points.slice(-3, -1);
  if (!from || !to) return { x: 0, y: 0 };
  return { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
}
