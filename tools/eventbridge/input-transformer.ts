/**
 * Input of a rule's target: the matched event, a part of it (`InputPath`), a constant (`Input`) or a text made from it
 * (`InputTransformer`).
 *
 * Follows recorded behaviour of the service and its user guide, "Amazon EventBridge input transformation"
 * (eb-transform-target-input). Error texts are the service's own, as recorded or as published by people who
 * measured them; after the colon of `Invalid InputTemplate` and `JSON syntax error` the service names its Java
 * parser's position, here stands this parser's reason. Breaches of the request model name the target by its id,
 * where the service gives its position in the request.
 *
 * In these cases neither the recordings nor the guide give the result, so the stricter reading is implemented:
 * - A template that is neither a JSON object nor text in double quotes (an array, a bare `<variable>`), and an
 *   `Input` of several JSON values, are refused.
 * - Every `<...>` is a placeholder, also with blanks or markup in it, and so must be a known one. `<` and `>`
 *   cannot be escaped.
 * - JSON paths beyond the syntax that the guide lists are refused; the service may take some and find nothing.
 * - An `InputPath` that finds nothing delivers nothing.
 * And here the most literal reading:
 * - `null` in an event is a value (`null`), not a missing one.
 * - A bare variable inserts JSON, so quotes inside a string are escaped there (and only there).
 * - `<aws.events.event>` holds the recorded eight fields; others, such as `replay-name`, are left out.
 *
 * Numbers stand in the input as they were put (`300.0`, twenty digits), if the event's text is given.
 */

import type { BusEvent } from './event';
import { ExactNumber, parseExactly, stringifyExactly } from './exact-json';
import { TARGET } from './service-facts';

/** The part of an `AWS::Events::Rule` target that decides its input. */
export interface TargetInput {
  readonly Id: string;
  /** A constant JSON text, delivered unchanged. At most 8,192 characters. */
  readonly Input?: string | undefined;
  /** A JSON path; its value is delivered as JSON. */
  readonly InputPath?: string | undefined;
  readonly InputTransformer?:
    | {
        /** Variable name to JSON path, at most 100. Unused ones are allowed. */
        readonly InputPathsMap?: Readonly<Record<string, string>> | undefined;
        /** A JSON object, or text in double quotes, with `<variable>` placeholders. At most 8,192 characters. */
        readonly InputTemplate: string;
      }
    | undefined;
}

/** Values of the reserved variables besides the event. `ingestionTime` is inserted as given (ISO 8601). */
export interface DeliveryContext {
  readonly ruleArn: string;
  readonly ruleName: string;
  readonly ingestionTime: string;
}

/**
 * `body` is the exact text that the target gets. It is JSON, except that a text template may make anything: the
 * service does not check that (several quoted lines, quotes from the event). A target that needs JSON, such as a
 * function, must check it.
 */
export type TransformedInput =
  | { readonly delivered: true; readonly body: string }
  | { readonly delivered: false; readonly reason: string };

/** One place where the target's input depends on the event or the rule. */
export interface InputReference {
  /** The placeholder's name; absent for `InputPath` and for a target that gets the whole event. */
  readonly variable?: string;
  /** The JSON path read from the event, `$` for all of it; absent for the reserved variables that are no path. */
  readonly path?: string;
  /** `bare` inserts a JSON value, `quoted` inserts text into a string. */
  readonly position: 'bare' | 'quoted';
  /** The JSON path of the field in the delivered payload; absent in a text template. */
  readonly field?: string;
}

type Transform = (event: BusEvent, context: DeliveryContext, text?: string) => TransformedInput;

export interface CompiledInput {
  /**
   * @param text the event's JSON text, from which its values are taken
   *   @default `JSON.stringify(event)`
   */
  (event: BusEvent, context: DeliveryContext, text?: string): TransformedInput;
  /** References in the order of the template, for static analysis. Empty for a constant. */
  readonly references: readonly InputReference[];
}

/** A target's input that PutTargets refuses (a ValidationException), with the service's message. */
export class InvalidTargetInputError extends Error {
  override readonly name = 'InvalidTargetInputError';
}

