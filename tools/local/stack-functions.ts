/** The template's functions: their code, how they are configured, and where they run. */
import type { Assembly, Resource } from '../template/assembly';
import { invokeConfigOf } from '../template/invoke-config';
import type { Policies } from '../template/policies';
import { qualifiersCalled, rulesOf } from '../template/rules';
import { failureDestination } from './failure-destination';
import { FunctionCode } from './function-code';
import type { ReachableEndpoint } from './in-process';
import { type AsyncEvent, LambdaFunction, type LambdaOptions } from './services/lambda';
import { checkDefinition, type FunctionDefinition } from './services/lambda-definition';
import type { EnvironmentSettings, ExecutionEnvironment } from './services/lambda-environment';
import type { Queue } from './services/queue';
import type { Unfinished } from './services/unfinished';
import { isRunnable } from './supported';

export interface StackFunctionsOptions
  extends Omit<LambdaOptions, 'startEnvironment' | 'inspectPort' | 'unfinished' | 'endpoint'> {
  /** Folder for the functions' code. */
  readonly workDirectory: string;
  /** The folder with a function's code. @default a copy of its asset */
  readonly codeOf?: ((resource: Resource) => string) | undefined;
  readonly endpoint: () => ReachableEndpoint;
  /** Starts an environment of the function of that name. @default a process of its own */
  readonly startEnvironment?:
    | ((
        functionName: string,
        settings: EnvironmentSettings,
        endpoint: () => ReachableEndpoint,
      ) => ExecutionEnvironment)
    | undefined;
  /** Ports at which a debugger may attach to functions, by the functions' names. @default none */
  readonly inspect?: ReadonlyMap<string, number> | undefined;
  /** Keeps the asynchronous queue of the function of that name. */
  readonly unfinishedOf: (functionName: string) => Unfinished<AsyncEvent>;
  readonly queues: readonly Queue[];
  /** Policies as they are now. */
  readonly policies: () => Policies;
}

export class StackFunctions {
  readonly all: readonly LambdaFunction[];
  readonly #options: StackFunctionsOptions;
  readonly #code: FunctionCode;
  readonly #notices = new Map<string, string>();

  /** @throws AssemblyError for a function that cannot run here as it does in AWS */
  constructor(assembly: Assembly, options: StackFunctionsOptions) {
    this.#options = options;
    this.#code = new FunctionCode(options.workDirectory, (name, notice) =>
      this.#notices.set(name, `${name} ${notice}`),
    );
    const { endpoint, startEnvironment: start, inspect, unfinishedOf, ...common } = options;
    this.all = assembly
      .ofType('AWS::Lambda::Function')
      .filter(isRunnable)
      .map(
        (resource) =>
          new LambdaFunction(this.#define(assembly, resource), {
            ...common,
            endpoint: () => endpoint().url,
            ...(start && { startEnvironment: (settings) => start(resource.name, settings, endpoint) }),
            inspectPort: inspect?.get(resource.name),
            unfinished: unfinishedOf(resource.name),
          }),
      );
  }

  /** Differences of the functions' code from AWS, a line each. */
  get notices(): readonly string[] {
    return [...this.#notices.values()];
  }

  find(name: string): LambdaFunction | undefined {
    return this.all.find((each) => each.name === name);
  }

  /**
   * Prepares new code and configuration of all functions.
   * @returns what takes them over
   * @throws AssemblyError, and then all is as it was
   */
  prepare(assembly: Assembly): () => void {
    const definitions = this.all.map((each) => {
      const resource = assembly.ofType('AWS::Lambda::Function').find(({ arn }) => arn === each.arn);
      return { each, definition: resource && this.#define(assembly, resource) };
    });
    return () => {
      for (const { each, definition } of definitions) if (definition) each.update(definition);
    };
  }

  /**
   * Gives a function other code in the place of its handler's file; its other files stay.
   * @throws Error if there is no such function
   */
  replaceCode(functionName: string, code: Uint8Array): void {
    const each = this.find(functionName);
    if (!each) throw new Error(`There is no function ${functionName}.`);
    each.update({ ...each.definition, code: this.#code.replace(each.definition, code) });
  }

  #define(assembly: Assembly, resource: Resource): FunctionDefinition {
    const invokeConfig = invokeConfigOf(assembly, resource, qualifiersCalled(rulesOf(assembly), resource)[0]);
    const { onFailure: destination } = invokeConfig;
    const { codeOf, queues, policies } = this.#options;
    return checkDefinition({
      resource,
      code: codeOf?.(resource) ?? this.#code.copy(assembly, resource),
      invokeConfig,
      ...(destination && {
        onFailure: failureDestination(resource, destination, { queues: () => queues, policies }),
      }),
    });
  }
}
