/** The picture of the template, with the number of events at each node, failures and waiting messages. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { cut, ICONS } from '../../proof/routes/flow-svg';
import type { EventSummary, PlacedEdge, PlacedFlow, PlacedNode } from '../model';
import { current, filter, searchText, unsettled } from './events';
import { plural, until } from './format';
import { StateIcon } from './icons';
import { broken, disabled, met, now, queues, snapshot } from './state';
import { Traffic } from './traffic';

interface NodeState {
  failed: number;
  waiting: number;
  retryAt?: string;
}

export function FlowView() {
  const shot = snapshot.value;
  if (!shot) return null;
  const { flow } = shot;
  const lit = litBy(current.value, flow);
  return (
    <section class="panel" aria-label="Flow of events">
      <header>
        <h2>Flow</h2>
        <span class="dim">since {shot.startedAt.slice(11, 19)}</span>
        <span class="space" />
        <Legend />
      </header>
      <div class="picture">
        <Picture flow={flow} lit={lit} />
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
        {shot.beside.map(({ stackName, account, region, endpoint }) => (
          <p key={endpoint}>
            Not shown: <b>{stackName}</b> of account {account} in {region}, which runs beside this stack and
            listens on {endpoint}.
          </p>
        ))}
      </footer>
    </section>
  );
}

const Legend = () => (
  <span class="legend dim">
    <span>
      <StateIcon state="on-its-way" /> on its way
    </span>
    <span>
      <StateIcon state="failed" /> failed
    </span>
    <span>
      <StateIcon state="waiting" /> waits for a retry
    </span>
    <span>
      <svg class="icon" viewBox="0 0 26 14" aria-hidden="true">
        <path d="M1 7h24" stroke-dasharray="4 3" />
      </svg>{' '}
      failure path
    </span>
  </span>
);

function Picture({ flow, lit }: { flow: PlacedFlow; lit: Set<string> }) {
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
      <Traffic flow={flow} />
      <g ref={group}>
        <Nodes nodes={order} lit={lit} focused={focused.value} />
      </g>
    </svg>
  );
}

function Nodes({ nodes, lit, focused }: { nodes: readonly PlacedNode[]; lit: Set<string>; focused: number }) {
  const states = statesOf(unsettled.value, now.value);
  return (
    <>
      {nodes.map((node, i) => (
        <Node
          key={node.id}
          node={node}
          state={states.get(node.name)}
          isLit={lit.has(node.id)}
          tabIndex={i === focused ? 0 : -1}
        />
      ))}
    </>
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

function Node(props: { node: PlacedNode; state: NodeState | undefined; isLit: boolean; tabIndex: number }) {
  const { node, state, isLit, tabIndex } = props;
  const { x, y, width, height, kind, title, name } = node;
  const waiting = queues.value[name];
  const count = waiting ?? met.value[name];
  const isOff = disabled.value.includes(name);
  const fault = broken.value.find(({ hop }) => hop === name);
  const failed = (kind === 'queue' ? waiting : state?.failed) ?? 0;
  const second = fault
    ? `broken on purpose: ${fault.kind}`
    : isOff
      ? 'disabled'
      : [
          kind !== 'queue' && state?.failed ? `✕ ${state.failed} failed` : '',
          state?.waiting
            ? `◷ ${state.waiting} waits${state.retryAt ? `, ${until(state.retryAt, now.value)}` : ''}`
            : '',
        ]
          .filter(Boolean)
          .join('  ') || node.subtitle;
  const tone = fault || failed > 0 ? 'failed' : state?.waiting ? 'waiting' : isOff ? 'off' : '';
  const says = `${kind} ${title}: ${second}${count === undefined ? '' : `, ${plural(count, 'event')}`}`;
  const select = () => {
    searchText.value = title;
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
      {count !== undefined && (
        <text class="count" x={x + width - 9} y={y + 15.5} text-anchor="end">
          {count.toLocaleString('en-US')}
        </text>
      )}
    </g>
  );
}

/** State of each target, by physical name. */
function statesOf(all: readonly EventSummary[], at: string): Map<string, NodeState> {
  const states = new Map<string, NodeState>();
  for (const { hops } of all) {
    for (const { target, state, retryAt } of hops) {
      if (state !== 'failed' && state !== 'waiting') continue;
      const node = states.get(target) ?? { failed: 0, waiting: 0 };
      states.set(target, node);
      node[state]++;
      if (retryAt && (!node.retryAt || retryAt < node.retryAt) && retryAt >= at) node.retryAt = retryAt;
    }
  }
  return states;
}

/** Ids of the nodes on the way of the selected event. */
function litBy(event: EventSummary | undefined, flow: PlacedFlow): Set<string> {
  if (!event) return new Set();
  const names = new Set([
    event.source,
    ...event.hops.flatMap(({ rule, target, queue }) => [rule, target, queue ?? '']),
  ]);
  const lit = flow.nodes.filter(({ name, kind }) => names.has(name) || kind === 'bus');
  return new Set(lit.map(({ id }) => id));
}
