import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Announcer } from './announcer';
import { call } from './api';
import { AuditView } from './audit-view';
import { BillView } from './bill-view';
import { EventList } from './event-list';
import { EventView, editAndSend, sendAgain } from './event-view';
import { current, isPaused, listed, selected, step, togglePause } from './events';
import { FlowView } from './flow-view';
import { until } from './format';
import { Key } from './icons';
import { PutView } from './put-view';
import { RoutesView } from './routes-view';
import {
  act,
  broken,
  disabled,
  focus,
  frameMs,
  hasRelativeTimes,
  isConnected,
  nextDue,
  notice,
  now,
  open,
  queues,
  snapshot,
  VIEWS,
  type View,
  view,
  whileUntouched,
} from './state';
import { StateView } from './state-view';

const SHORTCUTS: readonly (readonly [key: string, does: string])[] = [
  ['1 – 6', 'the views'],
  ['/', 'search the events'],
  ['j  k', 'next, previous event'],
  ['Enter', 'open the event'],
  ['Esc', 'back'],
  ['n', 'next failure'],
  ['.', 'pause the list, or go on'],
  ['p', 'put an event'],
  ['r', 'send the event again'],
  ['e', 'edit and send it'],
  ['d', 'failed events, to redrive'],
  ['f', 'move the clock to what is due next'],
  ['t', 'times relative or absolute'],
  ['?', 'this list'],
];

/** Time between two frames of which the reader need not be told, in milliseconds. */
const USUAL_FRAME_MS = 200;

export function PageApp() {
  const isHelpShown = useSignal(false);
  const hasShortcuts = useSignal(true);
  useKeys(isHelpShown, hasShortcuts);
  const shot = snapshot.value;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Header />
      <Banners />
      <Announcer />
      <main id="main" tabIndex={-1}>
        {shot ? <Main /> : <p class="empty">Waiting for the local run …</p>}
      </main>
      {isHelpShown.value && <Help isShown={isHelpShown} hasShortcuts={hasShortcuts} />}
      <footer class="page dim">
        <button
          type="button"
          class="link"
          onClick={() => {
            isHelpShown.value = true;
          }}
        >
          Keys <Key>?</Key>
        </button>
        <button type="button" class="link" id="export" onClick={() => void exportRun()}>
          Export the run as one file
        </button>
      </footer>
    </>
  );
}

function useKeys(isHelpShown: Signal<boolean>, hasShortcuts: Signal<boolean>): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const { target } = event;
      if (event.key === 'Escape') {
        if (isHelpShown.value) isHelpShown.value = false;
        else if (target instanceof HTMLInputElement && target.type === 'search') {
          // The browser would empty the field without an event, while the list stays searched.
          event.preventDefault();
          target.blur();
        } else open(undefined);
        return;
      }
      const isTyping =
        target instanceof HTMLElement &&
        (target.matches('input:not([type=checkbox]), textarea, select') || target.isContentEditable);
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !hasShortcuts.value) return;
      if (event.key === '?') isHelpShown.value = !isHelpShown.value;
      else if (press(event.key)) event.preventDefault();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, []);
}

function Banners() {
  const shot = snapshot.value;
  return (
    <>
      {!isConnected.value && (
        <p class="banner" role="status">
          The local run is gone{shot && `; its last step was at ${now.value.slice(11, 19)}`}. Nothing is
          cleared; the page connects again when it is back.
        </p>
      )}
      <BrokenBanner />
      {notice.value && (
        <p
          class={`banner ${notice.value.isError ? 'bad' : 'good'}`}
          role={notice.value.isError ? 'alert' : 'status'}
        >
          {notice.value.text}{' '}
          {notice.value.eventId !== undefined && (
            <button
              type="button"
              class="link"
              onClick={() => {
                open(notice.value?.eventId);
                notice.value = undefined;
              }}
            >
              open it
            </button>
          )}
          <button
            type="button"
            class="link"
            onClick={() => {
              notice.value = undefined;
            }}
          >
            dismiss
          </button>
        </p>
      )}
    </>
  );
}

function Help({ isShown, hasShortcuts }: { isShown: Signal<boolean>; hasShortcuts: Signal<boolean> }) {
  return (
    <dialog open class="panel help" aria-label="Keys">
      <h2>Keys</h2>
      <dl>
        {SHORTCUTS.map(([key, does]) => (
          <>
            <dt>
              <Key>{key}</Key>
            </dt>
            <dd>{does}</dd>
          </>
        ))}
      </dl>
      <label>
        <input
          type="checkbox"
          checked={hasShortcuts.value}
          onChange={({ currentTarget }) => {
            hasShortcuts.value = currentTarget.checked;
          }}
        />{' '}
        single keys act
      </label>
      <button
        type="button"
        onClick={() => {
          isShown.value = false;
        }}
      >
        Close <Key>Esc</Key>
      </button>
    </dialog>
  );
}

function Main() {
  switch (view.value) {
    case 'put':
      return <PutView />;
    case 'state':
      return <StateView />;
    case 'routes':
      return <RoutesView />;
    case 'audit':
      return <AuditView />;
    case 'bill':
      return <BillView />;
    default:
      return current.value ? (
        <EventView />
      ) : (
        <>
          <FlowView />
          <EventList />
        </>
      );
  }
}

