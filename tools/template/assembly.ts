/**
 * The synthesized stacks as one model: their resources, with every reference resolved as CloudFormation would, or
 * by a placeholder for a value that only AWS knows. Knows nothing of this project's names.
 */
import fs from 'node:fs';
import path from 'node:path';
import { type CloudAssembly, readCloudAssembly, type StackFile } from './cloud-assembly';
import { Constructs } from './constructs';
import type { DeploymentEnvironment } from './intrinsics';
import { Lookup } from './lookup';
import { placeholder } from './placeholder';
import type { Assembly, NotCovered, Resource } from './resource';
import { Stack } from './stack';
import { AssemblyError, type Json, parseTemplate, type Template } from './template';

export { busName } from './identity';
export type { Assembly, NotCovered, Resource } from './resource';
export { AssemblyError };

export interface AssemblyOptions {
  /** Name of the stack to read, if the assembly has several. @default all */
  readonly stackName?: string;
  /** @default the stack's own, otherwise 000000000000 */
  readonly account?: string;
  /** @default the stack's own, otherwise AWS_REGION, otherwise us-east-1 */
  readonly region?: string;
  /** Values of the templates' parameters. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/**
 * Reads a cloud assembly (the folder that `cdk synth` wrote), or a file with a template in JSON or YAML.
 * @throws AssemblyError if there is none, or it has not the shape of one
 */
export function readAssembly(place: string, options: AssemblyOptions = {}): Assembly {
  const isFile = fs.statSync(place, { throwIfNoEntry: false })?.isFile() ?? false;
  const read = isFile ? singleTemplate(place) : readCloudAssembly(place);
  const named = ({ stackName, id }: StackFile) => [stackName, id].includes(options.stackName ?? stackName);
  const chosen = read.stacks.filter(named);
  if (chosen.length === 0) {
    const names = read.stacks.map(({ stackName }) => stackName).join(', ') || 'none';
    const wanted = options.stackName ? ` has no stack ${options.stackName}; it has` : ' has no stack; it has';
    throw new AssemblyError(`${place}${wanted}: ${names}.`);
  }
  return new StackSet(place, { ...read, stacks: chosen }, options).assembly();
}

function singleTemplate(file: string): CloudAssembly {
  const stackName = path
    .basename(file)
    .replace(/\.[^.]+$/, '')
    .replace(/\.template$/, '');
  return {
    directory: path.dirname(file),
    stacks: [{ id: stackName, stackName, isNameAssumed: true, file, constructs: new Constructs({}) }],
    assets: [],
  };
}

/** A stack that no other one creates. */
interface Root {
  readonly stack: Stack;
  readonly scope: string;
  readonly isRegionAssumed: boolean;
}

/** The stacks of an assembly, those nested in them among them. */
class StackSet {
  readonly #stacks: Stack[] = [];
  readonly #roots: Root[] = [];
  readonly #notCovered: NotCovered[] = [];

  constructor(
    private readonly place: string,
    private readonly read: CloudAssembly,
    options: AssemblyOptions,
  ) {
    const names = read.stacks.map(({ stackName }) => stackName);
    const templates = read.stacks.map((each) => ({ each, template: readTemplateFile(each.file) }));
    const parameters = templates.map(({ template }) => template.Parameters);
    for (const [name, value] of Object.entries(options.parameters ?? {}))
      checkParameter(name, value, parameters);
    for (const { each, template } of templates) {
      const isUnique = names.filter((name) => name === each.stackName).length === 1;
      const scope = names.length > 1 ? `${isUnique ? each.stackName : each.id}/` : '';
      const environment = environmentOf(each, scope, options);
      const stack = this.#add(template, environment, path.dirname(each.file), each.constructs, false);
      const isRegionAssumed = (options.region ?? each.region ?? process.env.AWS_REGION) === undefined;
      this.#roots.push({ stack, scope, isRegionAssumed });
    }
    // Add all stacks before evaluating one: it may import a value that another exports.
    for (const { stack } of this.#roots) this.#look(stack);
  }

  assembly(): Assembly {
    const { read, place } = this;
    const stacks = this.#stacks;
    const [first] = this.#roots as [Root];
    const { account, region, partition } = first.stack.environment;
    const resources = new Map(
      this.#stacks.flatMap((stack) => [...stack.resources.values()].map((each) => [each.logicalId, each])),
    );
    const lookup = new Lookup(resources);
    const names = read.stacks.map(({ stackName }) => stackName);
    return {
      directory: place,
      stackName: names.join(', '),
      title: `${shown(place)}, ${names.length === 1 ? 'stack' : 'stacks'} ${names.join(', ')}`,
      account,
      region,
      partition,
      resources,
      get absent() {
        return stacks.flatMap((stack) => stack.absent);
      },
      outputs: this.#outputs(),
      notCovered: this.#notCovered,
      assumed: new Set([
        ...(read.stacks.some(({ isNameAssumed }) => isNameAssumed) ? (['stackName'] as const) : []),
        ...(first.isRegionAssumed ? (['region'] as const) : []),
      ]),
      ofType: (type) => lookup.ofType(type),
      find: (reference, service) => lookup.find(reference, service),
      assetPath: (resource) => findAsset(read, resource),
    };
  }

  /** @param directory of the templates of nested stacks */
  #add(
    template: Template,
    environment: DeploymentEnvironment,
    directory: string,
    constructs: Constructs,
    isNested: boolean,
  ): Stack {
    const stack = new Stack(template, environment, {
      construct: (id, metadata) => constructs.of(id, metadata, isNested),
      imported: (name) => this.#imported(name),
      nested: (resource, parameters) => this.#nested(stack, resource, parameters, directory, constructs),
    });
    this.#stacks.push(stack);
    return stack;
  }

