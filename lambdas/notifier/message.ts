/** SNS message of a notification about a customer's order. */
import type { PublishCommandInput } from '@aws-sdk/client-sns';
import type { NotifiedChange } from '../notification';

/** Maximum length of a subject, in characters (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html). */
const SUBJECT_LENGTH = 100;
/** Maximum length of an order id in a notification, in characters. */
const SHOWN_ID_LENGTH = 64;

/** Content of a notification. */
export interface Told extends NotifiedChange {
  /** The order's address; undefined if it has none. */
  readonly email?: string | undefined;
  /** Time of the publication, ISO 8601. */
  readonly timestamp: string;
}

/** @returns the Publish request without the topic */
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
      // SNS refuses an empty value, so there is no attribute without an address.
      ...(email && { email: text(email) }),
      // For filter policies of subscribers. The order and its status identify the change, for subscribers that must not
      // act twice.
      orderId: text(orderId),
      status: text(status),
      eventId: text(metadata.eventId),
    },
  };
}

const text = (StringValue: string) => ({ DataType: 'String', StringValue });

/**
 * Order id for a customer. Publishers choose ids, and one like `https://…` would become a link in our mail: characters
 * that make a text an address are replaced by hyphens.
 */
export function shownOrderId(orderId: string): string {
  return orderId.replace(/[.:/]+/g, '-').slice(0, SHOWN_ID_LENGTH);
}

/** Subject that SNS accepts: one line, without control characters, cut to the maximum length. */
export function subject(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  // Cut by code points, so that no character is cut in half.
  return Array.from(line).slice(0, SUBJECT_LENGTH).join('');
}
