/** Puts an event: with the form of a contract, checked while typing, or as JSON. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ContractForm, DryRun } from '../model';
import { call } from './api';
import { short } from './event-list';
import { closestOf, plural } from './format';
import { Key, StateIcon } from './icons';
import { type DraftEntry, JsonForm, parsed } from './json-form';
import { act, draft, load, open, snapshot, whileUntouched } from './state';

interface Field {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}
interface Schema {
  readonly properties?: Readonly<Record<string, Field>>;
  readonly required?: readonly string[];
}

export function PutView() {
  const shot = snapshot.value;
  const entry = useSignal<DraftEntry>(firstEntry());
  const text = useSignal(JSON.stringify(entry.value.detail, null, 2));
  const isJson = useSignal(false);
  const wrong = useSignal('');
  const bus = useSignal(shot?.buses[0] ?? 'default');

  const contract = shot?.contracts.find(
    ({ source, detailType }) => source === entry.value.source && detailType === entry.value.detailType,
  );
  const change = (next: typeof entry.value) => {
    entry.value = next;
    text.value = JSON.stringify(next.detail, null, 2);
    wrong.value = '';
  };
  useEffect(() => {
    if (!draft.value) return;
    change(draft.value);
    draft.value = undefined;
  }, [draft.value]);
  const dry = useDryRun(entry.value, bus.value);

  const isForm = contract !== undefined && !isJson.value;
  const refusal = isForm ? '' : wrong.value;
  // The entry is the last text that was right: it is not what the reader sees.
  const put = async () => (refusal === '' ? putEvent({ ...entry.value, bus: bus.value }) : undefined);
  const problem = dry?.problem;
  return (
    <div class="pair wide" onKeyDown={(event) => isSend(event) && void put()}>
      <section class="panel" aria-label="Put an event">
        <header>
          <h2>Put an event</h2>
          <span class="space" />
          <ChooseContract chosen={contract} choose={(next) => change(example(next))} />
        </header>
        {isForm ? (
          <Form
            contract={contract}
            detail={entry.value.detail}
            problem={problem}
            change={(detail) => change({ ...entry.value, detail })}
          />
        ) : (
          <JsonForm entry={entry} text={text} wrong={wrong} />
        )}
        <Buttons
          contract={contract}
          problem={problem}
          refusal={refusal}
          isJson={isJson}
          fill={() => contract && change(example(contract))}
          put={put}
        />
      </section>
      <div class="stack">
        <EntryPanel entry={entry.value} bus={bus} />
        <WouldReach dry={dry} />
      </div>
    </div>
  );
}

const isSend = ({ key, ctrlKey, metaKey }: KeyboardEvent) => key === 'Enter' && (ctrlKey || metaKey);

/** Asks who would take the entry, a moment after it was changed. */
function useDryRun(entry: DraftEntry, bus: string): DryRun | undefined {
  const dry = useSignal<DryRun | undefined>(undefined);
  useEffect(() => {
    const timer = setTimeout(
      () =>
        void load(async () => {
          dry.value = await call<DryRun>('POST', 'dry-run', { ...entry, bus });
        }),
      120,
    );
    return () => clearTimeout(timer);
  }, [entry, bus]);
  return dry.value;
}

function Buttons(props: {
  contract: ContractForm | undefined;
  problem: DryRun['problem'];
  /** Reason why the text is no entry. */
  refusal: string;
  isJson: Signal<boolean>;
  fill(): void;
  put(): Promise<void>;
}) {
  const { contract, problem, refusal, isJson, fill, put } = props;
  return (
    <footer>
      {refusal !== '' || problem ? (
        <span class="failed" role="status">
          ✕ {refusal || problem?.message}
        </span>
      ) : (
        <span class="handled" role="status">
          {contract ? '✓ as the contract says' : ''}
        </span>
      )}
      <span class="space" />
      {contract && (
        <button type="button" onClick={fill}>
          Fill with the example
        </button>
      )}
      <button type="button" aria-pressed={isJson.value} onClick={() => (isJson.value = !isJson.value)}>
        Edit as JSON
      </button>
      <button id="put" type="button" class="accent" disabled={refusal !== ''} onClick={() => void put()}>
        {problem ? 'Put anyway' : 'Put'} <Key>Ctrl Enter</Key>
      </button>
    </footer>
  );
}

