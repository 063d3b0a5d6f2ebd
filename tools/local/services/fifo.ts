/**
 * Order and duplicates in a FIFO queue.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
 */
import { createHash } from 'node:crypto';
import type { Resource } from '../../template/assembly';
import { ServiceError } from './service-error';

/** Time in which a second message with the same deduplication id is a duplicate. */
const DEDUPLICATION_MS = 5 * 60_000;

/** Group and deduplication id of a message; a standard queue keeps the group as well. */
export interface FifoParameters {
  readonly groupId?: string;
  readonly deduplicationId?: string;
}

/** Deduplication ids of the last 5 minutes. */
export class Deduplication {
  readonly #isByContent: boolean;
  /** Ids of messages and their times in milliseconds, by deduplication id. */
  readonly #seen = new Map<string, { readonly id: string; readonly at: number }>();

  constructor({ properties }: Resource) {
    this.#isByContent = String(properties.ContentBasedDeduplication) === 'true';
  }

  /**
   * Checks a message's parameters, and whether it is a duplicate.
   * @returns its deduplication id, and the id of the message that it repeats, if it repeats one
   * @throws ServiceError (MissingRequiredParameterException, InvalidParameterValueException)
   */
  check(
    body: string,
    { groupId, deduplicationId }: FifoParameters,
    now: number,
  ): { key: string; repeats?: string } {
    if (groupId === undefined) {
      throw new ServiceError(
        'MissingRequiredParameterException',
        'The request must contain the parameter MessageGroupId.',
      );
    }
    const content = this.#isByContent ? createHash('sha256').update(body).digest('hex') : undefined;
    const key = deduplicationId ?? content;
    if (key === undefined) {
      throw new ServiceError(
        'InvalidParameterValueException',
        'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
      );
    }
    const known = this.#seen.get(key);
    const isDuplicate = known !== undefined && now - known.at < DEDUPLICATION_MS;
    return { key, ...(isDuplicate && { repeats: known.id }) };
  }

  remember(key: string, id: string, at: number): void {
    this.#seen.delete(key);
    this.#seen.set(key, { id, at });
    for (const [old, { at: then }] of this.#seen) {
      if (at - then < DEDUPLICATION_MS) return;
      this.#seen.delete(old);
    }
  }
}

/** Groups of which no message may be received now, since an earlier one is in flight. */
export class BlockedGroups {
  readonly #blocked = new Set<string>();

  /** @param isVisible whether the message could be received. @returns whether its group holds it back */
  holds({ groupId }: FifoParameters, isVisible: boolean): boolean {
    if (groupId === undefined) return false;
    if (!isVisible) this.#blocked.add(groupId);
    return this.#blocked.has(groupId);
  }
}
