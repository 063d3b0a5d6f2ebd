import type { IPolicyValidationContext, IPolicyValidationPlugin } from 'aws-cdk-lib';
import { AsWarnings } from '../../lib/findings';

test('a finding becomes one line that names its places as far as the pack does, and fails nothing', () => {
  const resource = { locations: [], templatePath: 'template.json' };
  const pack: IPolicyValidationPlugin = {
    name: 'pack',
    validate: () => ({
      success: false,
      violations: [
        {
          ruleName: 'Rule1',
          description: 'It\nlacks something.',
          violatingResources: [
            { ...resource, resourceLogicalId: 'Queue', constructPath: 'stack/Queue' },
            { ...resource, resourceLogicalId: 'Topic' },
          ],
        },
      ],
    }),
  };
  const lines: string[] = [];
  const report = new AsWarnings(pack, (line) => lines.push(line)).validate({} as IPolicyValidationContext);
  expect(lines).toEqual(['warning: Rule1 stack/Queue, Topic: It lacks something.']);
  expect(report).toMatchObject({ success: true, violations: [] });
});
