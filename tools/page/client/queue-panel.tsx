import { type Signal, useSignal } from '@preact/signals';
import type { FailedMessage, QueueContents, RedriveResult } from '../model';
import { call } from './api';
import { short } from './event-list';
import { ago, plural } from './format';
import { StateIcon } from './icons';
import { act, open } from './state';

export function QueuePanel({ queue, now }: { queue: QueueContents; now: string }) {
  const preview = useSignal<RedriveResult | undefined>(undefined);
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const { name, messages, visible } = queue;
  const path = `queues/${encodeURIComponent(name)}`;
  const ids = () => (chosen.value.size > 0 ? [...chosen.value] : undefined);
  const look = () =>
    act(async () => {
      preview.value = await call<RedriveResult>('POST', `${path}/redrive`, {
        messageIds: ids(),
        dryRun: true,
      });
      return undefined;
    });
  const redrive = () =>
    act(async () => {
      const { sent, left } = await call<RedriveResult>('POST', `${path}/redrive`, {
        messageIds: ids(),
        dryRun: false,
      });
      preview.value = undefined;
      chosen.value = new Set();
      return `${sent} sent to the function that failed, ${left.length} left.`;
    });
  const purge = () =>
    act(async () => {
      await call('POST', `${path}/purge`, {});
      return `${short(name)} is empty.`;
    });
  return (
    <section class={`panel ${visible > 0 ? 'bad' : ''}`} aria-label={`Queue ${short(name)}`}>
      <header>
        {visible > 0 && <StateIcon state="failed" />}
        <h2>{short(name)}</h2>
        <span class="badge">{visible}</span>
        <span class="space" />
        {visible > 0 && (
          <>
            <button type="button" onClick={() => void look()}>
              Redrive {chosen.value.size > 0 ? chosen.value.size : 'all'} …
            </button>
            <button type="button" onClick={() => void purge()}>
              Purge
            </button>
          </>
        )}
      </header>
      {visible === 0 && <p class="empty">Empty. To see a message arrive, break a hop below.</p>}
      {preview.value && (
        <Preview result={preview.value} redrive={redrive} cancel={() => (preview.value = undefined)} />
      )}
      {messages.map((message) => (
        <Message key={message.messageId} message={message} now={now} chosen={chosen} />
      ))}
    </section>
  );
}

/** Preview of a redrive, with its confirmation. */
function Preview({
  result,
  redrive,
  cancel,
}: {
  result: RedriveResult;
  redrive(): Promise<void>;
  cancel(): void;
}) {
  return (
    <div class="preview" role="alertdialog" aria-label="Preview of the redrive">
      <p>
        {plural(result.sent, 'event')} would be sent, each only to the consumer that failed.{' '}
        {result.left.map(({ messageId, why }) => (
          <span key={messageId} class="waiting">
            {messageId.slice(0, 8)} would be left: {why}.{' '}
          </span>
        ))}
      </p>
      <button type="button" class="accent" disabled={result.sent === 0} onClick={() => void redrive()}>
        Redrive
      </button>
      <button type="button" onClick={cancel}>
        Cancel
      </button>
    </div>
  );
}

function Message(props: { message: FailedMessage; now: string; chosen: Signal<ReadonlySet<string>> }) {
  const { message, now, chosen } = props;
  const { messageId, consumer, cause, reason, failedAt, eventId, entity, poison } = message;
  return (
    <div class="message">
      <input
        type="checkbox"
        aria-label={`Select message ${messageId.slice(0, 8)}`}
        checked={chosen.value.has(messageId)}
        onChange={({ currentTarget: { checked } }) => {
          const next = new Set(chosen.value);
          if (checked) next.add(messageId);
          else next.delete(messageId);
          chosen.value = next;
        }}
      />
      <span>{consumer ? short(consumer) : '?'}</span>
      <span>
        <b class="failed">{cause}</b>
        {poison && <i> poison: sending it again cannot help</i>}
        <div>
          {eventId && (
            <button type="button" class="link" onClick={() => open(eventId)}>
              {entity ?? eventId.slice(0, 8)}
            </button>
          )}{' '}
          {reason}
        </div>
      </span>
      <span class="dim right">{ago(failedAt, now)}</span>
    </div>
  );
}
