/** Authorizes calls to the endpoint: a function's by its role, as in AWS; all others are allowed. */
import type { Policies } from '../template/policies';
import type { Decision } from '../template/policy';
import type { Context } from '../template/policy-condition';
import { SCHEDULER_SERVICE } from '../template/schedules';
import { functionOfAccessKeyId } from './services/lambda-variables';
import { currentRequest, type StepListener } from './steps';

export interface AuthorizerOptions {
  readonly policies: () => Policies;
  /** ARN of the function's role; undefined if there is no such function. */
  readonly roleOf: (functionName: string) => string | undefined;
  /** Checks for a fault that denies the function's calls. */
  readonly isBroken: (functionName: string) => boolean;
  readonly onStep: StepListener;
}

/** Condition keys of actions, beside those that all have. Scheduler is the only service that is handed roles here. */
const CONTEXTS: Readonly<Record<string, Context>> = {
  'iam:PassRole': { 'iam:PassedToService': SCHEDULER_SERVICE },
};

export class Authorizer {
  /** Cached decisions by role, action and resource. */
  readonly #decisions = new Map<string, Decision>();

  constructor(private readonly options: AuthorizerOptions) {}

  readonly authorize = (accessKeyId: string, action: string, resource: string): Decision => {
    const name = functionOfAccessKeyId(accessKeyId);
    if (name === undefined) return { allowed: true, reason: 'It is no call of a function.' };
    const decision = this.options.isBroken(name)
      ? { allowed: false, reason: 'its permissions are broken on purpose' }
      : this.#decide(name, action, resource);
    const request = currentRequest();
    if (decision.allowed) {
      if (request && decision.by !== undefined) request.allowedBy = `${action} by ${decision.by}`;
      return decision;
    }
    const { reason } = decision;
    this.options.onStep({ kind: 'access-denied', principal: name, action, resource, reason });
    return { allowed: false, reason };
  };

  /** Drops the cached decisions, after a change of policies. */
  forget(): void {
    this.#decisions.clear();
  }

  #decide(name: string, action: string, resource: string): Decision {
    const question = `${name} ${action} ${resource}`;
    let decision = this.#decisions.get(question);
    if (!decision) {
      const role = this.options.roleOf(name);
      decision =
        role === undefined
          ? { allowed: false, reason: `There is no function ${name}.` }
          : this.options.policies().roleMay(role, action, resource, CONTEXTS[action]);
      this.#decisions.set(question, decision);
    }
    return decision;
  }
}
