/**
 * Definition of a state machine in the Amazon States Language with JSONPath, compiled once.
 * https://states-language.net,
 * https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
 */
import { type Condition, compileCondition, isTimestamp } from './choice';
import { compileExpression, compileTemplate } from './expression';
import {
  compilePath,
  compileResultPath,
  isStateObject,
  type Reader,
  type ResultWriter,
  type StateJson,
} from './json-path';
import { DefinitionError, type Retrier, StatesError, UnknownInDefinitionError } from './states-error';
import { requireKnownTask } from './tasks';

export interface States {
  readonly startAt: string;
  readonly states: ReadonlyMap<string, State>;
  /** Timeout of the execution. */
  readonly timeoutSeconds?: number;
}

export interface State {
  readonly name: string;
  readonly work: Work;
  /** The state after it; undefined for the last one. */
  readonly next: string | undefined;
  readonly input: Reader;
  readonly parameters?: Reader;
  readonly selectResult?: Reader;
  readonly writeResult: ResultWriter;
  readonly output: Reader;
  readonly retriers: readonly Retrier[];
  readonly catchers: readonly Catcher[];
}

export type Work =
  | { readonly type: 'Pass'; readonly result?: StateJson }
  | { readonly type: 'Task'; readonly resource: string; readonly timeoutSeconds?: Reader }
  | {
      readonly type: 'Choice';
      readonly rules: readonly { readonly holds: Condition; readonly next: string }[];
      readonly otherwise: string | undefined;
    }
  /** `until`: seconds, or the time in RFC 3339. */
  | { readonly type: 'Wait'; readonly until: Reader }
  | { readonly type: 'Succeed' }
  | { readonly type: 'Fail'; readonly error?: Reader; readonly cause?: Reader }
  | { readonly type: 'Parallel'; readonly branches: readonly States[] }
  | {
      readonly type: 'Map';
      readonly processor: States;
      readonly items: Reader;
      readonly selectItem?: Reader;
      /** 0: as many as there are. */
      readonly maxConcurrency: Reader;
    };

export interface Catcher {
  readonly errors: readonly string[];
  readonly next: string;
  readonly writeResult: ResultWriter;
}

type Fields = { readonly [name: string]: StateJson };

const COMMON = ['Type', 'Comment', 'QueryLanguage'];
const WAY = ['Next', 'End', 'InputPath', 'OutputPath'];
const RESULT = ['Parameters', 'ResultPath'];
const FAILURE = ['ResultSelector', 'Retry', 'Catch'];

/** Fields that each type has. */
const FIELDS: Readonly<Record<Work['type'], readonly string[]>> = {
  Pass: [...WAY, ...RESULT, 'Result'],
  Task: [...WAY, ...RESULT, ...FAILURE, 'Resource', 'TimeoutSeconds', 'TimeoutSecondsPath'],
  Choice: ['InputPath', 'OutputPath', 'Choices', 'Default'],
  Wait: [...WAY, 'Seconds', 'SecondsPath', 'Timestamp', 'TimestampPath'],
  Succeed: ['InputPath', 'OutputPath'],
  Fail: ['Error', 'ErrorPath', 'Cause', 'CausePath'],
  Parallel: [...WAY, ...RESULT, ...FAILURE, 'Branches'],
  Map: [
    ...[...WAY, ...RESULT, ...FAILURE, 'ItemProcessor', 'Iterator', 'ItemsPath', 'ItemSelector'],
    ...['MaxConcurrency', 'MaxConcurrencyPath', 'Label'],
  ],
};

/**
 * @param definition JSON text
 * @throws DefinitionError for what Step Functions refuses, UnknownInDefinitionError for what is not known here
 */
export function compileDefinition(definition: string): States {
  let read: unknown;
  try {
    read = JSON.parse(definition);
  } catch (error) {
    throw new DefinitionError(`it is no JSON: ${(error as Error).message}`);
  }
  return compileStates(read as StateJson, ['Version', 'TimeoutSeconds', 'QueryLanguage']);
}

function compileStates(definition: StateJson | undefined, known: readonly string[]): States {
  if (!isStateObject(definition)) throw new DefinitionError('states must be an object');
  requireFields(definition, ['StartAt', 'States', 'Comment', ...known], 'the definition');
  requireJsonPath(definition, 'the definition');
  const { StartAt: startAt, States: all, TimeoutSeconds: timeout } = definition;
  if (!isStateObject(all)) throw new DefinitionError('States must be an object');
  const states = new Map(
    Object.entries(all).map(([name, state]) => [name, within(name, () => compileState(name, state))]),
  );
  const require = (name: unknown, from: string) => {
    if (typeof name !== 'string' || !states.has(name))
      throw new DefinitionError(`${from} leads to ${JSON.stringify(name)}, which is no state beside it`);
  };
  require(startAt, 'StartAt');
  for (const { name, next, work, catchers } of states.values()) {
    const nexts = work.type === 'Choice' ? [...work.rules.map((rule) => rule.next), work.otherwise] : [next];
    for (const to of [...nexts, ...catchers.map((each) => each.next)])
      if (to !== undefined) require(to, `the state ${name}`);
  }
  return {
    startAt: String(startAt),
    states,
    ...(timeout !== undefined && { timeoutSeconds: wholeNumber(timeout, 'TimeoutSeconds', 1) }),
  };
}

