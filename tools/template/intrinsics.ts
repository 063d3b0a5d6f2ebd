/**
 * CloudFormation's intrinsic functions, evaluated on one template as a deployment would.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
 */

/** A template that cannot be evaluated. One line: where, what, and what is allowed. */
export class AssemblyError extends Error {
  override readonly name = 'AssemblyError';
}

// biome-ignore lint/suspicious/noExplicitAny: a template's properties have no static type; readers check what they read
export type Json = any;

export interface Template {
  readonly Parameters?: Readonly<
    Record<string, { readonly Type: string; readonly Default?: string | number }>
  >;
  readonly Conditions?: Readonly<Record<string, Json>>;
  readonly Mappings?: Readonly<Record<string, Record<string, Record<string, Json>>>>;
  readonly Resources?: Readonly<Record<string, TemplateResource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: Json; readonly Condition?: string }>>;
}

export interface TemplateResource {
  readonly Type: string;
  readonly Condition?: string;
  readonly Properties?: Readonly<Record<string, Json>>;
  readonly Metadata?: Readonly<Record<string, unknown>>;
}

/** What the template itself cannot say. */
export interface Environment {
  readonly account: string;
  readonly region: string;
  readonly partition: string;
  readonly urlSuffix: string;
  readonly stackName: string;
  readonly stackId: string;
}

/** What `Ref` and `Fn::GetAtt` give for a resource. */
export interface ResourceValues {
  ref(logicalId: string): string;
  /** undefined if the type is not known to have the attribute */
  attribute(logicalId: string, attribute: string): string | undefined;
}

/** `Ref: AWS::NoValue`: the property is as if it were not there. */
const NO_VALUE = Symbol('AWS::NoValue');

export class Intrinsics {
  readonly #conditions = new Map<string, boolean>();
  readonly #pseudoParameters: ReadonlyMap<string, unknown>;

  constructor(
    private readonly template: Template,
    environment: Environment,
    private readonly resources: ResourceValues,
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
   * @param at where it stands, for errors, e.g. `Bus95A03305.Properties`
   * @throws AssemblyError
   */
  resolve(value: Json, at: string): Json {
    if (typeof value === 'string') return literal(value, at);
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) {
      const items = value.map((item, index) => this.resolve(item, `${at}[${index}]`));
      return items.filter((item) => item !== NO_VALUE);
    }
    const [[key, argument] = [], ...others] = Object.entries(value);
    if (others.length === 0 && (key === 'Ref' || key === 'Condition' || key?.startsWith('Fn::'))) {
      // `{"Condition": {...}}` is a policy statement's; only `{"Condition": "Name"}` is the function.
      if (key !== 'Condition') return this.#evaluate(key, argument, at);
    }
    const result: Record<string, unknown> = {};
    for (const [name, item] of Object.entries(value)) {
      const resolved = this.resolve(item, `${at}.${name}`);
      if (resolved !== NO_VALUE) result[name] = resolved;
    }
    return result;
  }

  /** Whether a condition of the template holds. */
  holds(name: string, at: string): boolean {
    const known = this.#conditions.get(name);
    if (known !== undefined) return known;
    const condition = this.template.Conditions?.[name];
    if (condition === undefined) throw new AssemblyError(`${at}: the template has no condition ${name}.`);
    const result = this.#test(condition, `Conditions.${name}`);
    this.#conditions.set(name, result);
    return result;
  }

