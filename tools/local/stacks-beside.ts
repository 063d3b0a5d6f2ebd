/**
 * Stacks of other accounts or regions that run beside the first one, so that its rules can deliver to their buses, and
 * theirs to its own. Each has an endpoint of its own; they share the clock.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
 */
import path from 'node:path';
import { InputError } from '../cli/errors';
import type { Assembly } from '../template/assembly';
import { loadAssembly } from '../template/source/assembly-option';
import type { TargetService } from './services/delivery';
import { LocalStack, type LocalStackOptions } from './stack';

/** An assembly, and where it is deployed if it does not say. */
export interface AssemblyBeside {
  readonly directory: string;
  readonly account?: string;
  readonly region?: string;
}

const placeOf = ({ account, region }: Assembly): string => `account ${account} in ${region}`;

/**
 * Reads the assemblies.
 * @throws InputError for two of the same account and region, of which there is one stack in a run
 */
export async function readBeside(first: Assembly, others: readonly AssemblyBeside[]): Promise<Assembly[]> {
  const assemblies: Assembly[] = [];
  for (const { directory, ...where } of others) {
    const assembly = await loadAssembly({ assembly: directory, ...where });
    const same = [first, ...assemblies].find((each) => placeOf(each) === placeOf(assembly));
    if (same)
      throw new InputError(
        `--beside ${directory} is of ${placeOf(assembly)}, as ${same.title}. Say of which account it is: --beside 111122223333=${directory}.`,
      );
    assemblies.push(assembly);
  }
  return assemblies;
}

type Running = () => LocalStack;

/** Targets of the buses of a stack for the rules of others. */
function busTargets(assembly: Assembly, running: Running): [string, TargetService][] {
  const buses = assembly.ofType('AWS::Events::EventBus').map(({ arn }) => arn);
  const { partition, region, account } = assembly;
  return [`arn:${partition}:events:${region}:${account}:event-bus/default`, ...buses].map((arn) => [
    arn,
    {
      action: 'events:PutEvents',
      needsNoPolicy: true,
      takesJson: true,
      mayReceive: ({ source, 'detail-type': detailType }, { RoleArn }, ruleArn) =>
        running().policies.otherAccountMay(
          // Without a role it is the account that puts the event.
          RoleArn ?? `arn:${partition}:iam::${ruleArn.split(':')[4]}:root`,
          ...(['events:PutEvents', arn] as const),
          { 'events:source': source, 'events:detail-type': detailType, 'events:eventBusInvocation': 'true' },
        ),
      deliver: (_, trace, event) => void running().eventBridge.forward(arn, event, trace),
    },
  ]);
}

export class StacksBeside {
  readonly #stacks: LocalStack[] = [];

  /**
   * @param first the stack beside which they run, as it is now
   * @param others assemblies that `readBeside` has read
   */
  constructor(
    private readonly first: Running,
    private readonly others: readonly Assembly[],
  ) {}

  /** Buses of the others, as targets of the first one's rules. */
  get buses(): ReadonlyMap<string, TargetService> {
    return new Map(this.others.flatMap((assembly, index) => busTargets(assembly, () => this.#at(index))));
  }

  /**
   * Starts them, and takes up what an earlier run left.
   * @param options of the first one
   * @throws what LocalStack.start does
   */
  async start(options: LocalStackOptions): Promise<void> {
    const { onStep, dataDirectory, port: _, handlers: __, inspect: ___, ...shared } = options;
    for (const assembly of this.others) {
      const { account, region } = assembly;
      const others = this.others.flatMap((each, index) =>
        each === assembly ? [] : busTargets(each, () => this.#at(index)),
      );
      const stack = await LocalStack.start({
        ...shared,
        assembly,
        otherBuses: new Map([...busTargets(options.assembly, this.first), ...others]),
        ...(dataDirectory && { dataDirectory: path.join(dataDirectory, 'beside', `${account}-${region}`) }),
        ...(onStep && { onStep: (step) => onStep({ ...step, account, region }) }),
      });
      this.#stacks.push(stack);
      stack.resume();
    }
  }

  /** Lines that the user must know of them. */
  get notices(): string[] {
    return this.#stacks.flatMap(({ assembly, url, notices }) => [
      `${assembly.stackName} of ${placeOf(assembly)} runs beside it and listens on ${url}. The page does not show it.`,
      ...notices.map((notice) => `${assembly.account}: ${notice}`),
    ]);
  }

  get stacks(): readonly LocalStack[] {
    return this.#stacks;
  }

  /** Resolves when nothing is under way in any of them. */
  async settled(): Promise<void> {
    for (const stack of this.#stacks) await stack.settled();
  }

  get waitingForRetry(): number {
    return this.#stacks.reduce((sum, { waitingForRetry }) => sum + waitingForRetry, 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#stacks.map((stack) => stack.stop()));
  }

  #at(index: number): LocalStack {
    const stack = this.#stacks[index];
    if (!stack) throw new Error('The other stack has not started yet.');
    return stack;
  }
}