/** Names the state in an error. */
function within<Result>(name: string, compile: () => Result): Result {
  try {
    return compile();
  } catch (error) {
    if (error instanceof DefinitionError) throw new DefinitionError(`the state ${name}: ${error.message}`);
    if (error instanceof UnknownInDefinitionError && !/^the state /.test(error.message))
      throw new UnknownInDefinitionError(`the state ${name} has ${error.message}`);
    throw error;
  }
}

function compileState(name: string, state: StateJson): State {
  if (!isStateObject(state)) throw new DefinitionError('it must be an object');
  const type = String(state.Type) as Work['type'];
  if (!Object.hasOwn(FIELDS, type)) throw new DefinitionError(`there is no type ${state.Type}`);
  requireFields(state, [...COMMON, ...FIELDS[type]], type);
  requireJsonPath(state, 'it');
  const goesOn = FIELDS[type].includes('Next');
  if (goesOn && (state.Next === undefined) === (state.End !== true))
    throw new DefinitionError('it must have either Next or "End": true');
  // A Map's Parameters, by its older name, are what each item gets.
  const { Parameters: parameters } = type === 'Map' ? ({} as Fields) : state;
  return {
    name,
    work: compileWork(type, state),
    next: state.Next === undefined ? undefined : String(state.Next),
    input: pathOrNothing(state.InputPath),
    ...(parameters !== undefined && { parameters: compileTemplate(parameters) }),
    ...(state.ResultSelector !== undefined && { selectResult: compileTemplate(state.ResultSelector) }),
    writeResult: resultPath(state.ResultPath),
    output: pathOrNothing(state.OutputPath),
    retriers: entries(state, 'Retry').map(compileRetrier),
    catchers: entries(state, 'Catch').map(({ ErrorEquals, Next, ResultPath, ...others }) => {
      requireFields(others, ['Comment'], 'Catch');
      return { errors: errorNames(ErrorEquals), next: String(Next), writeResult: resultPath(ResultPath) };
    }),
  };
}

function compileWork(type: Work['type'], state: Fields): Work {
  switch (type) {
    case 'Pass':
      return { type, ...(state.Result !== undefined && { result: state.Result }) };
    case 'Task': {
      const timeout = valueOrPath(state, 'TimeoutSeconds');
      requireKnownTask(String(state.Resource), state.Parameters);
      return { type, resource: String(state.Resource), ...(timeout && { timeoutSeconds: timeout }) };
    }
    case 'Choice':
      if (!Array.isArray(state.Choices) || state.Choices.length === 0)
        throw new DefinitionError('Choices must be a list of rules');
      return {
        type,
        rules: state.Choices.map((rule) => ({
          holds: compileCondition(rule),
          next: String(Object(rule).Next),
        })),
        otherwise: state.Default === undefined ? undefined : String(state.Default),
      };
    case 'Wait':
      return { type, until: compileUntil(state) };
    case 'Succeed':
      return { type };
    case 'Fail': {
      const [error, cause] = [valueOrPath(state, 'Error'), valueOrPath(state, 'Cause')];
      return { type, ...(error && { error }), ...(cause && { cause }) };
    }
    case 'Parallel':
      if (!Array.isArray(state.Branches)) throw new DefinitionError('Branches must be a list');
      return { type, branches: state.Branches.map((branch) => compileStates(branch, [])) };
    case 'Map':
      return compileMap(state);
  }
}

function compileMap(state: Fields): Work {
  const { ItemProcessor, Iterator: iterator, ItemSelector, Parameters } = state;
  const processor = ItemProcessor ?? iterator;
  const { ProcessorConfig: config = {} } = (isStateObject(processor) ? processor : {}) as Fields;
  const { Mode: mode = 'INLINE' } = config as Fields;
  if (mode !== 'INLINE') throw new UnknownInDefinitionError(`the mode ${mode}`);
  const selector = ItemSelector ?? Parameters;
  return {
    type: 'Map',
    processor: compileStates(processor, ['ProcessorConfig']),
    items: pathOrNothing(state.ItemsPath),
    ...(selector !== undefined && { selectItem: compileTemplate(selector) }),
    maxConcurrency: valueOrPath(state, 'MaxConcurrency') ?? (() => 0),
  };
}

