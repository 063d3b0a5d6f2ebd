import { placeholder } from '../../../tools/template/placeholder';
import { Policies } from '../../../tools/template/policies';
import { evaluate, type Statement, undecidable } from '../../../tools/template/policy';
import { conditionHolds } from '../../../tools/template/policy-condition';
import { PolicyReader } from '../../../tools/template/policy-reader';
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

  test('names a statement by its Sid, if that reads as a name', () => {
    expect(evaluate([{ ...allow, Sid: '0' }], request).reason).toBe('statement "0" allows it.');
    const { Sid: _, ...nameless } = allow;
    expect(evaluate([nameless], request).reason).toBe('statement 1 allows it.');
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

  const now = {
    ...request,
    context: { ...request.context, 'aws:CurrentTime': '2026-11-26T00:00:00Z', size: '10' },
  };
  const decide = (part: object, asked: object = now) =>
    evaluate([{ ...allow, ...part } as Statement], asked as typeof request);

  test.each<[object, boolean]>([
    [{ NumericLessThan: { size: '11' } }, true],
    [{ NumericLessThanEquals: { size: 10 } }, true],
    [{ NumericGreaterThan: { size: '10' } }, false],
    [{ NumericEquals: { size: '1e1' } }, true],
    [{ NumericNotEquals: { size: '10' } }, false],
    [{ NumericEquals: { size: 'ten' } }, false],
    [{ DateGreaterThan: { 'aws:CurrentTime': '2020-01-01T00:00:00Z' } }, true],
    [{ DateLessThan: { 'aws:CurrentTime': '1577836800' } }, false],
    [{ DateGreaterThanEquals: { 'aws:CurrentTime': 'never' } }, false],
    [{ BinaryEquals: { size: '10' } }, true],
  ])('compares numbers and dates: %j: %p', (Condition, expected) => {
    expect(decide({ Condition }).allowed).toBe(expected);
  });

  test.each<[object, string, boolean]>([
    [{ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }, '10.1.2.3', true],
    [{ IpAddress: { 'aws:SourceIp': ['192.168.0.0/16', '10.1.2.3'] } }, '10.1.2.3', true],
    [{ NotIpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }, '10.1.2.3', false],
    [{ IpAddress: { 'aws:SourceIp': '2001:db8::/32' } }, '2001:db8::1', true],
    [{ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }, '2001:db8::1', false],
  ])('compares addresses: %j of %s: %p', (Condition, address, expected) => {
    const context = { ...request.context, 'aws:SourceIp': address };
    expect(decide({ Condition }, { ...request, context }).allowed).toBe(expected);
  });

  test.each<[object, readonly string[], boolean]>([
    [{ 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['a', 'b'] } }, ['a'], true],
    [{ 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['a', 'b'] } }, ['a', 'c'], false],
    [{ 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['a', 'b'] } }, [], true],
    [{ 'ForAnyValue:StringLike': { 'dynamodb:LeadingKeys': 'a*' } }, ['x', 'ab'], true],
    [{ 'ForAnyValue:StringLike': { 'dynamodb:LeadingKeys': 'a*' } }, [], false],
    [{ 'ForAnyValue:StringNotEquals': { 'dynamodb:LeadingKeys': 'a' } }, ['a'], false],
  ])('compares sets: %j of %j: %p', (Condition, keys, expected) => {
    const context = { ...request.context, 'dynamodb:LeadingKeys': keys };
    expect(decide({ Condition }, { ...request, context }).allowed).toBe(expected);
  });

  test.each<[object, object, boolean]>([
    [{ Resource: `arn:aws:sqs:*:\${aws:SourceAccount}:jobs` }, {}, true],
    [{ Resource: `arn:aws:sqs:*:\${aws:SourceAccount}:jobs` }, { hasVariables: false }, false],
    [{ Condition: { StringEquals: { 'aws:SourceAccount': `\${aws:SourceAccount}` } } }, {}, true],
    [{ Condition: { StringEquals: { size: `\${aws:username, '10'}` } } }, {}, true],
    [{ Condition: { StringEquals: { size: `\${aws:username}` } } }, {}, false],
    [{ Condition: { StringLike: { size: `1\${*}` } } }, {}, false],
  ])('replaces the variables of a policy: %j %j: %p', (part, more, expected) => {
    const context = { ...now.context, 'aws:SourceAccount': '000000000000' };
    expect(decide({ ...part, ...more }, { ...now, context }).allowed).toBe(expected);
  });

  test('a Deny with a variable denies', () => {
    const account = { StringEquals: { 'aws:PrincipalAccount': `\${aws:PrincipalAccount}` } };
    const statements: Statement[] = [
      { Effect: 'Allow', Action: '*', Resource: '*' },
      { Effect: 'Deny', Action: '*', Resource: '*', Condition: account },
    ];
    const context = { 'aws:PrincipalAccount': '000000000000' };
    expect(evaluate(statements, { action: 'sqs:SendMessage', resource: QUEUE, context }).allowed).toBe(false);
  });

  test.each([
    [{ Condition: { StringNotEqual: { 'aws:SourceArn': '1' } } }, 'condition operator StringNotEqual'],
    [{ Condition: { StringEquals: { 'aws:PrincipalTag/team': '1' } } }, 'value of aws:PrincipalTag/team'],
    [{ Condition: { StringEquals: { 'sqs:Unheard': '1' } } }, 'value of sqs:Unheard'],
    [{ Resource: `arn:aws:sqs:::\${s3:prefix}` }, 'policy variable s3:prefix'],
    [{ Resource: 'arn:aws:sqs:us-east-1:000000000000:⟨parameter Q⟩' }, 'parameter Q has no default'],
    [{ cannotTell: 'the policy element Purpose is not known' }, 'the policy element Purpose'],
  ])('with %j cannot be told, and is never an Allow', (part, name) => {
    const role = { ...request, principal: { aws: 'arn:aws:iam::000000000000:role/r' } };
    const statement = { ...allow, Principal: { AWS: '*' }, ...part } as Statement;
    expect(evaluate([statement], role)).toEqual({
      allowed: false,
      unknown: true,
      reason: expect.stringContaining(name),
    });
    const denied = evaluate(
      [
        { ...allow, Principal: '*' },
        { ...statement, Effect: 'Deny' },
      ],
      role,
    );
    expect(denied).toMatchObject({ allowed: false, unknown: true });
  });

  test('that cannot be told does not matter where another statement decides', () => {
    const odd = { ...allow, Condition: { Odd: { a: '1' } } };
    expect(evaluate([odd, allow], request).allowed).toBe(true);
    expect(evaluate([odd, { ...allow, Effect: 'Deny' }], request)).toMatchObject({ allowed: false });
    expect(evaluate([{ ...odd, Action: 'sqs:DeleteQueue' }], request)).not.toHaveProperty('unknown');
  });

  test('a placeholder is the same as itself, and may be anything else', () => {
    const resource = 'arn:aws:sqs:us-east-1:000000000000:⟨parameter Q⟩';
    expect(evaluate([{ ...allow, Resource: resource }], { ...request, resource }).allowed).toBe(true);
    const other = { ...allow, Resource: 'arn:aws:sqs:*:000000000000:jobs' };
    expect(evaluate([other], { ...request, resource })).toMatchObject({ unknown: true });
    expect(evaluate([{ ...other, Resource: 'arn:aws:sns:*' }], { ...request, resource })).not.toHaveProperty(
      'unknown',
    );
  });

  test.each([
    [{ Service: 'sns.amazonaws.com' }, true],
    [{ Service: ['sns.amazonaws.com', 'events.amazonaws.com'] }, false],
  ])('with NotPrincipal %j: %p', (NotPrincipal, expected) => {
    expect(allowed({ ...allow, Principal: undefined, NotPrincipal })).toBe(expected);
  });

  test('of an identity needs a resource', () => {
    const statement = { Effect: 'Allow', Action: '*' } as Statement;
    expect(() => evaluate([statement], request)).toThrow('needs either Resource or NotResource');
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

  test('a permission with a condition of another service is no error', () => {
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
    const read = new Policies(assemblyOf(resources));
    expect(read.notCovered).toEqual([
      {
        resource: 'Odd',
        type: 'AWS::Lambda::Permission',
        actions: ['lambda:InvokeFunction'],
        onlyAllows: true,
        message: 'the value of lambda:EventSourceToken is not known.',
      },
    ]);
    const worker = ARN('lambda', 'function:worker');
    expect(read.serviceMay('events.amazonaws.com', RULE, 'lambda:InvokeFunction', worker)).toMatchObject({
      unknown: true,
    });
  });

  test.each([
    ['another spelling of Effect', { Effect: 'allow', Action: '*', Resource: '*' }, 'Effect'],
    ['no Resource', { Effect: 'Allow', Action: '*' }, 'it needs either Resource or NotResource'],
    [
      'two kinds of Action',
      { Effect: 'Allow', Action: '*', NotAction: 'a:*', Resource: '*' },
      'either Action',
    ],
  ])('a statement with %s is refused, by its place', (_, statement, message) => {
    const read = () => new Policies(assemblyOf(functionResources('Worker', {}, [statement])));
    expect(read).toThrow(/^AWS::IAM::Role WorkerRole: Policies\[0\]\.PolicyDocument\.Statement\[0\]/);
    expect(read).toThrow(message);
  });

  test('a policy of the resource that names the role is enough', () => {
    const named = { ...allow, Principal: { AWS: role }, Action: 'sqs:DeleteMessage' };
    expect(policies(named).roleMay(role, 'sqs:DeleteMessage', QUEUE).allowed).toBe(true);
    expect(policies({ ...named, Effect: 'Deny' }).roleMay(role, 'sqs:SendMessage', QUEUE).allowed).toBe(true);
  });

  const roleWith = (properties: object, more: object = {}) => {
    const Properties = { RoleName: 'r', AssumeRolePolicyDocument: {}, ...properties };
    return new Policies(assemblyOf({ Role: { Type: 'AWS::IAM::Role', Properties }, ...more }));
  };
  const R = 'arn:aws:iam::000000000000:role/r';
  const statement = { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: '*' };

  test("managed policies count: AWS's by a table, the customer's as the template has them", () => {
    const basic = 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole';
    const aws = roleWith({ ManagedPolicyArns: [basic] });
    expect(aws.roleMay(R, 'logs:PutLogEvents', '*').allowed).toBe(true);
    expect(aws.roleMay(R, 'sqs:SendMessage', QUEUE)).toMatchObject({ allowed: false });
    const Own = {
      Type: 'AWS::IAM::ManagedPolicy',
      Properties: { PolicyDocument: { Statement: [statement] } },
    };
    const own = roleWith({ ManagedPolicyArns: [{ Ref: 'Own' }] }, { Own });
    expect(own.roleMay(R, 'sqs:SendMessage', QUEUE).allowed).toBe(true);
  });

  test('a managed policy that is not known may allow it, and is named', () => {
    const unknown = roleWith({ ManagedPolicyArns: ['arn:aws:iam::000000000000:policy/team'] });
    const decision = unknown.roleMay(R, 'sqs:SendMessage', QUEUE);
    expect(decision).toMatchObject({ allowed: false, unknown: true });
    expect(decision.reason).toContain('policy/team');
    expect(unknown.notCovered).toHaveLength(1);
  });

  test("nobody may more than the role's permissions boundary", () => {
    const Limit = {
      Type: 'AWS::IAM::ManagedPolicy',
      Properties: { PolicyDocument: { Statement: [{ ...statement, Action: 'sns:*' }] } },
    };
    const Policies = [{ PolicyName: 'p', PolicyDocument: { Statement: [statement] } }];
    const limited = roleWith({ Policies, PermissionsBoundary: { Ref: 'Limit' } }, { Limit });
    expect(limited.roleMay(R, 'sqs:SendMessage', QUEUE).reason).toContain('permissions boundary');
    const unknown = roleWith({ Policies, PermissionsBoundary: 'arn:aws:iam::000000000000:policy/limit' });
    expect(unknown.roleMay(R, 'sqs:SendMessage', QUEUE)).toMatchObject({ unknown: true });
  });

  test('the trust policy says who may assume a role', () => {
    const trust = { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' };
    const read = roleWith({ AssumeRolePolicyDocument: { Statement: [trust] } });
    expect(read.mayAssumeArn('ec2.amazonaws.com', R).allowed).toBe(true);
    expect(read.mayAssumeArn('events.amazonaws.com', R)).toMatchObject({ allowed: false });
    expect(read.mayAssumeArn('events.amazonaws.com', 'arn:aws:iam::000000000000:role/x')).toMatchObject({
      unknown: true,
    });
  });

  test('a key without a policy leaves it to the policies of the account', () => {
    const Key = { Type: 'AWS::KMS::Key', Properties: {} };
    const Policies = [
      { PolicyName: 'p', PolicyDocument: { Statement: [{ ...statement, Action: 'kms:Decrypt' }] } },
    ];
    const read = roleWith({ Policies }, { Key });
    const key = ARN('kms', 'key/shop-Key');
    expect(read.roleMay(R, 'kms:Decrypt', key).allowed).toBe(true);
    expect(read.serviceMay('events.amazonaws.com', RULE, 'kms:Decrypt', key)).toMatchObject({
      allowed: false,
    });
  });

  test('a permission for an alias is one for that alias only', () => {
    const target = ARN('lambda', 'function:worker');
    const permission = (FunctionName: string) =>
      new Policies(
        assemblyOf({
          ...functionResources('Worker'),
          P: {
            Type: 'AWS::Lambda::Permission',
            Properties: { Action: 'lambda:InvokeFunction', FunctionName, Principal: 'events.amazonaws.com' },
          },
        }),
      );
    const may = (named: string, arn: string) =>
      permission(named).serviceMay('events.amazonaws.com', RULE, 'lambda:InvokeFunction', arn).allowed;
    expect(may('worker:live', `${target}:live`)).toBe(true);
    expect(may('worker:live', target)).toBe(false);
    expect(may('worker', `${target}:live`)).toBe(false);
    expect(may(target, target)).toBe(true);
    expect(may('000000000000:function:worker', target)).toBe(true);
  });
});

describe('the policies of a template', () => {
  const read = (resources: Record<string, object>) => new PolicyReader(assemblyOf(resources)).protecting();

  test.each([
    ['everybody', '*', '*'],
    ['an account', '111122223333', { AWS: '111122223333' }],
  ])("a bus's policy may be written by its parts, for %s", (_, Principal, expected) => {
    const [own] = read({
      Policy: {
        Type: 'AWS::Events::EventBusPolicy',
        Properties: {
          ...{ StatementId: 'Put', Action: 'events:PutEvents', Principal },
          Condition: { Type: 'StringEquals', Key: 'aws:PrincipalOrgID', Value: 'o-1' },
        },
      },
    });
    expect(own?.protects).toBe(ARN('events', 'event-bus/default'));
    expect(own?.policy.statements).toMatchObject([
      {
        ...{ Sid: 'Put', Principal: expected, Action: 'events:PutEvents', Resource: own?.protects },
        Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-1' } },
      },
    ]);
  });

  test("a bus's policy may be one statement, of a bus of the template", () => {
    const statement = { Effect: 'Allow', Principal: '*', Action: 'events:PutEvents', Resource: '*' };
    const [own] = read({
      Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'shop' } },
      Policy: {
        Type: 'AWS::Events::EventBusPolicy',
        Properties: { EventBusName: { Ref: 'Bus' }, Statement: statement },
      },
    });
    expect(own).toMatchObject({ protects: { logicalId: 'Bus' }, policy: { statements: [statement] } });
  });

  test('a permission is for an account where it names no service, and for a function of elsewhere by its ARN', () => {
    const [own] = read({
      Permission: {
        Type: 'AWS::Lambda::Permission',
        Properties: {
          ...{ Action: 'lambda:InvokeFunction', FunctionName: 'elsewhere', Principal: '111122223333' },
          InvokedViaFunctionUrl: true,
        },
      },
    });
    expect(own).toMatchObject({
      protects: ARN('lambda', 'function:elsewhere'),
      policy: {
        statements: [
          {
            Principal: { AWS: '111122223333' },
            cannotTell: 'the property InvokedViaFunctionUrl of the permission is not known',
          },
        ],
      },
    });
  });

  test('a policy without a document says nothing', () => {
    expect(read({ Policy: { Type: 'AWS::SQS::QueuePolicy', Properties: { Queues: ['jobs'] } } })).toEqual([]);
  });

  const documentOf = (PolicyDocument: unknown) => () =>
    read({ Policy: { Type: 'AWS::SQS::QueuePolicy', Properties: { Queues: [QUEUE], PolicyDocument } } })[0]
      ?.policy.statements;
  const unknown = { 'Fn::ImportValue': 'elsewhere' };

  test.each<[string, unknown]>([
    ['its document', unknown],
    ['a statement', { Statement: [unknown] }],
    ['an element', { Statement: [{ Effect: unknown, Principal: '*', Action: '*' }] }],
  ])('a policy of which %s is not known may allow anything', (_, document) => {
    expect(documentOf(document)()).toMatchObject([
      { Principal: '*', Action: '*', cannotTell: expect.stringContaining('elsewhere') },
    ]);
  });

  test('an element that is not known makes its statement undecided', () => {
    const statement = { Effect: 'Allow', Principal: '*', Action: '*', Novelty: 1 };
    expect(documentOf({ Statement: statement })()).toMatchObject([
      { cannotTell: 'the policy element Novelty is not known' },
    ]);
  });

  test.each<[string, unknown, string]>([
    ['is no JSON', '{"Statement"', 'PolicyDocument: it is not JSON'],
    ['is no object', 7, 'AWS::SQS::QueuePolicy Policy: PolicyDocument: '],
    ['has a malformed statement', { Statement: [7] }, 'PolicyDocument.Statement[0]: '],
    ['names no action', '{"Statement": [{"Effect": "Allow"}]}', 'it needs either Action or NotAction.'],
  ])('a document that %s is refused', (_, document, message) => {
    expect(documentOf(document)).toThrow(message);
  });
});

