/** Routes: events of the contracts against the rules, and what decided in each cell. */
import { type Signal, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { RouteCell, RouteDelivery, RouteRow, RouteRule, RoutesReport } from '../model';
import { closestOf, plural } from './format';
import { StateIcon } from './icons';
import { bare, Choice, FilterInput, Lines, mentions, NoReport, Statements, useReport } from './report';

type Shown = 'all' | 'allowed' | 'refused' | 'untaken';

/** Choice of the reader: a rule, a row, or the cell of both. */
interface Chosen {
  readonly row?: RouteRow | undefined;
  readonly rule?: RouteRule | undefined;
}

/** Column of the grid: the events, a rule, or an archive. */
type Column =
  | { readonly kind: 'event' }
  | { readonly kind: 'rule'; readonly rule: RouteRule; readonly index: number }
  | { readonly kind: 'archive'; readonly name: string };

export function RoutesView() {
  const report = useReport<RoutesReport>('routes');
  if (typeof report !== 'object') return <NoReport title="Routes" reason={report} />;
  const { schedules, decisions, findings, unknown, notLookedAt, warnings } = report;
  return (
    <>
      {report.rows.length > 0 ? <Matrix report={report} /> : <RuleList rules={report.rules} />}
      <Statements title="Findings" all={findings} tone="bad" />
      <Statements title="Cannot tell" all={unknown} tone="" />
      <Statements title="Not looked at" all={notLookedAt} tone="" />
      <Lines title="Warnings" lines={warnings} />
      {schedules.length > 0 && (
        <section class="panel" aria-label="Schedules">
          <header>
            <h3>Schedules</h3>
          </header>
          {schedules.map(({ rule, expression, next, deliveries }) => (
            <div key={rule} class="preview">
              <b>{bare(rule)}</b>
              <code>{expression}</code>
              <span class="dim">{next === undefined ? 'never again' : `next at ${next}`}</span>
              <Deliveries all={deliveries} />
            </div>
          ))}
        </section>
      )}
      {decisions.length > 0 && (
        <section class="panel" aria-label="Of all events">
          <pre class="report" tabIndex={0}>
            {bare(decisions.join('\n'))}
          </pre>
        </section>
      )}
    </>
  );
}

const isUntaken = ({ cells }: RouteRow) => cells.every(({ outcome }) => outcome === 'missed');
const isRefused = ({ cells }: RouteRow) => cells.some(({ outcome }) => outcome === 'refused');

function Matrix({ report }: { report: RoutesReport }) {
  const { rules, archives, rows } = report;
  const shown = useSignal<Shown>('all');
  const events = useSignal('');
  const names = useSignal('');
  const chosen = useSignal<Chosen>({});
  const is: Readonly<Record<Shown, (row: RouteRow) => boolean>> = {
    ...{ all: () => true, allowed: ({ isNearMiss }) => !isNearMiss },
    ...{ refused: isRefused, untaken: isUntaken },
  };
  const left = rows.filter(
    (row) =>
      is[shown.value](row) &&
      mentions(
        events.value,
        ...[row.contract, row.label, ...row.cells.flatMap(({ misses }) => misses.map(({ field }) => field))],
      ),
  );
  const columns: Column[] = [
    { kind: 'event' },
    ...rules.flatMap((rule, index): Column[] =>
      mentions(names.value, rule.name, rule.bus, ...rule.targets) ? [{ kind: 'rule', rule, index }] : [],
    ),
    ...archives
      .filter((name) => mentions(names.value, name))
      .map((name): Column => ({ kind: 'archive', name })),
  ];
  const choices = (
    [
      ['all', 'All'],
      ['allowed', 'Without near misses'],
      ['refused', 'Taken and refused'],
      ['untaken', 'Taken by no rule'],
    ] as const
  ).map(([name, title]) => ({ name, title, count: rows.filter(is[name]).length }));
  return (
    <>
      <section class="panel" aria-label="Routes">
        <header class="wrap">
          <h2>Routes</h2>
          <FilterInput id="route-events" label="Filter events" text={events} />
          <FilterInput id="route-rules" label="Filter rules" text={names} />
          <Choice chosen={shown} choices={choices} />
          <span class="space" />
          <Legend />
        </header>
        <Grid rows={left} columns={columns} chosen={chosen} />
        {left.length === 0 && <p class="empty">No event matches the filter.</p>}
        <footer class="dim">
          {plural(left.length, 'row')} of {rows.length}, {plural(rules.length, 'rule')}. Arrow keys move,
          Enter tells why.
        </footer>
      </section>
      <Detail chosen={chosen.value} rules={rules} />
    </>
  );
}

const Legend = () => (
  <span class="legend dim">
    <span>
      <StateIcon state="handled" says="" /> taken, accepted
    </span>
    <span>
      <StateIcon state="failed" says="" /> taken, refused
    </span>
    <span>
      <code>field</code> kept it out
    </span>
  </span>
);

const STEPS: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  Home: [0, -1e6],
  End: [0, 1e6],
  PageUp: [-10, 0],
  PageDown: [10, 0],
};

