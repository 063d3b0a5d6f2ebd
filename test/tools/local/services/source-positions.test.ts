/** Positions in bundles are told as those of the sources, wherever the source map is. */
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';
import { SourcePositions } from '../../../../tools/local/services/source-positions';
import { temporaryDirectory } from '../../template/template';

const SOURCE = 'export const one = 1;\n\nexport function two(): never {\n  throw new Error("two");\n}\n';
const bundle = (sourcemap: 'inline' | 'external', sourcefile = 'lambdas/two.ts') =>
  transformSync(SOURCE, { loader: 'ts', format: 'cjs', minify: true, sourcemap, sourcefile });

/** Text of a stack with the position of the `throw` in a file of the function's folder. */
function named(
  files: Readonly<Record<string, string>>,
  name = 'index.js',
  mapOf = () => undefined as string | undefined,
) {
  const folder = temporaryDirectory();
  for (const [file, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, file), text);
  const line = (files[name] ?? '').split('\n').findIndex((each) => each.includes('throw'));
  const column = (files[name] ?? '').split('\n')[line]?.indexOf('throw') ?? 0;
  const positions = new SourcePositions(mapOf);
  const text = `at two (${folder}/${name}:${line + 1}:${column + 1}) in ${folder}`;
  const shown = positions.named(text, 'work', folder);
  // A map is read once.
  expect(positions.named(text, 'work', folder)).toBe(shown);
  return shown.replaceAll(folder, 'FOLDER');
}

test('by a map in the code, beside it, or by whoever knows it', () => {
  const { code, map } = bundle('external');
  const told = 'at two (lambdas/two.ts:4:3) in FOLDER';
  expect(named({ 'index.js': bundle('inline').code })).toBe(told);
  expect(named({ 'index.js': code, 'index.js.map': map })).toBe(told);
  expect(named({ 'index.js': code }, 'index.js', () => map)).toBe(told);
});

test('a source on this machine is told relative to where the user is', () => {
  const file = pathToFileURL(path.resolve('lambdas/two.ts')).href;
  const { code, map } = bundle('external');
  const absolute = JSON.stringify({ ...JSON.parse(map), sources: [file] });
  expect(named({ 'index.js': code, 'index.js.map': absolute })).toBe('at two (lambdas/two.ts:4:3) in FOLDER');
});

test('where there is no map the position stays what it is', () => {
  const { code } = bundle('external');
  const empty = '\n//# sourceMappingURL=data:application/json,none';
  const stays = /^at two \(FOLDER\/index\.js:\d+:\d+\) in FOLDER$/;
  expect(named({ 'index.js': code })).toMatch(stays);
  expect(named({ 'index.js': `${code}${empty}` })).toMatch(stays);
  expect(named({}, 'gone.js')).toBe('at two (FOLDER/gone.js:0:1) in FOLDER');
  expect(new SourcePositions(() => undefined).named('no folder in it', 'work', '/x')).toBe('no folder in it');
});
