/** Consumers of an application that a template can have. */
import { type App, callsOf, consumerName } from '../app';
import type { Assembly } from './assembly';

/**
 * Consumers of the app without the optional ones whose functions the template does not have, each with the calls that the
 * variables of its function have it make.
 */
export function consumersIn(assembly: Pick<Assembly, 'ofType'>, app: App): App['consumers'] {
  const variables = new Map(
    assembly.ofType('AWS::Lambda::Function').map(({ properties }) => {
      const { Variables } = properties.Environment ?? {};
      return [consumerName(app, Variables), Variables] as const;
    }),
  );
  return Object.fromEntries(
    Object.entries(app.consumers)
      .filter(([name, { isOptional }]) => !isOptional || variables.has(name))
      .map(([name, consumer]) => [
        name,
        variables.has(name) ? { ...consumer, calls: callsOf(consumer, variables.get(name)) } : consumer,
      ]),
  );
}