/** One cell is in the order of Tab; arrows move from cell to cell. */
function Grid(props: { rows: readonly RouteRow[]; columns: readonly Column[]; chosen: Signal<Chosen> }) {
  const { rows, columns, chosen } = props;
  const body = useRef<HTMLTableElement>(null);
  // Row 0 has the names of the rules.
  const at = useSignal<readonly [row: number, column: number]>([0, 1]);
  const place = [Math.min(at.value[0], rows.length), Math.min(at.value[1], columns.length - 1)] as const;
  const choose = (row: number, column: number) => {
    const of = columns[column];
    at.value = [row, column];
    chosen.value = { row: rows[row - 1], rule: of?.kind === 'rule' ? of.rule : undefined };
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (event.key === 'Enter' || event.key === ' ') choose(...place);
    else if (step) {
      const clamp = (value: number, most: number) => Math.max(0, Math.min(most, value));
      at.value = [clamp(place[0] + step[0], rows.length), clamp(place[1] + step[1], columns.length - 1)];
      body.current?.querySelector<HTMLElement>(`[data-at="${at.value.join()}"]`)?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const cell = (row: number, column: number) => ({
    'data-at': `${row},${column}`,
    tabIndex: row === place[0] && column === place[1] ? 0 : -1,
    onClick: () => choose(row, column),
  });
  return (
    <div class="scroll tall">
      {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a table whose cells are chosen is a grid in WAI-ARIA's patterns */}
      <table role="grid" class="grid" aria-label="Events against rules" ref={body} onKeyDown={onKeyDown}>
        <Head columns={columns} cell={(column) => cell(0, column)} />
        <tbody>
          {rows.map((row, i) => (
            <>
              {row.contract !== rows[i - 1]?.contract && (
                <tr class="group">
                  <th colSpan={columns.length} scope="rowgroup">
                    <span>{row.contract}</span>
                  </th>
                </tr>
              )}
              <Row
                key={`${row.contract} ${row.label}`}
                row={row}
                columns={columns}
                chosen={chosen.value}
                cell={(column) => cell(i + 1, column)}
              />
            </>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const Head = (props: { columns: readonly Column[]; cell(column: number): object }) => (
  <thead>
    <tr>
      {props.columns.map((column, i) => (
        <th key={keyOf(column)} scope="col" {...props.cell(i)}>
          <ColumnHead column={column} />
        </th>
      ))}
    </tr>
  </thead>
);

function Row(props: {
  row: RouteRow;
  columns: readonly Column[];
  chosen: Chosen;
  /** Attributes of the cell in a column. */
  cell(column: number): object;
}) {
  const { row, columns, chosen, cell } = props;
  return (
    <tr>
      {columns.map((column, i) =>
        column.kind === 'event' ? (
          <th key="event" scope="row" title={row.label} {...cell(i)}>
            {row.label}
          </th>
        ) : (
          <td
            key={keyOf(column)}
            aria-current={column.kind === 'rule' && chosen.row === row && chosen.rule === column.rule}
            {...cell(i)}
          >
            <Outcome column={column} row={row} />
          </td>
        ),
      )}
    </tr>
  );
}

function keyOf(column: Column): string {
  if (column.kind === 'rule') return `rule ${column.index}`;
  return column.kind === 'archive' ? `archive ${column.name}` : 'event';
}

function ColumnHead({ column }: { column: Column }) {
  if (column.kind === 'event') return <>Event</>;
  const [name, below] =
    column.kind === 'archive'
      ? [column.name, 'archive']
      : [column.rule.name, `${column.rule.isEnabled ? '' : 'disabled '}→ ${column.rule.targets.join(', ')}`];
  return (
    <>
      <b>{bare(name)}</b>
      <br />
      {bare(below)}
    </>
  );
}

function Outcome({ column, row }: { column: Exclude<Column, { kind: 'event' }>; row: RouteRow }) {
  if (column.kind === 'archive')
    return row.archives.includes(column.name) ? <Mark state="handled" says="kept" /> : <i>-</i>;
  const cell = row.cells[column.index];
  if (!cell) return null;
  if (cell.outcome === 'accepted') return <Mark state="handled" says="accepted" />;
  if (cell.outcome === 'refused') return <Mark state="failed" says="refused" />;
  const [first, ...others] = cell.misses;
  return (
    <span class="dim">
      {first?.field}
      {others.length > 0 && ` +${others.length}`}
    </span>
  );
}

const Mark = ({ state, says }: { state: 'handled' | 'failed'; says: string }) => (
  <span class={state}>
    <StateIcon state={state} says="" /> {says}
  </span>
);

/** Why the chosen rule takes the chosen event, or not. */
function Detail({ chosen: { row, rule }, rules }: { chosen: Chosen; rules: readonly RouteRule[] }) {
  if (!row && !rule) return null;
  return (
    <section class="panel" aria-label="What decides">
      <header>
        <h3 role="status">
          {rule && bare(rule.name)}
          {row && rule && ', '}
          {row && `${row.contract}: ${row.label}`}
        </h3>
      </header>
      <div class="pair">
        <div>
          {rule && (
            <>
              <h4>
                On {bare(rule.bus)}
                {rule.isEnabled ? '' : ', disabled'}, to {bare(rule.targets.join(', '))}
                {rule.description && `: ${rule.description}`}
              </h4>
              <pre class="report" tabIndex={0}>
                {JSON.stringify(rule.pattern, null, 2)}
              </pre>
            </>
          )}
          {row && !rule && (
            <dl>
              {rules.map((each, i) => (
                <>
                  <dt>{bare(each.name)}</dt>
                  <dd>
                    <Reason cell={row.cells[i]} />
                  </dd>
                </>
              ))}
            </dl>
          )}
        </div>
        {row && (
          <div>
            {rule && (
              <div class="preview">
                <Reason cell={row.cells[rules.indexOf(rule)]} />
              </div>
            )}
            <h4>Event</h4>
            <pre class="report" tabIndex={0}>
              {JSON.stringify(row.event, null, 2)}
            </pre>
          </div>
        )}
      </div>
    </section>
  );
}

function Reason({ cell }: { cell: RouteCell | undefined }) {
  if (!cell) return null;
  if (cell.outcome !== 'missed') return <Deliveries all={cell.deliveries} />;
  return (
    <>
      {cell.misses.map(({ field, reason }) => (
        <p key={field}>
          <code>{field}</code> {reason}
        </p>
      ))}
      {closestOf(cell.alternatives)}
    </>
  );
}

const Deliveries = ({ all }: { all: readonly RouteDelivery[] }) => (
  <>
    {all.map(({ target, payload, problem }) => (
      <p key={target}>
        → {bare(target)}{' '}
        {problem === undefined ? (
          <Mark state="handled" says={payload === undefined ? 'gets the event as it is' : 'gets'} />
        ) : (
          <>
            <Mark state="failed" says="refused:" /> {problem}
          </>
        )}
        {payload !== undefined && <code class="wrap"> {payload}</code>}
      </p>
    ))}
  </>
);

/** The rules by themselves, where no contract says which events there are. */
function RuleList({ rules }: { rules: readonly RouteRule[] }) {
  const text = useSignal('');
  const left = rules.filter(({ name, bus, targets, pattern }) =>
    mentions(text.value, name, bus, ...targets, JSON.stringify(pattern)),
  );
  return (
    <section class="panel" aria-label="Routes">
      <header class="wrap">
        <h2>Routes</h2>
        <span class="badge">{plural(rules.length, 'rule')}</span>
        <FilterInput id="route-rules" label="Filter rules" text={text} />
        <span class="dim">No contract is described, so there are no events to try.</span>
      </header>
      <div class="scroll" tabIndex={0} role="group" aria-label="Rules and their patterns">
        <table class="wrapped">
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col">Bus</th>
              <th scope="col">Takes</th>
              <th scope="col">Targets</th>
            </tr>
          </thead>
          <tbody>
            {left.map(({ name, bus, isEnabled, pattern, targets }) => (
              <tr key={`${bus} ${name}`}>
                <th scope="row">
                  {bare(name)}
                  {!isEnabled && <i> disabled</i>}
                </th>
                <td>{bare(bus)}</td>
                <td>{JSON.stringify(pattern)}</td>
                <td>{bare(targets.join(', '))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
