import { AssemblyError } from '../../../tools/template/assembly';
import { evaluate, Policies, type Statement } from '../../../tools/template/policy';
import { ARN, assemblyOf, functionResources } from './template';

const QUEUE = ARN('sqs', 'jobs');
const RULE = ARN('events', 'rule/shop/placed');

const request = {
  principal: { service: 'events.amazonaws.com' },
  action: 'sqs:SendMessage',
  resource: QUEUE,
  context: { 'aws:SourceArn': RULE, 'aws:SecureTransport': 'true' },
};

const allow: Statement = {
  Sid: 'LetRuleIn',
  Effect: 'Allow',
  Principal: { Service: 'events.amazonaws.com' },
  Action: 'sqs:SendMessage',
  Resource: QUEUE,
};

const allowed = (...statements: object[]) => evaluate(statements as Statement[], request).allowed;

describe('a policy', () => {
  test('allows nothing by itself', () => {
    expect(evaluate([], request)).toEqual({
      allowed: false,
      reason: `No statement allows sqs:SendMessage on ${QUEUE} for events.amazonaws.com.`,
    });
  });

  test('allows what a statement allows', () => {
    expect(evaluate([allow], request)).toEqual({ allowed: true, reason: 'LetRuleIn allows it.' });
  });

  test('a Deny wins over any Allow, wherever it stands', () => {
    const deny = { ...allow, Sid: 'No', Effect: 'Deny' };
    expect(allowed(allow, deny)).toBe(false);
    expect(allowed(deny, allow)).toBe(false);
  });

  test.each([
    ['a list of actions', { Action: ['sqs:GetQueueUrl', 'sqs:SendMessage'] }],
    ['a wildcard of actions', { Action: 'sqs:Send*' }],
    ['actions in another spelling', { Action: 'SQS:sendmessage' }],
    ['all but other actions', { Action: undefined, NotAction: 'sqs:DeleteQueue' }],
    ['a wildcard of resources', { Resource: 'arn:aws:sqs:*:*:j?bs' }],
    ['all but other resources', { Resource: undefined, NotResource: ARN('sqs', 'others') }],
    ['everybody', { Principal: '*' }],
    ['every principal', { Principal: { AWS: '*' } }],
    ['one of several services', { Principal: { Service: ['sns.amazonaws.com', 'events.amazonaws.com'] } }],
  ])('may be about %s', (_, part) => {
    expect(allowed({ ...allow, ...part })).toBe(true);
  });

  test.each([
    ['another action', { Action: 'sqs:DeleteMessage' }],
    ['all but this action', { Action: undefined, NotAction: 'sqs:Send*' }],
    ['another resource', { Resource: ARN('sqs', 'others') }],
    ['all but this resource', { Resource: undefined, NotResource: QUEUE }],
    ['another service', { Principal: { Service: 'sns.amazonaws.com' } }],
    ['an account, which is no service', { Principal: { AWS: 'arn:aws:iam::000000000000:root' } }],
  ])('that is about %s does not apply', (_, part) => {
    expect(allowed({ ...allow, ...part })).toBe(false);
  });

  test.each([
    [{ ArnEquals: { 'aws:SourceArn': RULE } }, true],
    [{ ArnLike: { 'AWS:SourceArn': ARN('events', 'rule/shop/*') } }, true],
    [{ ArnLike: { 'aws:SourceArn': 'arn:aws:events:*' } }, false],
    [{ ArnEquals: { 'aws:SourceArn': ARN('events', 'rule/shop/other') } }, false],
    [{ ArnNotEquals: { 'aws:SourceArn': ARN('events', 'rule/shop/other') } }, true],
    [{ StringEquals: { 'aws:SourceArn': [ARN('events', 'rule/x'), RULE] } }, true],
    [{ StringEqualsIgnoreCase: { 'aws:SourceArn': RULE.toUpperCase() } }, true],
    [{ StringNotEquals: { 'aws:SourceArn': RULE } }, false],
    [{ StringLike: { 'aws:SourceArn': '*placed' } }, true],
    [{ StringNotLike: { 'aws:SourceArn': '*placed' } }, false],
    [{ Bool: { 'aws:SecureTransport': 'false' } }, false],
    [{ Bool: { 'aws:SecureTransport': true } }, true],
    [{ Null: { 'aws:SourceVpc': 'true' } }, true],
    [{ Null: { 'aws:SourceArn': 'true' } }, false],
    [{ StringEquals: { 'aws:SourceVpc': 'vpc-1' } }, false],
    [{ StringEqualsIfExists: { 'aws:SourceVpc': 'vpc-1' } }, true],
    [{ StringNotEquals: { 'aws:SourceVpc': 'vpc-1' } }, true],
    [{ ArnEquals: { 'aws:SourceArn': RULE }, Bool: { 'aws:SecureTransport': 'false' } }, false],
  ])('with the condition %j: %p', (Condition, expected) => {
    expect(allowed({ ...allow, Condition })).toBe(expected);
  });

  test.each([
    [{ Condition: { NumericLessThan: { a: '1' } } }, 'condition operator NumericLessThan'],
    [{ Condition: { StringNotEqual: { a: '1' } } }, 'condition operator StringNotEqual'],
    [{ NotPrincipal: { Service: 'x' } }, 'NotPrincipal'],
    [{ Resource: `arn:aws:sqs:::\${aws:username}` }, 'policy variables'],
  ])('with %j is an error, never an Allow', (part, name) => {
    expect(() => allowed({ ...allow, ...part })).toThrow(AssemblyError);
    expect(() => allowed({ ...allow, ...part })).toThrow(name);
  });

  test('says what the nearest statement lacks', () => {
    const other = { ...allow, Condition: { ArnEquals: { 'aws:SourceArn': 'arn:x' } } };
    const decision = evaluate([{ ...allow, Action: 'sqs:DeleteQueue' }, other], request);
    expect(decision.reason).toMatch(
      /Nearest is LetRuleIn: ArnEquals wants aws:SourceArn arn:x, but it is arn:aws:/,
    );
  });
});

