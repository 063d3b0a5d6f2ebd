/** The directions between the rooms of the house are held by lint: each rule is of files that are there, and bites. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, matchesGlob } from 'node:path';

const configuration = JSON.parse(readFileSync('biome.json', 'utf8'));
const files = ['bin', 'lambdas', 'lib', 'test', 'tools'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
);

test.each(configuration.overrides.map(({ includes }: { includes: string[] }) => includes))(
  'the rule of %s is of a file that is there',
  (...includes) => {
    for (const pattern of includes) {
      expect(files.filter((file) => matchesGlob(file, String(pattern).replace(/^!/, '')))).not.toEqual([]);
    }
  },
);

const FORBIDDEN = [
  ['tools/app.ts', './cli/errors'],
  ['tools/cli/probe.ts', '../template/assembly'],
  ['tools/eventbridge/probe.ts', '../cli/errors'],
  ['tools/template/probe.ts', '../local/stack'],
  ['tools/local/services/probe.ts', '../../proof/routes/routes'],
  ['tools/local/probe.ts', '../ops/cli'],
  ['tools/local/probe.ts', '../page/attachment'],
  ['tools/ops/probe.ts', '../page/attachment'],
  ['tools/local/probe.ts', '../sim/simulation'],
  ['tools/sim/probe.ts', '../proof/routes/routes'],
  ['tools/sim/probe.ts', '../../bin/app-description'],
  ['tools/proof/routes/probe.ts', '../../local/stack'],
  ['tools/proof/probe.ts', '../ops/cli'],
  ['tools/proof/cost/measurement.ts', '../../ops/cli'],
  ['tools/ops/probe.ts', '../local/steps'],
  ['tools/ops/probe.ts', '../proof/routes/routes'],
  ['tools/ops/probe.ts', '../../lambdas/events'],
  ['tools/proof/cost/probe.ts', '../../../lib/config'],
  ['tools/local/probe.ts', '../../bin/app-description'],
  ['lambdas/probe.ts', '../tools/eventbridge/event'],
  ['lib/probe.ts', '../bin/app'],
] as const;

const ALLOWED = [
  ['tools/template/probe.ts', '../eventbridge/event'],
  ['tools/local/endpoint/probe.ts', '../services/queue'],
  ['tools/proof/cost/measurement.ts', '../../local/stack'],
  ['tools/ops/probe.ts', '../template/assembly'],
  ['tools/sim/probe.ts', '../local/stack'],
] as const;

/** Files that lint finds fault with, of a folder with this project's rules. */
function lint(probes: readonly (readonly [path: string, imported: string])[]): Set<string> {
  const folder = mkdtempSync(join(tmpdir(), 'lint-'));
  try {
    const { vcs, ...rules } = configuration;
    writeFileSync(join(folder, 'biome.json'), JSON.stringify(rules));
    for (const [path, imported] of probes) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), `export * from '${imported}';\n`);
    }
    const biome = require.resolve('@biomejs/biome/bin/biome');
    const args = [
      biome,
      'lint',
      '--reporter=json',
      '--max-diagnostics=none',
      '--only=style/noRestrictedImports',
    ];
    const report = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' }).stdout;
    const { diagnostics } = JSON.parse(report) as { diagnostics: { location: { path: string } }[] };
    return new Set(diagnostics.map(({ location }) => location.path));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const numbered = (probes: readonly (readonly [string, string])[]) =>
  probes.map(([path, imported], index) => [path.replace('probe', `probe-${index}`), imported] as const);

test('an import against a direction is an error, each by itself', () => {
  const probes = numbered(FORBIDDEN);
  expect([...lint(probes)].sort()).toEqual(probes.map(([path]) => path).sort());
});

test('an import along a direction is none', () => {
  expect(lint(numbered(ALLOWED))).toEqual(new Set());
});

test('no ARN that the local run makes assumes the partition aws', () => {
  const assumed = files
    .filter((file) => /^tools\/local\/.*\.ts$/.test(file))
    .filter((file) => /^(?!\s*(\*|\/\*|\/\/)).*[`'"]arn:aws:/m.test(readFileSync(file, 'utf8')));
  expect(assumed).toEqual([]);
});
