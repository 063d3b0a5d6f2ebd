import { readAssembly } from '../../../tools/template/assembly';
import {
  hasPlaceholder,
  placeholder,
  placeholdersIn,
  reasonsOf,
  splitKnown,
} from '../../../tools/template/placeholder';
import { writeAssembly } from './template';

/** The value as it comes out of a property, in a template with an API and a parameter. */
function resolve(value: unknown, template: object = {}): unknown {
  const Resources = {
    Subject: { Type: 'AWS::SQS::Queue', Properties: { Tags: value } },
    Api: { Type: 'AWS::ApiGatewayV2::Api', Properties: {} },
    Jobs: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'jobs' } },
  };
  const Parameters = {
    Mail: { Type: 'String' },
    Zones: { Type: 'CommaDelimitedList' },
    Image: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/image' },
  };
  const Conditions = {
    HasMail: { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'Mail' }, ''] }] },
    Never: { 'Fn::Equals': ['a', 'b'] },
    Empty: {},
    Odd: { 'Fn::Contains': [['a'], 'a'] },
    Both: { 'Fn::And': [{ Condition: 'HasMail' }, { Condition: 'Never' }] },
    Either: { 'Fn::Or': [{ Condition: 'HasMail' }, { Condition: 'Never' }] },
  };
  const Mappings = { Images: { 'eu-west-1': { id: 'ami-1' } } };
  const directory = writeAssembly({ Parameters, Conditions, Mappings, Resources, ...template });
  return readAssembly(directory, { region: 'us-east-1' }).resources.get('Subject')?.properties.Tags;
}

describe('what only AWS knows is a placeholder that says where it comes from', () => {
  test.each([
    [{ 'Fn::GetAtt': ['Api', 'ApiEndpoint'] }, 'only AWS knows the attribute Api.ApiEndpoint'],
    [{ Ref: 'Api' }, 'only AWS knows what Ref gives for Api'],
    [{ 'Fn::ImportValue': 'shop-bus' }, 'shop-bus is exported by a stack that is not here'],
    [{ Ref: 'Mail' }, 'parameter Mail has no default'],
    [{ 'Fn::Join': ['-', { Ref: 'Zones' }] }, 'parameter Zones has no default'],
    [{ Ref: 'Image' }, 'parameter Image is read from Parameter Store'],
    ['{{resolve:ssm:/shop/bus}}', 'AWS looks up the dynamic reference to ssm /shop/bus'],
    [
      { 'Fn::Sub': `{{resolve:ssm:/\${AWS::StackName}/bus}}` },
      'AWS looks up the dynamic reference to ssm /shop/bus',
    ],
    [
      { 'Fn::Select': [0, { 'Fn::GetAZs': '' }] },
      'only AWS knows the Availability Zones of us-east-1 number 0',
    ],
    [{ Ref: 'AWS::StackId' }, 'only AWS knows AWS.StackId of shop'],
    [{ 'Fn::Join': ['-', { 'Fn::GetAtt': ['Api', 'Servers'] }] }, 'only AWS knows the attribute Api.Servers'],
    [
      { 'Fn::Select': [{ Ref: 'Mail' }, ['a', 'b']] },
      'Fn.Select parameter Mail of ["a","b"] is not evaluated',
    ],
    [{ 'Fn::Select': [2, [{ Ref: 'Mail' }, 'b']] }, 'Fn.Select 2 of ["parameter Mail","b"] is not evaluated'],
    [
      { 'Fn::If': ['HasMail', 'a', { Ref: 'AWS::NoValue' }] },
      'it depends on condition HasMail ("a" or nothing), which cannot be evaluated',
    ],
    [
      { 'Fn::If': ['Empty', 'a', 'b'] },
      'it depends on condition Empty ("a" or "b"), which cannot be evaluated',
    ],
    [
      { 'Fn::If': ['HasMail', 'a', 'b'] },
      'it depends on condition HasMail ("a" or "b"), which cannot be evaluated',
    ],
    [
      { 'Fn::FindInMap': ['Images', { Ref: 'AWS::Region' }, 'id'] },
      'there is no mapping Images.us-east-1.id',
    ],
    [{ 'Fn::Length': { 'Fn::ImportValue': 'list' } }, 'Fn.Length of import list is not evaluated'],
    [{ 'Fn::Base64': { 'Fn::ImportValue': 'text' } }, 'text is exported by a stack that is not here'],
    [{ 'Fn::If': ['Odd', 'a', 'b'] }, 'it depends on condition Odd ("a" or "b"), which cannot be evaluated'],
    [{ 'Fn::Cidr': ['10.0.0.0/16', 2] }, 'Fn.Cidr at Subject.Properties.Tags is not evaluated'],
  ])('%j', (value, reason) => {
    expect(reasonsOf(resolve(value))).toBe(reason);
  });

  test('also within a text, of which the rest is known', () => {
    expect(resolve({ 'Fn::Sub': `arn:aws:sqs:us-east-1:\${Mail}:jobs` })).toBe(
      'arn:aws:sqs:us-east-1:⟨parameter Mail⟩:jobs',
    );
  });

  test('a condition that depends on one is decided where its value does not matter', () => {
    expect(resolve({ 'Fn::If': ['HasMail', 'same', 'same'] })).toBe('same');
    expect(resolve({ 'Fn::If': ['Both', 'yes', 'no'] })).toBe('no');
    expect(hasPlaceholder(resolve({ 'Fn::If': ['Either', 'yes', 'no'] }))).toBe(true);
  });

  test('the same placeholder is the same value', () => {
    const Conditions = { Same: { 'Fn::Equals': [{ Ref: 'Mail' }, { Ref: 'Mail' }] } };
    expect(resolve({ 'Fn::If': ['Same', 'yes', 'no'] }, { Conditions })).toBe('yes');
  });

  test('a text is split outside of placeholders, and a part after one is not known', () => {
    const arn = { 'Fn::GetAtt': ['Api', 'Arn'] };
    const text = { 'Fn::Join': [':', ['arn', 'aws', arn, 'last']] };
    expect(resolve({ 'Fn::Select': [1, { 'Fn::Split': [':', text] }] })).toBe('aws');
    expect(hasPlaceholder(resolve({ 'Fn::Select': [3, { 'Fn::Split': [':', text] }] }))).toBe(true);
  });
});

test('a resource whose condition cannot be told is there, and says so', () => {
  const directory = writeAssembly({
    Parameters: { Stage: { Type: 'String' } },
    Conditions: { IsProduction: { 'Fn::Equals': [{ Ref: 'Stage' }, 'production'] } },
    Resources: { Audit: { Type: 'AWS::SQS::Queue', Condition: 'IsProduction' } },
  });
  const uncertain = (parameters: Record<string, string>) =>
    readAssembly(directory, { parameters }).resources.get('Audit')?.uncertain;
  expect(uncertain({})).toBe('its condition IsProduction cannot be told: parameter Stage has no default');
  expect(uncertain({ Stage: 'production' })).toBeUndefined();
  expect(readAssembly(directory, { parameters: { Stage: 'test' } }).resources.size).toBe(0);
});

test('a placeholder has no colon, so that an ARN keeps its parts', () => {
  const text = placeholder('dynamic reference', 'secretsmanager:shop::bus');
  expect(text).not.toContain(':');
  expect(placeholdersIn(`arn:${text}`)).toHaveLength(1);
  expect(splitKnown(`a/${placeholder('parameter', 'x/y')}/b`, '/')).toEqual(['a', '⟨parameter x/y⟩', 'b']);
});