function EntryPanel({ entry, bus }: { entry: DraftEntry; bus: Signal<string> }) {
  return (
    <section class="panel" aria-label="Entry">
      <header>
        <h3>Entry</h3>
        <span class="space" />
        {(snapshot.value?.buses.length ?? 0) > 1 && (
          <label>
            Bus{' '}
            <select value={bus.value} onChange={({ currentTarget }) => (bus.value = currentTarget.value)}>
              {snapshot.value?.buses.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        )}
      </header>
      <pre tabIndex={0}>
        {JSON.stringify(
          {
            EventBusName: bus.value,
            Source: entry.source,
            DetailType: entry.detailType,
            Detail: entry.detail,
          },
          null,
          2,
        )}
      </pre>
    </section>
  );
}

function WouldReach({ dry }: { dry: DryRun | undefined }) {
  return (
    <section class="panel" aria-label="Would reach">
      <header>
        <h3>Would reach</h3>
        <span class="dim">asked of the same rules, nothing is sent</span>
      </header>
      {dry?.rules.map(({ rule, targets, misses, alternatives }) => (
        <div key={rule} class="reach">
          <StateIcon state={targets ? 'handled' : 'unmatched'} />
          <span>{short(rule)}</span>
          <span>
            {targets?.map((target) => (
              <div key={target.name}>
                {short(target.name)}
                {target.refuses && <span class="failed"> would refuse it: {target.refuses}</span>}
              </div>
            ))}
            {misses?.map(({ path, reason }) => (
              <div key={path} class="dim">
                <code>{path}</code> {reason}
              </div>
            ))}
            {closestOf(alternatives)}
          </span>
        </div>
      ))}
    </section>
  );
}

function ChooseContract(props: { chosen: ContractForm | undefined; choose(contract: ContractForm): void }) {
  const { chosen: given, choose } = props;
  return (
    <label>
      Contract{' '}
      <select
        id="contract"
        value={given?.type ?? ''}
        onChange={({ currentTarget: { value } }) => {
          const chosen = snapshot.value?.contracts.find(({ type }) => type === value);
          if (chosen) choose(chosen);
        }}
      >
        {snapshot.value?.contracts.map(({ type, version }) => (
          <option key={type} value={type}>{`${type} v${version}`}</option>
        ))}
        <option value="">none of these</option>
      </select>
    </label>
  );
}

const example = ({ source, detailType, example: detail }: ContractForm) => ({ source, detailType, detail });

/** Puts an entry, and opens its event, unless the reader has gone on to something else. */
function putEvent(entry: { source: string; detailType: string; detail: object; bus: string }): Promise<void> {
  const isUntouched = whileUntouched();
  return act(async () => {
    const { eventId } = await call<{ eventId: string }>('POST', 'events', entry);
    if (!isUntouched()) return { text: `${entry.detailType} was put.`, isError: false, eventId };
    open(eventId);
    return undefined;
  });
}

function firstEntry(): DraftEntry {
  const [contract] = snapshot.value?.contracts ?? [];
  return (
    draft.value ?? (contract ? example(contract) : { source: 'my.app', detailType: 'MyEvent', detail: {} })
  );
}

function Form(props: {
  contract: ContractForm;
  detail: object;
  problem: DryRun['problem'];
  change(detail: object): void;
}) {
  const { contract, detail, problem, change } = props;
  const { properties = {}, required = [] } = contract.schema as Schema;
  const values = detail as Record<string, unknown>;
  const set = (name: string, value: unknown) => {
    const next = { ...values, [name]: value };
    if (value === undefined) delete next[name];
    change(next);
  };
  return (
    <form onSubmit={(event) => event.preventDefault()}>
      {Object.entries(properties).map(([name, field]) => {
        const isWrong = problem?.field === `detail.${name}` || problem?.field.startsWith(`detail.${name}.`);
        const hint = [describe(field), contract.personalData.includes(name) ? 'personal data' : '']
          .filter(Boolean)
          .join('; ');
        return (
          <div key={name} class="field">
            <label for={`field-${name}`}>
              <code>{name}</code>
              {required.includes(name) && <span class="failed"> *</span>}
            </label>
            <FieldInput
              name={name}
              field={field}
              value={values[name]}
              isWrong={isWrong === true}
              set={(value) => set(name, value)}
            />
            <small id={`hint-${name}`} class={isWrong ? 'failed' : 'dim'}>
              {isWrong ? problem?.message : hint}
            </small>
          </div>
        );
      })}
    </form>
  );
}

function FieldInput(props: {
  name: string;
  field: Field;
  value: unknown;
  isWrong: boolean;
  set(value: unknown): void;
}) {
  const { name, field, value, isWrong, set } = props;
  const common = { id: `field-${name}`, 'aria-describedby': `hint-${name}`, 'aria-invalid': isWrong };
  if (field.enum) {
    return (
      <select
        {...common}
        value={String(value ?? '')}
        onChange={({ currentTarget }) => set(currentTarget.value || undefined)}
      >
        <option value="">(absent)</option>
        {field.enum.map((each) => (
          <option key={String(each)}>{String(each)}</option>
        ))}
      </select>
    );
  }
  const isText = field.type === 'string';
  const shown =
    value === undefined
      ? ''
      : typeof value === 'string' && isText
        ? value
        : typeof value === 'string'
          ? value
          : JSON.stringify(value);
  return (
    <input
      {...common}
      value={shown}
      onInput={({ currentTarget: { value: typed } }) =>
        set(typed === '' ? undefined : isText ? typed : parsed(typed))
      }
    />
  );
}

function describe({ type, format, minLength, maxLength, minimum, maximum, const: only }: Field): string {
  if (only !== undefined) return `always ${JSON.stringify(only)}`;
  const bounds = [
    minLength !== undefined && `at least ${plural(minLength, 'character')}`,
    maxLength !== undefined && `at most ${plural(maxLength, 'character')}`,
    minimum !== undefined && `at least ${minimum.toLocaleString('en-US')}`,
    maximum !== undefined && `at most ${maximum.toLocaleString('en-US')}`,
  ];
  return [format ?? (typeof type === 'string' ? type : 'JSON'), ...bounds].filter(Boolean).join(', ');
}
