/**
 * Events that come to the buses of a template from elsewhere: by pipes, by rules of other buses, by other accounts. How many
 * is in no template; `--inflow NAME=EVENTS` says it.
 */
import { InputError } from '../../cli/errors';
import type { Assembly, Resource } from '../../template/assembly';
import { pipesOf } from '../../template/event-source-mappings';
import { foreignPublishersOf } from '../../template/foreign-events';

/** Events a month, by the name of a way. */
export type Inflows = ReadonlyMap<string, number>;

/** A way by which events come. */
export interface InflowWay {
  /** Name of the pipe or rule, id of the account or organization. */
  readonly name: string;
  /** Resource that the way is a part of. */
  readonly resource: Resource;
  /** Subject and verb of a sentence: `pipe orders puts`. */
  readonly says: string;
  /** Present for a pipe. */
  readonly pipe?: { readonly source?: string | undefined; readonly detailType?: string | undefined };
}

/** @param rules rules of other buses that put their events on a bus */
export function inflowWays(
  assembly: Assembly,
  rules: readonly { readonly name: string; readonly resource: Resource }[],
): InflowWay[] {
  const pipes = pipesOf(assembly)
    .filter(({ targetArn }) => /:event-bus\//.test(targetArn))
    .map(({ resource, eventSource: source, detailType }) => ({
      ...{ name: resource.name, resource, says: `pipe ${resource.name} puts` },
      pipe: { source, detailType },
    }));
  const others = assembly.ofType('AWS::Events::EventBus').flatMap((resource) =>
    foreignPublishersOf(assembly, resource).map(({ name }) => ({
      ...{ name: name.split(' ').at(-1) ?? name, resource, says: `${name} puts` },
    })),
  );
  const byRule = rules.map(({ name, resource }) => ({ name, resource, says: `rule ${name} puts` }));
  const ways = [...pipes, ...byRule, ...others];
  // The events of a partner's bus come by the rule that takes them on.
  const taken = new Set(rules.map(({ resource }) => resource.properties.EventBusName));
  return ways.filter(({ name, resource }) => !(resource.name === name && taken.has(name)));
}

/** @throws InputError for a name that is no way into this template */
export function checkInflows(inflows: Inflows, ways: readonly InflowWay[]): void {
  for (const name of inflows.keys()) {
    if (ways.some((way) => way.name === name)) continue;
    const known = ways.map((way) => way.name).join(', ') || 'none here';
    throw new InputError(`--inflow: ${JSON.stringify(name)} is no way to a bus from elsewhere: ${known}.`);
  }
}
