import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Stack } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { makeApp } from '../../lib/event-driven-app';

const { stages, ...flags } = JSON.parse(readFileSync('cdk.json', 'utf8')).context;
let outdir: string;
beforeEach(() => {
  outdir = mkdtempSync(join(tmpdir(), 'app-'));
});
afterEach(() => rmSync(outdir, { recursive: true }));

/** Synthesizes with the validators of the app, and without esbuild. */
function synthesize(stage: string, settings: object) {
  return makeApp({
    outdir,
    context: { ...flags, stages: { [stage]: settings }, stage, 'aws:cdk:bundling-stacks': [] },
  }).synth();
}

describe.each(['production', 'dev'])('the app at stage %s', (stage) => {
  test.each([
    ['alarmEmail', { alarmEmail: 'ops@example.com' }],
    ['notificationEmail', { notificationEmail: 'shop@example.com' }],
  ])('passes its validators with %s', (_setting, settings) => {
    expect(() => synthesize(stage, settings)).not.toThrow();
    expect(process.exitCode).toBeUndefined();
  });
});

test('what the validators find fails the synth', () => {
  const app = makeApp({
    outdir,
    context: { ...flags, stages: { dev: {} }, stage: 'dev', 'aws:cdk:bundling-stacks': [] },
  });
  new Queue(app.node.findChild('event-driven-dev') as Stack, 'Plain');
  expect(() => app.synth()).toThrow('AwsSolutions-SQS4');
});
