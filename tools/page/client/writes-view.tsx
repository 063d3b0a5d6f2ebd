import type { EventPage, NumberedStep } from '../model';
import { short } from './event-list';

export function Writes({ page }: { page: EventPage }) {
  const writes = page.steps.filter(
    (step) =>
      step.kind === 'item-written' || step.kind === 'message-published' || step.kind === 'item-deleted',
  );
  return (
    <section class="panel" aria-label="Writes">
      <header>
        <h3>Writes</h3>
        <span class="badge">{writes.length}</span>
      </header>
      {writes.length === 0 && <p class="empty">Nothing was written on its behalf.</p>}
      {writes.map((step) => (
        <div key={step.seq} class="write">
          {step.kind === 'item-written' && (
            <ItemDiff
              step={step}
              before={page.items.find(({ seq }) => seq === step.seq)?.before}
              personalData={page.personalData}
            />
          )}
          {step.kind === 'item-deleted' && (
            <p>{`${short(step.table)} ${JSON.stringify(step.key)} deleted`}</p>
          )}
          {step.kind === 'message-published' && (
            <p>
              <b>{short(step.topic)}</b> {step.subject}{' '}
              <span class="dim">{step.subscribers} subscribers</span>
            </p>
          )}
        </div>
      ))}
    </section>
  );
}

function ItemDiff(props: {
  step: NumberedStep & { kind: 'item-written' };
  before: object | null | undefined;
  personalData: readonly string[];
}) {
  const { step, before, personalData } = props;
  const after = step.item;
  const old = (before ?? {}) as Record<string, unknown>;
  const names = [...new Set([...Object.keys(old), ...Object.keys(after)])].filter(
    (name) => !Object.hasOwn(step.key, name),
  );
  const changed = names.filter((name) => JSON.stringify(old[name]) !== JSON.stringify(after[name]));
  const show = (name: string, value: unknown) =>
    personalData.includes(name) ? 'hidden' : JSON.stringify(value);
  const kind =
    before === null
      ? 'new item'
      : before === undefined
        ? 'what it was before, this run has not seen'
        : `${names.length - changed.length} attributes unchanged`;
  return (
    <>
      <p>
        <b>{short(step.table)}</b> <code>{Object.values(step.key).join(' ')}</code>{' '}
        <span class="dim">{kind}</span>
      </p>
      <pre>
        {changed.flatMap((name) => [
          ...(Object.hasOwn(old, name)
            ? [
                <span key={`-${name}`} class="line del">
                  <span class="sign">-</span>
                  <span>{`${name}  ${show(name, old[name])}`}</span>
                </span>,
              ]
            : []),
          ...(Object.hasOwn(after, name)
            ? [
                <span key={`+${name}`} class="line add">
                  <span class="sign">+</span>
                  <span>{`${name}  ${show(name, after[name])}`}</span>
                </span>,
              ]
            : []),
        ])}
      </pre>
    </>
  );
}
