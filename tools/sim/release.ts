/** A release of the app's code in a simulation. */
import type { Resource } from '../template/assembly';

/** The folder with a function's code. */
export type CodeOf = (resource: Resource) => string;

/** A change of a source file. */
export interface SourceChange {
  /** Relative to the project. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}
