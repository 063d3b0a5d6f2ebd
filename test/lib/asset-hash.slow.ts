import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** Hashes of all assets, of a clone of the project in a folder of its own. */
function synthesizeCopy(name: string): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), name));
  folders.push(folder);
  for (const entry of [
    'bin',
    'lib',
    'lambdas',
    'tools',
    'cdk.json',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
  ])
    cpSync(entry, join(folder, entry), { recursive: true });
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
  const { app, context } = JSON.parse(readFileSync('cdk.json', 'utf8'));
  const outdir = join(folder, 'cdk.out');
  const env = { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify(context) };
  const { status, stderr } = spawnSync('sh', ['-c', app], { cwd: folder, env, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.any(String) });
  const template = JSON.parse(readFileSync(join(outdir, 'event-driven.template.json'), 'utf8'));
  const code = Object.entries<{ Type: string; Properties: { Code: { S3Key: string } } }>(template.Resources)
    .filter(([, { Type }]) => Type === 'AWS::Lambda::Function')
    .map(([id, { Properties }]) => [id, Properties.Code.S3Key]);
  return Object.fromEntries(code);
}

test('two clones of the project, in folders of other names and lengths, have the same assets', () => {
  const one = synthesizeCopy('one-');
  expect(Object.keys(one).length).toBeGreaterThan(2);
  expect(synthesizeCopy('another-folder-with-a-longer-name-')).toEqual(one);
}, 300_000);
