/** One stack of an assembly: its resources and outputs, evaluated when they are asked for. */

import { type AbsentResource, turnedOnBy } from './absent';
import type { Construct } from './constructs';
import { generatedNames, IDENTITIES } from './identity';
import { type DeploymentEnvironment, Intrinsics, type References } from './intrinsics';
import { placeholder } from './placeholder';
import type { Resource } from './resource';
import { AssemblyError, type Json, type Template, type TemplateResource } from './template';

/** Access to the other stacks of the assembly. */
export interface OtherStacks {
  /** The construct that made a resource of this stack. */
  construct(logicalId: string, metadata: Resource['metadata']): Construct | undefined;
  /** A value that one of them exports. */
  imported(name: string): Json;
  /** The nested stack of an `AWS::CloudFormation::Stack`, if its template is in the assembly. */
  nested(resource: Resource, parameters: Readonly<Record<string, unknown>>): Stack | undefined;
}

export class Stack implements References {
  #resources: ReadonlyMap<string, Resource> | undefined;
  readonly #intrinsics: Intrinsics;
  readonly #made = new Map<string, Resource>();
  /** Logical ids whose names are being resolved, to detect circular references. */
  readonly #pending = new Set<string>();
  readonly #generatedNames: ReadonlyMap<string, string>;
  readonly #nested = new Map<string, Stack | undefined>();

  constructor(
    readonly template: Template,
    readonly environment: DeploymentEnvironment,
    private readonly others: OtherStacks,
  ) {
    this.#intrinsics = new Intrinsics(template, environment, this);
    const entries = Object.entries(template.Resources);
    const given = entries.map(([, { Type, Properties }]) => Properties[IDENTITIES[Type]?.name ?? '']);
    this.#generatedNames = generatedNames(
      environment.stackName,
      entries.map(([logicalId, { Type }]) => [logicalId, Type]),
      new Set(given.filter((name) => typeof name === 'string').map((name) => name.toLowerCase())),
    );
  }

  /** Resources by logical id, without those whose condition is false. */
  get resources(): ReadonlyMap<string, Resource> {
    this.#resources ??= new Map(
      Object.entries(this.template.Resources)
        .filter(
          ([id, { Condition }]) => Condition === undefined || this.#intrinsics.holds(Condition, id) !== false,
        )
        .map(([id]) => [id, this.#resource(id)]),
    );
    return this.#resources;
  }

  /** Resources whose condition is false. */
  get absent(): AbsentResource[] {
    const { template, environment } = this;
    return Object.entries(template.Resources).flatMap(([id, { Type: type, Condition: condition }]) => {
      if (condition === undefined || this.resources.has(id)) return [];
      const turnedOn = turnedOnBy(template, environment, this, condition);
      return [{ resource: `${environment.scope}${id}`, type, condition, turnedOn }];
    });
  }

  /** Names of outputs, without those whose condition is false. */
  get outputKeys(): string[] {
    return Object.entries(this.template.Outputs)
      .filter(([key, { Condition }]) => {
        return Condition === undefined || this.#intrinsics.holds(Condition, `Outputs.${key}`) !== false;
      })
      .map(([key]) => key);
  }

  output(key: string): Json {
    return this.#intrinsics.resolve(this.template.Outputs[key]?.Value, `Outputs.${key}`);
  }

  /** The name by which an output is exported to other stacks. */
  exportName(key: string): string | undefined {
    const { Export } = this.template.Outputs[key] ?? {};
    return Export && String(this.#intrinsics.resolve(Export.Name, `Outputs.${key}.Export`));
  }

  /** The nested stack of an `AWS::CloudFormation::Stack`. */
  nested(logicalId: string): Stack | undefined {
    if (!this.#nested.has(logicalId)) {
      const resource = this.#resource(logicalId);
      this.#nested.set(logicalId, this.others.nested(resource, resource.properties.Parameters ?? {}));
    }
    return this.#nested.get(logicalId);
  }

  ref(logicalId: string): string {
    const resource = this.#resource(logicalId);
    const identity = IDENTITIES[resource.type];
    if (!identity) return placeholder('reference', resource.logicalId);
    return identity.ref?.(resource, this.environment) ?? resource.name;
  }

  attribute(logicalId: string, attribute: string): Json {
    const resource = this.#resource(logicalId);
    const identity = IDENTITIES[resource.type];
    if (identity && attribute === 'Arn') return resource.arn;
    if (resource.type === 'AWS::CloudFormation::Stack' && attribute.startsWith('Outputs.')) {
      const key = attribute.slice('Outputs.'.length);
      const stack = this.nested(logicalId);
      if (stack?.outputKeys.includes(key)) return stack.output(key);
    }
    const known = identity?.attributes?.[attribute]?.(resource, this.environment);
    return known ?? placeholder('attribute', `${resource.logicalId}.${attribute}`);
  }

  imported(name: string): Json {
    return this.others.imported(name);
  }

  #resource(logicalId: string): Resource {
    const known = this.#made.get(logicalId);
    if (known) return known;
    if (this.#pending.has(logicalId)) {
      const circle = [...this.#pending].join(' -> ');
      throw new AssemblyError(`${logicalId}: its name depends on itself (${circle}).`);
    }
    this.#pending.add(logicalId);
    const made = this.#make(logicalId, this.template.Resources[logicalId] as TemplateResource);
    this.#pending.delete(logicalId);
    this.#made.set(logicalId, made);
    return made;
  }

  #make(id: string, { Type: type, Condition, Properties, Metadata }: TemplateResource): Resource {
    const { environment } = this;
    const { partition, region, account, scope } = environment;
    const identity = IDENTITIES[type];
    let resolved: Json;
    // Resolved when read: a property that no tool reads may be one that cannot be resolved.
    const properties = (): Json => {
      resolved ??= this.#intrinsics.resolve(Properties, `${id}.Properties`);
      return resolved;
    };
    const property = (key: string): Json =>
      this.#intrinsics.resolve({ [key]: Properties[key] }, `${id}.Properties`)[key];
    const given = identity?.name === undefined ? undefined : property(identity.name);
    const name = given === undefined ? this.#generatedName(id, type, Properties) : String(given);
    const logicalId = `${scope}${id}`;
    // Evaluated when read, since an ARN may name another resource (a rule's bus).
    let arn: string | undefined;
    const makeArn = () =>
      identity
        ? `arn:${partition}:${identity.arn(name, property, logicalId)}`
            .replace('*R', `${region}:${account}`)
            .replace('*A', account)
        : placeholder('attribute', `${logicalId}.Arn`);
    const makeRef = () => this.ref(id);
    const holds = Condition === undefined || this.#intrinsics.holds(Condition, id);
    const construct = this.others.construct(id, Metadata);
    return {
      logicalId,
      stackName: environment.stackName,
      type,
      name,
      metadata: Metadata,
      ...(construct && { construct }),
      ...(typeof holds === 'string' && { uncertain: `its condition ${Condition} cannot be told: ${holds}` }),
      get arn() {
        arn ??= makeArn();
        return arn;
      },
      get ref() {
        return makeRef();
      },
      get properties() {
        return properties();
      },
    };
  }

  #generatedName(
    id: string,
    type: string,
    { FifoQueue, FifoTopic }: Readonly<Record<string, unknown>>,
  ): string {
    const name = this.#generatedNames.get(id) ?? id;
    const isFifo = /Queue$|Topic$/.test(type) && String(FifoQueue ?? FifoTopic) === 'true';
    return isFifo ? `${name}.fifo` : name;
  }
}
