/** The notification that a customer's order moved on, as SNS takes it. */
import type { PublishCommandInput } from '@aws-sdk/client-sns';
import type { NotifiedChange } from '../notification';

/** Characters of a subject (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html). */
const SUBJECT_LENGTH = 100;
/** Characters of an order's id that a customer is shown. */
const SHOWN_ID_LENGTH = 64;

/** What a notification says. */
export interface Told extends NotifiedChange {
  /** The order's address; undefined if it has none. */
  readonly email?: string | undefined;
  /** When it is published, ISO 8601. */
  readonly timestamp: string;
}

/** @returns all of the Publish request but the topic */
export function notification(told: Told): Omit<PublishCommandInput, 'TopicArn'> {
  const { orderId, status, email, message, changedAt, timestamp, metadata } = told;
  const shownId = shownOrderId(orderId);
  const body = message.replaceAll(orderId, shownId);
  return {
    Subject: subject(`Order ${shownId} - ${status}`),
    Message: JSON.stringify({
      email,
      subject: `Order Update: ${shownId}`,
      body,
      timestamp,
      status,
      changedAt,
    }),
    MessageAttributes: {
      // SNS refuses an empty value: without an address there is no attribute.
      ...(email && { email: text(email) }),
      // For the filter policies of subscribers. The order and its status together are the change: whoever must not act
      // twice remembers them.
      orderId: text(orderId),
      status: text(status),
      eventId: text(metadata.eventId),
    },
  };
}

const text = (StringValue: string) => ({ DataType: 'String', StringValue });

/**
 * An order's id as a customer is shown it. Publishers choose ids, and one like `https://…` would be a link in a mail
 * that comes from us: what makes an address of a text becomes a hyphen.
 */
export function shownOrderId(orderId: string): string {
  return orderId.replace(/[.:/]+/g, '-').slice(0, SHOWN_ID_LENGTH);
}

/** A text as SNS accepts it for a subject: one line, without control characters, cut to its limit. */
export function subject(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  // By code points, so that no character is cut in half.
  return Array.from(line).slice(0, SUBJECT_LENGTH).join('');
}
