/** Two small stacks: the first shares its events with the bus of a partner's account, which may let them in. */
import { ARN } from '../template/template';

export const PARTNER = 'arn:aws:events:eu-central-1:111122223333:event-bus/partner';
export const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });

const rule = (name: string, bus: object | undefined, target: object) => ({
  Type: 'AWS::Events::Rule',
  Properties: {
    Name: name,
    ...(bus && { EventBusName: bus }),
    EventPattern: { source: [{ prefix: '' }] },
    Targets: [{ Id: 'T', ...target }],
  },
});
const roleFor = (Resource: unknown) => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    RoleName: 'delivers',
    AssumeRolePolicyDocument: {
      Statement: [
        { Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' }, Action: 'sts:AssumeRole' },
      ],
    },
    Policies: [
      {
        PolicyName: 'p',
        PolicyDocument: { Statement: [{ Effect: 'Allow', Action: 'events:PutEvents', Resource }] },
      },
    ],
  },
});
const queue = (QueueName: string) => ({ Type: 'AWS::SQS::Queue', Properties: { QueueName } });
const letIn = (id: string) => ({
  Type: 'AWS::SQS::QueuePolicy',
  Properties: {
    Queues: [{ Ref: id }],
    PolicyDocument: {
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: 'events.amazonaws.com' },
          Action: 'sqs:SendMessage',
          Resource: arnOf(id),
        },
      ],
    },
  },
});

/** The first stack: all events of its default bus go to the partner's bus. */
export const ours = (target: object = { RoleArn: arnOf('Role') }, resource: unknown = PARTNER) => ({
  Resources: {
    Share: rule('share', undefined, { Arn: PARTNER, DeadLetterConfig: { Arn: arnOf('Dead') }, ...target }),
    Role: roleFor(resource),
    Dead: queue('dead'),
    DeadPolicy: letIn('Dead'),
  },
});

/** The partner's stack: what comes to its bus lies in a queue, and is to go on to the first one's bus. */
export const theirs = (...statements: object[]) => ({
  Resources: {
    Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'partner' } },
    ...Object.fromEntries(
      statements.map((Statement, index) => [
        `Policy${index}`,
        {
          Type: 'AWS::Events::EventBusPolicy',
          Properties: { EventBusName: 'partner', StatementId: `s${index}`, Statement },
        },
      ]),
    ),
    Take: rule('take', { Ref: 'Bus' }, { Arn: arnOf('Inbox') }),
    Inbox: queue('inbox'),
    InboxPolicy: letIn('Inbox'),
    Back: rule('back', { Ref: 'Bus' }, { Arn: ARN('events', 'event-bus/default'), RoleArn: arnOf('Role') }),
    Role: roleFor('*'),
  },
});
export const allow = (AWS: string, Condition?: object) => ({
  ...{ Effect: 'Allow', Principal: { AWS }, Action: 'events:PutEvents', Resource: arnOf('Bus') },
  ...(Condition && { Condition }),
});
export const ACCOUNT = 'arn:aws:iam::000000000000:root';
export const OF_APP = { StringEquals: { 'events:source': 'app' } };
