/** Cost of state machines that rules start. */
import { isExpress, mostTransitions, readDefinition } from './state-machine-definition';
import { GB, type Item, item } from './units';
import type { Times, Usage } from './usage';

/** Memory of an Express execution is billed in steps of this size, in bytes; small definitions and inputs take one. */
const EXPRESS_MEMORY = 64 * 2 ** 20;

/** Seconds of an Express execution, if nobody says how many. */
export const EXECUTION_SECONDS = 1;

export function stateMachineItems(usage: Usage, times: Times): Item[] {
  let [transitions, requests, gigabyteSeconds] = [0, 0, 0];
  const { executionSeconds = EXECUTION_SECONDS } = usage.assumptions;
  for (const { resource, ...delivery } of usage.direct) {
    if (resource.type !== 'AWS::StepFunctions::StateMachine') continue;
    if (isExpress(resource)) {
      requests += times(delivery);
      gigabyteSeconds += (times(delivery) * executionSeconds * EXPRESS_MEMORY) / GB;
    } else {
      const definition = readDefinition(resource);
      if (definition) transitions += times(delivery) * mostTransitions(definition);
    }
  }
  return [
    item('Step Functions: transitions', 'states.transition', transitions),
    item('Step Functions: Express executions', 'states.request', requests),
    item('Step Functions: duration of Express executions', 'states.express', gigabyteSeconds),
  ];
}
