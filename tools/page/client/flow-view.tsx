/** The picture of the template, with the number of events at each node, failures and waiting messages. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { cut, ICONS } from '../../proof/routes/flow-svg';
import type { EventSummary, PlacedEdge, PlacedNode, Snapshot } from '../model';
import { plural, until } from './format';
import { current, events, filter, search, snapshot } from './state';

/** Events per second above which an edge shows its rate instead of dots. */
const DOTS_PER_SECOND = 10;
const DOT_MS = 400;
const WINDOW_MS = 1_000;

interface NodeState {
  failed: number;
  waiting: number;
  retryAt?: string;
  isBusy: boolean;
}

export function FlowView() {
  const shot = snapshot.value;
  if (!shot) return null;
  const { flow } = shot;
  const states = statesOf(shot, events.value);
  const lit = litBy(current.value, shot);
  return (
    <section class="panel" aria-label="Flow of events">
      <header>
        <h2>Flow</h2>
        <span class="dim">since {shot.startedAt.slice(11, 19)}</span>
        <span class="space" />
        <Legend />
      </header>
      <div class="picture">
        <Picture shot={shot} states={states} lit={lit} />
      </div>
      <footer class="dim">
        On no event's way:{' '}
        {flow.beside.slice(0, 8).map(({ type, count }, i) => (
          <>
            {i > 0 && ', '}
            <b>{count}</b> {type.replace(/^AWS::/, '').replace('::', ' ')}
          </>
        ))}
        {flow.beside.length > 8 && `, and ${flow.beside.length - 8} more types`}.
      </footer>
    </section>
  );
}

const Legend = () => (
  <span class="legend dim">
    <span class="on-its-way">⇥ on its way</span>
    <span class="failed">✕ failed</span>
    <span class="waiting">◷ waits for a retry</span>
    <span>┄ failure path</span>
  </span>
);

function Picture({
  shot,
  states,
  lit,
}: {
  shot: Snapshot;
  states: Map<string, NodeState>;
  lit: Set<string>;
}) {
  const { flow } = shot;
  const focused = useSignal(0);
  const group = useRef<SVGGElement>(null);
  const order = flow.nodes;
  // The Tab key stops once at the picture; arrow keys go from node to node.
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    focused.value = (focused.value + by + order.length) % order.length;
    group.current?.querySelectorAll<SVGGElement>('g.node')[focused.value]?.focus();
  };
  return (
    <svg
      viewBox={`0 0 ${flow.width} ${flow.height}`}
      role="group"
      aria-label="Nodes of the flow"
      onKeyDown={onKeyDown}
    >
      <defs>
        <marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
          <path class="head" d="M0 1L7 4L0 7z" />
        </marker>
      </defs>
      {flow.edges.map((edge) => (
        <Edge
          key={`${edge.from} ${edge.to} ${edge.kind}`}
          edge={edge}
          isLit={lit.has(edge.from) && lit.has(edge.to)}
        />
      ))}
      <Dots shot={shot} />
      <g ref={group}>
        {order.map((node, i) => (
          <Node
            key={node.id}
            node={node}
            state={states.get(node.name)}
            isLit={lit.has(node.id)}
            shot={shot}
            tabIndex={i === focused.value ? 0 : -1}
          />
        ))}
      </g>
    </svg>
  );
}

function Edge({ edge, isLit }: { edge: PlacedEdge; isLit: boolean }) {
  return (
    <path
      class={`edge ${edge.kind}${isLit && edge.kind === 'event' ? ' lit' : ''}`}
      d={edge.path}
      marker-end="url(#head)"
    >
      {edge.label && <title>{edge.label}</title>}
    </path>
  );
}

function Node(props: {
  node: PlacedNode;
  state: NodeState | undefined;
  isLit: boolean;
  shot: Snapshot;
  tabIndex: number;
}) {
  const { node, state, isLit, shot, tabIndex } = props;
  const { x, y, width, height, kind, title, name } = node;
  const waiting = shot.queues[name];
  const met = waiting ?? shot.met[name];
  const isOff = shot.disabled.includes(name);
  const broken = shot.broken.find(({ hop }) => hop === name);
  const failed = (kind === 'queue' ? waiting : state?.failed) ?? 0;
  const second = broken
    ? `broken on purpose: ${broken.kind}`
    : isOff
      ? 'disabled'
      : [
          kind !== 'queue' && state?.failed ? `✕ ${state.failed} failed` : '',
          state?.waiting
            ? `◷ ${state.waiting} waits${state.retryAt ? `, ${until(state.retryAt, shot.now)}` : ''}`
            : '',
        ]
          .filter(Boolean)
          .join('  ') || node.subtitle;
  const tone = broken || failed > 0 ? 'failed' : state?.waiting ? 'waiting' : isOff ? 'off' : '';
  const says = `${kind} ${title}: ${second}${met === undefined ? '' : `, ${plural(met, 'event')}`}`;
  const select = () => {
    search.value = title;
    filter.value = 'all';
  };
  return (
    <g
      class={`node ${tone}${isLit ? ' lit' : ''}`}
      tabIndex={tabIndex}
      role="button"
      aria-label={says}
      onClick={select}
      onKeyDown={(event) => event.key === 'Enter' && select()}
    >
      <title>{`${title}: ${node.subtitle}`}</title>
      <rect x={x} y={y} width={width} height={height} rx="6" />
      <path class="kind" transform={`translate(${x + 9} ${y + 11})`} d={ICONS[kind]} />
      <text x={x + 30} y={y + 15.5}>
        {cut(title, width - 66, 7)}
      </text>
      <text class="second" x={x + 30} y={y + 28.5}>
        {cut(second, width - 36, 5.7)}
      </text>
      {met !== undefined && (
        <text class="count" x={x + width - 9} y={y + 15.5} text-anchor="end">
          {met.toLocaleString('en-US')}
        </text>
      )}
    </g>
  );
}