  /** Reads nested stacks, and records the resources and macros that are not evaluated. */
  #look(stack: Stack): void {
    const { template } = stack;
    for (const macro of template.macros) {
      const type = macro.replace(/(?: |::(?=[^:]*$)).*$/s, '');
      this.#leaveOut(macro, type, 'what this macro makes is not evaluated');
    }
    for (const [id, resource] of stack.resources) {
      const { logicalId, type } = resource;
      if (type === 'AWS::CloudFormation::Stack') stack.nested(id);
      if (/"Fn::(Transform|ForEach[^"]*)":/.test(JSON.stringify(template.Resources[id]?.Properties))) {
        this.#leaveOut(logicalId, type, 'it has a Fn::Transform or Fn::ForEach, which is not evaluated');
      }
    }
  }

  #nested(
    parent: Stack,
    resource: Resource,
    given: Readonly<Record<string, unknown>>,
    directory: string,
    constructs: Constructs,
  ): Stack | undefined {
    const { logicalId, name, type, metadata, properties } = resource;
    const asset = metadata['aws:asset:path'] ?? properties.TemplateURL;
    const file = path.join(directory, String(asset));
    if (typeof asset !== 'string' || /^https?:/.test(asset) || !fs.existsSync(file)) {
      this.#leaveOut(logicalId, type, `its template ${asset} is not here`);
      return undefined;
    }
    const template = readTemplateFile(file);
    const environment = {
      ...parent.environment,
      stackName: name,
      stackId: `${parent.environment.stackId}/${name}`,
      parameters: given,
      isNested: true,
      scope: `${logicalId}/`,
    };
    const stack = this.#add(template, environment, path.dirname(file), constructs, true);
    this.#look(stack);
    return stack;
  }

  #leaveOut(resource: string, type: string, message: string): void {
    this.#notCovered.push({ resource, type, message: `${message}.` });
  }

  #imported(name: string): Json {
    for (const stack of this.#stacks) {
      const key = stack.outputKeys.find((each) => stack.exportName(each) === name);
      if (key !== undefined) return stack.output(key);
    }
    return undefined;
  }

  #outputs(): Assembly['outputs'] {
    const outputs = {};
    for (const { stack, scope } of this.#roots) {
      for (const key of stack.outputKeys) {
        const get = () => String(stack.output(key));
        Object.defineProperty(outputs, `${scope}${key}`, { get, enumerable: true });
      }
    }
    return outputs;
  }
}

/** The path as the user would type it. */
function shown(place: string): string {
  const relative = path.relative(process.env.INIT_CWD ?? process.cwd(), place);
  return relative.startsWith('..') || relative === '' ? place : relative;
}

function environmentOf(
  { stackName, region: ownRegion, account: ownAccount }: StackFile,
  scope: string,
  options: AssemblyOptions,
): DeploymentEnvironment {
  const region = options.region ?? ownRegion ?? process.env.AWS_REGION ?? 'us-east-1';
  const account = options.account ?? ownAccount ?? '000000000000';
  const partition = region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
  return {
    account,
    region,
    partition,
    urlSuffix: partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com',
    stackName,
    stackId: `arn:${partition}:cloudformation:${region}:${account}:stack/${stackName}/${placeholder('pseudo parameter', `AWS::StackId of ${stackName}`)}`,
    parameters: options.parameters ?? {},
    scope,
  };
}

function checkParameter(name: string, value: string, stacks: readonly Template['Parameters'][]): void {
  const declared = stacks.flatMap((parameters) => parameters[name] ?? []);
  if (declared.length === 0) {
    const known = [...new Set(stacks.flatMap((parameters) => Object.keys(parameters)))];
    throw new AssemblyError(`There is no parameter ${name}; there is ${known.join(', ') || 'none'}.`);
  }
  for (const { AllowedValues: allowed } of declared) {
    if (!allowed || allowed.map(String).includes(value)) continue;
    throw new AssemblyError(`Parameter ${name} is ${value}; allowed are ${allowed.join(', ')}.`);
  }
}

function readTemplateFile(file: string): Template {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new AssemblyError(`Cannot read ${file} (${(error as NodeJS.ErrnoException).code}).`);
  }
  return parseTemplate(text, file);
}

function findAsset({ assets }: CloudAssembly, resource: Resource): string {
  const { logicalId, properties } = resource;
  const key = properties.Code?.S3Key;
  if (typeof key !== 'string') {
    throw new AssemblyError(
      `${logicalId}: its code is not an asset (Code.S3Key), which is all that can be run.`,
    );
  }
  const asset = assets.find(({ objectKeys }) => objectKeys.includes(key));
  if (!asset) throw new AssemblyError(`${logicalId}: the assembly has no asset for its code ${key}.`);
  if (!asset.isZip || !fs.existsSync(asset.path)) {
    throw new AssemblyError(
      `${logicalId}: its code is not in the assembly at ${asset.path}. Run \`npx cdk synth\` again.`,
    );
  }
  return asset.path;
}
