/** The preload by which commands run from TypeScript. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

let project: string;
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'typescript-'));
  for (const folder of ['bin', 'node_modules']) mkdirSync(join(project, folder));
  for (const file of ['bin/typescript.cjs', 'tsconfig.json']) copyFileSync(file, join(project, file));
  symlinkSync(dirname(require.resolve('esbuild/package.json')), join(project, 'node_modules/esbuild'));
});
afterEach(() => rmSync(project, { recursive: true }));

const write = (name: string, code: string) => writeFileSync(join(project, name), code);
const run = (file = join(project, 'main.ts')) =>
  execFileSync(process.execPath, ['-r', join(project, 'bin/typescript.cjs'), file], { encoding: 'utf8' });
const kept = () =>
  readdirSync(join(project, 'node_modules/.cache/typescript')).filter((name) => name.endsWith('.js'));

test('a file runs as it is now, and is kept once', () => {
  write('main.ts', "import { text } from './text'; console.log(text satisfies string);");
  for (const text of ['first', 'second', 'second']) {
    write('text.ts', `export const text: string = '${text}';`);
    expect(run()).toBe(`${text}\n`);
  }
  expect(kept().sort()).toEqual(['main.ts.js', 'text.ts.js']);
});

test('what is kept and damaged is compiled anew', () => {
  write('main.ts', "console.log('whole' as string);");
  expect(run()).toBe('whole\n');
  write('node_modules/.cache/typescript/main.ts.js', "console.log('half");
  expect(run()).toBe('whole\n');
});

test('an error is told by the line of the source, also when it is kept', () => {
  write('main.ts', "interface Unused {\n  readonly a: 1;\n}\n\nconsole.log(new Error('x').stack);");
  for (let time = 0; time < 2; time++) expect(run()).toContain(`${join(project, 'main.ts')}:5:13`);
});

test('a file of another project is not kept', () => {
  const other = mkdtempSync(join(tmpdir(), 'typescript-other-'));
  try {
    writeFileSync(join(other, 'main.ts'), "console.log('other' as string);");
    expect(run(join(other, 'main.ts'))).toBe('other\n');
    expect(readdirSync(join(project, 'node_modules'))).toEqual(['esbuild']);
  } finally {
    rmSync(other, { recursive: true });
  }
});
