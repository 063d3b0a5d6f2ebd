/**
 * CloudFormation's intrinsic functions, evaluated on one template as a deployment would; a value that only AWS
 * knows becomes a placeholder.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
 */
import { hasPlaceholder, type PlaceholderKind, placeholder, reasonsOf, splitKnown } from './placeholder';
import { AssemblyError, type Json, type Template, type TemplateParameter } from './template';

/** Environment of a deployment: account, region and the values of parameters. */
export interface DeploymentEnvironment {
  readonly account: string;
  readonly region: string;
  readonly partition: string;
  readonly urlSuffix: string;
  readonly stackName: string;
  readonly stackId: string;
  /** Values of parameters, by name: text, or a list from a nested stack's parent. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Prefix of the stack's placeholders, so that they differ from another stack's, e.g. `Orders/`. */
  readonly scope: string;
  /** True for a stack that another one creates, and gives its parameters. */
  readonly isNested?: boolean;
}

/** Access to the other parts of the stack, and to other stacks, for expressions. */
export interface References {
  /** Value of `Ref` for a resource. */
  ref(logicalId: string): string;
  attribute(logicalId: string, attribute: string): Json;
  /** A value that another stack exports; undefined if none does. */
  imported(name: string): Json;
}

/** A condition that depends on a placeholder. */
class Undecided {
  constructor(readonly reason: string) {}
}

/** `Ref: AWS::NoValue`: the property is left out. */
const NO_VALUE = Symbol('AWS::NoValue');

export class Intrinsics {
  readonly #conditions = new Map<string, boolean | Undecided>();
  readonly #pseudoParameters: ReadonlyMap<string, unknown>;

