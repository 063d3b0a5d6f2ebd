/** Settings that test runs with coverage share with the commands that they start. */
const { join, resolve } = require('node:path');

const REPOSITORY = resolve(__dirname, '..', '..');
const CACHE = join(REPOSITORY, 'node_modules', '.cache', 'coverage');

module.exports = {
  REPOSITORY,
  /** Instrumented sources, and the places in them that are counted. */
  COMPILED: join(CACHE, 'compiled'),
  /** One file for each process that ended, until a test takes it. */
  COUNTED: join(CACHE, 'counted'),
  TRANSFORM: { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } },
  /** The page's client runs in a browser, where `npm run test:all` drives it. */
  SOURCES: /^(bin|lib|lambdas|tools(?!\/page\/client\/))\/.*\.ts$/,
};
