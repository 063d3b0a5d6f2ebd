/** Form of an entry as JSON. */
import type { Signal } from '@preact/signals';

export interface DraftEntry {
  readonly source: string;
  readonly detailType: string;
  readonly detail: object;
}

/** The entry with its detail as text; a text that is no entry leaves the last one. */
export function JsonForm(props: {
  entry: Signal<DraftEntry>;
  text: Signal<string>;
  /** Reason why the text is no entry; empty if it is one. */
  wrong: Signal<string>;
}) {
  const { entry, text, wrong } = props;
  const change = (part: Partial<DraftEntry>) => {
    entry.value = { ...entry.value, ...part };
  };
  return (
    <form onSubmit={(event) => event.preventDefault()}>
      <div class="field">
        <label for="json-source">
          <code>source</code>
        </label>
        <input
          id="json-source"
          value={entry.value.source}
          onInput={({ currentTarget }) => change({ source: currentTarget.value })}
        />
      </div>
      <div class="field">
        <label for="json-type">
          <code>detail-type</code>
        </label>
        <input
          id="json-type"
          value={entry.value.detailType}
          onInput={({ currentTarget }) => change({ detailType: currentTarget.value })}
        />
      </div>
      <div class="field">
        <label for="json-detail">
          <code>detail</code>
        </label>
        <textarea
          id="json-detail"
          rows={18}
          spellcheck={false}
          value={text.value}
          aria-invalid={wrong.value !== ''}
          onInput={({ currentTarget: { value } }) => {
            text.value = value;
            const detail = parsed(value);
            wrong.value = refusalOf(detail);
            if (wrong.value === '') change({ detail: detail as object });
          }}
        />
        <small class="failed">{wrong.value}</small>
      </div>
    </form>
  );
}

/** @returns empty if PutEvents takes it as a detail */
function refusalOf(detail: unknown): string {
  if (typeof detail === 'object' && detail !== null && !Array.isArray(detail)) return '';
  const kind = Array.isArray(detail) ? 'a list' : typeof detail === 'string' ? 'no JSON' : `${detail}`;
  return `detail is ${kind}, but PutEvents requires a JSON object`;
}

/** Parses JSON; other text is sent as it is, so that the server's refusal can be seen. */
export function parsed(typed: string): unknown {
  try {
    return JSON.parse(typed);
  } catch {
    return typed;
  }
}
