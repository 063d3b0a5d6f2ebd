/** Small templates, written as `cdk synth` would, for tests of what reads or runs them. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Assembly, readAssembly } from '../../../tools/template/assembly';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'template-'));
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

export const ARN = (service: string, resource: string) =>
  `arn:aws:${service}:us-east-1:000000000000:${resource}`;

/** A folder that is removed after the file's tests. */
export function temporaryDirectory(): string {
  return fs.mkdtempSync(path.join(root, 'data-'));
}

/** Code of functions by logical id: a file's name and text. */
export type Code = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** @returns the folder of the assembly */
export function writeAssembly(template: object, code: Code = {}, stackName = 'shop'): string {
  const directory = fs.mkdtempSync(path.join(root, 'assembly-'));
  const write = (name: string, content: object) =>
    fs.writeFileSync(path.join(directory, name), JSON.stringify(content));
  const files = Object.entries(code).map(([id, sources]) => {
    const folder = path.join(directory, `asset.${id}`);
    for (const [name, text] of Object.entries(sources)) {
      fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      fs.writeFileSync(path.join(folder, name), text);
    }
    const source = { path: `asset.${id}`, packaging: 'zip' };
    return [id, { source, destinations: { here: { bucketName: 'assets', objectKey: `${id}.zip` } } }];
  });
  write('manifest.json', {
    artifacts: {
      [`${stackName}.assets`]: { type: 'cdk:asset-manifest', properties: { file: 'assets.json' } },
      [stackName]: { type: 'aws:cloudformation:stack', properties: { templateFile: 'template.json' } },
    },
  });
  write('assets.json', { files: Object.fromEntries(files) });
  write('template.json', template);
  return directory;
}

/** The assembly of a template that has these resources. */
export function assemblyOf(resources: Readonly<Record<string, object>>, code?: Code): Assembly {
  return readAssembly(writeAssembly({ Resources: resources }, code), { region: 'us-east-1' });
}

/** A function whose code is the asset of its logical id, and whose role may do what the statements say. */
export function functionResources(
  id: string,
  properties: object = {},
  statements: readonly object[] = [],
): Record<string, object> {
  return {
    [id]: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        FunctionName: id.toLowerCase(),
        Handler: 'index.handler',
        Runtime: 'nodejs24.x',
        Role: { 'Fn::GetAtt': [`${id}Role`, 'Arn'] },
        Code: { S3Bucket: 'assets', S3Key: `${id}.zip` },
        ...properties,
      },
    },
    [`${id}Role`]: {
      Type: 'AWS::IAM::Role',
      Properties: {
        AssumeRolePolicyDocument: {},
        Policies: [{ PolicyName: 'calls', PolicyDocument: { Statement: statements } }],
      },
    },
  };
}
