/** The endpoint beside a real browser that shows a page of another site. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { describeWithBrowser, launchBrowser } from '../../../browser';
import { type RunningStack, startStack } from './stack';

const SHOP = 'shop.example';
const EVIL = 'evil.example';

let running: RunningStack;
let site: http.Server;
let browser: Browser;
beforeAll(async () => {
  site = http.createServer((_, response) => response.setHeader('content-type', 'text/html').end('<p>A page'));
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  running = await startStack({ allowedOrigins: [`http://${SHOP}:${port()}`] });
  browser = await launchBrowser('--host-resolver-rules=MAP *.example 127.0.0.1');
});
afterAll(async () => {
  await browser?.close();
  await running?.stop();
  site?.close();
});
const port = () => (site.address() as AddressInfo).port;

async function open(url: string) {
  const page = await browser.newPage();
  await page.goto(url);
  return page;
}

const signedFor = (service: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=page/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=x`,
});

/** Script of the page: everything by which a page can send a request without asking first, and one that must ask. */
const ATTACK = `async ({ url, authorization }) => {
  const credential = (service) => 'X-Amz-Credential=x/1/us-east-1/' + service + '/aws4_request';
  const topic = 'arn:aws:sns:us-east-1:000000000000:news';
  const publish = url + '/?Action=Publish&TopicArn=' + topic + '&Message=hi&' + credential('sns');
  const image = new Promise((resolve) => {
    const element = document.createElement('img');
    element.onload = element.onerror = resolve;
    element.src = publish;
  });
  const frame = new Promise((resolve) => {
    const element = document.createElement('iframe');
    element.name = 'frame';
    document.body.append(element);
    const form = document.createElement('form');
    Object.assign(form, { method: 'POST', target: 'frame', action: publish });
    document.body.append(form);
    element.onload = resolve;
    form.submit();
  });
  const noCors = { mode: 'no-cors', method: 'POST' };
  const headers = { authorization, 'x-amz-target': 'AmazonSQS.ListQueues' };
  const answers = [
    [publish, {}],
    [publish, noCors],
    [url + '/2015-03-31/functions/echo/invocations?' + credential('lambda'), { ...noCors, body: '{"evil":1}' }],
    [url + '/service/AWSEvents/operation/PutEvents?' + credential('events'), { ...noCors, body: new Blob(['\\xa0']) }],
    [url, { method: 'POST', headers, body: '{}' }],
  ].map(([address, init]) => fetch(address, init).then((response) => response.type, (error) => error.name));
  await Promise.all([image, frame]);
  return Promise.all(answers);
}`;

/** Script of a page: the status of a call of SQS, and the answer. */
const LIST_QUEUES = `async ({ url, authorization }) => {
  const headers = { authorization, 'x-amz-target': 'AmazonSQS.ListQueues' };
  const response = await fetch(url, { method: 'POST', headers, body: '{}' });
  return { status: response.status, body: await response.json() };
}`;
const listQueues = (url: string) => `(${LIST_QUEUES})(${JSON.stringify({ url, ...signedFor('sqs') })})`;

describeWithBrowser('a page of another site', () => {
  test.each([EVIL, '127.0.0.1'])('of %s has no effect, whatever it tries', async (host) => {
    const page = await open(`http://${host}:${port()}`);
    const before = running.steps.length;
    const outcomes = await page.evaluate(
      `(${ATTACK})(${JSON.stringify({ url: running.stack.url, ...signedFor('sqs') })})`,
    );
    // An opaque answer cannot be read by the page; the others were not even sent.
    expect(outcomes).toEqual(['TypeError', 'opaque', 'opaque', 'opaque', 'TypeError']);
    await running.stack.settled();
    expect(running.steps.slice(before)).toEqual([]);
  });

  test('whose name is pointed at this machine is refused by the name', async () => {
    const page = await browser.newPage();
    const address = running.stack.url.replace('127.0.0.1', EVIL);
    const response = await page.goto(address);
    expect(response?.status()).toBe(403);
    expect(await page.evaluate(listQueues('/'))).toMatchObject({ status: 403 });
  });
});

describeWithBrowser('a web app that is allowed', () => {
  test('calls the endpoint and reads the answer', async () => {
    const page = await open(`http://${SHOP}:${port()}`);
    expect(await page.evaluate(listQueues(running.stack.url))).toMatchObject({
      status: 200,
      body: { QueueUrls: expect.arrayContaining([expect.stringContaining('inbox')]) },
    });
  });
});
