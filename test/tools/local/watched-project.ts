/** A small project with a handler in TypeScript, running with `--watch`. */
import fs from 'node:fs';
import path from 'node:path';
import { Bundler } from '../../../tools/local/bundler';
import { Reloader } from '../../../tools/local/reload';
import type { RunLog } from '../../../tools/local/run-log';
import { RunningStack } from '../../../tools/local/running-stack';
import { SystemWorld } from '../../../tools/local/services/world';
import { readAssembly } from '../../../tools/template/assembly';
import { synthesize } from '../../../tools/template/source/synthesize';
import { LOADER } from '../../typescript';

const OPTIONS = { format: 'cjs', target: 'node20', minify: true } as const;

/** Bundles the handler as the deployment does, and writes a template whose table is named in `lib/settings.ts`. */
const APP = `
  import fs from 'node:fs';
  import { table } from './settings';
  const { buildSync } = require(${JSON.stringify(require.resolve('esbuild'))});
  const out = process.env.CDK_OUTDIR;
  const write = (name, content) => fs.writeFileSync(out + '/' + name, JSON.stringify(content));
  buildSync({ ...${JSON.stringify(OPTIONS)}, bundle: true, platform: 'node', logLevel: 'silent',
    entryPoints: ['lambdas/worker/handler.ts'], outfile: out + '/asset.worker/index.js' });
  write('manifest.json', { artifacts: {
    'shop.assets': { type: 'cdk:asset-manifest', properties: { file: 'shop.assets.json' } },
    shop: { type: 'aws:cloudformation:stack', properties: { templateFile: 'shop.template.json' } } } });
  write('shop.assets.json', { version: String(Math.random()), files: { worker: {
    source: { path: 'asset.worker', packaging: 'zip' },
    destinations: { here: { objectKey: 'worker.zip' } } } } });
  write('shop.template.json', { Resources: {
    Orders: { Type: 'AWS::DynamoDB::Table', Properties: { TableName: table, BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }] } },
    Worker: { Type: 'AWS::Lambda::Function', Properties: { FunctionName: 'shop-worker', Runtime: 'nodejs24.x',
      Handler: 'index.handler', Role: 'arn:aws:iam::000000000000:role/none', Code: { S3Key: 'worker.zip' },
      Environment: { Variables: { TABLE: table } } } } } });
`;

export interface LogEntry {
  readonly name: keyof RunLog;
  readonly args: readonly unknown[];
}

export class WatchedProject {
  /** Entries that the run logged, in order. */
  readonly said: LogEntry[] = [];

  private constructor(
    readonly folder: string,
    readonly running: RunningStack,
    private readonly bundler: Bundler,
    reloader: (log: RunLog) => Reloader,
  ) {
    const log = new Proxy({} as RunLog, {
      get:
        (_, name: keyof RunLog) =>
        (...args: unknown[]) =>
          void this.said.push({ name, args }),
    });
    this.reloader = reloader(log);
  }
  readonly reloader: Reloader;

  /** @param folder an empty one */
  static async start(folder: string, handler: string): Promise<WatchedProject> {
    const files = {
      'cdk.json': JSON.stringify({ app: `node -r ${LOADER} bin/app.ts` }),
      'bin/app.ts': APP.replace("'./settings'", "'../lib/settings'"),
      'lib/settings.ts': "export const table = 'orders';",
      'lambdas/words.ts': "export const word = 'first';",
      'lambdas/worker/handler.ts': handler,
    };
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      fs.writeFileSync(path.join(folder, name), text);
    }
    const out = path.join(folder, 'cdk.out');
    fs.mkdirSync(out);
    const { directory } = await synthesize(folder, out);
    const assembly = readAssembly(directory, { region: 'us-east-1' });
    const bundling = { entryOf: () => 'lambdas/worker/handler.ts', options: OPTIONS, app: 'bin/app.ts' };
    const bundler = new Bundler(folder, bundling);
    const running = await RunningStack.start({
      ...{ assembly, world: new SystemWorld(), port: 0, isReplaceable: true },
      sourceMapOf: (name, code) => bundler.mapOf(name, code),
    });
    await bundler.warmUp(running.current.functions.map(({ name }) => name));
    return new WatchedProject(
      folder,
      running,
      bundler,
      (log) => new Reloader({ project: folder, outputFolder: out, running, bundler, log }),
    );
  }

  async stop(): Promise<void> {
    await this.reloader.stop();
    await this.running.stop();
    await this.bundler.stop();
  }

  /** Saves as most editors do: another file takes the place of the old one. */
  save(name: string, text: string): void {
    const file = path.join(this.folder, name);
    fs.writeFileSync(`${file}.new~`, text);
    fs.renameSync(`${file}.new~`, file);
  }

  async invoke(): Promise<unknown> {
    const [worker] = this.running.current.functions;
    const { payload } = (await worker?.invoke('{}')) ?? { payload: '' };
    return JSON.parse(payload);
  }

  /** Resolves when the run has said it `times` times. */
  async until(name: keyof RunLog, times = 1): Promise<readonly unknown[]> {
    for (;;) {
      const found = this.said.filter((each) => each.name === name);
      if (found.length >= times) return found.at(-1)?.args ?? [];
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  }
}
