import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { synthesize } from './synthesize';

const REGIONS = ['us-east-1', 'eu-central-1', 'us-gov-west-1', 'cn-north-1'];
const isFound = spawnSync('cfn-lint', ['--version']).status === 0;
if (!isFound) console.log('cfn-lint is not found (pip install cfn-lint): its tests are skipped.');

const folder = mkdtempSync(join(tmpdir(), 'cfn-lint-'));
afterAll(() => rmSync(folder, { recursive: true }));

(isFound ? test : test.skip).each(['production', 'dev'])(
  'cfn-lint has no error in the template of the stage %s, in any partition',
  (stage) => {
    const file = join(folder, `${stage}.json`);
    writeFileSync(file, JSON.stringify(synthesize(stage).toJSON()));
    const { stdout } = spawnSync(
      'cfn-lint',
      ['--regions', ...REGIONS, '--format', 'parseable', '--non-zero-exit-code', 'error', '--template', file],
      { encoding: 'utf8' },
    );
    expect(stdout.split('\n').filter((line) => /:E\d+:/.test(line))).toEqual([]);
  },
  120_000,
);
