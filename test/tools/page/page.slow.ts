/** The page in a real browser: what a developer does with it, by keyboard alone, each with its effect on the stack. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DescribeReplayCommand,
  DescribeRuleCommand,
  EventBridgeClient,
  PutEventsCommand,
} from '@aws-sdk/client-eventbridge';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import AxeBuilder from '@axe-core/playwright';
import type { Browser, BrowserContext, Page as BrowserPage } from 'playwright-core';
import { APP } from '../../../bin/app-description';
import { SystemWorld } from '../../../tools/local/services/world';
import { LocalStack } from '../../../tools/local/stack';
import { PageAttachment } from '../../../tools/page/attachment';
import { readAssembly } from '../../../tools/template/assembly';
import { describeWithBrowser, launchBrowser } from '../../browser';
import { Builds } from '../ops/deployment';

jest.setTimeout(120_000);

const BUS = 'event-driven-bus';
const FAILED = 'event-driven-failed-events';

const builds = new Builds();
let stack: LocalStack;
let browser: Browser;
let context: BrowserContext;
let page: BrowserPage;
const consoleErrors: string[] = [];
const requests: string[] = [];

beforeAll(async () => {
  const attachment = new PageAttachment({
    app: () => APP,
    measurement: () => JSON.parse(readFileSync('samples/measurements.json', 'utf8')),
  });
  stack = await LocalStack.start({
    assembly: readAssembly(builds.intact, { region: 'us-east-1' }),
    world: new SystemWorld(),
    port: 0,
    maxEnvironments: 1,
    handlers: attachment.handlers,
    onStep: attachment.onStep,
  });
  browser = await launchBrowser();
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true });
  page = await context.newPage();
  page.on('console', (message) => message.type() === 'error' && consoleErrors.push(message.text()));
  page.on('pageerror', (error) => consoleErrors.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(attachment.attach(stack));
  await page.getByText('No event yet').waitFor();
});
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
  builds.remove();
});

const client = () => ({
  endpoint: stack.url,
  region: 'us-east-1',
  credentials: { accessKeyId: 'developer', secretAccessKey: 'any' },
});
const orders = () => DynamoDBDocumentClient.from(new DynamoDBClient(client()));
const order = async (orderId: string) =>
  (await orders().send(new GetCommand({ TableName: 'event-driven-orders', Key: { orderId } }))).Item;
const depth = async () => {
  const QueueUrl = `${stack.url}/000000000000/${FAILED}`;
  const { Attributes } = await new SQSClient(client()).send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }),
  );
  return Number(Attributes?.ApproximateNumberOfMessages);
};
const put = async (detail: object, DetailType = 'OrderCreated') => {
  await new EventBridgeClient(client()).send(
    new PutEventsCommand({
      Entries: [{ EventBusName: BUS, Source: 'app.orders', DetailType, Detail: JSON.stringify(detail) }],
    }),
  );
  await stack.settled();
};
async function eventually(check: () => Promise<void> | void): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await check();
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

const press = async (...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};
/** Moves the focus with Tab until it is on what has this role and name. */
async function tabTo(
  role: 'button' | 'textbox' | 'checkbox' | 'listbox' | 'combobox' | 'spinbutton',
  name: string | RegExp,
): Promise<void> {
  const wanted = page.getByRole(role, { name }).first();
  await wanted.waitFor();
  for (let presses = 0; presses < 150; presses++) {
    if (await wanted.evaluate((element) => element.matches(':focus'))) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not come to the ${role} ${name}.`);
}
const openNewest = async () => {
  await press('Escape');
  await tabTo('listbox', 'List of events');
  await press('Enter');
};

describeWithBrowser('by keyboard alone', () => {
  test('an event is put by the form of its contract', async () => {
    await press('p');
    await tabTo('textbox', /orderId/);
    await page.keyboard.press('Control+a');
    await page.keyboard.type('order-1');
    await press('Control+Enter');
    await eventually(async () => expect(await order('order-1')).toMatchObject({ status: 'PENDING' }));
    await page.getByRole('heading', { name: 'OrderCreated' }).waitFor();
  });

  test('its way is read from the timeline', async () => {
    await eventually(async () => {
      const tracks = await page.locator('.timeline .track').allTextContents();
      expect(tracks.some((text) => text.includes('order-processor') && /\d m?s/.test(text))).toBe(true);
    });
    await tabTo('button', /order-processor/);
  });

  test('an item is seen before and after', async () => {
    await put({ orderId: 'order-1', status: 'CONFIRMED', previousStatus: 'PENDING' }, 'OrderStatusChanged');
    await openNewest();
    const writes = page.getByRole('region', { name: 'Writes' });
    await eventually(async () => {
      const text = await writes.innerText();
      expect(text).toContain('"PENDING"');
      expect(text).toContain('"CONFIRMED"');
    });
  });

  test('why a rule did not match is told by field', async () => {
    const misses = page.getByRole('region', { name: 'Rules that did not match' });
    expect(await misses.innerText()).toMatch(/order-created[\s\S]*detail-type is "OrderStatusChanged"/);
  });

  test('an event is edited and sent', async () => {
    await press('Escape', 'j', 'e');
    await page.getByRole('heading', { name: 'Put an event' }).waitFor();
    await tabTo('button', 'Edit as JSON');
    await press('Enter');
    await tabTo('textbox', /^detail$/);
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText(JSON.stringify({ orderId: 'order-2', customerId: 'c', total: 1 }));
    await tabTo('textbox', /^detail-type$/);
    await page.keyboard.press('Control+a');
    await page.keyboard.type('OrderCreated');
    await press('Control+Enter');
    await page.getByRole('heading', { name: 'OrderCreated' }).waitFor();
    await eventually(async () => expect(await order('order-2')).toBeDefined());
  });

  test('a detail that EventBridge refuses is refused by the form, with its name, and nothing is put', async () => {
    await press('Escape', 'p');
    await tabTo('button', 'Edit as JSON');
    await press('Enter');
    await tabTo('textbox', /^detail$/);
    for (const [typed, kind] of [
      ['[1]', 'a list'],
      ['7', '7'],
      ['{"a"', 'no JSON'],
    ] as const) {
      await page.keyboard.press('Control+a');
      await page.keyboard.insertText(typed);
      await page.getByRole('status').getByText(`detail is ${kind}, but PutEvents requires`).waitFor();
    }
    const puts = () => requests.filter((url) => url.endsWith('/_page/api/events')).length;
    const before = puts();
    expect(await page.locator('#put').isDisabled()).toBe(true);
    await press('Control+Enter');
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText('{}');
    await page.getByText(/PutEvents requires/).waitFor({ state: 'detached' });
    expect([puts(), await page.locator('#put').isDisabled()]).toEqual([before, false]);
    await press('Escape', 'Escape');
  });

  test('an answer that comes late takes neither the view nor the keys', async () => {
    const answers: (() => void)[] = [];
    await page.route('**/_page/api/events', async (route) => {
      await new Promise<void>((resolve) => answers.push(resolve));
      await route.continue();
    });
    await press('p', 'Control+Enter');
    await eventually(() => expect(answers).toHaveLength(1));
    await press('Escape', '/');
    await page.keyboard.type('order');
    answers[0]?.();
    await page.getByRole('button', { name: 'open it' }).waitFor();
    await page.keyboard.type('-2');
    expect(await page.getByRole('searchbox', { name: 'Search events' }).inputValue()).toBe('order-2');
    await page.unroute('**/_page/api/events');
    await press('Escape');
  });

  test('events are searched', async () => {
    await press('Escape', '/');
    await page.keyboard.press('Control+a');
    await page.keyboard.type('order-2');
    const found = async () => ({
      searched: await page.getByRole('searchbox', { name: 'Search events' }).inputValue(),
      rows: await page.getByRole('option').count(),
    });
    await eventually(async () => expect(await found()).toEqual({ searched: 'order-2', rows: 1 }));
    // Whoever leaves the field finds it as it is searched.
    await press('Escape');
    await page.evaluate('new Promise(requestAnimationFrame)');
    expect(await found()).toEqual({ searched: 'order-2', rows: 1 });
    await press('/');
    await page.keyboard.press('Control+a');
    await press('Delete', 'Escape');
  });

  test('the list is paused, and counts what comes', async () => {
    await page.locator('body').press('.');
    const before = await page.getByRole('option').count();
    await put({ orderId: 'order-3', customerId: 'c', total: 1 });
    await page.getByText('1 new event').waitFor();
    expect(await page.getByRole('option').count()).toBe(before);
    await press('.');
    await eventually(async () => expect(await page.getByRole('option').count()).toBe(before + 1));
  });

  test('no row moves under the pointer, and only rows that can be seen are drawn', async () => {
    await page.getByRole('listbox', { name: 'List of events' }).hover();
    const before = await page.getByRole('option').first().getAttribute('id');
    const entry = { EventBusName: BUS, Source: 'app.other', DetailType: 'Seen', Detail: '{}' };
    for (let i = 0; i < 10; i++)
      stack.eventBridge.putEvents(Array.from({ length: 10 }, () => ({ ...entry })));
    await page.getByRole('button', { name: '100 new events' }).waitFor();
    expect(await page.getByRole('option').first().getAttribute('id')).toBe(before);
    await page.mouse.move(5, 5);
    await eventually(async () =>
      expect(await page.getByRole('option').first().innerText()).toContain('app.other'),
    );
    expect(await page.getByRole('option').count()).toBeLessThan(60);
    await stack.settled();
  });

  test('a hop is broken', async () => {
    await press('d');
    await tabTo('button', /Break order-processor: fail next/);
    await press('Enter');
    await page.getByText('Broken on purpose').waitFor();
    await put({ orderId: 'order-4', customerId: 'c', total: 1 });
    expect(await order('order-4')).toBeUndefined();
  });

  test('the clock is moved to the retry', async () => {
    await press('Escape');
    await page.getByRole('button', { name: /Next due/ }).waitFor();
    await press('f');
    await eventually(async () => expect(await order('order-4')).toBeDefined());
  });

  test('one failed event is redriven, after a preview', async () => {
    for (const orderId of ['bad-1', 'bad-2']) await put({ orderId, customerId: 'c', total: 'none' });
    await eventually(async () => {
      await press('Escape', 'f');
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await depth()).toBe(2);
    });
    await press('d');
    await tabTo('checkbox', /Select message/);
    await press('Space');
    await tabTo('button', 'Redrive 1 …');
    await press('Enter');
    await page.getByRole('alertdialog').waitFor();
    expect(await depth()).toBe(2);
    await tabTo('button', /^Redrive$/);
    await press('Enter');
    await eventually(async () => expect(await depth()).toBe(1));
  });

  test('all are redriven; poison is left, and the preview says so', async () => {
    await tabTo('button', 'Redrive all …');
    await press('Enter');
    const preview = page.getByRole('alertdialog');
    await preview.waitFor();
    expect(await preview.innerText()).toContain('would be left: it is poison');
    await tabTo('button', 'Cancel');
    await press('Enter');
    expect(await depth()).toBe(1);
  });

  test('a queue is purged', async () => {
    await tabTo('button', 'Purge');
    await press('Enter');
    await eventually(async () => expect(await depth()).toBe(0));
  });

  test('a rule is disabled, and enabled again', async () => {
    const state = async () =>
      (
        await new EventBridgeClient(client()).send(
          new DescribeRuleCommand({ Name: 'event-driven-all-events', EventBusName: BUS }),
        )
      ).State;
    const button = page.locator('.reach', { hasText: 'all-events' }).getByRole('button');
    for (let presses = 0; presses < 150; presses++) {
      if (await button.evaluate((element) => element.matches(':focus'))) break;
      await press('Tab');
    }
    await press('Enter');
    await eventually(async () => expect(await state()).toBe('DISABLED'));
    await page.getByText('is disabled').first().waitFor();
    await tabTo('button', 'enable');
    await press('Enter');
    await eventually(async () => expect(await state()).toBe('ENABLED'));
  });

  test('a window is replayed', async () => {
    await press('d');
    await tabTo('spinbutton', /The last/);
    await page.keyboard.press('Control+a');
    await page.keyboard.type('600');
    await tabTo('button', 'Replay');
    await press('Enter');
    const told = await page.getByText(/Replay page-\d+ has begun/).innerText();
    const [ReplayName = ''] = /page-\d+/.exec(told) ?? [];
    await eventually(async () => {
      const { State } = await new EventBridgeClient(client()).send(new DescribeReplayCommand({ ReplayName }));
      expect(State).toBe('COMPLETED');
    });
  });

  test('the run is exported as one file, without personal data, and opens without a server', async () => {
    await put({ orderId: 'order-5', customerId: 'c', customerEmail: 'jane@example.com', total: 1 });
    await press('Escape');
    await tabTo('button', 'Export the run as one file');
    const [download] = await Promise.all([page.waitForEvent('download'), press('Enter')]);
    const file = join(builds.intact, '..', 'export.html');
    await download.saveAs(file);
    expect(readFileSync(file, 'utf8')).not.toContain('jane@example.com');
    const offline = await browser.newContext({ offline: true });
    const exported = await offline.newPage();
    await exported.goto(`file://${file}`);
    await exported.getByText('order-5').first().waitFor();
    await offline.close();
  });
});