/** @throws InvalidTargetInputError if PutTargets would refuse the target's input. */
export function compileInput(target: TargetInput): CompiledInput {
  const { Id, Input, InputPath, InputTransformer } = target;
  if ([Input, InputPath, InputTransformer].filter((kind) => kind !== undefined).length > 1) {
    throw new InvalidTargetInputError(
      `Only one of Input, InputPath, or InputTransformer must be provided for target ${Id}.`,
    );
  }
  if (Input !== undefined) return compileConstant(Id, Input);
  if (InputTransformer !== undefined) return compileTransformer(Id, InputTransformer);
  return compilePath(Id, InputPath ?? '$');
}

function compileConstant(targetId: string, input: string): CompiledInput {
  checkLength(targetId, 'input', input, TARGET.maxInputLength);
  const problem = jsonProblem(input);
  if (problem !== undefined) {
    throw new InvalidTargetInputError(`JSON syntax error in input for target ${targetId}: [${problem}]`);
  }
  return Object.assign((): TransformedInput => ({ delivered: true, body: input }), { references: [] });
}

function compilePath(targetId: string, path: string): CompiledInput {
  checkLength(targetId, 'inputPath', path, TARGET.maxInputPathLength);
  const find = compileJsonPath(targetId, path);
  const transform: Transform = (event, _context, text = JSON.stringify(event)) => {
    if (path === '$') return { delivered: true, body: text };
    const value = find(parseExactly(text));
    return value === undefined
      ? { delivered: false, reason: `InputPath ${path} finds nothing in the event` }
      : { delivered: true, body: stringifyExactly(value) };
  };
  return Object.assign(transform, { references: [{ path, position: 'bare', field: '$' }] as const });
}

function compileTransformer(
  targetId: string,
  { InputPathsMap = {}, InputTemplate }: NonNullable<TargetInput['InputTransformer']>,
): CompiledInput {
  const variables = compileVariables(targetId, InputPathsMap);
  checkLength(targetId, 'inputTransformer.inputTemplate', InputTemplate, TARGET.maxInputLength);
  const template = parseTemplate(InputTemplate);
  const slots = template.placeholders.map(({ name, position }) => {
    const variable = variables.get(name);
    if (variable === undefined) {
      throw new InvalidTargetInputError(
        `InputTemplate for target ${targetId} contains invalid placeholder ${name}.`,
      );
    }
    if (!template.isJson && JSON_VARIABLES.has(name)) {
      throw new InvalidTargetInputError(
        `InputTemplate for target ${targetId} contains placeholder ${name} valid only for JSON template.`,
      );
    }
    return { name, position, variable };
  });
  if (!template.isJson) checkText(targetId, InputTemplate);
  const fields = template.isJson ? locatePlaceholders(targetId, template) : new Map<number, string>();

  const transform: Transform = (event, context, text = JSON.stringify(event)) => {
    const source = { event, content: parseExactly(text), text };
    const body = fill(
      template,
      slots.map(({ variable, position }) =>
        variable.text && position === 'bare'
          ? variable.text(source)
          : insertion(variable.read(source, context), position, template.isJson),
      ),
    );
    const problem = template.isJson ? jsonProblem(body) : undefined;
    return problem === undefined
      ? { delivered: true, body }
      : { delivered: false, reason: `the transformed input is not valid JSON: ${problem}` };
  };
  const references = slots.map(({ name, position, variable: { path } }, index) => {
    const field = fields.get(index);
    return {
      variable: name,
      ...(path !== undefined && { path }),
      position,
      ...(field !== undefined && { field }),
    };
  });
  return Object.assign(transform, { references });
}

interface Variable {
  /** The JSON path that the variable stands for, if it is one. */
  readonly path?: string;
  readonly read: (source: EventSource, context: DeliveryContext) => unknown;
  /** JSON text of the value, if it need not be serialized again. */
  readonly text?: (source: EventSource) => string;
}

/** Source of the variables' values. */
interface EventSource {
  readonly event: BusEvent;
  /** Event whose numbers keep their spelling. */
  readonly content: unknown;
  /** JSON text of the event. */
  readonly text: string;
}