describe("a template's policies", () => {
  const tlsOnly = {
    Effect: 'Deny',
    Principal: { AWS: '*' },
    Action: 'sqs:*',
    Resource: { 'Fn::GetAtt': ['Queue', 'Arn'] },
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  };
  const policies = (...statements: object[]) =>
    new Policies(
      assemblyOf({
        ...functionResources('Worker', {}, [
          { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: { 'Fn::GetAtt': ['Queue', 'Arn'] } },
        ]),
        Extra: {
          Type: 'AWS::IAM::Policy',
          Properties: {
            PolicyName: 'extra',
            Roles: [{ Ref: 'WorkerRole' }],
            PolicyDocument: { Statement: [{ Effect: 'Allow', Action: 'dynamodb:GetItem', Resource: '*' }] },
          },
        },
        Permission: {
          Type: 'AWS::Lambda::Permission',
          Properties: {
            Action: 'lambda:InvokeFunction',
            FunctionName: { 'Fn::GetAtt': ['Worker', 'Arn'] },
            Principal: 'events.amazonaws.com',
            SourceArn: RULE,
          },
        },
        Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'jobs' } },
        QueuePolicy: {
          Type: 'AWS::SQS::QueuePolicy',
          Properties: { Queues: [{ Ref: 'Queue' }], PolicyDocument: { Statement: [tlsOnly, ...statements] } },
        },
      }),
    );
  const role = 'arn:aws:iam::000000000000:role/shop-WorkerRole';

  test("a queue's policy decides what a service may do for a rule", () => {
    const may = (rule: string, ...statements: object[]) =>
      policies(...statements).serviceMay('events.amazonaws.com', rule, 'sqs:SendMessage', QUEUE).allowed;
    const scoped = { ...allow, Condition: { ArnEquals: { 'aws:SourceArn': RULE } } };
    expect(may(RULE)).toBe(false);
    expect(may(RULE, scoped)).toBe(true);
    expect(may(ARN('events', 'rule/shop/other'), scoped)).toBe(false);
  });

  test("a function's permission decides which rule may invoke it", () => {
    const may = (rule: string) =>
      policies().serviceMay(
        'events.amazonaws.com',
        rule,
        'lambda:InvokeFunction',
        ARN('lambda', 'function:worker'),
      );
    expect(may(RULE).allowed).toBe(true);
    expect(may(ARN('events', 'rule/shop/other')).allowed).toBe(false);
  });

  test("a role may do what its policies say, inline or attached, unless the resource's policy denies it", () => {
    expect(policies().roleMay(role, 'sqs:SendMessage', QUEUE).allowed).toBe(true);
    expect(policies().roleMay(role, 'dynamodb:GetItem', ARN('dynamodb', 'table/x')).allowed).toBe(true);
    expect(policies().roleMay(role, 'dynamodb:PutItem', ARN('dynamodb', 'table/x')).allowed).toBe(false);
    const deny = { Effect: 'Deny', Principal: { AWS: role }, Action: 'sqs:*', Resource: QUEUE };
    expect(policies(deny).roleMay(role, 'sqs:SendMessage', QUEUE).allowed).toBe(false);
  });

  test("a resource's policy that lets the account in leaves it to the role's own policies", () => {
    const account = {
      ...allow,
      Principal: { AWS: 'arn:aws:iam::000000000000:root' },
      Action: 'sqs:ReceiveMessage',
    };
    expect(policies(account).roleMay(role, 'sqs:ReceiveMessage', QUEUE).allowed).toBe(false);
  });

  test('a permission with a property that is not known here is refused', () => {
    const resources = {
      ...functionResources('Worker'),
      Odd: {
        Type: 'AWS::Lambda::Permission',
        Properties: {
          Action: 'lambda:InvokeFunction',
          FunctionName: 'worker',
          Principal: 'events.amazonaws.com',
          EventSourceToken: 'x',
        },
      },
    };
    expect(() => new Policies(assemblyOf(resources))).toThrow(
      'AWS::Lambda::Permission Odd: the local run does not know its property EventSourceToken.',
    );
  });
});
