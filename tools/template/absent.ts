/** Resources that a template has under a condition that is false here, and what would turn them on. */
import { type DeploymentEnvironment, Intrinsics, type References } from './intrinsics';
import type { Json, Template } from './template';

export interface AbsentResource {
  /** Logical id, as that of `Resource`. */
  readonly resource: string;
  readonly type: string;
  /** Name of the condition. */
  readonly condition: string;
  /** Change that would make the condition true, as part of a sentence: `--parameter Alarms=yes turns it on`. */
  readonly turnedOn: string;
}

/** A value that no template compares with; it stands for one that the user has to choose. */
const ANY_VALUE = 'VALUE';

/** @param name of a condition that is false */
export function turnedOnBy(
  template: Template,
  environment: DeploymentEnvironment,
  references: References,
  name: string,
): string {
  const { names, literals } = termsOf(template, { Condition: name });
  const holds = (changed: Partial<DeploymentEnvironment>) =>
    new Intrinsics(template, { ...environment, ...changed }, references).holds(name, name) === true;
  const { isNested } = environment;
  const parameters = names.filter((each) => Object.hasOwn(template.Parameters, each));
  if (!isNested) {
    for (const each of parameters) {
      const allowed = template.Parameters[each]?.AllowedValues?.map(String);
      const value = (allowed ?? [...literals, ANY_VALUE]).find((candidate) =>
        holds({ parameters: { ...environment.parameters, [each]: candidate } }),
      );
      if (value !== undefined) return `--parameter ${each}=${value} turns it on`;
    }
  }
  const region = names.includes('AWS::Region') ? literals.find((each) => holds({ region: each })) : undefined;
  if (region !== undefined) return `--region ${region} turns it on`;
  if (parameters.length === 0) return 'no parameter turns it on';
  const whose = isNested ? ' of its nested stack' : '';
  return `it depends on the parameters ${parameters.join(' and ')}${whose}`;
}

/** Names that a condition refers to, directly or by other conditions, and the texts that it compares. */
function termsOf(template: Template, condition: Json): { names: string[]; literals: string[] } {
  const names = new Set<string>();
  const literals = new Set<string>();
  const seen = new Set<string>();
  const walk = (part: Json): void => {
    if (typeof part !== 'object' || part === null) {
      literals.add(String(part));
      return;
    }
    for (const [key, value] of Object.entries(part)) {
      if (key === 'Ref') names.add(String(value));
      else if (key !== 'Condition') walk(value);
      else if (!seen.has(String(value))) {
        seen.add(String(value));
        walk(template.Conditions[String(value)]);
      }
    }
  };
  walk(condition);
  return { names: [...names], literals: [...literals] };
}