const wholeEvent: Variable = { path: '$', read: ({ content }) => content, text: ({ text }) => text };

const RESERVED_VARIABLES: ReadonlyMap<string, Variable> = new Map<string, Variable>([
  ['aws.events.rule-arn', { read: (_source, { ruleArn }) => ruleArn }],
  ['aws.events.rule-name', { read: (_source, { ruleName }) => ruleName }],
  ['aws.events.event.ingestion-time', { read: (_source, { ingestionTime }) => ingestionTime }],
  ['aws.events.event', { read: ({ event }, { ingestionTime }) => envelope(event, ingestionTime) }],
  ['aws.events.event.json', wholeEvent],
]);

/** Refused outside a JSON template: measured for `event.json`; the guide says the same of both. */
const JSON_VARIABLES: ReadonlySet<string> = new Set(['aws.events.event', 'aws.events.event.json']);

/** The event without its detail, as recorded: `detail-type` is renamed, and the time is the ingestion time. */
function envelope(event: BusEvent, ingestionTime: string): object {
  const { id, account, 'detail-type': detailType, source, region, resources, version } = event;
  return { id, account, detailType, time: ingestionTime, source, region, resources, version };
}

function compileVariables(
  targetId: string,
  paths: Readonly<Record<string, string>>,
): ReadonlyMap<string, Variable> {
  const entries = Object.entries(paths);
  if (entries.length > TARGET.maxInputPaths) {
    throw requestModelError(
      targetId,
      'inputTransformer.inputPathsMap',
      `${entries.length} entries`,
      `Member must have length less than or equal to ${TARGET.maxInputPaths}`,
    );
  }
  const variables = new Map(RESERVED_VARIABLES);
  for (const [name, path] of entries) {
    if (!/^[A-Za-z0-9_-]{1,256}$/.test(name)) {
      throw requestModelError(
        targetId,
        'inputTransformer.inputPathsMap',
        `the key '${name}'`,
        'Map keys must have length between 1 and 256 and satisfy regular expression pattern: [A-Za-z0-9\\_\\-]+',
      );
    }
    checkLength(targetId, `inputTransformer.inputPathsMap.${name}`, path, TARGET.maxInputPathLength);
    const find = compileJsonPath(targetId, path);
    variables.set(name, path === '$' ? wholeEvent : { path, read: ({ content }) => find(content) });
  }
  return variables;
}

interface Placeholder {
  readonly name: string;
  readonly position: 'bare' | 'quoted';
}

/** `literals[i]` stands before `placeholders[i]`; one more literal ends the template. */
interface Template {
  readonly isJson: boolean;
  readonly literals: readonly string[];
  readonly placeholders: readonly Placeholder[];
}

function parseTemplate(text: string): Template {
  const isJson = text.trimStart().startsWith('{');
  const literals: string[] = [];
  const placeholders: Placeholder[] = [];
  let end = 0;
  let inString = false;
  for (const match of text.matchAll(/<([^>]*)>/g)) {
    const literal = text.slice(end, match.index);
    for (const [token] of literal.matchAll(/\\.|"/gs)) {
      if (token === '"') inString = !inString;
    }
    literals.push(literal);
    placeholders.push({ name: match[1] as string, position: inString || !isJson ? 'quoted' : 'bare' });
    end = match.index + match[0].length;
  }
  literals.push(text.slice(end));
  return { isJson, literals, placeholders };
}

function fill({ literals }: Template, insertions: readonly string[]): string {
  return literals.map((literal, index) => literal + (insertions[index] ?? '')).join('');
}

/** A path that found nothing inserts the empty string (recorded). */
function insertion(value: unknown, position: Placeholder['position'], isJson: boolean): string {
  if (position === 'bare') return stringifyExactly(value === undefined ? '' : value);
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  const text = stringifyExactly(value);
  // In text, objects and arrays lose their quotes; in a JSON template they keep them and spoil it (recorded).
  return isJson ? text : text.replaceAll('"', '');
}

/**
 * Checks that a JSON template is JSON whatever is inserted at its bare placeholders, and finds where in the
 * payload each placeholder stands, by parsing the template with a mark in the place of each.
 */
function locatePlaceholders(targetId: string, template: Template): ReadonlyMap<number, string> {
  const marked = fill(
    template,
    template.placeholders.map(({ position }, index) => (position === 'bare' ? `"<${index}>"` : `<${index}>`)),
  );
  const problem = jsonProblem(marked);
  if (problem !== undefined) throw invalidTemplate(targetId, problem);

  const fields = new Map<number, string>();
  const visit = (value: unknown, path: string): void => {
    if (typeof value === 'string') {
      for (const [, index] of value.matchAll(/<(\d+)>/g)) fields.set(Number(index), path);
    } else if (Array.isArray(value)) {
      value.forEach((element, index) => {
        visit(element, `${path}[${index}]`);
      });
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, field] of Object.entries(value)) {
        const [mark, index] = /<(\d+)>/.exec(key) ?? [];
        if (mark !== undefined) {
          const name = template.placeholders[Number(index)]?.name;
          throw invalidTemplate(targetId, `the placeholder ${name} cannot be used as an object key`);
        }
        visit(field, `${path}.${key}`);
      }
    }
  };
  visit(JSON.parse(marked), '$');
  return fields;
}

