/**
 * Lets `node -r ./bin/typescript.cjs` run TypeScript: each file is compiled by esbuild once, and read from a cache until it
 * changes. Compiling all files of `npm start` anew takes longer than everything else that it does until the first event.
 */
'use strict';

const { createHash, randomUUID } = require('node:crypto');
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const PROJECT = path.join(__dirname, '..');
const CACHE = path.join(PROJECT, 'node_modules', '.cache', 'typescript');
/** What decides on the code beside the source. */
const COMPILER = [
  require('esbuild/package.json').version,
  fs.readFileSync(path.join(PROJECT, 'tsconfig.json'), 'utf8'),
];

/** V8's code of each file as well, where Node can keep it (22 and later). */
Module.enableCompileCache?.(path.join(CACHE, 'v8'));

function compile(filename) {
  const source = fs.readFileSync(filename, 'utf8');
  const name = path.relative(PROJECT, filename);
  // Files of other projects, such as those that tests make, are not kept.
  if (name.startsWith('..')) return transform(source, filename);
  const hash = createHash('sha1').update(COMPILER.join('\0')).update('\0').update(source).digest('hex');
  const end = `\n//${hash}\n`;
  const cached = path.join(CACHE, `${name.replaceAll(path.sep, '+')}.js`);
  try {
    const code = fs.readFileSync(cached, 'utf8');
    if (code.endsWith(end)) return code;
  } catch {
    // Not compiled yet.
  }
  const code = transform(source, filename) + end;
  write(cached, code);
  return code;
}

function transform(source, filename) {
  const { code } = require('esbuild').transformSync(source, {
    sourcefile: filename,
    loader: filename.endsWith('x') ? 'tsx' : 'ts',
    format: 'cjs',
    sourcemap: 'inline',
    sourcesContent: false,
    tsconfigRaw: COMPILER[1],
  });
  return code;
}

/** Others see the file wholly or not at all, since several processes may write it at once. */
function write(file, text) {
  try {
    fs.mkdirSync(CACHE, { recursive: true });
    const draft = `${file}.${randomUUID()}`;
    fs.writeFileSync(draft, text);
    fs.renameSync(draft, file);
  } catch {
    // A folder that cannot be written to: it is compiled each time.
  }
}

process.setSourceMapsEnabled(true);
for (const extension of ['.ts', '.tsx']) {
  Module._extensions[extension] = (module, filename) => module._compile(compile(filename), filename);
}