describeWithBrowser('reports, by keyboard alone', () => {
  const focused = () => page.evaluate<string>('document.activeElement.textContent');

  test('the arrows move through the routes, and Enter tells what decides, with the pattern of the rule', async () => {
    await press('Escape', '4');
    const grid = page.getByRole('grid', { name: 'Events against rules' });
    await grid.waitFor();
    for (let presses = 0; presses < 40; presses++) {
      if (await grid.evaluate((element) => element.matches(':focus-within'))) break;
      await press('Tab');
    }
    await press('Home', 'ArrowDown');
    expect(await focused()).toContain('example');
    await press('ArrowRight', 'ArrowRight');
    const field = await focused();
    expect(field).toContain('detail-type');
    await press('Enter');
    const detail = page.getByRole('region', { name: 'What decides' });
    await detail.getByText('is "OrderCreated", allowed: "OrderStatusChanged"').first().waitFor();
    expect(await detail.locator('pre').first().innerText()).toContain('"detail-type"');
  });

  test('the filters leave what is looked for', async () => {
    await page.getByRole('button', { name: /Taken and refused/ }).focus();
    await press('Enter');
    const rows = page.locator('table.grid tbody tr:not(.group)');
    for (const row of await rows.all()) expect(await row.innerText()).toContain('refused');
    await page.getByRole('searchbox', { name: 'Filter rules' }).focus();
    await page.keyboard.type('notifier');
    await eventually(async () =>
      expect(await page.locator('table.grid thead th').allInnerTexts()).toEqual([
        'Event',
        expect.stringContaining('notifier'),
      ]),
    );
  });

  test('a hop opens to the statements that allow it', async () => {
    await press('Escape', '5');
    await page.getByRole('searchbox', { name: 'Filter hops' }).focus();
    await page.keyboard.type('dynamodb:');
    await page.locator('table.hops tbody button').first().focus();
    await press('Enter');
    await page.locator('table.hops tr.told', { hasText: 'allows it' }).first().waitFor();
  });
});

