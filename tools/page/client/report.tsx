/** Parts of all reports on the running template: loading, filters, lists of statements. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ReportEntry } from '../model';
import { ApiError, call } from './api';
import { snapshot } from './state';

/** @returns the report; the reason as text if there is none; undefined until it is there */
export function useReport<Report extends object>(path: string): Report | string | undefined {
  const report = useSignal<Report | string | undefined>(undefined);
  useEffect(() => {
    call<Report>('GET', path).then(
      (loaded) => {
        report.value = loaded;
      },
      (error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        report.value = error.message;
      },
    );
  }, [path]);
  return report.value;
}

/** Panel in the place of a report that is not there yet, or cannot be made. */
export function NoReport({ title, reason }: { title: string; reason: string | undefined }) {
  return (
    <section class="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
      </header>
      <p class="empty" role="status">
        {reason ?? 'Asking the template …'}
      </p>
    </section>
  );
}

/** Statements below a heading, those of one kind together; nothing if there are none. */
export function Statements(props: { title: string; all: readonly ReportEntry[]; tone: string }) {
  const { title, all, tone } = props;
  if (all.length === 0) return null;
  const kinds = [...new Set(all.map(({ kind = '' }) => kind))];
  return (
    <section class={`panel ${tone}`} aria-label={title}>
      <header>
        <h3>{title}</h3>
        <span class="badge">{all.length}</span>
      </header>
      {kinds.map((kind) => (
        <>
          {kind !== '' && <h4>{kind.replaceAll('-', ' ')}</h4>}
          <ul class="statements">
            {all
              .filter((each) => (each.kind ?? '') === kind)
              .map(({ message, about }) => (
                <li key={`${message} ${about}`}>
                  {message} {about && <i>{about}</i>}
                </li>
              ))}
          </ul>
        </>
      ))}
    </section>
  );
}

/** Input that filters the rows of a report. */
export function FilterInput({ id, label, text }: { id: string; label: string; text: Signal<string> }) {
  return (
    <input
      id={id}
      type="search"
      aria-label={label}
      placeholder={label}
      value={text.value}
      onInput={({ currentTarget }) => {
        text.value = currentTarget.value;
      }}
    />
  );
}

/** Buttons of which one is pressed, each with the number of its rows. */
export function Choice<Name extends string>(props: {
  chosen: Signal<Name>;
  choices: readonly { readonly name: Name; readonly title: string; readonly count: number }[];
}) {
  return (
    <>
      {props.choices.map(({ name, title, count }) => (
        <button
          key={name}
          type="button"
          aria-pressed={props.chosen.value === name}
          onClick={() => {
            props.chosen.value = name;
          }}
        >
          {title} <b>{count.toLocaleString('en-US')}</b>
        </button>
      ))}
    </>
  );
}

/** True if one of the texts contains what is looked for, in upper or lower case. */
export function mentions(wanted: string, ...texts: readonly string[]): boolean {
  const needle = wanted.trim().toLowerCase();
  return needle === '' || texts.some((text) => text.toLowerCase().includes(needle));
}

/** A text without the stack's prefix in the names of its resources. */
export const bare = (text: string): string => {
  const stackName = snapshot.value?.stackName ?? '';
  return stackName === '' ? text : text.replaceAll(`${stackName}-`, '');
};

/** Lines of a warning or note; nothing if there are none. */
export function Lines({ title, lines }: { title: string; lines: readonly string[] }) {
  return <Statements title={title} all={lines.map((message) => ({ message }))} tone="" />;
}
