/** The notification that a customer's order moved on, as SNS takes it. */
import type { PublishCommandInput } from '@aws-sdk/client-sns';
import type { NotificationInput } from '../notification';

/** Characters of a subject (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html). */
const SUBJECT_LENGTH = 100;

/**
 * @param timestamp when it is published, ISO 8601
 * @returns all of the Publish request but the topic
 */
export function notification(
  input: NotificationInput,
  timestamp: string,
): Omit<PublishCommandInput, 'TopicArn'> {
  const { orderId, status, email, message, metadata } = input;
  return {
    Subject: subject(`Order ${orderId} - ${status}`),
    Message: JSON.stringify({ email, subject: `Order Update: ${orderId}`, body: message, timestamp }),
    MessageAttributes: {
      // SNS refuses an empty value: without an address there is no attribute.
      ...(email && { email: { DataType: 'String', StringValue: email } }),
      // For the filter policies of subscribers, and for those that must not act twice.
      status: { DataType: 'String', StringValue: status },
      eventId: { DataType: 'String', StringValue: metadata.eventId },
    },
  };
}

/** A text as SNS accepts it for a subject: one line, without control characters, cut to its limit. */
export function subject(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  // By code points, so that no character is cut in half.
  return Array.from(line).slice(0, SUBJECT_LENGTH).join('');
}
