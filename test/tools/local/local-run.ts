/** `npm start` as a process of its own, on this project or on a small one that is synthesized in no time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { TYPESCRIPT } from '../../typescript';
import { temporaryDirectory } from '../template/template';

export const REPOSITORY = process.cwd();

/** Writes an assembly with a bus, a rule for `Placed`, and a function of which the code is in `lambdas`. */
const APP = `
  const fs = require('node:fs');
  const out = process.env.CDK_OUTDIR;
  const { broken, unknown, warns } = JSON.parse(fs.readFileSync('lib/settings.json', 'utf8'));
  if (broken) { console.error('Bundling asset x\\nThe colour is green; allowed are red and blue.'); process.exit(1); }
  if (warns) console.error('warning: Rule-1 shop/Bus: The bus is open.\\nother noise');
  fs.mkdirSync(out, { recursive: true });
  fs.cpSync('lambdas', out + '/asset.worker', { recursive: true });
  const write = (name, content) => fs.writeFileSync(out + '/' + name, JSON.stringify(content));
  write('manifest.json', { artifacts: {
    'shop.assets': { type: 'cdk:asset-manifest', properties: { file: 'shop.assets.json' } },
    shop: { type: 'aws:cloudformation:stack', properties: { templateFile: 'shop.template.json' } } } });
  write('shop.assets.json', { version: fs.readFileSync('lambdas/index.js', 'utf8'), files: { worker: {
    source: { path: 'asset.worker', packaging: 'zip' },
    destinations: { here: { objectKey: 'worker.zip' } } } } });
  const arn = (id) => ({ 'Fn::GetAtt': [id, 'Arn'] });
  write('shop.template.json', { Resources: {
    Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'shop-bus' } },
    Worker: { Type: 'AWS::Lambda::Function', Properties: { FunctionName: 'shop-worker', Runtime: 'nodejs24.x',
      Handler: 'index.handler', Role: 'arn:aws:iam::000000000000:role/none', Code: { S3Key: 'worker.zip' } } },
    Once: { Type: 'AWS::Lambda::EventInvokeConfig', Properties: { FunctionName: { Ref: 'Worker' },
      MaximumRetryAttempts: 1 } },
    May: { Type: 'AWS::Lambda::Permission', Properties: { FunctionName: arn('Worker'),
      Action: 'lambda:InvokeFunction', Principal: 'events.amazonaws.com', SourceArn: arn('Placed') } },
    Placed: { Type: 'AWS::Events::Rule', Properties: { Name: 'shop-placed', EventBusName: { Ref: 'Bus' },
      EventPattern: { source: ['app'] }, Targets: [{ Id: 'Worker', Arn: arn('Worker') }] } },
    ...(unknown && { Odd: { Type: 'AWS::SQS::Queue', Properties: { FifoThroughputLimit: 'perQueue' } } }) } });
`;

export const ECHO = 'exports.handler = async ({ detail }) => ({ heard: detail });';
export const ENTRY = { EventBusName: 'shop-bus', Source: 'app', DetailType: 'Placed', Detail: '{"id": 7}' };

interface ProjectFiles {
  readonly code?: string;
  readonly settings?: object;
  readonly entries?: unknown;
  readonly expected?: unknown;
}

/** @returns the folder of a small project */
export function makeProject({
  code = ECHO,
  settings = {},
  entries = [ENTRY],
  expected = [],
}: ProjectFiles = {}): string {
  const project = temporaryDirectory();
  const files = {
    'cdk.json': '{"app": "node lib/app.js"}',
    'lib/app.js': APP,
    'lib/settings.json': JSON.stringify(settings),
    'lambdas/index.js': code,
    'samples/entries/one.json': JSON.stringify(entries),
    'samples/expected/one.json': JSON.stringify(expected),
  };
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(project, name)), { recursive: true });
    fs.writeFileSync(path.join(project, name), text);
  }
  return project;
}

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class LocalRun {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';

  constructor(project: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.process = spawn(
      process.execPath,
      [...TYPESCRIPT, path.join(REPOSITORY, 'bin', 'local.ts'), ...args],
      {
        cwd: project,
        env: { ...process.env, ...env },
      },
    );
    runs.push(this.process);
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.ended = once(this.process, 'close').then(([exitCode]) => ({
      exitCode,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  /** Resolves with the output when it has the text. */
  async until(text: string): Promise<string> {
    while (!this.#stdout.includes(text)) {
      const more = once(this.process.stdout as NodeJS.ReadableStream, 'data');
      const ended = await Promise.race([more, this.ended]);
      if ('exitCode' in ended) throw new Error(`It ended without ${text}: ${this.#stdout}${this.#stderr}`);
    }
    return this.#stdout;
  }

  async url(): Promise<string> {
    const output = await this.until('"run-ready"');
    return /"url":"([^"]+)"/.exec(output)?.[1] ?? '';
  }

  interrupt(): Promise<Ended> {
    this.process.kill('SIGINT');
    return this.ended;
  }
}

const runs: ChildProcess[] = [];
afterEach(() => {
  for (const child of runs.splice(0)) child.kill('SIGKILL');
});

export const objects = (lines: string): Record<string, unknown>[] =>
  lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
