/** Exports the run as one HTML file without a server, e.g. for a bug report. Personal data is removed. */
import type { App } from '../app';
import { readAssets } from './assets';
import type { EventPage, Snapshot } from './model';

/** Maximum number of exported events; the newest are kept. */
const MOST = 2_000;

export async function exportRun(
  snapshot: Snapshot,
  pageOf: (eventId: string) => EventPage,
  app: App,
): Promise<string> {
  const assets = await readAssets();
  const events = snapshot.events.slice(-MOST);
  const pages = Object.fromEntries(events.map(({ eventId }) => [eventId, pageOf(eventId)]));
  const hidden = new Set(app.contracts.flatMap(({ personalData }) => personalData));
  const run = withoutPersonal({ snapshot: { ...snapshot, events, broken: [] }, pages }, hidden, app.redact);
  const text = (path: string) => assets.get(path)?.body ?? '';
  // Escape `<`, so that no text of an event ends the script element.
  const data = JSON.stringify(run).replaceAll('<', '\\u003c');
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="content-security-policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">`,
    `<title>A run of events</title><style>${text('/style.css')}</style></head><body><div id="root"></div>`,
    `<script type="application/json" id="run">${data}</script>`,
    `<script>${text('/page.js').replaceAll('</script', '<\\/script')}</script></body></html>`,
  ].join('\n');
}

/** Hides fields of these names at any depth, also in texts that are JSON; redacts other texts. */
export function withoutPersonal(
  value: unknown,
  hidden: ReadonlySet<string>,
  redact: (text: string) => string,
): unknown {
  if (typeof value === 'string') {
    if (/^[[{]/.test(value)) {
      try {
        return JSON.stringify(withoutPersonal(JSON.parse(value), hidden, redact));
      } catch {
        // Not JSON after all.
      }
    }
    return redact(value);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => withoutPersonal(each, hidden, redact));
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [
      key,
      hidden.has(key) ? 'hidden' : withoutPersonal(child, hidden, redact),
    ]),
  );
}
