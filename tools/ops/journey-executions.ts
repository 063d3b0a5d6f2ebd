/** Executions of the stack's state machines that the events of a journey start. */
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import {
  DescribeExecutionCommand,
  paginateListExecutions,
  SFNClient,
  StateMachineTypeNotSupported,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { elementsOf, required } from './answers';
import { listStackRules } from './rules';
import type { DeployedStack } from './stack';

export class JourneyExecutions {
  readonly #client: SFNClient;
  /** ARNs of those that still ran when they were seen. */
  readonly #running: string[] = [];

  /**
   * @param id of the entity, which the input of an execution has
   * @param since milliseconds since 1970-01-01 UTC
   */
  constructor(
    private readonly stack: DeployedStack,
    private readonly id: string,
    private readonly since: number,
  ) {
    this.#client = new SFNClient(stack.clientConfig);
  }

  /** ARNs of the state machines that rules start for events of these types. */
  async machines(detailTypes: readonly string[]): Promise<string[]> {
    const arns = this.stack.stateMachines;
    if (arns.length === 0) return [];
    const rules = await listStackRules(new EventBridgeClient(this.stack.clientConfig), this.stack);
    const meant = rules.filter(
      (rule) => rule.enabled && rule.detailTypes.some((type) => detailTypes.includes(type)),
    );
    const started = new Set(meant.flatMap(({ targetArns }) => targetArns));
    return arns.filter((arn) => started.has(arn));
  }

  /** @returns the status of the entity's execution; undefined if there is none yet */
  async look(stateMachineArn: string): Promise<string | undefined> {
    try {
      const pages = paginateListExecutions({ client: this.#client }, { stateMachineArn });
      for await (const execution of elementsOf(pages, ({ executions }) => executions)) {
        // The latest are first.
        if (required(execution, 'startDate').getTime() < this.since) return undefined;
        const executionArn = required(execution, 'executionArn');
        const { input } = await this.#client.send(new DescribeExecutionCommand({ executionArn }));
        if (!input?.includes(this.id)) continue;
        const status = required(execution, 'status');
        if (status === 'RUNNING') this.#running.push(executionArn);
        return status;
      }
      return undefined;
    } catch (error) {
      if (error instanceof StateMachineTypeNotSupported) return 'not looked at: it is Express';
      throw error;
    }
  }

  /** Stops what still runs: it would go on with an entity that is no more. */
  async stop(): Promise<void> {
    for (const executionArn of this.#running)
      await this.#client.send(new StopExecutionCommand({ executionArn, error: 'EndOfJourney' }));
    this.#client.destroy();
  }
}
