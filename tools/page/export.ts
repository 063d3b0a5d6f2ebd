/** The run as one HTML file that opens anywhere without a server, e.g. for a bug report. Personal data is left out. */
import type { App } from '../app';
import { readAssets } from './assets';
import type { EventPage, Snapshot } from './model';

/** Events that are exported, the newest. */
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
  // `<` is escaped, so that no text of an event ends the element that holds it.
  const data = JSON.stringify(run).replaceAll('<', '\\u003c');
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="content-security-policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">`,
    `<title>A run of events</title><style>${text('/style.css')}</style></head><body><div id="root"></div>`,
    `<script type="application/json" id="run">${data}</script>`,
    `<script>${text('/page.js').replaceAll('</script', '<\\/script')}</script></body></html>`,
  ].join('\n');
}

/** Fields of these names are hidden wherever they stand, also in texts that hold JSON; other texts are redacted. */
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
        // It only looks like JSON.
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
