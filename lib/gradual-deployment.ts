import { Validations } from 'aws-cdk-lib';
import { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { LambdaApplication, LambdaDeploymentConfig, LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { Construct } from 'constructs';
import type { StageConfig } from './config';
import { constructsOf } from './constructs';
import { EventHandler } from './event-handler';

/** Last parts of the names of a function's alarms that end a deployment. */
const ENDED_BY = ['errors', 'poison', 'dropped'];

/**
 * Moves each function's events from the version before to the new one in steps, by CodeDeploy. If one of the function's
 * alarms goes off meanwhile, all events go to the version before again, and the deployment of the stack fails.
 */
export class GradualDeployment extends Construct {
  constructor(scope: Construct, id: string, config: StageConfig) {
    super(scope, id);
    const { gradualDeployment, prefix } = config;
    if (gradualDeployment === 'OFF') return;
    const application = new LambdaApplication(this, 'Application', { applicationName: prefix });
    for (const { alias, props } of constructsOf(this, EventHandler)) {
      if (!alias) continue;
      const group = new LambdaDeploymentGroup(this, props.entry, {
        application,
        deploymentGroupName: `${prefix}-${props.entry}`,
        alias,
        deploymentConfig: LambdaDeploymentConfig[gradualDeployment],
        alarms: constructsOf(this, Alarm).filter(({ node }) =>
          ENDED_BY.some((kind) => node.id === `${props.entry}-${kind}`),
        ),
        autoRollback: { failedDeployment: true, stoppedDeployment: true, deploymentInAlarm: true },
      });
      Validations.of(group).acknowledge({
        id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]',
        reason:
          "CodeDeploy's own policy for functions: it changes aliases, which have no ARN of a kind to name.",
      });
    }
  }
}
