/** Settings of options of the whole stack, all off by default. */
import * as v from 'valibot';
import { documented, flag, integer, oneOf } from './setting-types';

const falseOrKept = 'must be false or a whole number from 15 to 3650';
const falseOrDays = 'must be false or a whole number from 1 to 365';

export const OPTION_SETTINGS = {
  orderTableClass: documented(
    'Class of the orders table. STANDARD_INFREQUENT_ACCESS stores at two fifths of the price, and writes and reads at five ' +
      'quarters: cheaper once most of the bill of the table is what it holds. Changed in place, twice in 30 days at most.',
    v.optional(oneOf(['STANDARD', 'STANDARD_INFREQUENT_ACCESS']), 'STANDARD'),
  ),
  orderDays: documented(
    'Days after its last change that an order is deleted, by DynamoDB at no charge; false: never. More than ' +
      'orderReminderDays. A later change of it is refused by the notifier, no report is made of a day that long ago, and a ' +
      'replay of the archive brings orders back for as many days. Orders placed before it is set stay until they change.',
    v.optional(v.union([v.literal(false), integer(15, 3650, falseOrKept)], falseOrKept), false),
  ),
  reportIndex: documented(
    'Index by which the daily report finds the orders of a day. STATUS has the status of each, and is written again at each ' +
      'change of it. KEYS has none: half of the writes of an order to indexes are left out, and the report reads each order ' +
      'by its key, which takes longer. A new stack takes either. A stack that is deployed changes by STATUS_AND_KEYS, which ' +
      'has both: deploy it, then the other, since CloudFormation makes or deletes one index in an update.',
    v.optional(oneOf(['STATUS', 'STATUS_AND_KEYS', 'KEYS']), 'STATUS'),
  ),
  orderReminderDays: documented(
    'Days after which the customer of an order that is still PENDING is reminded, once, by a one-time schedule of ' +
      'EventBridge Scheduler for each order; false for no reminders. Orders placed before it is set get none.',
    v.optional(v.union([v.literal(false), integer(1, 365, falseOrDays)], falseOrDays), false),
  ),
  customerManagedKey: documented(
    'A key of this account, $1 a month, for everything that holds events: bus (which then has a dead-letter queue of its ' +
      'own), archive, queues, the topic of notifications, tables, analytics stream and bucket, log groups. Without it AWS ' +
      'encrypts them by keys of its own.',
    v.optional(flag, false),
  ),
  gradualDeployment: documented(
    'How new code takes the events over, by CodeDeploy: a tenth of them first, or a tenth more each minute; back to the ' +
      "code before if one of the function's alarms goes off.",
    v.optional(
      oneOf([
        'OFF',
        'CANARY_10PERCENT_5MINUTES',
        'CANARY_10PERCENT_15MINUTES',
        'LINEAR_10PERCENT_EVERY_1MINUTE',
      ]),
      'OFF',
    ),
  ),
  schemaRegistry: documented(
    "EventBridge's schema registry: CONTRACTS has every version of every contract, for other teams to generate code of; " +
      'CONTRACTS_AND_DISCOVERY also finds the schemas of whatever else comes to the bus, which is billed by event.',
    v.optional(oneOf(['OFF', 'CONTRACTS', 'CONTRACTS_AND_DISCOVERY']), 'OFF'),
  ),
};

/** Tells why orders would be gone before their reminders are due; undefined if they would not. */
export function orderDaysProblem({
  orderDays,
  orderReminderDays,
}: Readonly<Record<'orderDays' | 'orderReminderDays', number | false>>): string | undefined {
  if (orderDays === false || orderReminderDays === false || orderDays > orderReminderDays) return undefined;
  return (
    `orderDays is ${orderDays}, but must be more than orderReminderDays, which is ${orderReminderDays}: an order that is ` +
    'gone cannot be reminded of.'
  );
}
