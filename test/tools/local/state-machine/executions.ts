/** Executions of a definition, with the work of its tasks given, on a clock that is moved by hand. */

import { ManualClock } from '../../../../tools/local/services/clock';
import { InFlight } from '../../../../tools/local/services/in-flight';
import { SystemWorld } from '../../../../tools/local/services/world';
import { compileDefinition } from '../../../../tools/local/state-machine/definition';
import { Execution } from '../../../../tools/local/state-machine/execution';
import type { StateJson } from '../../../../tools/local/state-machine/json-path';
import { StatesError } from '../../../../tools/local/state-machine/states-error';

export const RESOURCE = 'arn:aws:states:::lambda:invoke';

/** Does the work of a task. @throws StatesError */
export type Work = (parameters: StateJson) => StateJson;

export const fails =
  (error: string, cause = '') =>
  () => {
    throw new StatesError(error, cause);
  };

/** @param durationMs how long each task took */
export function execute(
  definition: object,
  input: StateJson = {},
  work: Work = (parameters) => parameters,
  durationMs = 0,
) {
  const clock = new ManualClock(Date.UTC(2026, 0, 15, 10));
  const inFlight = new InFlight();
  const failures: object[] = [];
  const states = compileDefinition(JSON.stringify(definition));
  const machine = { arn: 'arn:aws:states:us-east-1:0:stateMachine:m', name: 'm', role: 'role', states };
  const execution: Execution = new Execution('arn:execution', 'e', JSON.stringify(input), machine, {
    ...{ world: new SystemWorld(clock), inFlight },
    runTask: async (_, parameters) => ({ value: work(parameters), durationMs }),
    onEvent: () => undefined,
    onFailure: (state, { error }, then) => failures.push({ state, error, ...then }),
    onEnd: () => undefined,
  });
  execution.start();
  return {
    clock,
    execution,
    failures,
    settled: () => inFlight.settled(),
    /** The output, once nothing waits but for time. */
    output: async () => {
      await inFlight.settled();
      return execution.output === undefined ? execution.failure : JSON.parse(execution.output);
    },
  };
}

/** A definition of states that follow one another. */
export const chain = (...states: object[]) => ({
  StartAt: 'S1',
  States: Object.fromEntries(
    states.map((state, index) => {
      const ends = 'Type' in state && /^(Choice|Succeed|Fail)$/.test(String(state.Type));
      const next = index === states.length - 1 ? { End: true } : { Next: `S${index + 2}` };
      return [`S${index + 1}`, { ...(ends || 'Next' in state || 'End' in state ? {} : next), ...state }];
    }),
  ),
});

export const task = (fields: object = {}) => ({
  ...{ Type: 'Task', Resource: RESOURCE, Parameters: { 'Payload.$': '$' } },
  ...fields,
});
