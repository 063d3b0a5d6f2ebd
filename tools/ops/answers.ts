/** Reads answers of AWS's services, in whose types every field may be missing. */
import {
  type EventBridgeClient,
  PutEventsCommand,
  type PutEventsRequestEntry,
  type PutEventsResultEntry,
} from '@aws-sdk/client-eventbridge';
import { oneLine } from '../cli/errors';

/**
 * Field that the service always gives.
 * @throws Error if it is not there: an answer that cannot be read is no answer of this service
 */
export function required<Answer extends object, Field extends keyof Answer>(
  answer: Answer,
  field: Field,
): NonNullable<Answer[Field]> {
  const value = answer[field];
  if (value === undefined || value === null) throw new Error(`an answer of AWS has no ${String(field)}`);
  return value;
}

/** Elements of all pages of a list. A page without any may have no list. */
export async function* elementsOf<Page, Element>(
  pages: AsyncIterable<Page>,
  listOf: (page: Page) => readonly Element[] | undefined,
): AsyncGenerator<Element> {
  for await (const page of pages) yield* listOf(page) ?? [];
}

export type PutResult = { readonly eventId: string } | { readonly code: string; readonly message: string };

/** Puts one event on a bus. */
export async function putEvent(
  eventBridge: EventBridgeClient,
  entry: PutEventsRequestEntry,
): Promise<PutResult> {
  const answer = await eventBridge.send(new PutEventsCommand({ Entries: [entry] }));
  const [result] = required(answer, 'Entries') as [PutEventsResultEntry];
  if (result.EventId !== undefined) return { eventId: result.EventId };
  return { code: required(result, 'ErrorCode'), message: oneLine(result.ErrorMessage ?? '') };
}
