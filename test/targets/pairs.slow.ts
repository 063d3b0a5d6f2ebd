/**
 * Entries of `docs/targets.md` in combinations: a covering array has every pair of them, each there and not there, and each
 * with the settings that every target depends on.
 */
import '../lambdas/environment';
import { join } from 'node:path';
import { auditHops } from '../../tools/proof/audit/audit';
import { proveRoutes } from '../../tools/proof/routes/routes';
import { readAssembly } from '../../tools/template/assembly';
import { allPairs } from '../lib/settings';
import { CDK_FLAGS, descriptionOf, documentedProject, sections } from './documented-project';

jest.setTimeout(120_000);

/** Settings that change the grants of a target, and what becomes of it with the stack. */
const SETTINGS = [{ customerManagedKey: true }, { retainData: false }] as const;
const FACTORS = [...sections(), ...SETTINGS];
const choices = allPairs(FACTORS.map(() => 2)).map((choice) =>
  FACTORS.filter((_, index) => choice[index] === 1),
);

// Warnings, such as that nobody hears the alarms.
beforeEach(() => void jest.spyOn(console, 'error').mockImplementation(() => {}));
afterEach(() => jest.restoreAllMocks());

const nameOf = (choice: typeof FACTORS) =>
  choice.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))).join(', ') || 'None';

test.each(choices.map((choice) => ({ name: nameOf(choice), choice })))('$name', ({ choice }) => {
  const project = documentedProject(choice.filter((each) => typeof each === 'string'));
  const production = Object.assign({}, ...choice.filter((each) => typeof each === 'object'));
  const outdir = join(project, 'cdk.out');
  const { makeApp } = require(join(project, 'lib', 'event-driven-app'));
  const context = { ...CDK_FLAGS, stages: { production }, 'aws:cdk:bundling-stacks': [] };
  const app = makeApp({ outdir, context, builtinCloudFormationValidation: false });
  expect(() => app.synth()).not.toThrow();
  const assembly = readAssembly(outdir, { region: 'us-east-1' });
  const description = descriptionOf(project);
  expect(proveRoutes(assembly, description).findings).toEqual([]);
  // What lies outside of the stack it cannot tell, and says so.
  expect(auditHops(assembly, description).gaps).toEqual([]);
});
