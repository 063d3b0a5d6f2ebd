/**
 * Paths of the Amazon States Language. Known are names, indexes, slices and wildcards; a filter or a
 * search of all depths is refused by name.
 * https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
 */
import { DefinitionError, StatesError, UnknownInDefinitionError } from './states-error';

/** JSON of an execution. */
export type StateJson = null | boolean | number | string | StateJson[] | { [name: string]: StateJson };

/** Data that a path reads: `$` and the context object, `$$`. */
export interface Scope {
  readonly input: StateJson;
  readonly context: StateJson;
  /** A new UUID, and a number in [0, 1), for intrinsic functions. */
  readonly uuid: () => string;
  readonly random: () => number;
}

/** Reads a value. @throws StatesError (States.Runtime) where nothing is */
export type Reader = (scope: Scope) => StateJson;

type Step =
  | { readonly name: string }
  | { readonly index: number }
  | { readonly from: number; readonly to: number | undefined }
  | 'all';

const STEP =
  /^(?:\.(\*)|\.([\p{L}_][\p{L}\p{N}_-]*)|\[\s*'((?:[^'\\]|\\.)*)'\s*\]|\[\s*"((?:[^"\\]|\\.)*)"\s*\]|\[\s*(-?\d+)\s*\]|\[\s*(\*)\s*\]|\[\s*(-?\d*)\s*:\s*(-?\d*)\s*\])/u;

/** @throws DefinitionError, UnknownInDefinitionError */
function parseSteps(path: string): Step[] {
  const steps: Step[] = [];
  for (let rest = path.replace(/^\$\$?/, ''); rest !== ''; ) {
    const found = STEP.exec(rest);
    if (!found) {
      if (/^(\.\.|\[\?|\[\s*[^\]]*,)/.test(rest))
        throw new UnknownInDefinitionError(
          `the path ${path}, of which the local run does not know ${rest.slice(0, 12)}`,
        );
      throw new DefinitionError(`${path} is no path`);
    }
    const [whole, all, name, quoted, doubled, index, every, from, to] = found;
    const key = name ?? (quoted ?? doubled)?.replace(/\\(.)/g, '$1');
    if (all !== undefined || every !== undefined) steps.push('all');
    else if (key !== undefined) steps.push({ name: key });
    else if (index !== undefined) steps.push({ index: Number(index) });
    else steps.push({ from: Number(from || 0), to: to ? Number(to) : undefined });
    rest = rest.slice(whole.length);
  }
  return steps;
}

/** @throws DefinitionError, UnknownInDefinitionError */
export function compilePath(path: string): Reader {
  if (!path.startsWith('$'))
    throw new DefinitionError(`${JSON.stringify(path)} is no path: it begins with no $`);
  if (/^\$[\p{L}_]/u.test(path)) throw new UnknownInDefinitionError(`the variable ${path}`);
  const steps = parseSteps(path);
  const isMany = steps.some((step) => step === 'all' || typeof Object(step).from === 'number');
  return ({ input, context }) => {
    let found: StateJson[] = [path.startsWith('$$') ? context : input];
    for (const step of steps) found = found.flatMap((value) => follow(value, step));
    if (isMany) return found;
    const [value] = found;
    if (value === undefined)
      throw new StatesError('States.Runtime', `Invalid path '${path}': there is nothing in the input.`);
    return value;
  };
}

function follow(value: StateJson, step: Step): StateJson[] {
  if (step === 'all') return Array.isArray(value) ? value : isStateObject(value) ? Object.values(value) : [];
  if ('name' in step)
    return isStateObject(value) && Object.hasOwn(value, step.name) ? [value[step.name] as StateJson] : [];
  if (!Array.isArray(value)) return [];
  if ('from' in step) return value.slice(step.from, step.to);
  const item = value.at(step.index);
  return item === undefined ? [] : [item];
}

/** Puts a state's result into its input. @throws StatesError (States.ResultPathMatchFailure) */
export type ResultWriter = (input: StateJson, result: StateJson) => StateJson;

/**
 * Compiles a `ResultPath`.
 * @param path null: the result is dropped
 * @throws DefinitionError for a path that names more than one place
 */
export function compileResultPath(path: string | null): ResultWriter {
  if (path === null) return (input) => input;
  if (!path.startsWith('$') || path.startsWith('$$'))
    throw new DefinitionError(`ResultPath ${path} is no path into the input`);
  const steps = parseSteps(path).map((step) => {
    if (step === 'all' || 'from' in step)
      throw new DefinitionError(`ResultPath ${path} names more than one place`);
    return step;
  });
  const put = (into: StateJson | undefined, [step, ...rest]: typeof steps, result: StateJson): StateJson => {
    if (step === undefined) return result;
    if ('name' in step) {
      if (into !== undefined && !isStateObject(into)) throw mismatch(path);
      return { ...into, [step.name]: put(into?.[step.name], rest, result) };
    }
    if (!Array.isArray(into) || step.index < 0 || step.index >= into.length) throw mismatch(path);
    return into.with(step.index, put(into[step.index], rest, result));
  };
  return (input, result) => put(input, steps, result);
}

const mismatch = (path: string) =>
  new StatesError('States.ResultPathMatchFailure', `Unable to apply ResultPath ${path} to the input.`);

export const isStateObject = (value: unknown): value is { [name: string]: StateJson } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
