/** A real browser for tests, where this machine has one. */
import fs from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = [
  process.env.CHROMIUM ?? '',
  ...['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const executablePath = PLACES.find((place) => place !== '' && fs.existsSync(place));

/** `describe`, or `describe.skip` with the reason in the title where there is no Chromium. */
export function describeWithBrowser(title: string, tests: () => void): void {
  if (executablePath) describe(title, tests);
  else {
    const reason = `skipped, since no Chromium is at ${PLACES.filter(Boolean).join(', ')}; CHROMIUM=<path> names another`;
    describe.skip(`${title} (${reason})`, tests);
  }
}

export function launchBrowser(...args: string[]): Promise<Browser> {
  return chromium.launch({ executablePath: executablePath as string, args: ['--no-sandbox', ...args] });
}