  #evaluate(name: string, argument: Json, at: string): Json {
    const list = (length: number) => {
      if (Array.isArray(argument) && argument.length === length) return argument;
      throw new AssemblyError(`${at}: ${name} takes a list of ${length} values.`);
    };
    switch (name) {
      case 'Ref':
        return this.#ref(argument, at);
      case 'Fn::GetAtt':
        return this.#getAtt(Array.isArray(argument) ? argument : String(argument).split('.'), at);
      case 'Fn::Join': {
        const [separator, values] = list(2);
        return this.#strings(values, at).join(separator);
      }
      case 'Fn::Split': {
        const [separator, text] = list(2);
        return String(this.resolve(text, at)).split(separator);
      }
      case 'Fn::Select': {
        const [index, values] = list(2);
        const selected = this.resolve(values, at)[Number(this.resolve(index, at))];
        if (selected === undefined) throw new AssemblyError(`${at}: Fn::Select finds no value ${index}.`);
        return selected;
      }
      case 'Fn::Sub':
        return this.#sub(argument, at);
      case 'Fn::If': {
        const [condition, yes, no] = list(3);
        return this.resolve(this.holds(condition, at) ? yes : no, at);
      }
      case 'Fn::FindInMap': {
        const [map, top, second] = this.#strings(list(3), at);
        const found = this.template.Mappings?.[map ?? '']?.[top ?? '']?.[second ?? ''];
        if (found === undefined)
          throw new AssemblyError(`${at}: there is no mapping ${map}.${top}.${second}.`);
        return found;
      }
      case 'Fn::Base64':
        return Buffer.from(String(this.resolve(argument, at))).toString('base64');
      default:
        throw new AssemblyError(`${at}: the local run does not know the function ${name}.`);
    }
  }

  #ref(name: string, at: string): unknown {
    if (this.#pseudoParameters.has(name)) return this.#pseudoParameters.get(name);
    const parameter = this.template.Parameters?.[name];
    if (!parameter) return this.resources.ref(this.#existing(name, at));
    if (parameter.Type.startsWith('AWS::SSM::')) {
      throw new AssemblyError(`${at}: parameter ${name} is read from Parameter Store, which is not here.`);
    }
    if (parameter.Default === undefined) throw new AssemblyError(`${at}: parameter ${name} has no default.`);
    return /^(CommaDelimitedList|List<)/.test(parameter.Type)
      ? String(parameter.Default).split(',')
      : parameter.Default;
  }

  #getAtt([logicalId = '', ...path]: string[], at: string): string {
    const attribute = path.join('.');
    const value = this.resources.attribute(this.#existing(logicalId, at), attribute);
    if (value === undefined) {
      const type = this.template.Resources?.[logicalId]?.Type;
      throw new AssemblyError(
        `${at}: the local run does not know the attribute ${attribute} of ${type} ${logicalId}.`,
      );
    }
    return value;
  }

  #existing(logicalId: string, at: string): string {
    if (this.template.Resources?.[logicalId]) return logicalId;
    throw new AssemblyError(`${at}: the template has no resource or parameter ${logicalId}.`);
  }

  #sub(argument: Json, at: string): string {
    const [text, variables] = Array.isArray(argument) ? argument : [argument, {}];
    return String(text).replace(/\$\{(!?)([^}]+)\}/g, (_, escaped: string, name: string) => {
      if (escaped) return `\${${name}}`;
      const key = name.trim();
      if (Object.hasOwn(variables, key)) return String(this.resolve(variables[key], at));
      return String(
        key.includes('.') && !key.includes('::') ? this.#getAtt(key.split('.'), at) : this.#ref(key, at),
      );
    });
  }

  #strings(values: Json, at: string): string[] {
    const resolved = this.resolve(values, at);
    if (!Array.isArray(resolved)) throw new AssemblyError(`${at}: expected a list of strings.`);
    return resolved.map(String);
  }

  #test(condition: Json, at: string): boolean {
    const [[name, argument] = ['', undefined]] = Object.entries<Json>(condition);
    switch (name) {
      case 'Condition':
        return this.holds(argument, at);
      case 'Fn::Equals': {
        const [left, right] = this.#strings(argument, at);
        return left === right;
      }
      case 'Fn::Not':
        return !this.#test(argument[0], at);
      case 'Fn::And':
        return argument.every((each: Json) => this.#test(each, at));
      case 'Fn::Or':
        return argument.some((each: Json) => this.#test(each, at));
      default:
        throw new AssemblyError(`${at}: the local run does not know the condition function ${name}.`);
    }
  }
}

function literal(text: string, at: string): string {
  if (text.includes('{{resolve:')) {
    throw new AssemblyError(`${at}: the local run cannot look up the dynamic reference ${text}.`);
  }
  return text;
}