function Header() {
  const shot = snapshot.value;
  const waiting = Object.values(queues.value).reduce((sum, count) => sum + count, 0);
  return (
    <header class="page">
      <svg class="logo" viewBox="0 0 14 14" aria-hidden="true">
        <path d="M4.2 2h5.6l2.8 5-2.8 5H4.2L1.4 7z" />
      </svg>
      <h1>{shot?.stackName ?? 'local run'}</h1>
      <nav aria-label="Views">
        {VIEWS.map(({ view: each, title }) => (
          <button
            key={each}
            type="button"
            aria-current={view.value === each ? 'page' : undefined}
            onClick={() => show(each)}
          >
            {title}
            {each === 'state' && waiting > 0 && <b class="count">{waiting}</b>}
          </button>
        ))}
      </nav>
      <span class="space" />
      <span class="dim clock">
        {frameMs.value > USUAL_FRAME_MS && (
          <span title="The run needs the processors, so the page is drawn less often. Counts and rates are right.">
            drawn every {frameMs.value / 1_000} s ·{' '}
          </span>
        )}
        {now.value.slice(11, 19)} UTC{shot && shot.speed !== 1 ? ` · ×${shot.speed}` : ''}
      </span>
      {nextDue.value !== undefined && (
        <button type="button" id="advance" onClick={() => void advance()}>
          Next due in {until(nextDue.value, now.value)} <Key>f</Key>
        </button>
      )}
      <button type="button" aria-pressed={isPaused.value} onClick={togglePause}>
        {isPaused.value ? 'Go on' : 'Pause'} <Key>.</Key>
      </button>
      <button type="button" class="accent" onClick={() => show('put')}>
        Put event <Key>p</Key>
      </button>
    </header>
  );
}

function BrokenBanner() {
  const [faults, off] = [broken.value, disabled.value];
  if (faults.length === 0 && off.length === 0) return null;
  const undo = (id: string) =>
    act(async () => {
      await call('DELETE', `broken/${encodeURIComponent(id)}`);
      return undefined;
    });
  return (
    <p class="banner wait" role="status">
      Broken on purpose:{' '}
      {faults.map(({ id, hop, kind, left }) => (
        <span key={id}>
          {hop}: {kind}
          {left !== undefined && ` (${left} more)`}{' '}
          <button type="button" class="link" onClick={() => void undo(id)}>
            undo
          </button>{' '}
        </span>
      ))}
      {off.map((name) => (
        <span key={name}>
          {name} is disabled{' '}
          <button
            type="button"
            class="link"
            onClick={() =>
              void act(async () => {
                await call('POST', `rules/${encodeURIComponent(name)}`, { enabled: true });
                return undefined;
              })
            }
          >
            enable
          </button>{' '}
        </span>
      ))}
    </p>
  );
}

function show(next: View): void {
  selected.value = undefined;
  view.value = next;
}

const advance = () =>
  act(async () => {
    const { now: moved } = await call<{ now: string }>('POST', 'clock', { to: 'next' });
    return `The clock stands at ${moved.slice(11, 19)} UTC.`;
  });

async function exportRun(): Promise<void> {
  await act(async () => {
    const { html } = await call<{ html: string }>('POST', 'export', {});
    const url = URL.createObjectURL(new Blob([html], { type: 'text/html' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = `${snapshot.value?.stackName ?? 'run'}-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.html`;
    link.click();
    URL.revokeObjectURL(url);
    return 'Exported. Personal fields are left out.';
  });
}

/** @returns true if the key has a meaning */
function press(key: string): boolean {
  const index = VIEWS[Number(key) - 1];
  if (index) {
    show(index.view);
    return true;
  }
  const event = current.value;
  switch (key) {
    case '/':
      view.value = 'flow';
      selected.value = undefined;
      focus('search');
      return true;
    case 'j':
      step(1);
      return true;
    case 'k':
      step(-1);
      return true;
    case 'n':
      view.value = 'flow';
      step(1, ({ state }) => state === 'failed');
      return true;
    case '.':
      togglePause();
      return true;
    case 'p':
      show('put');
      focus('contract');
      return true;
    case 'd':
      show('state');
      return true;
    case 't':
      hasRelativeTimes.value = !hasRelativeTimes.value;
      return true;
    case 'f':
      void advance();
      return true;
    case 'r':
      if (event) void act(() => sendAgain(event.eventId));
      return event !== undefined;
    case 'e':
      if (event) void edit(event.eventId);
      return event !== undefined;
    case 'Enter': {
      // In the list: the newest event, if none is selected.
      const isList = document.activeElement?.classList.contains('rows');
      if (!isList) return false;
      open(selected.value ?? listed.value[0]?.eventId);
      return true;
    }
    default:
      return false;
  }
}

function edit(eventId: string): Promise<void> {
  const isUntouched = whileUntouched();
  return act(async () => {
    const { event } = await call<{ event: Parameters<typeof editAndSend>[0] }>(
      'GET',
      `events/${encodeURIComponent(eventId)}`,
    );
    if (isUntouched()) editAndSend(event);
    return undefined;
  });
}
