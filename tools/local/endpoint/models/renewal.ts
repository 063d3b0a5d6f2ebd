/** Constraints of the operations that the endpoint answers, from AWS's API models as botocore ships them. */
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import type { ApiModel, ModelMember, ModelShape } from './model';

/** Names in botocore of the services, by IAM's names. */
const SERVICES: Readonly<Record<string, string>> = {
  ...{
    events: 'events',
    kms: 'kms',
    scheduler: 'scheduler',
    sqs: 'sqs',
    sns: 'sns',
    firehose: 'firehose',
    lambda: 'lambda',
    logs: 'logs',
  },
  ...{
    cloudformation: 'cloudformation',
    cloudtrail: 'cloudtrail',
    cloudwatch: 'cloudwatch',
    s3: 's3',
    states: 'stepfunctions',
    sts: 'sts',
  },
};
const SHAPE_FIELDS = [
  ...['type', 'required', 'member', 'key', 'value', 'min', 'max', 'pattern', 'enum', 'payload'],
  ...['location', 'locationName', 'shape', 'timestampFormat'],
];

interface BotocoreModel {
  readonly metadata: { readonly apiVersion: string };
  readonly operations: Readonly<
    Record<
      string,
      {
        readonly http: {
          readonly method: string;
          readonly requestUri: string;
          readonly responseCode?: number;
        };
        readonly input?: { readonly shape: string };
      }
    >
  >;
  readonly shapes: Readonly<Record<string, ModelShape>>;
}

/**
 * Writes the models of all services into a folder, with the operations that they have there already.
 * @param botocore folder of the package
 * @param added more operations, e.g. `sqs:ListQueues`
 * @throws Error for an operation that a service does not have
 */
export function renewModels(botocore: string, folder: string, added: readonly string[]): void {
  const version = /__version__ = '(.*)'/.exec(
    fs.readFileSync(path.join(botocore, '__init__.py'), 'utf8'),
  )?.[1];
  for (const [service, name] of Object.entries(SERVICES)) {
    const file = path.join(folder, `${service}.json`);
    const before: Partial<ApiModel> = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
    const names = added.flatMap((each) =>
      each.startsWith(`${service}:`) ? [each.slice(service.length + 1)] : [],
    );
    const operations = [...new Set([...Object.keys(before.operations ?? {}), ...names])].sort();
    const versions = path.join(botocore, 'data', name);
    const latest = String(fs.readdirSync(versions).sort().at(-1));
    const packed = fs.readFileSync(path.join(versions, latest, 'service-2.json.gz'));
    const model: BotocoreModel = JSON.parse(zlib.gunzipSync(packed).toString('utf8'));
    fs.writeFileSync(file, print(reduce(model, operations, `botocore ${version}`)));
  }
}

function reduce({ metadata, operations, shapes }: BotocoreModel, names: readonly string[], source: string) {
  const taken: Record<string, unknown> = {};
  const take = (name: string): void => {
    const shape = shapes[name] as ModelShape;
    if (name in taken) return;
    taken[name] = pick(shape);
    for (const { shape: of } of Object.values(shape.members ?? {})) take(of);
    for (const part of [shape.member, shape.key, shape.value]) if (part) take(part.shape);
  };
  const kept = names.map((name) => {
    const operation = operations[name];
    if (!operation) throw new Error(`There is no operation ${name} in the API ${metadata.apiVersion}.`);
    const { http, input } = operation;
    if (input) take(input.shape);
    const { method, requestUri, responseCode } = http;
    return [name, { ...(input && { input: input.shape }), http: { method, requestUri, responseCode } }];
  });
  return { source, apiVersion: metadata.apiVersion, operations: Object.fromEntries(kept), shapes: taken };
}

/** A shape without documentation; that of its members goes as well. */
function pick(shape: ModelShape | ModelMember): object {
  const known = Object.fromEntries(Object.entries(shape).filter(([field]) => SHAPE_FIELDS.includes(field)));
  for (const part of ['member', 'key', 'value']) if (part in known) known[part] = pick(known[part]);
  if (!('members' in shape) || !shape.members) return known;
  const members = Object.entries(shape.members).map(([name, member]) => [name, pick(member)]);
  return { ...known, members: Object.fromEntries(members) };
}

/** One line for each operation and shape, so that a renewal reads well as a difference. */
function print({ operations, shapes, ...about }: ReturnType<typeof reduce>): string {
  const lines = (entries: object) =>
    Object.entries(entries)
      .map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
      .join(',\n');
  const head = JSON.stringify(about, null, 2).replace(/\n\}$/, '');
  return `${head},\n  "operations": {\n${lines(operations)}\n  },\n  "shapes": {\n${lines(shapes)}\n  }\n}\n`;
}
