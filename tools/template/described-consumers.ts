/** Consumers of an application that a template can have. */
import { type App, consumerName } from '../app';
import type { Assembly } from './assembly';

/** Consumers of the app without the optional ones whose functions the template does not have. */
export function consumersIn(assembly: Pick<Assembly, 'ofType'>, app: App): App['consumers'] {
  const there = new Set(
    assembly
      .ofType('AWS::Lambda::Function')
      .map(({ properties }) => consumerName(app, properties.Environment?.Variables)),
  );
  return Object.fromEntries(
    Object.entries(app.consumers).filter(([name, { isOptional }]) => !isOptional || there.has(name)),
  );
}
