import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Stack } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { makeApp } from '../../lib/event-driven-app';
import { FINDINGS_ARE_WARNINGS } from '../../lib/findings';

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

test.each([false, true])(
  'as warnings they are a line each and fail nothing; with a finding: %j',
  (hasFinding) => {
    const stderr = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      const app = makeApp({
        outdir,
        context: {
          ...{ ...flags, stages: { dev: {} }, stage: 'dev', 'aws:cdk:bundling-stacks': [] },
          [FINDINGS_ARE_WARNINGS]: true,
        },
      });
      if (hasFinding) new Queue(app.node.findChild('event-driven-dev') as Stack, 'Plain');
      expect(() => app.synth()).not.toThrow();
      const lines = stderr.mock.calls
        .map(([text]) => String(text))
        .filter((text) => text.startsWith('warning: '));
      expect(lines.some((line) => /^warning: AwsSolutions-SQS4\S* \S*Plain\S*: .*\n$/.test(line))).toBe(
        hasFinding,
      );
      if (!hasFinding) expect(lines).toEqual([]);
    } finally {
      stderr.mockRestore();
    }
  },
);
