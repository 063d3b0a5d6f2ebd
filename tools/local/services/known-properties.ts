import type { Resource } from '../../template/resource';
import { AssemblyError } from '../../template/template';

/**
 * Stops the start at a property that the local run does not support: it would change the resource's behaviour in AWS.
 * @param properties properties of the resource, or an object within them
 * @param within path to that object, e.g. `BufferingHints`
 * @throws AssemblyError that names the property
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
