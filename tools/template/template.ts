/** A CloudFormation template as a document: its sections, read from JSON or YAML. */

import * as v from 'valibot';
import { InputError } from '../cli/errors';

/** A template that cannot be read or evaluated. One line: where, what, and what is allowed. */
export class AssemblyError extends InputError {
  override readonly name = 'AssemblyError';
}

// biome-ignore lint/suspicious/noExplicitAny: a template's properties have no static type; readers check what they read
export type Json = any;

const Section = v.optional(v.record(v.string(), v.unknown()), {});
const Parameter = v.looseObject({
  Type: v.string(),
  Default: v.optional(v.union([v.string(), v.number(), v.boolean(), v.array(v.unknown())])),
  AllowedValues: v.optional(v.array(v.unknown())),
});
const TemplateResource = v.looseObject({
  Type: v.string(),
  Condition: v.optional(v.string()),
  Properties: Section,
  Metadata: Section,
});
const Output = v.looseObject({
  Value: v.unknown(),
  Condition: v.optional(v.string()),
  Export: v.optional(v.looseObject({ Name: v.unknown() })),
});

const Template = v.object({
  Transform: v.optional(v.unknown()),
  Parameters: v.optional(v.record(v.string(), Parameter), {}),
  Conditions: Section,
  Mappings: v.optional(v.record(v.string(), v.record(v.string(), v.unknown())), {}),
  /** Resources; also holds `Fn::ForEach::...` and `Fn::Transform`, which are no resources. */
  Resources: v.record(v.string(), v.unknown()),
  Outputs: Section,
});

export type TemplateParameter = v.InferOutput<typeof Parameter>;
export type TemplateResource = v.InferOutput<typeof TemplateResource>;
export type TemplateOutput = v.InferOutput<typeof Output>;

export interface Template extends Omit<v.InferOutput<typeof Template>, 'Resources' | 'Outputs'> {
  readonly Resources: Readonly<Record<string, TemplateResource>>;
  readonly Outputs: Readonly<Record<string, TemplateOutput>>;
  /** Macros as in the template, e.g. `Fn::ForEach::Queues`; their result is not known. */
  readonly macros: readonly string[];
}

const SAM = 'AWS::Serverless-2016-10-31';
/** Transforms whose functions are evaluated here, or reported one by one. */
const KNOWN_TRANSFORMS: readonly unknown[] = ['AWS::LanguageExtensions', 'AWS::Include'];

/**
 * @param text JSON, or YAML with CloudFormation's short forms (`!Sub`)
 * @param name of the file, for errors
 * @throws AssemblyError
 */
export function parseTemplate(text: string, name: string): Template {
  return readTemplateDocument(parseText(text, name), name);
}

/** @throws AssemblyError if the document has not the shape of a template, or needs a macro's expansion first */
function readTemplateDocument(document: unknown, name: string): Template {
  const whole = v.safeParse(v.looseObject({}), document);
  if (!whole.success) throw new AssemblyError(`${name} is not a template (${whole.issues[0].message}).`);
  if (whole.output.Resources === undefined)
    throw new AssemblyError(`${name} is a template without resources.`);
  const read = v.safeParse(Template, document);
  if (!read.success) throw new AssemblyError(`${name}: ${issueText(read.issues[0], 'a template')}`);
  const { Resources: entries, Outputs: outputs, ...sections } = read.output;
  const transforms = [sections.Transform ?? []].flat();
  if (transforms.includes(SAM)) {
    throw new AssemblyError(
      `${name} is a SAM template (Transform ${SAM}); expected what CloudFormation makes of it, which ` +
        '`aws cloudformation get-template --template-stage Processed --stack-name NAME` gives of a deployed ' +
        'stack, and with --change-set-name ID of what `sam deploy --no-execute-changeset` has prepared.',
    );
  }
  const macros = transforms
    .filter((each) => !KNOWN_TRANSFORMS.includes(each))
    .map((each) => `Transform ${typeof each === 'string' ? each : JSON.stringify(each)}`);
  const resources: Record<string, TemplateResource> = {};
  for (const [id, entry] of Object.entries(entries)) {
    if (id.startsWith('Fn::')) macros.push(id);
    else resources[id] = check(TemplateResource, entry, `${name}: Resources.${id}`);
  }
  const Outputs: Record<string, TemplateOutput> = {};
  for (const [key, entry] of Object.entries(outputs)) {
    if (!key.startsWith('Fn::')) Outputs[key] = check(Output, entry, `${name}: Outputs.${key}`);
  }
  return { ...sections, Resources: resources, Outputs, macros };
}

function check<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  at: string,
): v.InferOutput<Schema> {
  const read = v.safeParse(schema, value);
  if (read.success) return read.output;
  throw new AssemblyError(`${at}: ${issueText(read.issues[0], 'a resource or output')}`);
}

function issueText(issue: v.BaseIssue<unknown>, whole: string): string {
  const where = v.getDotPath(issue);
  return where ? `${where}: ${issue.message}.` : `it is not ${whole}. ${issue.message}.`;
}

function parseText(text: string, name: string): unknown {
  if (name.endsWith('.json') || /^\s*[{[]/.test(text)) {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new AssemblyError(`${name} is not JSON: ${(error as Error).message}`);
    }
  }
  // Loaded late: most templates are JSON, and the library takes longer to load than they take to read.
  const { parseYaml }: typeof import('./yaml') = require('./yaml');
  try {
    return parseYaml(text);
  } catch (error) {
    throw new AssemblyError(`${name} is not YAML: ${(error as Error).message}`);
  }
}
