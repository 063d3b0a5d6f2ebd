/** Layout of the flow: positions of its nodes, in columns from left to right, and paths of its edges. */
import type { Flow, FlowEdge, FlowNode, NodeKind } from './flow';

/** Position in px from the top left corner. */
export interface PlacedNode extends FlowNode {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedEdge extends FlowEdge {
  /** Data of the SVG path between its nodes. */
  readonly path: string;
}

export interface PlacedFlow {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
  readonly beside: Flow['beside'];
}

/** Width of each column, in px; with the gaps they add up to the width of the picture. */
const COLUMNS = [150, 132, 240, 190, 178, 150] as const;
const GAP = 46;
const ROW = 46;
const HEIGHT = 36;
const MARGIN = 8;
/** Distance between the trunks of failure paths in a gap, in px. */
const TRUNK = 10;

export function placeFlow(flow: Flow): PlacedFlow {
  const columns = columnsOf(flow);
  const rows = Math.max(1, ...columns.map((column) => column.length));
  const x = COLUMNS.map((_, i) => MARGIN + COLUMNS.slice(0, i).reduce((sum, width) => sum + width + GAP, 0));
  const nodes = columns.flatMap((column, i) =>
    column.map((node, row): Mutable<PlacedNode> => {
      const top = ((rows - column.length) * ROW) / 2;
      return {
        ...node,
        x: x[i] as number,
        y: MARGIN + top + row * ROW,
        width: COLUMNS[i] as number,
        height: HEIGHT,
      };
    }),
  );
  besideTheirRules(nodes, flow.edges);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const queues = [...new Set(flow.edges.filter(({ kind }) => kind === 'failure').map(({ to }) => to))];
  const edges = flow.edges.flatMap((edge): PlacedEdge[] => {
    const [from, to] = [byId.get(edge.from), byId.get(edge.to)];
    if (!from || !to) return [];
    const path =
      edge.kind === 'failure' ? failurePath(from, to, queues.indexOf(edge.to)) : curve(from, to, nodes);
    return [{ ...edge, path }];
  });
  const last = COLUMNS.length - 1;
  return {
    width: (x[last] as number) + (COLUMNS[last] as number) + MARGIN,
    height: 2 * MARGIN + rows * ROW - (ROW - HEIGHT),
    nodes,
    edges,
    beside: flow.beside,
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Aligns schedules with the rule that they fire, as far as they do not overlap. */
function besideTheirRules(nodes: readonly Mutable<PlacedNode>[], edges: readonly FlowEdge[]): void {
  let free = 0;
  for (const node of nodes.filter(({ x }) => x === MARGIN)) {
    const rule = nodes.find(({ id }) => edges.some(({ from, to }) => from === node.id && to === id));
    if (node.kind === 'schedule' && rule) node.y = Math.max(free, rule.y);
    free = node.y + ROW;
  }
}

const FIXED: Partial<Record<NodeKind, number>> = {
  publisher: 0,
  schedule: 0,
  pipe: 0,
  bus: 1,
  archive: 1,
  rule: 2,
  subscriber: 5,
  port: 5,
};

/** Assigns columns: a node is one column after its last predecessor; failure queues are at the end of theirs. */
function columnsOf({ nodes, edges }: Flow): FlowNode[][] {
  const columns: FlowNode[][] = COLUMNS.map(() => []);
  const isBus = (id: string) => nodes.some((node) => node.id === id && node.kind === 'bus');
  // A rule that only puts events on a bus stands before it.
  const isInflow = (id: string) => {
    const targets = edges.filter(({ from, kind }) => from === id && kind === 'event');
    const isRule = nodes.some((node) => node.id === id && node.kind === 'rule');
    return isRule && targets.length > 0 && targets.every(({ to }) => isBus(to));
  };
  const column = new Map<string, number>();
  for (const { id, kind } of nodes) {
    const fixed = isInflow(id) ? 0 : FIXED[kind];
    if (fixed !== undefined) column.set(id, fixed);
  }
  // Each pass places the nodes one step further from the rules; there are no more steps than columns.
  for (let pass = 0; pass < COLUMNS.length; pass++) {
    for (const { id, kind } of nodes) {
      if (FIXED[kind] !== undefined) continue;
      const before = edges.filter(({ from, to }) => to === id && from !== id);
      const behind = before.map(({ from }) => (column.get(from) ?? 1) + 1);
      column.set(id, Math.min(COLUMNS.length - 1, Math.max(3, ...behind)));
    }
  }
  const isFailure = (id: string) => edges.some(({ to, kind }) => to === id && kind === 'failure');
  const ordered = [...nodes].sort((a, b) => Number(isFailure(a.id)) - Number(isFailure(b.id)));
  for (const node of ordered) columns[column.get(node.id) ?? 3]?.push(node);
  // From left to right, near the predecessors. Twice, since the first column depends on the second.
  for (let i = 1; i < columns.length; i++) sortByNeighbours(columns, i, edges, isFailure);
  return columns;
}

function sortByNeighbours(
  columns: FlowNode[][],
  index: number,
  edges: readonly FlowEdge[],
  isFailure: (id: string) => boolean,
): void {
  const row = new Map<string, number>();
  for (const before of columns.slice(0, index)) {
    for (const [i, { id }] of before.entries()) row.set(id, i / before.length);
  }
  const weight = ({ id }: FlowNode): number => {
    if (isFailure(id)) return 2;
    const rows = edges.flatMap(({ from, to }) => (to === id ? (row.get(from) ?? []) : []));
    return rows.length === 0 ? 1 : rows.reduce((sum, each) => sum + each, 0) / rows.length;
  };
  const column = columns[index];
  // Scheduled rules are at the end, next to their schedules, so that no edges cross.
  column?.sort((a, b) => weight(a) - weight(b));
}

function curve(from: PlacedNode, to: PlacedNode, nodes: readonly PlacedNode[]): string {
  if (from.x === to.x) {
    const x = from.x + from.width / 2;
    const [a, b] = from.y < to.y ? [from.y + from.height, to.y] : [from.y, to.y + to.height];
    return `M${x} ${a}L${x} ${b}`;
  }
  const isBackward = to.x < from.x;
  const [x1, y1] = [isBackward ? from.x : from.x + from.width, from.y + from.height / 2];
  const [x2, y2] = [isBackward ? to.x + to.width : to.x, to.y + to.height / 2];
  if (isBackward) {
    const middle = (x1 + x2) / 2;
    return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
  }
  const lane = laneOf([x1, x2], y1, nodes);
  if (lane !== y1) {
    const [a, b] = [x1 + GAP, x2 - GAP];
    const [left, right] = [(x1 + a) / 2, (b + x2) / 2];
    return `M${x1} ${y1}C${left} ${y1} ${left} ${lane} ${a} ${lane}L${b} ${lane}C${right} ${lane} ${right} ${y2} ${x2} ${y2}`;
  }
  if (y1 === y2) return `M${x1} ${y1}L${x2} ${y2}`;
  // Across several columns the curve is in the last gap, where it meets no node.
  const start = Math.max(x1, x2 - GAP);
  const middle = (start + x2) / 2;
  return `M${x1} ${y1}L${start} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
}

/** The y at which an edge crosses the columns between its ends: its own, or else the nearest that meets no node. */
function laneOf([x1, x2]: readonly [number, number], y: number, nodes: readonly PlacedNode[]): number {
  const between = nodes.filter((node) => node.x > x1 && node.x + node.width < x2);
  const isFree = (lane: number) => between.every((node) => lane < node.y || lane > node.y + node.height);
  const half = (ROW - HEIGHT) / 2;
  const lanes = between.flatMap((node) => [node.y - half, node.y + node.height + half]);
  const nearest = [y, ...lanes.sort((a, b) => Math.abs(a - y) - Math.abs(b - y))].find(isFree);
  return nearest ?? y;
}

/** Right-angled, down a trunk in the gap that all failures of a column to one queue share. */
function failurePath(from: PlacedNode, to: PlacedNode, trunk: number): string {
  const [x1, y1] = [from.x + from.width, from.y + from.height - 7];
  const [x2, y2] = [to.x, to.y + to.height - 7];
  const x = x1 + 16 + trunk * TRUNK;
  return `M${x1} ${y1}L${x} ${y1}L${x} ${y2}L${x2} ${y2}`;
}
