import type { Resource } from './resource';
import { AssemblyError } from './template';

/**
 * Stops the start at a property that is not known here: it would change what the resource does in AWS, and the
 * local run never pretends.
 * @param properties the resource's, or an object within them
 * @param within the path to that object, e.g. `BufferingHints`
 * @throws AssemblyError that names it
 */
export function requireKnownProperties(
  resource: Resource,
  properties: object,
  known: readonly string[],
  within?: string,
): void {
  for (const property of Object.keys(properties)) {
    if (known.includes(property)) continue;
    const path = within ? `${within}.${property}` : property;
    throw new AssemblyError(
      `${resource.type} ${resource.logicalId}: the local run does not know its property ${path}. Known are ${known.join(', ')}.`,
    );
  }
}
