/** Audit: the hops of an event, those that need a look first. */
import { useSignal } from '@preact/signals';
import type { AuditHop, AuditReport, ReportEntry } from '../model';
import { StateIcon } from './icons';
import { bare, Choice, FilterInput, Lines, mentions, NoReport, useReport } from './report';

/** `gap`: something is missing. `unknown`: it cannot be told whether something is. */
type Verdict = 'gap' | 'unknown' | 'fine';

const GROUPS: readonly { readonly verdict: Verdict; readonly title: string }[] = [
  { verdict: 'gap', title: 'With gaps' },
  { verdict: 'unknown', title: 'Cannot tell' },
  { verdict: 'fine', title: 'Without a gap' },
];

const verdictOf = ({ gaps, unknown }: AuditHop): Verdict =>
  gaps.length > 0 ? 'gap' : unknown.length > 0 ? 'unknown' : 'fine';

export function AuditView() {
  const report = useReport<AuditReport>('audit');
  if (typeof report !== 'object') return <NoReport title="Audit" reason={report} />;
  return (
    <>
      <Hops hops={report.hops} notLookedAt={report.notLookedAt} />
      <Lines title="Warnings" lines={report.warnings} />
      <Lines title="Notes" lines={report.notes} />
    </>
  );
}

function Hops({ hops, notLookedAt }: Pick<AuditReport, 'hops' | 'notLookedAt'>) {
  const shown = useSignal<Verdict | 'all' | 'not-looked-at'>('all');
  const kind = useSignal('');
  const text = useSignal('');
  const kinds = [...new Set(hops.map((hop) => hop.kind))];
  const left = hops.filter(
    (hop) =>
      (shown.value === 'all' || verdictOf(hop) === shown.value) &&
      (kind.value === '' || hop.kind === kind.value) &&
      mentions(text.value, ...textsOf(hop)),
  );
  const rest = notLookedAt.filter(
    ({ message, about = '' }) =>
      ['all', 'not-looked-at'].includes(shown.value) &&
      kind.value === '' &&
      mentions(text.value, message, about),
  );
  const choices = [
    { name: 'all' as const, title: 'All', count: hops.length + notLookedAt.length },
    ...GROUPS.map(({ verdict: name, title }) => ({
      ...{ name, title },
      count: hops.filter((hop) => verdictOf(hop) === name).length,
    })),
    { name: 'not-looked-at' as const, title: 'Not looked at', count: notLookedAt.length },
  ];
  return (
    <section class="panel" aria-label="Audit">
      <header class="wrap">
        <h2>Audit</h2>
        <FilterInput id="audit-search" label="Filter hops" text={text} />
        <label>
          Kind{' '}
          <select
            id="audit-kind"
            value={kind.value}
            onChange={({ currentTarget }) => {
              kind.value = currentTarget.value;
            }}
          >
            <option value="">all</option>
            {kinds.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <Choice chosen={shown} choices={choices} />
      </header>
      <div class="scroll tall" tabIndex={0} role="group" aria-label="Hops">
        <HopTable hops={left} notLookedAt={rest} />
      </div>
      {left.length + rest.length === 0 && <p class="empty">No hop matches the filter.</p>}
    </section>
  );
}

const COLUMNS = ['Hop', 'Retry, age limit', 'When all fails', 'Permissions', 'Encryption', 'Alarms'];

const HopTable = ({ hops, notLookedAt }: Pick<AuditReport, 'hops' | 'notLookedAt'>) => (
  <table class="wrapped hops">
    <thead>
      <tr>
        {COLUMNS.map((title) => (
          <th key={title} scope="col">
            {title}
          </th>
        ))}
      </tr>
    </thead>
    {GROUPS.map(({ verdict, title }) => {
      const own = hops.filter((hop) => verdictOf(hop) === verdict);
      if (own.length === 0) return null;
      return (
        <tbody key={verdict}>
          <GroupHead title={title} count={own.length} />
          {own.map((hop) => (
            <Hop key={`${hop.kind} ${hop.from} ${hop.to}`} hop={hop} />
          ))}
        </tbody>
      );
    })}
    {notLookedAt.length > 0 && <NotLookedAt all={notLookedAt} />}
  </table>
);

const GroupHead = ({ title, count }: { title: string; count: number }) => (
  <tr class="group">
    <th colSpan={6} scope="rowgroup">
      {title} ({count})
    </th>
  </tr>
);

const NotLookedAt = ({ all }: { all: readonly ReportEntry[] }) => (
  <tbody>
    <GroupHead title="Not looked at" count={all.length} />
    {all.map(({ message, about }) => (
      <tr key={`${about} ${message}`} class="unknown">
        <th scope="row">{about}</th>
        <td colSpan={5}>
          <StateIcon state="unmatched" says="not looked at" /> {message}
        </td>
      </tr>
    ))}
  </tbody>
);

function textsOf({ kind, from, to, whenAllFails, permissions, alarms, gaps, unknown }: AuditHop): string[] {
  const statements = [...gaps, ...unknown].flatMap(({ kind: about = '', message }) => [about, message]);
  return [kind, from, to, whenAllFails, ...permissions.map(({ needed }) => needed), ...alarms, ...statements];
}

function Hop({ hop }: { hop: AuditHop }) {
  const isOpen = useSignal(false);
  const { kind, from, to, retry, ageLimit, whenAllFails, encryption, permissions, alarms } = hop;
  const limits = [retry, ageLimit].filter((text) => text !== '-');
  return (
    <>
      <tr class={verdictOf(hop)}>
        <th scope="row">
          <button
            type="button"
            class="link"
            aria-expanded={isOpen.value}
            onClick={() => {
              isOpen.value = !isOpen.value;
            }}
          >
            {bare(from)} → {bare(to)}
          </button>
          <br />
          {kind}
        </th>
        <td>{limits.join(', ') || '-'}</td>
        <td>{bare(whenAllFails)}</td>
        <td class="mono">{permissions.map(({ needed }) => needed).join(', ') || '-'}</td>
        <td>{encryption}</td>
        <td>{bare(alarms.join(', ')) || '-'}</td>
      </tr>
      <Told hop={hop} />
      {isOpen.value && (
        <tr class="told">
          <td colSpan={6}>
            {permissions.length === 0 && 'No permission is needed.'}
            {permissions.map(({ needed, reason }) => (
              <p key={needed}>
                <code>{needed}</code> {bare(reason)}
              </p>
            ))}
          </td>
        </tr>
      )}
    </>
  );
}

/** Gaps on the hop, and possible ones. */
function Told({ hop: { gaps, unknown } }: { hop: AuditHop }) {
  const told = [
    ...gaps.map((each) => ({ ...each, state: 'failed' as const })),
    ...unknown.map((each) => ({ ...each, state: 'unmatched' as const })),
  ];
  if (told.length === 0) return null;
  return (
    <tr class="told">
      <td colSpan={6}>
        {told.map(({ kind, message, about, state }) => (
          <p key={`${kind} ${message}`}>
            <span class={state === 'failed' ? 'failed' : 'waiting'}>
              <StateIcon state={state} says={state === 'failed' ? 'gap' : 'cannot tell'} /> {kind}
            </span>{' '}
            {bare(message)} <i>{about}</i>
          </p>
        ))}
      </td>
    </tr>
  );
}
