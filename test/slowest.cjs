/** Reporter of Jest: prints the slowest test files and tests at the end of a run of more than one file. */
const { relative } = require('node:path');

const SHOWN = 10;

const list = (title, entries) => {
  const slowest = entries.sort((a, b) => b.ms - a.ms).slice(0, SHOWN);
  const lines = slowest.map(({ ms, name }) => `${(ms / 1_000).toFixed(1).padStart(7)} s  ${name}`);
  return [`Slowest ${title}:`, ...lines].join('\n');
};

module.exports = class SlowestReporter {
  onRunComplete(_, { testResults }) {
    if (testResults.length < 2) return;
    const files = testResults.map(({ testFilePath, perfStats }) => ({
      name: relative(process.cwd(), testFilePath),
      ms: perfStats.runtime,
    }));
    const tests = testResults.flatMap(({ testFilePath, testResults: results }) =>
      results.map(({ fullName, duration }) => ({
        name: `${fullName} (${relative(process.cwd(), testFilePath)})`,
        ms: duration ?? 0,
      })),
    );
    console.log(`\n${list('test files', files)}\n${list('tests', tests)}`);
  }
};
