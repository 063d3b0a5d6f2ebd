/**
 * `npm run screenshots`: pictures of the page for docs/, of the shipped samples in the local run. Needs a Chromium;
 * with the fonts Inter and JetBrains Mono installed, the pictures look alike on every machine.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { APP } from '../bin/app-description';
import { ESBUILD_OPTIONS, entryOf } from '../lib/bundling';
import measurement from '../samples/measurements.json';
import { Bundler } from '../tools/local/bundler';
import { readSamples } from '../tools/local/samples';
import { SystemWorld } from '../tools/local/services/world';
import { LocalStack } from '../tools/local/stack';
import { PageAttachment } from '../tools/page/attachment';
import type { Measurement } from '../tools/proof/cost/measurement';
import { readAssembly } from '../tools/template/assembly';
import { synthesize } from '../tools/template/source/synthesize';
import { launchBrowser } from './browser';

const FOLDER = join('docs', 'page');
const VIEWPORT = { width: 1280, height: 800 };

async function main(): Promise<void> {
  const { directory } = await synthesize(process.cwd());
  const attachment = new PageAttachment({
    app: () => APP,
    measurement: () => measurement as unknown as Measurement,
  });
  const bundler = new Bundler(process.cwd(), { entryOf, options: ESBUILD_OPTIONS, app: 'bin/app.ts' });
  const stack = await LocalStack.start({
    assembly: readAssembly(directory),
    world: new SystemWorld(),
    port: 0,
    sourceMapOf: (name, code) => bundler.mapOf(name, code),
    handlers: attachment.handlers,
    onStep: attachment.onStep,
  });
  const browser = await launchBrowser();
  try {
    for (const { entries } of readSamples('samples')) {
      for (const entry of entries) {
        stack.eventBridge.putEvents([entry]);
        await stack.settled();
      }
    }
    mkdirSync(FOLDER, { recursive: true });
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ viewport: VIEWPORT, colorScheme, reducedMotion: 'reduce' });
      const page = await context.newPage();
      await page.goto(attachment.attach(stack));
      await page.getByRole('option').first().waitFor();
      await picture(page, `flow-${colorScheme}`);
      // The newest delivered order: all three functions were given its event.
      await page.getByRole('option').filter({ hasText: 'DELIVERED' }).first().click();
      await page.locator('.timeline .track').nth(3).waitFor();
      await page.locator('.timeline .track', { hasText: 'notifier' }).click();
      await picture(page, `event-${colorScheme}`);
      await page.keyboard.press('Escape');
      await page.getByRole('option').filter({ hasText: 'PoisonEventError' }).first().click();
      await page.locator('pre.error').waitFor();
      await picture(page, `failure-${colorScheme}`);
      await context.close();
    }
  } finally {
    await browser.close();
    await stack.stop();
  }
}

async function picture(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(500);
  const path = join(FOLDER, `${name}.png`);
  await page.screenshot({ path });
  console.log(path);
}

void main();
