/**
 * Input that an EventBridge Pipe makes of a record for its target: the text of its `InputTemplate`, and parameters that are
 * paths into the record. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
 *
 * A variable that stands bare becomes JSON: a text in quotes, an object as it is. In quotes it becomes text, and an object
 * loses its own quotes. A path that finds nothing leaves nothing behind. Nothing is looked into that is JSON as text: of a
 * table's stream the guide names no attribute that would be.
 */

/** Values of the reserved variables besides the record. */
export interface PipeContext {
  readonly pipeArn: string;
  readonly pipeName: string;
  readonly sourceArn: string;
  readonly targetArn: string;
  /** ISO 8601. */
  readonly ingestionTime: string;
}

/** Error of a template or a parameter that the service would refuse, or whose syntax is not known here. */
export class InvalidPipeInputError extends Error {
  override readonly name = 'InvalidPipeInputError';
}

/** @returns the text for the target */
export type CompiledPipeInput = (record: object, context: PipeContext) => string;

/** Longest template, in characters. https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_PipeTargetParameters.html */
const MAX_TEMPLATE_LENGTH = 8192;

type Value = (record: object, context: PipeContext) => unknown;

const RESERVED: Readonly<Record<string, Value>> = {
  'aws.pipes.pipe-arn': (_, { pipeArn }) => pipeArn,
  'aws.pipes.pipe-name': (_, { pipeName }) => pipeName,
  'aws.pipes.source-arn': (_, { sourceArn }) => sourceArn,
  'aws.pipes.target-arn': (_, { targetArn }) => targetArn,
  'aws.pipes.event.ingestion-time': (_, { ingestionTime }) => ingestionTime,
  'aws.pipes.event': (record) => record,
  'aws.pipes.event.json': (record) => record,
};

/**
 * @param template the pipe's `InputTemplate`. @default the whole record
 * @throws InvalidPipeInputError
 */
export function compilePipeTemplate(template: string | undefined): CompiledPipeInput {
  if (template === undefined || template === '') return (record) => JSON.stringify(record);
  if (template.length > MAX_TEMPLATE_LENGTH) {
    throw new InvalidPipeInputError(
      `its InputTemplate has ${template.length} characters; Pipes takes ${MAX_TEMPLATE_LENGTH}`,
    );
  }
  const parts = partsOf(template);
  return (record, context) =>
    parts
      .map((part) => (typeof part === 'string' ? part : inserted(part.value(record, context), part.isQuoted)))
      .join('');
}

/** @param value a path such as `$.dynamodb.NewImage.source.S`, or text that stands for itself */
export function compilePipeParameter(value: string): (record: object) => string | undefined {
  if (!value.startsWith('$.')) return () => value;
  const read = pathOf(value);
  return (record) => {
    const found = read(record);
    return found === undefined || found === null ? undefined : textOf(found);
  };
}

interface Variable {
  readonly value: Value;
  readonly isQuoted: boolean;
}

function partsOf(template: string): (string | Variable)[] {
  let isQuoted = false;
  return template.split(/(<[^<>]*>)/).map((part, index) => {
    if (index % 2 === 1) return { value: variable(part.slice(1, -1)), isQuoted };
    for (const [quote] of part.matchAll(/\\.|"/gs)) if (quote === '"') isQuoted = !isQuoted;
    return part;
  });
}

function variable(name: string): Value {
  const reserved = Object.hasOwn(RESERVED, name) ? RESERVED[name] : undefined;
  if (reserved) return reserved;
  if (!name.startsWith('$.')) throw new InvalidPipeInputError(`its InputTemplate has no variable <${name}>`);
  return pathOf(name);
}

function pathOf(path: string): (record: object) => unknown {
  if (!/^\$(\.[\w/-]+(\[\d+\])*)+$/.test(path)) {
    throw new InvalidPipeInputError(`the path ${path} has a syntax that is not known here`);
  }
  const keys = path
    .slice(2)
    .split(/[.[\]]+/)
    .filter(Boolean);
  return (record) =>
    keys.reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, key)
          ? (value as Record<string, unknown>)[key]
          : undefined,
      record,
    );
}

function inserted(value: unknown, isQuoted: boolean): string {
  if (value === undefined) return '';
  if (!isQuoted) return JSON.stringify(value);
  return typeof value === 'string' ? value : JSON.stringify(value).replaceAll('"', '');
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
