import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { CfnRule } from 'aws-cdk-lib/aws-events';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import {
  DefinitionBody,
  type IChainable,
  LogLevel,
  StateMachine,
  StateMachineType,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { StageConfig } from './config';
import { PERIOD } from './metrics';
import { dataRemovalPolicy } from './removal';
import { deliveryRole, type TargetParameters, type TargetSymptom, WatchedTarget } from './rule-target';

export interface WorkflowProps {
  readonly config: StageConfig;
  /** Physical name without the stack's prefix. */
  readonly name: string;
  /** First state, with all that follow it. */
  readonly definition: IChainable;
  /** Express runs for 5 minutes at most, and may start twice for one event. @default Standard */
  readonly type?: StateMachineType;
  /** @default 1 hour, and 5 minutes for Express */
  readonly timeout?: Duration;
}

/**
 * State machine that is started for each event, with its logs and alarms. A failed execution is not started again: its
 * states have a Retry and a Catch, or a page is told.
 */
export class Workflow extends WatchedTarget {
  readonly name: string;
  readonly label: string;
  readonly stateMachine: StateMachine;
  /** Executions keep their input for 90 days. */
  override readonly keepsData = true;

  constructor(scope: Construct, id: string, { config, name, definition, type, timeout }: WorkflowProps) {
    super(scope, id);
    const stateMachineName = `${config.prefix}-${name}`;
    const isExpress = type === StateMachineType.EXPRESS;
    this.name = `${name}-workflow`;
    this.label = `state machine ${stateMachineName}`;
    const destination = new LogGroup(this, 'Logs', {
      // A prefix without a resource policy of its own, of which an account can have ten.
      logGroupName: `/aws/vendedlogs/states/${stateMachineName}`,
      retention: config.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      stateMachineName,
      stateMachineType: type ?? StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromChainable(definition),
      timeout: timeout ?? (isExpress ? Duration.minutes(5) : Duration.hours(1)),
      // Without the states' data, which may be personal.
      logs: { destination, level: LogLevel.ALL, includeExecutionData: false },
      removalPolicy: dataRemovalPolicy(config),
    });
    const reason = 'Traces are a setting of the functions, off by default, for half the bill.';
    Validations.of(this).acknowledge(
      { id: 'AwsSolutions-SF2', reason },
      { id: 'Serverless-StepFunctionStateMachineXray', reason },
      {
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason: 'Log delivery of Step Functions has no resource to name.',
      },
    );
  }

  get targetArn(): string {
    return this.stateMachine.stateMachineArn;
  }

  allowRule(rule: CfnRule): TargetParameters {
    return { roleArn: deliveryRole(this, rule, ['states:StartExecution'], this.targetArn) };
  }

  override symptoms(): readonly TargetSymptom[] {
    const symptom = (kind: string, metricName: string, says: string): TargetSymptom => ({
      kind,
      runbookEntry: 'workflow-failed',
      says: `Executions of the ${this.label} ${says}.`,
      metric: this.#metric(metricName),
    });
    return [
      symptom('failed', 'ExecutionsFailed', 'failed and are not started again'),
      symptom('timed-out', 'ExecutionsTimedOut', 'took longer than they may and are not started again'),
    ];
  }

  override metrics() {
    return {
      taken: [this.#metric('ExecutionsStarted'), this.#metric('ExecutionsSucceeded')],
      failed: [this.#metric('ExecutionsFailed'), this.#metric('ExecutionsTimedOut')],
    };
  }

  #metric(metricName: string) {
    return this.stateMachine.metric(metricName, { statistic: 'Sum', period: PERIOD });
  }
}
