import { type CfnResource, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { StageConfig } from './config';

/** Id that CDK gives to the function behind `autoDeleteObjects`. */
const EMPTIER = 'Custom::S3AutoDeleteObjectsCustomResourceProvider';

/**
 * Lets `cdk destroy` leave nothing of the stack: CDK's function empties the buckets, and logs into a group of the stack,
 * since it may not create one that would stay.
 */
export function leaveNothing(stack: Stack, config: StageConfig): void {
  const provider = stack.node.tryFindChild(EMPTIER);
  if (!provider) return;
  const logs = new LogGroup(stack, 'BucketEmptierLogs', {
    logGroupName: `/aws/lambda/${config.prefix}-bucket-emptier`,
    retention: config.logRetentionDays,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const handler = provider.node.findChild('Handler') as CfnResource;
  const role = provider.node.findChild('Role') as CfnResource;
  handler.addPropertyOverride('LoggingConfig', { LogGroup: logs.logGroupName });
  role.addPropertyDeletionOverride('ManagedPolicyArns');
  const statement = {
    Effect: 'Allow',
    Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    Resource: logs.logGroupArn,
  };
  role.addPropertyOverride('Policies', [
    { PolicyName: 'log', PolicyDocument: { Version: '2012-10-17', Statement: [statement] } },
  ]);
}
