/** Readers of queues and streams: event source mappings, and pipes. */
import type { Assembly, Resource } from '../template/assembly';
import { functionReference } from '../template/functions';
import type { Policies } from '../template/policies';
import type { EventBridge } from './services/event-bridge';
import { MappingPoller } from './services/event-source-mapping';
import type { InFlight } from './services/in-flight';
import type { LambdaFunction } from './services/lambda';
import { PipeRunner } from './services/pipe';
import type { Queue } from './services/queue';
import type { StreamRecord, TableStreams } from './services/table-streams';
import type { Unfinished } from './services/unfinished';
import type { World } from './services/world';
import type { StepListener } from './steps';
import { isRunMapping, pipesToRun, tableOfPipe } from './supported';

export interface ReaderParts {
  readonly world: World;
  readonly queues: readonly Queue[];
  readonly functions: readonly LambdaFunction[];
  readonly eventBridge: EventBridge;
  readonly streams: TableStreams;
  readonly policies: () => Policies;
  readonly inFlight: InFlight;
  readonly onStep: StepListener;
  /** Store of the records that a pipe has not put yet, by the pipe's name. */
  readonly unfinished: (pipe: string) => Unfinished<StreamRecord>;
}

/** Starts what reads from queues and streams. */
export function startReaders(assembly: Assembly, parts: ReaderParts): { stop(): void }[] {
  const { world, policies, unfinished, ...more } = parts;
  // An alias or a version is its function, whose only code is the present one here.
  const calledBy = ({ properties }: Resource) => {
    const { function: resource } = functionReference(assembly, String(properties.FunctionName));
    return parts.functions.find(({ arn }) => arn === resource?.arn) as LambdaFunction;
  };
  const mappings = assembly
    .ofType('AWS::Lambda::EventSourceMapping')
    .filter((each) => isRunMapping(each, assembly))
    .map(
      (resource) =>
        new MappingPoller(resource, {
          ...more,
          called: calledBy(resource),
          clock: world,
          mayRole: (...question) => policies().roleMay(...question),
        }),
    );
  const pipes = pipesToRun(assembly).map(
    (resource) =>
      new PipeRunner(resource, {
        ...{ ...more, world, policies },
        table: (tableOfPipe(resource, assembly) as Resource).name,
        unfinished: unfinished(resource.name),
      }),
  );
  return [...mappings, ...pipes];
}
