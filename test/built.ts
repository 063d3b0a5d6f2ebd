/** The project's own stack with its bundles, synthesized once for all test files of a run. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LOADER } from './typescript';

/** Without CDK's validation and rules, which `cdk synth` and other tests run: they take most of the time. */
const SYNTHESIZE = `
  const { readFileSync } = require('node:fs');
  const { App } = require('aws-cdk-lib');
  const { parseStage } = require('./lib/config');
  const { EventDrivenStack } = require('./lib/event-driven-stack');
  const { stages, ...context } = JSON.parse(readFileSync('cdk.json', 'utf8')).context;
  const app = new App({ outdir: process.argv[1], builtinCloudFormationValidation: false, context });
  const config = parseStage('production', { ...stages.production, ...JSON.parse(process.argv[2]) });
  new EventDrivenStack(app, config.prefix, { config });
  app.synth();
`;

/**
 * @param settings of the stage besides those of `cdk.json`
 * @returns the folder of the assembly, which is not to be changed
 */
export function builtAssembly(settings: object = {}): string {
  // Set by jest.config.ts.
  const run = process.env.TEST_RUN as string;
  const name = createHash('sha1').update(JSON.stringify(settings)).digest('hex');
  const [built, lock] = [join(run, `built-${name}`), join(run, 'lock')];
  while (!existsSync(built)) {
    try {
      mkdirSync(lock);
    } catch {
      // Another worker makes it.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      continue;
    }
    try {
      if (!existsSync(built)) build(built, settings);
    } finally {
      rmSync(lock, { recursive: true });
    }
  }
  return built;
}

/** Builds in a process of its own, since bundling writes to the console. */
function build(folder: string, settings: object): void {
  const draft = `${folder}-draft`;
  execFileSync(process.execPath, ['-r', LOADER, '-e', SYNTHESIZE, draft, JSON.stringify(settings)], {
    stdio: 'pipe',
  });
  renameSync(draft, folder);
}
