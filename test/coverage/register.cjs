/**
 * Preloaded by the commands that a test run with coverage starts: compiles and instruments TypeScript exactly as Jest
 * does, and leaves what was counted for `collect.ts`.
 */
const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { COMPILED, COUNTED, REPOSITORY, SOURCES, TRANSFORM } = require('./settings.cjs');

for (const folder of [COUNTED, COMPILED]) fs.mkdirSync(folder, { recursive: true });

function compile(filename) {
  const { mtimeMs, size } = fs.statSync(filename);
  const name = path.relative(REPOSITORY, filename).replaceAll(path.sep, '+');
  const file = path.join(COMPILED, `${name}.${mtimeMs}.${size}.js`);
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    const code = transform(filename);
    write(file, code);
    return code;
  }
}

/** Others see the file wholly or not at all, since several processes may write it at once. */
function write(file, text) {
  const draft = `${file}.${randomUUID()}`;
  fs.writeFileSync(draft, text);
  fs.renameSync(draft, file);
}

function transform(filename) {
  const source = fs.readFileSync(filename, 'utf8');
  const { code } = require('@swc/jest')
    .createTransformer(TRANSFORM)
    .process(source, filename, { config: {}, supportsStaticESM: false });
  if (!SOURCES.test(path.relative(REPOSITORY, filename))) return code;
  const [, map] = /\n\/\/# sourceMappingURL=data:application\/json;base64,(\S+)\s*$/.exec(code);
  const instrumented = require('@babel/core').transformSync(code, {
    auxiliaryCommentBefore: ' istanbul ignore next ',
    babelrc: false,
    configFile: false,
    filename,
    plugins: [
      [
        require('babel-plugin-istanbul').default,
        {
          compact: false,
          cwd: REPOSITORY,
          exclude: [],
          extension: false,
          inputSourceMap: JSON.parse(Buffer.from(map, 'base64')),
          useInlineSourceMaps: false,
        },
      ],
    ],
    sourceMaps: 'inline',
  });
  return instrumented.code;
}

process.setSourceMapsEnabled(true);
for (const extension of ['.ts', '.tsx']) {
  Module._extensions[extension] = (module, filename) => module._compile(compile(filename), filename);
}
process.on('exit', () => {
  const counts = {};
  for (const [file, { hash, s, f, b, ...rest }] of Object.entries(globalThis.__coverage__ ?? {})) {
    counts[file] = { hash, s, f, b };
    const places = path.join(COMPILED, `${hash}.json`);
    if (!fs.existsSync(places)) write(places, JSON.stringify({ hash, ...rest }));
  }
  write(path.join(COUNTED, `${randomUUID()}.json`), JSON.stringify(counts));
});
