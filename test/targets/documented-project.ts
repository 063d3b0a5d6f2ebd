/** Copies of the project with entries of `docs/targets.md` written into them, as a reader of that page would. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { App as CdkApp } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { App } from '../../tools/app';
import { type Assembly, readAssembly } from '../../tools/template/assembly';
import { LOADER } from '../typescript';

const PAGE = 'docs/targets.md';
const STACK = 'lib/event-driven-stack.ts';
const CONSUMERS = 'lambdas/consumers.ts';

/** A code block of the page. */
export interface Entry {
  /** Heading that it stands under. */
  readonly section: string;
  /** File that it belongs into. */
  readonly file: string;
  readonly lines: readonly string[];
}

/** All code blocks of the page that name a file. */
export function entries(): Entry[] {
  return readFileSync(PAGE, 'utf8')
    .split(/^## /m)
    .slice(1)
    .flatMap((text) => {
      const [section = ''] = text.split('\n');
      return [...text.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)].map(([, file = '', code = '']) => ({
        section,
        file,
        lines: code.trimEnd().split('\n'),
      }));
    });
}

/** Headings of the page that have an entry for the stack. */
export const sections = (): string[] => [
  ...new Set(entries().flatMap(({ section, file }) => (file === STACK ? section : []))),
];

const copies: string[] = [];
afterAll(() => {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
});

/** @returns the folder of a copy of the project with the entries of these sections */
export function documentedProject(chosen: readonly string[]): string {
  const copy = mkdtempSync(join(tmpdir(), 'targets-'));
  copies.push(copy);
  for (const name of [
    'bin',
    'lib',
    'lambdas',
    'samples',
    'cdk.json',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
  ])
    cpSync(name, join(copy, name), { recursive: true });
  for (const name of ['node_modules', 'tools']) symlinkSync(join(process.cwd(), name), join(copy, name));
  for (const entry of entries().filter(({ section }) => chosen.includes(section))) write(copy, entry);
  return copy;
}

function write(copy: string, { file, lines }: Entry): void {
  const path = join(copy, file);
  const isImport = (line: string) => line.startsWith('import ');
  const [imports, body] = [lines.filter(isImport), lines.filter((line) => !isImport(line))];
  if (file === STACK) {
    insert(path, "import { DeadLetterQueue } from './dead-letter-queue';", imports);
    insert(path, '    const dailyReport = {', body);
  } else if (file === CONSUMERS) {
    insert(path, "import { METRICS, type MetricName } from './metrics';", imports);
    insert(path, '  analytics: {\n', body);
  } else {
    if (existsSync(path)) throw new Error(`${PAGE}: ${file} is there already.`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${lines.join('\n')}\n`);
  }
}

function insert(path: string, before: string, lines: readonly string[]): void {
  const text = readFileSync(path, 'utf8');
  if (text.split(before).length !== 2) throw new Error(`${path} has not once ${before}`);
  // Sections may have the same import.
  const fresh = lines.filter((line) => !line.startsWith('import ') || !text.includes(`${line}\n`));
  writeFileSync(
    path,
    text.replace(before, () => [...fresh, before].join('\n')),
  );
}

/** Context of `cdk.json` without its stages. */
const { stages: _, ...flags } = JSON.parse(readFileSync('cdk.json', 'utf8')).context;
export const CDK_FLAGS: object = flags;

/** Template of the copy's stack, without its bundles and without validators. */
export function templateOf(project: string): Template {
  const { parseStage } = require(join(project, 'lib', 'config'));
  const { EventDrivenStack } = require(join(project, 'lib', 'event-driven-stack'));
  const app = new CdkApp({
    builtinCloudFormationValidation: false,
    context: { ...CDK_FLAGS, 'aws:cdk:bundling-stacks': [] },
  });
  const config = parseStage('production', {});
  return Template.fromStack(new EventDrivenStack(app, config.prefix, { config }));
}

/** Runs the copy's `bin/app.ts`, with all of its validators. @returns its assembly */
export function synthesizeProject(project: string, context: object = {}): Assembly {
  const outdir = join(project, 'cdk.out');
  const { context: flags } = JSON.parse(readFileSync(join(project, 'cdk.json'), 'utf8'));
  const { status, stderr } = spawnSync(process.execPath, ['-r', LOADER, 'bin/app.ts'], {
    cwd: project,
    encoding: 'utf8',
    env: { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify({ ...flags, ...context }) },
  });
  if (status !== 0 || /\bERROR\b/.test(stderr)) throw new Error(stderr);
  return readAssembly(outdir, { region: 'us-east-1' });
}

/** Description of the copy's app. */
export function descriptionOf(project: string): App {
  return require(join(project, 'bin', 'app-description')).APP;
}
