/** The package for other repositories: packed by npm, installed outside this repository, and used from there. */
import '../lambdas/environment';
import { execFile, execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { AwsEndpoint } from '../lambdas/aws-endpoint';
import { startDatabase, type TestDatabase } from '../lambdas/dynamodb';

const service = realpathSync(mkdtempSync(join(tmpdir(), 'service-')));
const installed = join(service, 'node_modules', 'event-driven-orders');
let aws: AwsEndpoint;
let database: TestDatabase;

beforeAll(async () => {
  const [{ filename }] = JSON.parse(
    execFileSync(
      'npm',
      ['pack', './client', '--pack-destination', service, '--json', '--loglevel', 'silent'],
      { encoding: 'utf8' },
    ),
  );
  writeFileSync(join(service, 'package.json'), '{ "name": "shop", "private": true, "type": "module" }');
  // The peers are linked below, so that the test needs no network.
  execFileSync(
    'npm',
    ['install', '--offline', '--omit=peer', '--legacy-peer-deps', '--no-audit', '--no-fund', `./${filename}`],
    { cwd: service },
  );
  const scope = join(service, 'node_modules', '@aws-sdk');
  mkdirSync(scope);
  const { peerDependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const name of Object.keys(peerDependencies)) {
    symlinkSync(resolve('node_modules', name), join(service, 'node_modules', name));
  }
  [aws, database] = await Promise.all([AwsEndpoint.start(), startDatabase()]);
}, 60_000);
afterAll(async () => {
  rmSync(service, { recursive: true, force: true });
  await Promise.all([aws?.stop(), database?.stop()]);
});

async function run(file: string, code: string): Promise<string> {
  writeFileSync(join(service, file), code);
  const endpoint = await database.client.config.endpoint?.();
  const { stdout } = await promisify(execFile)(process.execPath, [file], {
    cwd: service,
    env: {
      PATH: process.env.PATH,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      EVENT_BUS_NAME: 'bus',
      TABLE_NAME: 'orders',
      AWS_ENDPOINT_URL: aws.url,
      AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${endpoint?.port}`,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    },
  });
  return stdout;
}

const files = () => readdirSync(installed, { recursive: true, encoding: 'utf8' });

test('holds what it needs: its code and its types import nothing but the AWS SDK, which is its only peer', () => {
  const { dependencies, peerDependencies } = JSON.parse(
    readFileSync(join(installed, 'package.json'), 'utf8'),
  );
  expect(dependencies).toBeUndefined();
  expect(Object.keys(peerDependencies).filter((name) => !name.startsWith('@aws-sdk/'))).toEqual([]);
  const code = files().filter((file) => /\.(js|d\.ts)$/.test(file));
  expect(code).toContain('dist/index.js');
  const imported = code.flatMap((file) =>
    [
      ...readFileSync(join(installed, file), 'utf8').matchAll(
        /(?:^(?:import|export)\b.* from |\brequire\(|\bimport\()['"]([^'"]+)['"]/gm,
      ),
    ].map(([, name = '']) => name),
  );
  const foreign = imported.filter(
    (name) =>
      !name.startsWith('.') &&
      !builtinModules.includes(name.replace(/^node:/, '')) &&
      !(name in peerDependencies),
  );
  expect(foreign).toEqual([]);
});

test('has its documentation, and the licences of what is bundled in', () => {
  expect(files()).toEqual(expect.arrayContaining(['README.md', 'dist/LICENSE', 'dist/LICENSE-valibot.md']));
});

test('places an order, waits for it and ships it, from an ES module', async () => {
  await database.documents.send(
    new PutCommand({
      TableName: 'orders',
      Item: { orderId: 'here', status: 'PENDING', createdAt: '2026-01-15T10:00:00.000Z' },
    }),
  );
  const output = await run(
    'shop.js',
    `import { createOrder, updateOrderStatus, waitForOrder } from 'event-driven-orders';
     const { orderId } = await createOrder({ customerId: '456', total: 99.99 });
     const { status } = await waitForOrder('here');
     const change = await updateOrderStatus('here', 'SHIPPED');
     console.log(JSON.stringify({ orderId, status, change }));`,
  );
  const { orderId, status, change } = JSON.parse(output);
  expect(status).toBe('PENDING');
  expect(change).toMatchObject({ orderId: 'here', status: 'SHIPPED', previousStatus: 'PENDING' });
  expect(aws.inputs('PutEvents').map(({ Entries }) => JSON.parse(Entries[0].Detail).orderId)).toEqual([
    orderId,
    'here',
  ]);
});

test('is there for CommonJS, too', async () => {
  expect(await run('shop.cjs', `console.log(typeof require('event-driven-orders').createOrder)`)).toBe(
    'function\n',
  );
});

test.each(['nodenext', 'bundler'])(
  'has types that a strict compiler holds callers to, with moduleResolution %s',
  (moduleResolution) => {
    writeFileSync(
      join(service, 'typed.ts'),
      `import { createOrder, OrderNotPlacedError, type OrderStatus, updateOrderStatus, waitForOrder } from 'event-driven-orders';
     const placed: { orderId: string; total: number } = await createOrder({ customerId: '456', total: 1 }, { signal: AbortSignal.timeout(1) });
     // @ts-expect-error the total is a number
     await createOrder({ customerId: '456', total: '1' });
     // @ts-expect-error there is no such status
     await updateOrderStatus(placed.orderId, 'LOST');
     // @ts-expect-error there is no such option
     await waitForOrder(placed.orderId, { until: 5 });
     const status: OrderStatus = (await waitForOrder(placed.orderId, { status: 'SHIPPED' })).status;
     export const idOf = (error: OrderNotPlacedError): string => error.order.orderId + status;`,
    );
    writeFileSync(
      join(service, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          noEmit: true,
          target: 'es2022',
          module: moduleResolution === 'nodenext' ? 'nodenext' : 'preserve',
          moduleResolution,
          types: ['node'],
          typeRoots: [resolve('node_modules', '@types')],
          skipLibCheck: true,
        },
        files: ['typed.ts'],
      }),
    );
    execFileSync(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '--project', service], {
      stdio: 'pipe',
      encoding: 'utf8',
    });
  },
);