describe('a condition', () => {
  test.each<[string, readonly string[], string | readonly string[] | undefined, unknown]>([
    ['NumericEquals', ['1'], '1.0', true],
    ['NumericEquals', ['1'], ' ', false],
    ['DateLessThan', ['2026-01-01T00:00:00Z'], '1700000000', true],
    ['DateLessThan', ['soon'], '1700000000', false],
    ['IpAddress', ['10.0.0.0/8'], '10.1.2.3', true],
    ['IpAddress', ['10.0.0.1'], '10.0.0.1', true],
    ['IpAddress', ['2001:db8::1'], '2001:db8::1', true],
    ['IpAddress', ['2001:db8::/32'], '10.0.0.1', false],
    ['IpAddress', ['nowhere'], '10.0.0.1', false],
    ['StringEquals', ['a'], ['a', 'b'], 'StringEquals is given several values'],
    ['StringEquals', ['a'], [], 'StringEquals is given several values'],
    ['ForAnyValue:StringEquals', ['a'], ['b', 'a'], true],
    ['ForAnyValue:StringEquals', ['a'], undefined, false],
    ['ForAnyValue:StringEqualsIfExists', ['a'], undefined, true],
    ['ForAllValues:StringEquals', ['a'], ['b', 'a'], false],
    ['ForAllValues:StringEquals', ['a'], undefined, true],
    ['StringNotEqual', ['a'], 'a', 'the condition operator StringNotEqual is not known'],
    ['String-Like', ['a'], 'a', 'the condition operator String-Like is not known'],
    ['ForAllValues:StringLike', [`${placeholder('parameter', 'X')}*`], ['ab'], 'parameter X has no default'],
  ])('%s %j of %j: %j', (operator, wanted, actual, expected) => {
    expect(conditionHolds(operator, wanted, actual)).toBe(expected);
  });

  test('names what cannot be told of a statement', () => {
    const statement = {
      ...{ Effect: 'Allow', Action: '*', Resource: `arn:aws:s3:::\${aws:userid}/\${aws:SourceArn}` },
      Condition: { StringSounds: { 'aws:SourceVpc': 'v' }, StringEquals: { 'aws:SourceArn': RULE } },
    } as Statement;
    expect(undecidable(statement, ['aws:SourceArn'])).toEqual([
      'the condition operator StringSounds is not known',
      'the value of aws:SourceVpc is not known',
      'the value of the policy variable aws:userid is not known',
    ]);
    expect(
      undecidable({ ...statement, hasVariables: false, cannotTell: 'it is odd' }, ['aws:SourceArn']),
    ).toEqual([
      'it is odd',
      'the condition operator StringSounds is not known',
      'the value of aws:SourceVpc is not known',
    ]);
  });
});
