import { readFileSync } from 'node:fs';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { parseStage } from '../../lib/config';
import { EventDrivenStack } from '../../lib/event-driven-stack';

const { stages, ...flags } = JSON.parse(readFileSync('cdk.json', 'utf8')).context;

/** A function of another stack of the app that was granted to publish. */
function synthesizeCheckout(): Template {
  const app = new App({
    builtinCloudFormationValidation: false,
    context: { ...flags, 'aws:cdk:bundling-stacks': [] },
  });
  const stack = new EventDrivenStack(app, 'event-driven', { config: parseStage('production', {}) });
  const shop = new Stack(app, 'Shop');
  const checkout = new LambdaFunction(shop, 'Checkout', {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromInline('exports.handler = async () => {}'),
  });
  stack.grantPublish(checkout);
  return Template.fromStack(shop);
}

test('one grant gives a function all that the client reads from its environment, and the permissions for it', () => {
  const template = synthesizeCheckout();
  const [checkout] = Object.values(template.findResources('AWS::Lambda::Function'));
  const publisher =
    readFileSync('lambdas/publisher.ts', 'utf8') + readFileSync('lambdas/wait-for-order.ts', 'utf8');
  const read = [...publisher.matchAll(/readEnvironment\('(\w+)'\)/g)].map(([, name]) => name);
  expect(Object.keys(checkout?.Properties.Environment.Variables).sort()).toEqual([...new Set(read)].sort());

  const policies = Object.values(template.findResources('AWS::IAM::Policy'));
  const statements = policies.flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
  expect(statements.map(({ Effect, Action }: Record<string, string>) => [Effect, Action])).toEqual([
    ['Allow', 'events:PutEvents'],
    ['Allow', 'dynamodb:GetItem'],
  ]);
  const text = JSON.stringify(statements);
  expect(text).toMatch(/OutputFnGetAttBus/);
  expect(text).toMatch(/OutputFnGetAttOrdersTable/);
  expect(text).not.toContain('"*"');
});
