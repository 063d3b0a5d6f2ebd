/**
 * `npm run api-models [-- <service>:<Operation> ...]`: takes the constraints of the operations that the endpoint
 * answers from AWS's API models, as botocore ships them (with the AWS CLI and boto3), and adds the operations that
 * are named. BOTOCORE=<folder of the package> chooses another copy than that of `python3`.
 */
import { execFileSync } from 'node:child_process';
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

function main(added: readonly string[]): void {
  const botocore =
    process.env.BOTOCORE ??
    execFileSync('python3', ['-c', 'import botocore; print(botocore.__path__[0])'], {
      encoding: 'utf8',
    }).trim();
  const version = /__version__ = '(.*)'/.exec(
    fs.readFileSync(path.join(botocore, '__init__.py'), 'utf8'),
  )?.[1];
  for (const [service, folder] of Object.entries(SERVICES)) {
    const file = path.join(__dirname, `${service}.json`);
    const before: Partial<ApiModel> = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
    const names = added.flatMap((each) =>
      each.startsWith(`${service}:`) ? [each.slice(service.length + 1)] : [],
    );
    const operations = [...new Set([...Object.keys(before.operations ?? {}), ...names])].sort();
    const versions = fs.readdirSync(path.join(botocore, 'data', folder)).sort();
    const packed = path.join(botocore, 'data', folder, versions.at(-1) ?? '', 'service-2.json.gz');
    const model: BotocoreModel = JSON.parse(zlib.gunzipSync(fs.readFileSync(packed)).toString('utf8'));
    fs.writeFileSync(file, print(reduce(model, operations, `botocore ${version}`)));
  }
}

function reduce({ metadata, operations, shapes }: BotocoreModel, names: readonly string[], source: string) {
  const taken: Record<string, unknown> = {};
  const take = (name: string): void => {
    const shape = shapes[name];
    if (!shape || name in taken) return;
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

main(process.argv.slice(2));
