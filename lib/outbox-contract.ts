/** Contracts whose events an outbox can hold. */
import type { EventContract } from '../lambdas/contract';
import { CONTRACTS } from '../lambdas/events';
import { fieldSchemas, isTextSchema } from '../lambdas/schema-fields';

/**
 * Required fields of a contract, by name: those that the items of an outbox have. EventBridge Pipes would hand on a number
 * as text, and a list or an object with DynamoDB's types in it.
 */
export function outboxFields({ schema }: Pick<EventContract, 'schema'>): string[] {
  return Object.entries(fieldSchemas(schema) ?? {}).flatMap(([name, field]) =>
    field.type === 'optional' ? [] : [name],
  );
}

const isOfText = ({ schema }: Pick<EventContract, 'schema'>): boolean =>
  outboxFields({ schema }).every((name) => isTextSchema(fieldSchemas(schema)?.[name]));

/** Detail-types of contracts whose required fields are all texts. */
export const OUTBOX_TYPES: readonly string[] = CONTRACTS.filter((contract) =>
  isOfText(contract as unknown as EventContract),
).map(({ detailType }) => detailType);

/** @throws Error if it is not one of `OUTBOX_TYPES` */
export function outboxContract(detailType: string): EventContract {
  const contract = CONTRACTS.find((each) => each.detailType === detailType);
  if (!contract) throw new Error(`There is no contract ${detailType}.`);
  return contract as unknown as EventContract;
}
