import type { Resource } from '../../../tools/template/assembly';

/** A resource of a template, as the assembly gives it. */
export function resource(type: string, name: string, properties: object = {}): Resource {
  const service = type.split('::')[1]?.toLowerCase();
  return {
    logicalId: `The${name.replaceAll(/\W/g, '')}`,
    stackName: 'shop',
    type,
    name,
    arn: `arn:aws:${service}:us-east-1:000000000000:${name}`,
    properties,
    metadata: {},
    ref: name,
  };
}
