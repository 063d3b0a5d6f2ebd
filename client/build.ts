/**
 * `npm pack ./client` calls this: bundles the package's code with all that it needs but the AWS SDK, and writes its
 * types, with valibot's beside them, so that whoever installs it needs the SDK only.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { buildSync } from 'esbuild';

const ROOT = join(__dirname, '..');
const DIST = join(__dirname, 'dist');
const TYPES = join(DIST, 'types');

rmSync(DIST, { recursive: true, force: true });
buildSync({
  entryPoints: [join(__dirname, 'index.ts')],
  outfile: join(DIST, 'index.js'),
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['@aws-sdk/*'],
});

const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const options = [
  '--noEmit',
  'false',
  '--declaration',
  '--emitDeclarationOnly',
  '--rootDir',
  ROOT,
  '--outDir',
  TYPES,
];
execFileSync(process.execPath, [tsc, '--project', join(__dirname, 'tsconfig.json'), ...options], {
  stdio: 'inherit',
});
copyFileSync(join(ROOT, 'LICENSE'), join(DIST, 'LICENSE'));
copyFileSync(join(ROOT, 'node_modules', 'valibot', 'LICENSE.md'), join(DIST, 'LICENSE-valibot.md'));
copyFileSync(join(dirname(require.resolve('valibot')), 'index.d.cts'), join(TYPES, 'valibot.d.ts'));
for (const file of readdirSync(TYPES, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.d.ts')) continue;
  const path = join(TYPES, file);
  const beside = relative(dirname(path), join(TYPES, 'valibot'));
  const specifier = beside.startsWith('.') ? beside : `./${beside}`;
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/(['"])valibot\1/g, `'${specifier}'`));
}
