/**
 * Parts of libraries that no handler uses, which the bundler puts this file in the place of: key expressions of
 * Powertools' idempotency (JMESPath, 23 KB) and the SDK's event streams (14 KB). They would be read at every cold
 * start.
 */
function leftOut(): never {
  throw new Error('This part of a library is left out of the bundles: see lambdas/left-out.ts.');
}

export const search = leftOut;
/**
 * Stands in for a class of Powertools that is created, and not used, by the configuration of each idempotent
 * function.
 */
export class PowertoolsFunctions {}

export const eventStreamSerdeProvider = leftOut;
export const EventStreamSerde = leftOut;
