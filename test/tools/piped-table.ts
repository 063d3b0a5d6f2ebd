/** A table whose stream a pipe puts on a bus, without anything else. */

// biome-ignore lint/suspicious/noExplicitAny: a template has no static type
type Properties = Record<string, any>;

interface Change {
  /** Parameters of the stream in place of those here. */
  readonly stream?: Properties;
  readonly target?: Properties;
  readonly view?: string;
  /** More of the pipe. */
  readonly pipe?: Properties;
  readonly resources?: Properties;
  /** Actions of the pipe's role on all resources. */
  readonly actions?: readonly string[];
}

const READS = ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'];

export function pipedTable(change: Change = {}) {
  const { stream, target, view = 'NEW_IMAGE', pipe, resources } = change;
  const { actions = [...READS, 'events:PutEvents', 'sqs:SendMessage'] } = change;
  const allow = (Action: readonly string[]) => ({ Effect: 'Allow', Action, Resource: '*' });
  const trust = (Service: string) => ({
    Statement: [{ Effect: 'Allow', Principal: { Service }, Action: 'sts:AssumeRole' }],
  });
  return {
    Resources: {
      Table: {
        Type: 'AWS::DynamoDB::Table',
        Properties: {
          TableName: 'outbox',
          KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
          StreamSpecification: { StreamViewType: view },
          TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
        },
      },
      Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'bus' } },
      Dead: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'dead' } },
      Role: {
        Type: 'AWS::IAM::Role',
        Properties: {
          AssumeRolePolicyDocument: trust('pipes.amazonaws.com'),
          Policies: [{ PolicyName: 'p', PolicyDocument: { Statement: [allow(actions)] } }],
        },
      },
      Pipe: {
        Type: 'AWS::Pipes::Pipe',
        Properties: {
          Name: 'outbox-pipe',
          RoleArn: { 'Fn::GetAtt': ['Role', 'Arn'] },
          Source: { 'Fn::GetAtt': ['Table', 'StreamArn'] },
          SourceParameters: {
            DynamoDBStreamParameters: {
              StartingPosition: 'LATEST',
              MaximumRetryAttempts: 2,
              DeadLetterConfig: { Arn: { 'Fn::GetAtt': ['Dead', 'Arn'] } },
              ...stream,
            },
          },
          Target: { 'Fn::GetAtt': ['Bus', 'Arn'] },
          ...(target && { TargetParameters: target }),
          ...pipe,
        },
      },
      /** Writes the outbox, and is called by a rule of the bus if the template has one. */
      Writer: {
        Type: 'AWS::IAM::Role',
        Properties: {
          AssumeRolePolicyDocument: trust('lambda.amazonaws.com'),
          Policies: [{ PolicyName: 'p', PolicyDocument: { Statement: [allow(['dynamodb:PutItem'])] } }],
        },
      },
      ...resources,
    },
  };
}
