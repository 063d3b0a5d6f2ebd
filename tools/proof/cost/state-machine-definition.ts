/** Definitions of state machines, as far as a bill asks. */
import * as v from 'valibot';
import type { Resource } from '../../template/assembly';

const Next = v.optional(v.string());
const State = v.looseObject({
  Type: v.string(),
  Next,
  Default: Next,
  Choices: v.optional(v.array(v.looseObject({ Next }))),
  Branches: v.optional(v.array(v.unknown())),
  ItemProcessor: v.optional(v.unknown()),
  Iterator: v.optional(v.unknown()),
});
const Definition = v.looseObject({ StartAt: v.string(), States: v.record(v.string(), State) });
type Definition = v.InferOutput<typeof Definition>;

/** @returns undefined for a definition that is not in the template, or that only AWS can read */
export function readDefinition({ properties }: Resource): Definition | undefined {
  const { DefinitionString: text, Definition: given } = properties;
  try {
    const { success, output } = v.safeParse(Definition, given ?? JSON.parse(String(text)));
    return success ? output : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Counts the states that an execution enters at most: on the longest way from its start to an end, where nothing fails and
 * no state comes twice. A Map enters those of one item, a Parallel those of all its branches.
 */
export function mostTransitions({ StartAt, States }: Definition): number {
  const known = new Map<string, number>();
  const from = (name: string): number => {
    const state = States[name];
    const before = known.get(name);
    if (before !== undefined || !state) return before ?? 0;
    // A way that comes back ends here.
    known.set(name, 0);
    const { Next: next, Default: otherwise, Choices: choices = [] } = state;
    const onward = [next, otherwise, ...choices.map((choice) => choice.Next)].map((each) =>
      each === undefined ? 0 : from(each),
    );
    const inner = [...(state.Branches ?? []), state.ItemProcessor ?? state.Iterator]
      .map((each) => v.safeParse(Definition, each))
      .reduce((sum, { success, output }) => sum + (success ? mostTransitions(output) : 0), 0);
    const count = 1 + inner + Math.max(...onward);
    known.set(name, count);
    return count;
  };
  return from(StartAt);
}

export const isExpress = ({ properties }: Resource): boolean => properties.StateMachineType === 'EXPRESS';

/** Tells what of a state machine's use is not priced. */
export function leftOutOf(resource: Resource): string {
  const definition = readDefinition(resource);
  if (!definition && !isExpress(resource))
    return 'its executions are not priced, since its definition cannot be read';
  return 'what its states call, what they try again, and its log are not priced';
}
