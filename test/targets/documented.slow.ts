/** The entries of `docs/targets.md`, each alone: what its reader gets by writing it down. */
import '../lambdas/environment';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { auditHops } from '../../tools/proof/audit/audit';
import { readFlow } from '../../tools/proof/routes/flow';
import { proveRoutes } from '../../tools/proof/routes/routes';
import { descriptionOf, documentedProject, entries, sections, synthesizeProject } from './documented-project';

jest.setTimeout(120_000);

test('each entry has at most 15 lines', () => {
  expect(entries().filter(({ lines }) => lines.length > 15)).toEqual([]);
});

test('all entries together compile', () => {
  const project = documentedProject(sections());
  const { stdout } = spawnSync('npx', ['tsc', '-p', project, '--pretty', 'false'], { encoding: 'utf8' });
  expect(stdout.split('\n').filter((line) => line.includes('error'))).toEqual([]);
});

/** Templates of the sections, each alone. */
const templates: string[] = [];

describe.each(sections())('%s', (section) => {
  test('passes the validators, routes and audit, and is drawn', () => {
    const project = documentedProject([section]);
    const assembly = synthesizeProject(project);
    const app = descriptionOf(project);
    const { findings } = proveRoutes(assembly, app);
    expect(findings).toEqual([]);
    const { gaps } = auditHops(assembly, app);
    expect(gaps).toEqual([]);
    const { edges } = readFlow(assembly, app);
    for (const rule of assembly.ofType('AWS::Events::Rule')) {
      const drawn = edges.filter(({ from, kind }) => from === rule.logicalId && kind === 'event');
      if (rule.properties.EventPattern) expect(drawn).toHaveLength(rule.properties.Targets.length);
    }
    templates.push(join(project, 'cdk.out', 'event-driven.template.json'));
  });
});

const isLintFound = spawnSync('cfn-lint', ['--version']).status === 0;
(isLintFound ? test : test.skip)('cfn-lint has no error in any of them', () => {
  expect(templates).toHaveLength(sections().length);
  const args = ['--format', 'parseable', '--non-zero-exit-code', 'error', '--template', ...templates];
  const { stdout } = spawnSync('cfn-lint', args, { encoding: 'utf8' });
  expect(stdout.split('\n').filter((line) => /:E\d+:/.test(line))).toEqual([]);
});
