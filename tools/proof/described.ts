import { type App, consumerName, findConsumer, UNDESCRIBED } from '../app';
import type { Assembly } from '../template/assembly';

/**
 * The description that applies to a template: the one given if a function of the template is one of its consumers.
 * The contracts of another application say nothing of this template's rules.
 */
export function describedBy(app: App, assembly: Assembly): App {
  const isDescribed = assembly
    .ofType('AWS::Lambda::Function')
    .some(({ properties }) => findConsumer(app, consumerName(app, properties.Environment?.Variables)));
  return isDescribed ? app : UNDESCRIBED;
}
