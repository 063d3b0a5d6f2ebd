/** The files of a cloud assembly (`cdk.out`): its stacks' templates and assets, those of its stages among them. */
import fs from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { Constructs } from './constructs';
import { AssemblyError } from './template';

export interface StackFile {
  /** Id of the artifact in the manifest. */
  readonly id: string;
  readonly stackName: string;
  /** True if it is only the file's name. */
  readonly isNameAssumed?: boolean;
  /** Path of the template. */
  readonly file: string;
  readonly constructs: Constructs;
  /** Undefined if the app does not say. */
  readonly account?: string;
  readonly region?: string;
}

export interface Asset {
  readonly path: string;
  readonly isZip: boolean;
  /** Object keys that it is uploaded to. */
  readonly objectKeys: readonly string[];
}

export interface CloudAssembly {
  readonly directory: string;
  readonly stacks: readonly StackFile[];
  readonly assets: readonly Asset[];
}

/** Entries by the path of a construct. */
const Metadata = v.record(v.string(), v.array(v.unknown()));

const Artifact = v.looseObject({
  type: v.string(),
  environment: v.optional(v.string()),
  metadata: v.optional(Metadata, {}),
  additionalMetadataFile: v.optional(v.string()),
  properties: v.optional(
    v.looseObject({
      templateFile: v.optional(v.string()),
      stackName: v.optional(v.string()),
      directoryName: v.optional(v.string()),
      file: v.optional(v.string()),
    }),
    {},
  ),
});
const Manifest = v.looseObject({ artifacts: v.optional(v.record(v.string(), Artifact), {}) });

const AssetManifest = v.looseObject({
  files: v.optional(
    v.record(
      v.string(),
      v.looseObject({
        source: v.looseObject({ path: v.optional(v.string()), packaging: v.optional(v.string()) }),
        destinations: v.record(v.string(), v.looseObject({ objectKey: v.string() })),
      }),
    ),
    {},
  ),
});

/** @throws AssemblyError if there is none, or it has not the shape of one */
export function readCloudAssembly(directory: string): CloudAssembly {
  const { artifacts } = readJson(
    Manifest,
    path.join(directory, 'manifest.json'),
    'Run `npx cdk synth` first.',
  );
  const stacks: StackFile[] = [];
  const assets: Asset[] = [];
  for (const [id, { type, environment, metadata, additionalMetadataFile, properties }] of Object.entries(
    artifacts,
  )) {
    const { templateFile, stackName = id, directoryName, file } = properties;
    if (type === 'aws:cloudformation:stack' && templateFile !== undefined) {
      const stackFile = path.join(directory, templateFile);
      const more =
        additionalMetadataFile === undefined
          ? {}
          : readJson(Metadata, path.join(directory, additionalMetadataFile));
      const constructs = new Constructs({ ...metadata, ...more });
      stacks.push({ id, stackName, file: stackFile, constructs, ...placeOf(environment) });
    } else if (type === 'cdk:cloud-assembly' && directoryName !== undefined) {
      const stage = readCloudAssembly(path.join(directory, directoryName));
      stacks.push(...stage.stacks);
      assets.push(...stage.assets);
    } else if (type === 'cdk:asset-manifest' && file !== undefined) {
      assets.push(...readAssets(directory, file));
    }
  }
  return { directory, stacks, assets };
}

/** @param environment e.g. `aws://unknown-account/eu-west-1` */
function placeOf(environment = ''): { readonly account?: string; readonly region?: string } {
  const [, account = '', region = ''] = /^aws:\/\/([^/]*)\/(.*)$/.exec(environment) ?? [];
  return {
    ...(/^\d{12}$/.test(account) && { account }),
    ...(region && region !== 'unknown-region' && { region }),
  };
}

function readAssets(directory: string, file: string): Asset[] {
  const { files } = readJson(AssetManifest, path.join(directory, file));
  return Object.values(files).flatMap(({ source, destinations }) =>
    source.path === undefined
      ? []
      : [
          {
            path: path.join(directory, source.path),
            isZip: source.packaging === 'zip',
            objectKeys: Object.values(destinations).map(({ objectKey }) => objectKey),
          },
        ],
  );
}

function readJson<Schema extends v.GenericSchema>(
  schema: Schema,
  file: string,
  hint = '',
): v.InferOutput<Schema> {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new AssemblyError(`Cannot read ${file} (${(error as NodeJS.ErrnoException).code}). ${hint}`.trim());
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new AssemblyError(`${file} is not JSON: ${(error as Error).message}`);
  }
  const read = v.safeParse(schema, content);
  if (read.success) return read.output;
  const [issue] = read.issues;
  const where = v.getDotPath(issue);
  throw new AssemblyError(
    `${path.dirname(file)} is not a cloud assembly (${path.basename(file)}: ${where ? `${where}: ` : ''}${issue.message}).`,
  );
}