  constructor(
    private readonly template: Template,
    private readonly environment: DeploymentEnvironment,
    private readonly references: References,
  ) {
    this.#pseudoParameters = new Map<string, unknown>([
      ['AWS::AccountId', environment.account],
      ['AWS::NoValue', NO_VALUE],
      ['AWS::NotificationARNs', []],
      ['AWS::Partition', environment.partition],
      ['AWS::Region', environment.region],
      ['AWS::StackId', environment.stackId],
      ['AWS::StackName', environment.stackName],
      ['AWS::URLSuffix', environment.urlSuffix],
    ]);
  }

  /**
   * @param value any part of the template
   * @param at path of the value, for errors, e.g. `Bus95A03305.Properties`
   * @throws AssemblyError for what CloudFormation would refuse
   */
  resolve(value: unknown, at: string): Json {
    if (typeof value === 'string') return withoutDynamicReferences(value);
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) {
      const items = value.map((item, index) => this.resolve(item, `${at}[${index}]`));
      return items.filter((item) => item !== NO_VALUE);
    }
    const [[key, argument] = [], ...others] = Object.entries(value);
    // `{"Condition": {...}}` is a policy statement's; the function of that name stands in conditions only.
    if (key !== undefined && others.length === 0 && (key === 'Ref' || key.startsWith('Fn::'))) {
      return this.#evaluate(key, argument, at);
    }
    const result: Record<string, unknown> = {};
    for (const [name, item] of Object.entries(value)) {
      if (name === 'Fn::Transform' || name.startsWith('Fn::ForEach')) continue; // Named by the assembly.
      const resolved = this.resolve(item, `${at}.${name}`);
      if (resolved !== NO_VALUE) result[name] = resolved;
    }
    return result;
  }

  /**
   * Evaluates a condition of the template.
   * @returns the reason, as part of a sentence, if that cannot be told
   */
  holds(name: string, at: string): boolean | string {
    const result = this.#holds(name, at);
    return result instanceof Undecided ? result.reason : result;
  }

  #holds(name: string, at: string): boolean | Undecided {
    const known = this.#conditions.get(name);
    if (known !== undefined) return known;
    const condition = this.template.Conditions[name];
    if (condition === undefined) throw new AssemblyError(`${at}: the template has no condition ${name}.`);
    const result = this.#test(condition, `Conditions.${name}`);
    this.#conditions.set(name, result);
    return result;
  }

  #evaluate(name: string, argument: Json, at: string): Json {
    switch (name) {
      case 'Ref':
        return this.#ref(String(argument), at);
      case 'Fn::GetAtt':
        return this.#getAtt(argument, at);
      case 'Fn::Join': {
        const [separator, values] = list(name, argument, 2, at);
        return withoutDynamicReferences(this.#strings(values, at).join(String(this.resolve(separator, at))));
      }
      case 'Fn::Split': {
        const [separator, text] = list(name, argument, 2, at);
        return splitKnown(String(this.resolve(text, at)), String(this.resolve(separator, at)));
      }
      case 'Fn::Select':
        return this.#select(list(name, argument, 2, at), at);
      case 'Fn::Sub':
        return this.#sub(argument, at);
      case 'Fn::If':
        return this.#if(list(name, argument, 3, at), at);
      case 'Fn::FindInMap':
        return this.#findInMap(argument, at);
      case 'Fn::Base64': {
        const text = String(this.resolve(argument, at));
        return hasPlaceholder(text) ? text : Buffer.from(text).toString('base64');
      }
      case 'Fn::ImportValue': {
        const exported = String(this.resolve(argument, at));
        return this.references.imported(exported) ?? placeholder('import', exported);
      }
      case 'Fn::GetAZs': {
        const region = String(this.resolve(argument, at)) || this.environment.region;
        return [0, 1, 2].map((index) => placeholder('zones', `${region} number ${index}`));
      }
      case 'Fn::Length': {
        const items = this.resolve(argument, at);
        return Array.isArray(items) ? items.length : this.#placeholder('function', `${name} of ${items}`);
      }
      case 'Fn::ToJsonString':
        return JSON.stringify(this.resolve(argument, at));
      default:
        return this.#placeholder('function', `${name} at ${at}`);
    }
  }

  #placeholder(kind: PlaceholderKind, name: string): string {
    return placeholder(kind, `${this.environment.scope}${name}`);
  }

  #ref(name: string, at: string): unknown {
    if (this.#pseudoParameters.has(name)) return this.#pseudoParameters.get(name);
    const parameter = this.template.Parameters[name];
    if (parameter) return this.#parameter(name, parameter);
    return this.#isThere(name, at) ? this.references.ref(name) : this.#placeholder('reference', name);
  }

  #parameter(name: string, { Type, Default }: TemplateParameter): unknown {
    const given = this.environment.parameters[name];
    if (given === undefined && Type.startsWith('AWS::SSM::'))
      return this.#placeholder('stored parameter', name);
    const value = given ?? Default;
    const isList = /^(CommaDelimitedList|List<)|<List<|<CommaDelimitedList/.test(Type);
    if (value === undefined) {
      const unknown = this.#placeholder('parameter', name);
      return isList ? [unknown] : unknown;
    }
    if (!isList || Array.isArray(value)) return value;
    return String(value)
      .split(',')
      .map((item) => item.trim());
  }

  #getAtt(argument: Json, at: string): Json {
    const [logicalId, ...path] = (
      Array.isArray(argument)
        ? argument.map((part) => String(this.resolve(part, at)))
        : String(argument).split('.')
    ) as [string, ...string[]];
    const attribute = path.join('.');
    return this.#isThere(logicalId, at)
      ? this.references.attribute(logicalId, attribute)
      : this.#placeholder('attribute', `${logicalId}.${attribute}`);
  }

  /** @returns true if the resource exists, or may be made by a macro */
  #isThere(logicalId: string, at: string): boolean {
    if (this.template.Resources[logicalId]) return true;
    if (this.template.macros.length > 0) return false;
    throw new AssemblyError(`${at}: the template has no resource or parameter ${logicalId}.`);
  }

  #sub(argument: Json, at: string): string {
    const [text, variables = {}] = Array.isArray(argument) ? argument : [argument];
    const replaced = String(text).replace(/\$\{(!?)([^}]+)\}/g, (_, escaped: string, name: string) => {
      if (escaped) return `\${${name}}`;
      const key = name.trim();
      if (Object.hasOwn(variables, key)) return String(this.resolve(variables[key], at));
      const isAttribute = key.includes('.') && !key.includes('::');
      return String(isAttribute ? this.#getAtt(key, at) : this.#ref(key, at));
    });
    return withoutDynamicReferences(replaced);
  }

  #select([index, values]: readonly Json[], at: string): Json {
    const items = this.resolve(values, at);
    const position = this.resolve(index, at);
    const uncertain = hasPlaceholder(position) || !Array.isArray(items);
    // A placeholder in an earlier item may stand for several items.
    const shifted = Array.isArray(items) && hasPlaceholder(items.slice(0, Number(position)));
    const selected = uncertain ? undefined : items[Number(position)];
    if (uncertain || (shifted && (isSplit(values) || selected === undefined))) {
      return this.#placeholder('function', `Fn::Select ${position} of ${JSON.stringify(items)}`);
    }
    if (selected === undefined) throw new AssemblyError(`${at}: Fn::Select finds no value ${position}.`);
    return selected;
  }

  #if([condition, yes, no]: readonly Json[], at: string): Json {
    const name = String(condition);
    const holds = this.#holds(name, at);
    if (!(holds instanceof Undecided)) return this.resolve(holds ? yes : no, at);
    const either = [yes, no].map((branch) => this.resolve(branch, at));
    const [first, second] = either.map((value) => JSON.stringify(value) ?? 'nothing');
    return first === second
      ? either[0]
      : this.#placeholder('condition', `condition ${name} (${first} or ${second})`);
  }

  #findInMap(argument: Json, at: string): Json {
    if (!Array.isArray(argument) || argument.length < 3) {
      throw new AssemblyError(`${at}: Fn::FindInMap takes a list of 3 values.`);
    }
    const [map, top, second] = this.#strings(argument.slice(0, 3), at) as [string, string, string];
    const mapping = this.template.Mappings[map];
    const entry = mapping?.[top] as Readonly<Record<string, unknown>> | undefined;
    const found = entry?.[second];
    if (found !== undefined) return this.resolve(found, at);
    const fallback = argument[3]?.DefaultValue;
    if (fallback !== undefined) return this.resolve(fallback, at);
    const keys = `${map}.${top}.${second}`;
    // The keys may come from the assumed environment: another region could have a value.
    if (
      mapping &&
      (hasPlaceholder(keys) || top === this.environment.region || top === this.environment.account)
    )
      return this.#placeholder('mapping', keys);
    throw new AssemblyError(`${at}: there is no mapping ${keys}.`);
  }

  #strings(values: Json, at: string): string[] {
    const resolved = this.resolve(values, at);
    // The whole list is unknown.
    if (typeof resolved === 'string' && hasPlaceholder(resolved)) return [resolved];
    if (!Array.isArray(resolved)) throw new AssemblyError(`${at}: expected a list of strings.`);
    return resolved.map(String);
  }

  #test(condition: Json, at: string): boolean | Undecided {
    const [[name, argument] = ['', undefined]] = Object.entries<Json>(condition ?? {});
    const all = (): (boolean | Undecided)[] => [argument].flat().map((each: Json) => this.#test(each, at));
    switch (name) {
      case 'Condition':
        return this.#holds(String(argument), at);
      case 'Fn::Equals': {
        const [left, right] = [argument].flat().map((each: Json) => String(this.resolve(each, at)));
        if (left === right) return true;
        const values = [left, right];
        return hasPlaceholder(values) ? new Undecided(reasonsOf(values)) : false;
      }
      case 'Fn::Not': {
        const result = decide(all(), true);
        return result instanceof Undecided ? result : !result;
      }
      case 'Fn::And':
        return decide(all(), false);
      case 'Fn::Or':
        return decide(all(), true);
      default:
        return new Undecided(`the condition function ${name} is not evaluated`);
    }
  }
}

/** Result of `Fn::And` and `Fn::Or`: a single result equal to `deciding` decides. */
function decide(results: readonly (boolean | Undecided)[], deciding: boolean): boolean | Undecided {
  if (results.includes(deciding)) return deciding;
  return results.find((each) => each instanceof Undecided) ?? !deciding;
}

function list(name: string, argument: Json, length: number, at: string): Json[] {
  if (Array.isArray(argument) && argument.length === length) return argument;
  throw new AssemblyError(`${at}: ${name} takes a list of ${length} values.`);
}

const isSplit = (values: Json): boolean => values?.['Fn::Split'] !== undefined;

function withoutDynamicReferences(text: string): string {
  return text.replace(/\{\{resolve:([^}]*)\}\}/g, (_, reference: string) =>
    placeholder('dynamic reference', reference),
  );
}
