import fs from 'node:fs';
import path from 'node:path';
import { synthesize } from '../../../../tools/template/source/synthesize';
import { temporaryDirectory } from '../template';

/** Counts its runs, and writes what it was given. */
const APP = `
  const fs = require('node:fs');
  fs.appendFileSync('runs.txt', 'x');
  fs.mkdirSync(process.env.CDK_OUTDIR, { recursive: true });
  fs.writeFileSync(process.env.CDK_OUTDIR + '/manifest.json', '{}');
  fs.writeFileSync(process.env.CDK_OUTDIR + '/context.json', process.env.CDK_CONTEXT_JSON);
  fs.writeFileSync(process.env.CDK_OUTDIR + '/validation.txt', process.env.CDK_VALIDATION);
`;

let project: string;
let directory: string;
const write = (name: string, text: string) => {
  fs.mkdirSync(path.dirname(path.join(project, name)), { recursive: true });
  fs.writeFileSync(path.join(project, name), text);
};
const runs = () => fs.readFileSync(path.join(project, 'runs.txt'), 'utf8').length;

beforeEach(async () => {
  project = temporaryDirectory();
  directory = path.join(project, 'cdk.out');
  write('cdk.json', '{"app": "node lib/app.js", "context": {"a": 1, "b": 1}}');
  write('lib/app.js', APP);
  write('lambdas/deep/handler.ts', '1');
  expect(await synthesize(project, directory)).toMatchObject({ directory, isUnchanged: false });
});

test('what has not changed is not synthesized again', async () => {
  expect(await synthesize(project, directory)).toMatchObject({ directory, isUnchanged: true });
  expect(runs()).toBe(1);
});

test.each(['lib/app.js', 'lambdas/deep/handler.ts', 'lambdas/new.ts', 'cdk.json', 'package-lock.json'])(
  'a change in %s is',
  async (name) => {
    write(
      name,
      name === 'lib/app.js'
        ? `${APP}\n`
        : name === 'cdk.json'
          ? '{"app": "node lib/app.js", "context": {}}'
          : '2',
    );
    expect((await synthesize(project, directory)).isUnchanged).toBe(false);
    expect(runs()).toBe(2);
  },
);

test.each([
  ['removed', () => fs.rmSync(directory, { recursive: true })],
  ['written by another synthesis', () => write('cdk.out/manifest.json', '{"other": 1}')],
])('an assembly that was %s is made again', async (_, change) => {
  change();
  expect((await synthesize(project, directory)).isUnchanged).toBe(false);
  expect((await synthesize(project, directory)).isUnchanged).toBe(true);
});

test("CloudFormation's own validation is left to cdk synth, unless it is asked for", async () => {
  const validation = () => fs.readFileSync(path.join(directory, 'validation.txt'), 'utf8');
  expect(validation()).toBe('false');
  process.env.CDK_VALIDATION = 'true';
  try {
    write('lambdas/new.ts', '1');
    await synthesize(project, directory);
  } finally {
    delete process.env.CDK_VALIDATION;
  }
  expect(validation()).toBe('true');
});

test('the app gets the context of cdk.json and what was looked up, and is told to warn of findings', async () => {
  write('cdk.context.json', '{"b": 2, "c": 2}');
  await synthesize(project, directory);
  expect(JSON.parse(fs.readFileSync(path.join(directory, 'context.json'), 'utf8'))).toEqual({
    a: 1,
    b: 2,
    c: 2,
    'findings-are-warnings': true,
  });
});

test('an app that fails says what it said, without the noise of its tools', async () => {
  write(
    'lib/app.js',
    `console.error('npm warn old\\nBundling asset x...\\n\\nstage must be one of production, dev'); process.exit(1);`,
  );
  await expect(synthesize(project, directory)).rejects.toThrow(
    expect.objectContaining({ name: 'SynthesisError', message: 'stage must be one of production, dev' }),
  );
  write('lib/app.js', 'process.exit(3)');
  await expect(synthesize(project, directory)).rejects.toThrow('node lib/app.js ended with exit code 3.');
});
