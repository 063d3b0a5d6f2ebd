/** `npm start -- --inspect`, on this project, by a debugger that speaks V8's inspector protocol as VS Code's does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { SourceMap } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { OrderCreated } from '../../../lambdas/events';
import { TYPESCRIPT } from '../../typescript';
import { temporaryDirectory } from '../template/template';
import { Inspector } from './inspector';

jest.setTimeout(240_000);

const HANDLER = path.join(process.cwd(), 'lambdas/order-processor/handler.ts');

/** The first place of the compiled code that was made of this line or one soon after, both from 0. */
function generatedPlace(map: { mappings: string }, source: string, line: number) {
  const sourceMap = new SourceMap(map as ConstructorParameters<typeof SourceMap>[0]);
  for (let generated = 0; generated < 100_000; generated++) {
    for (let column = 0; column < 200; column++) {
      const entry = sourceMap.findEntry(generated, column);
      if (!('originalSource' in entry) || entry.generatedLine !== generated) break;
      if (entry.originalSource === source && entry.originalLine === line) {
        return { lineNumber: entry.generatedLine, columnNumber: entry.generatedColumn };
      }
    }
  }
  throw new Error(`Nothing was compiled of line ${line + 1} of ${source}.`);
}

test('a breakpoint in handler.ts is hit by an order, and the order is stored when the debugger lets go', async () => {
  const args = ['--inspect', 'order-processor', '--json', '--port', '0', '--no-samples'];
  const run = spawn(process.execPath, [...TYPESCRIPT, 'bin/local.ts', ...args], {
    env: { ...process.env, CDK_OUTDIR: temporaryDirectory() },
  });
  try {
    let output = '';
    run.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const until = async (pattern: RegExp) => {
      while (!pattern.test(output)) await once(run.stdout, 'data');
      return pattern.exec(output) ?? [];
    };
    const [, port] = await until(/"run-inspecting","ports":\{"event-driven-order-processor":(\d+)\}/);
    const [, url] = await until(/"url":"([^"]+)"/);

    const inspector = await Inspector.connect(Number(port));
    await inspector.call('Debugger.enable');
    const { scriptId, sourceMapURL } = await inspector.event('Debugger.scriptParsed', (script) =>
      /order-processor-\d+\/index\.cjs$/.test(script.url),
    );
    const map = JSON.parse(Buffer.from(sourceMapURL.split('base64,')[1], 'base64').toString('utf8'));
    const line = fs
      .readFileSync(HANDLER, 'utf8')
      .split('\n')
      .findIndex((text) => text.includes('await orders.store('));
    const source = pathToFileURL(HANDLER).href;
    const place = generatedPlace(map, source, line);
    await inspector.call('Debugger.setBreakpoint', { location: { scriptId, ...place } });

    const client = new EventBridgeClient({
      ...{ endpoint: url, region: 'us-east-1' },
      credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    });
    const detail = OrderCreated.create({ ...OrderCreated.example, orderId: 'debugged' });
    await client.send(
      new PutEventsCommand({
        Entries: [
          {
            EventBusName: 'event-driven-bus',
            Source: OrderCreated.source,
            DetailType: OrderCreated.detailType,
            Detail: JSON.stringify(detail),
          },
        ],
      }),
    );
    client.destroy();
    const { callFrames } = await inspector.event('Debugger.paused');
    const { lineNumber, columnNumber } = callFrames[0].location;
    const hit = new SourceMap(map).findEntry(lineNumber, columnNumber);
    expect(hit).toMatchObject({ originalSource: source, originalLine: line });
    await inspector.call('Debugger.disable');
    inspector.close();
    await until(/"kind":"item-written","table":"event-driven-orders","key":\{"orderId":"debugged"\}/);
  } finally {
    run.kill('SIGINT');
    await once(run, 'close');
  }
});
