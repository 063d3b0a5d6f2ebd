/** The workflows hand no role, secret or right to write to code that nobody has reviewed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { scripts } from '../package.json';

interface Step {
  readonly uses?: string;
  readonly run?: string;
}
interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly needs?: string;
  readonly if?: string;
  readonly 'timeout-minutes'?: number;
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const FOLDER = '.github/workflows';
const files = readdirSync(FOLDER).map((file) => {
  const text = readFileSync(join(FOLDER, file), 'utf8');
  return { file, text, workflow: parse(text) as Workflow };
});
const jobs = files.flatMap(({ file, workflow }) =>
  Object.entries(workflow.jobs).map(([name, job]) => ({ name: `${file} ${name}`, job, workflow })),
);
const writes = ({ permissions = {} }: Pick<Job, 'permissions'>) =>
  Object.entries(permissions).flatMap(([what, right]) =>
    right === 'read' || right === 'none' ? [] : [what],
  );

test.each(files)('$file is never started by what gives secrets to a fork', ({ workflow, text }) => {
  for (const trigger of ['pull_request_target', 'workflow_run', 'issue_comment']) {
    expect(Object.keys(workflow.on)).not.toContain(trigger);
  }
  expect(text).not.toMatch(/\bsecrets\./);
});

test.each(files)('$file may only read, unless one of its jobs says otherwise', ({ workflow }) => {
  expect(workflow.permissions).toEqual({ contents: 'read' });
});

test.each(files)('$file takes every action by its commit, and names the version', ({ text }) => {
  const uses = text.split('\n').filter((line) => /^\s*(- )?uses:/.test(line));
  expect(uses.length).toBeGreaterThan(0);
  for (const line of uses) expect(line).toMatch(/uses: [\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});

test.each(jobs)('$name ends by itself, and puts no text of an event into a shell', ({ job }) => {
  expect(job['timeout-minutes']).toBeGreaterThan(0);
  for (const { run = '' } of job.steps) expect(run).not.toMatch(/\$\{\{/);
});

test.each(jobs)(
  '$name has a role only if it runs what was merged, in an environment',
  ({ job, workflow }) => {
    if (!writes(job).includes('id-token')) {
      expect(JSON.stringify(job.steps)).not.toContain('configure-aws-credentials');
      return;
    }
    expect(Object.keys(workflow.on)).toEqual(['push']);
    expect(workflow.on.push).toEqual({ branches: ['main'] });
    expect(job.environment).toBeDefined();
    expect(writes(job)).toEqual(['id-token']);
    // A fork has not the variable with the role.
    expect(job.if).toMatch(/^vars\.AWS_ROLE_\w+ != ''$/);
  },
);

test.each(jobs)('$name runs no code of a pull request if it may write', ({ job, workflow }) => {
  if (!Object.hasOwn(workflow.on, 'pull_request') || writes(job).length === 0) return;
  expect(job.steps.map(({ run }) => run).filter(Boolean)).toEqual([]);
  expect(JSON.stringify(job.steps)).not.toContain('actions/checkout');
  expect(job.if).toContain('head.repo.full_name == github.repository');
});

test('a merge goes to dev, is followed by real events there, and to production after that, by approval', () => {
  const { dev, production } = files.find(({ file }) => file === 'deliver.yml')?.workflow.jobs ?? {};
  const runs = (job: Job | undefined) => (job?.steps ?? []).flatMap(({ run }) => run ?? []);
  expect(runs(dev).slice(-2)).toEqual([
    'npx cdk deploy -c stage=dev --require-approval never',
    'npm run e2e -- --stage dev',
  ]);
  expect([dev?.environment, production?.environment, production?.needs]).toEqual([
    'dev',
    'production',
    'dev',
  ]);
  expect(runs(production).at(-1)).toBe('npx cdk deploy --require-approval never');
});

test('what they run is there', () => {
  const text = [
    ...files.map((each) => each.text),
    readFileSync('.github/pull-request-report.sh', 'utf8'),
  ].join('\n');
  for (const [, script = ''] of text.matchAll(/npm run (?:--silent )?(?!-)([\w:-]+)/g))
    expect(Object.keys(scripts)).toContain(script);
  for (const [path] of text.matchAll(/\.github\/[\w-]+\.sh/g))
    expect([path, existsSync(path)]).toEqual([path, true]);
});