function compileUntil(state: Fields): Reader {
  const [seconds, timestamp] = [valueOrPath(state, 'Seconds'), valueOrPath(state, 'Timestamp')];
  const until = seconds ?? timestamp;
  if (!until || (seconds && timestamp))
    throw new DefinitionError('a Wait has one of Seconds, SecondsPath, Timestamp and TimestampPath');
  const isRight = (value: StateJson) =>
    seconds
      ? Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) < 100_000_000
      : isTimestamp(value);
  const wrong = (value: StateJson) => `it cannot wait for ${JSON.stringify(value)}`;
  const fixed = state.Seconds ?? state.Timestamp;
  if (fixed !== undefined && !isRight(fixed)) throw new DefinitionError(wrong(fixed));
  return (scope) => {
    const value = until(scope);
    if (!isRight(value)) throw new StatesError('States.Runtime', `${wrong(value)}.`);
    return value;
  };
}

function compileRetrier(retry: Fields, index: number): Retrier {
  const {
    ErrorEquals,
    IntervalSeconds,
    BackoffRate,
    MaxAttempts,
    MaxDelaySeconds,
    JitterStrategy,
    ...others
  } = retry;
  requireFields(others, ['Comment'], 'Retry');
  const named = `Retry[${index}]`;
  const intervalSeconds = wholeNumber(IntervalSeconds ?? 1, `IntervalSeconds of ${named}`, 1);
  const backoffRate = BackoffRate ?? 2;
  if (typeof backoffRate !== 'number' || backoffRate < 1)
    throw new DefinitionError(`BackoffRate of ${named} must be a number from 1 on, not ${backoffRate}`);
  const jitter = JitterStrategy ?? 'NONE';
  if (jitter !== 'NONE' && jitter !== 'FULL')
    throw new DefinitionError(`JitterStrategy of ${named} must be FULL or NONE, not ${jitter}`);
  const maxDelay =
    MaxDelaySeconds === undefined
      ? Number.POSITIVE_INFINITY
      : wholeNumber(MaxDelaySeconds, `MaxDelaySeconds of ${named}`, 1);
  if (maxDelay <= intervalSeconds)
    throw new DefinitionError(`MaxDelaySeconds of ${named} must be more than its IntervalSeconds`);
  return {
    errors: errorNames(ErrorEquals),
    intervalSeconds,
    backoffRate,
    maxAttempts: wholeNumber(MaxAttempts ?? 3, `MaxAttempts of ${named}`, 0),
    maxDelaySeconds: maxDelay,
    isJittered: jitter === 'FULL',
  };
}

/** Entries of Retry or Catch. `States.ALL` must stand alone, and in the last of them. */
function entries(state: Fields, field: 'Retry' | 'Catch'): Fields[] {
  const list = state[field] ?? [];
  if (!Array.isArray(list) || !list.every(isStateObject))
    throw new DefinitionError(`${field} must be a list`);
  list.forEach(({ ErrorEquals }, index) => {
    const names = errorNames(ErrorEquals);
    if (names.includes('States.ALL') && (names.length > 1 || index < list.length - 1))
      throw new DefinitionError(`States.ALL must stand alone, in the last entry of ${field}`);
  });
  return list;
}

function errorNames(names: StateJson | undefined): string[] {
  if (Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === 'string'))
    return names;
  throw new DefinitionError('ErrorEquals must be a list of names');
}

function requireFields(given: object, known: readonly string[], of: string): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new UnknownInDefinitionError(`the field ${unknown}, which the local run does not know of ${of}`);
}

function requireJsonPath({ QueryLanguage: language = 'JSONPath' }: Fields, of: string): void {
  if (language !== 'JSONPath') throw new UnknownInDefinitionError(`the query language ${language} of ${of}`);
}

function wholeNumber(value: StateJson, field: string, min: number): number {
  if (Number.isSafeInteger(value) && Number(value) >= min) return Number(value);
  throw new DefinitionError(`${field} must be a whole number from ${min} on, not ${JSON.stringify(value)}`);
}

/** Compiles an InputPath or OutputPath: `$` without one, nothing for null. */
const pathOrNothing = (path: StateJson | undefined): Reader =>
  path === null ? () => ({}) : compilePath(path === undefined ? '$' : String(path));

const resultPath = (path: StateJson | undefined): ResultWriter =>
  compileResultPath(path === null ? null : path === undefined ? '$' : String(path));

/** Compiles `Field` or `FieldPath`. */
function valueOrPath(state: Fields, field: string): Reader | undefined {
  const [value, path] = [state[field], state[`${field}Path`]];
  if (value !== undefined && path !== undefined)
    throw new DefinitionError(`it must not have both ${field} and ${field}Path`);
  if (path !== undefined) return compileExpression(String(path));
  return value === undefined ? undefined : () => value;
}
