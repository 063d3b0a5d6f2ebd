/** Setting of the command: the app that is simulated, and what its own files say. */
import type { LocalStack } from '../local/stack';
import type { TimedStep } from '../local/steps';
import type { FuzzedParser } from './fuzz';
import type { Model } from './model';
import type { Mutant, MutantBundling } from './mutants';

export interface SimSetting {
  readonly model: () => Model;
  readonly bundling: MutantBundling;
  readonly mutants: () => readonly Mutant[];
  readonly fuzzed: () => readonly FuzzedParser[];
  readonly picture: () => Picture;
  /** File that a worker process runs: it calls `serveJobs` with the same setting. */
  readonly workerFile: string;
}

/** Draws a run as a page without a server. */
export interface Picture {
  readonly onStep: (step: TimedStep) => void;
  html(stack: LocalStack): Promise<string>;
}