/** Checks the outer quotes only: the guide shows a text template with bare quotes inside that delivers. */
function checkText(targetId: string, text: string): void {
  if (!/^\s*".*"\s*$/s.test(text)) {
    throw invalidTemplate(targetId, 'it must be a JSON object, or text in double quotes');
  }
}

/**
 * The guide's subset of JSON path: `$`, names of letters, digits, `-`, `_` and `/` after dots, array indices and
 * the wildcards `.*` and `[*]`. A path with a wildcard finds an array of what each branch holds. The returned
 * function gives undefined where nothing is found.
 */
function compileJsonPath(targetId: string, path: string): (event: unknown) => unknown {
  if (!/^\$(\.[\w/-]+|\.\*|\[\d+\]|\[\*\])*$/.test(path)) {
    throw new InvalidTargetInputError(`InputPath for target ${targetId} is invalid.`);
  }
  const steps = [...path.matchAll(/\.[\w/*-]+|\[[\d*]+\]/g)].map(([step]) => step);
  const wildcard = steps.findIndex((step) => step === '.*' || step === '[*]');
  if (wildcard < 0) return (event) => follow([event], steps)[0];

  return (event) => {
    const branching = follow([event], steps.slice(0, wildcard));
    return branching.length === 0 ? undefined : follow(branching, steps.slice(wildcard));
  };
}

function follow(values: readonly unknown[], steps: readonly string[]): readonly unknown[] {
  return steps.reduce<readonly unknown[]>(
    (nodes, step) => nodes.flatMap((node) => children(node, step)),
    values,
  );
}

/** A name finds nothing in an array, not even `.0` or `.length`, and an index nothing in an object. */
function children(node: unknown, step: string): readonly unknown[] {
  if (typeof node !== 'object' || node === null || node instanceof ExactNumber) return [];
  if (step === '.*' || step === '[*]') return Object.values(node);
  if (step.startsWith('[') !== Array.isArray(node)) return [];
  const key = step.replace(/^\.|[[\]]/g, '');
  return Object.hasOwn(node, key) ? [(node as Record<string, unknown>)[key]] : [];
}

/** The parser's complaint, or undefined if the text is JSON. */
function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return (error as SyntaxError).message;
  }
}

function invalidTemplate(targetId: string, reason: string): InvalidTargetInputError {
  return new InvalidTargetInputError(`Invalid InputTemplate for target ${targetId} : [${reason}].`);
}

function checkLength(targetId: string, field: string, value: string, limit: number): void {
  if (value.length > limit) {
    throw requestModelError(
      targetId,
      field,
      `${value.length} characters`,
      `Member must have length less than or equal to ${limit}`,
    );
  }
}

function requestModelError(
  targetId: string,
  field: string,
  value: string,
  constraint: string,
): InvalidTargetInputError {
  return new InvalidTargetInputError(
    `1 validation error detected: ${value} at '${field}' of target ${targetId} failed to satisfy constraint: ${constraint}`,
  );
}