/** Dots along the edges of an event's way, or the rate of a busy edge. */
function Dots({ shot }: { shot: Snapshot }) {
  const seen = useRef({ met: shot.met, at: performance.now(), rates: new Map<string, number>() });
  const dots = useSignal<readonly { id: number; path: string }[]>([]);
  const next = useRef(0);
  useEffect(() => {
    const before = seen.current;
    const elapsed = performance.now() - before.at;
    const fresh = new Set(
      Object.keys(shot.met).filter((name) => (shot.met[name] ?? 0) > (before.met[name] ?? 0)),
    );
    if (elapsed > WINDOW_MS) {
      const rate = (name: string) => (((shot.met[name] ?? 0) - (before.met[name] ?? 0)) * 1_000) / elapsed;
      seen.current = {
        met: shot.met,
        at: performance.now(),
        rates: new Map(Object.keys(shot.met).map((name) => [name, rate(name)])),
      };
    }
    if (fresh.size === 0 || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    const names = new Map(shot.flow.nodes.map(({ id, name }) => [id, name]));
    const moving = shot.flow.edges
      .filter(
        ({ kind, from, to }) =>
          kind === 'event' && fresh.has(names.get(from) ?? '') && fresh.has(names.get(to) ?? ''),
      )
      .filter(({ to }) => (seen.current.rates.get(names.get(to) ?? '') ?? 0) <= DOTS_PER_SECOND)
      .map(({ path }) => ({ id: next.current++, path }));
    if (moving.length === 0) return;
    dots.value = [...dots.value, ...moving].slice(-60);
    const ids = new Set(moving.map(({ id }) => id));
    setTimeout(() => {
      dots.value = dots.value.filter(({ id }) => !ids.has(id));
    }, DOT_MS);
  }, [shot.met]);
  const names = new Map(shot.flow.nodes.map(({ id, name }) => [id, name]));
  const heavy = shot.flow.edges.flatMap((edge) => {
    const rate = seen.current.rates.get(names.get(edge.to) ?? '') ?? 0;
    return edge.kind === 'event' && rate > DOTS_PER_SECOND ? [{ edge, rate }] : [];
  });
  return (
    <g aria-hidden="true">
      {heavy.map(({ edge }) => (
        <path key={`${edge.from} ${edge.to}`} class="edge heavy" d={edge.path} />
      ))}
      {dots.value.map(({ id, path }) => (
        <circle key={id} class="dot moving" r="4" style={{ offsetPath: `path('${path}')` }} />
      ))}
    </g>
  );
}

/** State of each target from the listed events, by physical name. */
function statesOf(shot: Snapshot, all: readonly EventSummary[]): Map<string, NodeState> {
  const states = new Map<string, NodeState>();
  for (const { hops, state } of all) {
    if (state === 'handled' || state === 'unmatched') continue;
    for (const hop of hops) {
      if (hop.state === 'handled') continue;
      const node = states.get(hop.target) ?? { failed: 0, waiting: 0, isBusy: false };
      if (hop.state === 'failed') node.failed++;
      else if (hop.state === 'on-its-way') node.isBusy = true;
      else {
        node.waiting++;
        if (hop.retryAt && (!node.retryAt || hop.retryAt < node.retryAt) && hop.retryAt >= shot.now)
          node.retryAt = hop.retryAt;
      }
      states.set(hop.target, node);
    }
  }
  return states;
}

/** Ids of the nodes on the way of the selected event. */
function litBy(event: EventSummary | undefined, shot: Snapshot): Set<string> {
  if (!event) return new Set();
  const names = new Set([
    event.source,
    ...event.hops.flatMap(({ rule, target, queue }) => [rule, target, queue ?? '']),
  ]);
  const lit = shot.flow.nodes.filter(({ name, kind }) => names.has(name) || kind === 'bus');
  return new Set(lit.map(({ id }) => id));
}
