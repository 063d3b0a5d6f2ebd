import path from 'node:path';
import { checkSource, isGiven, loadStack } from '../../../tools/local/template-source';

const template = path.join(__dirname, '..', 'template', 'fixtures', 'default-bus-aws-source.json');

test('a template that is given is run as it is, and nothing is synthesized', async () => {
  const { assembly, synthesis } = await loadStack({ template, account: '111122223333' }, '/nowhere');
  expect(synthesis).toBeUndefined();
  expect(assembly.resources.get('Q')?.arn).toMatch(/:111122223333:default-bus-aws-source-Q$/);
});

test('a template that is given cannot be watched', () => {
  expect(() => checkSource({ template, watch: true })).toThrow('--watch synthesizes this project');
  expect(() => checkSource({ watch: true })).not.toThrow();
  expect(isGiven({ assembly: 'cdk.out' })).toBe(true);
  expect(isGiven({ stack: 'shop' })).toBe(false);
});