/** Findings of axe: all rules as the page is, and the contrast of the other colour scheme as well. */
async function findings(): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    // There is no frame, so axe need not open a page of its own to join the results of frames.
    const axe = new AxeBuilder({ page }).setLegacyMode();
    const { violations } = await (colorScheme === 'light' ? axe : axe.withRules('color-contrast')).analyze();
    found.push(...violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`));
  }
  return found;
}

describeWithBrowser('every view', () => {
  test.each([
    ['Flow', 'Events'],
    ['Put', 'Would reach'],
    ['State', 'Alarms'],
    ['Routes', 'Routes'],
    ['Audit', 'Audit'],
    ['Bill', 'Items of the bill'],
  ])('%s has nothing that axe finds, light and dark', async (name, region) => {
    await page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name }).click();
    await page.getByRole('region', { name: region, exact: true }).waitFor();
    await page.getByText('Asking the template').waitFor({ state: 'detached' });
    expect(await findings()).toEqual([]);
  });

  test('one event has nothing that axe finds', async () => {
    await press('Escape');
    await openNewest();
    await page.locator('.timeline .track').nth(1).waitFor();
    expect(await findings()).toEqual([]);
  });

  test('asks no other host, and logs no error', () => {
    expect(requests.filter((url) => !url.startsWith(stack.url) && !/^(blob|data):/.test(url))).toEqual([]);
    expect(consoleErrors).toEqual([]);
  });

  test('the token has left the address bar', () => {
    expect(page.url()).not.toContain('token');
  });
});

describeWithBrowser('a small window', () => {
  beforeAll(() => put({ orderId: 'order-13', customerId: 'c', total: 1 }));
  afterAll(() => page.setViewportSize({ width: 1280, height: 900 }));

  test.each([390, 768, 1000])('of %d px shows every view without scrolling sideways', async (width) => {
    await page.setViewportSize({ width, height: 800 });
    await press('Escape');
    await openNewest();
    await page.locator('.timeline .track').nth(1).waitFor();
    for (const key of ['', '1', '2', '3', '4', '5', '6']) {
      if (key !== '') await press(key);
      await page.getByText('Asking the template').waitFor({ state: 'detached' });
      const wide = await page.evaluate<string[]>(`[...document.querySelectorAll('body *')]
        .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
        .filter((each) => !each.closest('.scroll, .picture, .rows, pre, nav, .skip'))
        .map((each) => each.tagName + ' ' + each.className + ' ' + each.textContent.slice(0, 40))`);
      expect({ key, wide }).toEqual({ key, wide: [] });
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    }
  });
});

describeWithBrowser('text of an event', () => {
  test('is never markup', async () => {
    const evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
    await put({
      orderId: 'order-6',
      customerId: evil,
      total: 1,
      items: [{ sku: evil }],
      metadata: { correlationId: 'x' },
    });
    await press('Escape');
    await page.getByRole('option').filter({ hasText: 'order-6' }).waitFor();
    await openNewest();
    await page.locator('.payload').getByText('onerror').first().waitFor();
    expect(await page.evaluate('window.hit')).toBeUndefined();
    expect(await page.locator('#root img').count()).toBe(0);
  });
});
