/** Settings of where events come from besides this account's own publishers. */
import * as v from 'valibot';
import { checkPatternLength, compile, InvalidEventPatternError } from '../tools/eventbridge/event-pattern';
import { isTimeZone } from '../tools/eventbridge/time-zone';
import { OUTBOX_TYPES } from './outbox-contract';
import { documented, integer, oneOf, record, settings, textMatching } from './setting-types';

const ZONE_MESSAGE = 'must be a time zone of the IANA database, such as Europe/Berlin';

/**
 * Publishers with the sources that each may publish. Those of AWS are AWS's own.
 * @param example a key, for the message
 */
const publishers = (kind: 'account' | 'organization', key: RegExp, example: string) =>
  record(
    textMatching(
      key,
      kind === 'account' ? 'an account id of 12 digits' : `the id of an organization, such as ${example}`,
    ),
    v.pipe(
      v.array(
        textMatching(/^(?!aws\.)[\w./-]{1,256}$/, 'the source of events, such as partner.billing'),
        `must be an array of the sources that the ${kind} may publish`,
      ),
      v.minLength(1, `must have the sources that the ${kind} may publish, at least one`),
    ),
    ({ input }) => {
      const given = Array.isArray(input) && key.test(input[0]) ? input[0] : example;
      return `must name for each ${kind} the sources that it may publish: write {"${given}": ["partner.billing"]}`;
    },
  );

/** Name of a source in physical names: `<prefix>-from-<name>` has at most 64 characters. */
const sourceName = textMatching(
  /^[a-z][a-z0-9-]{0,15}$/,
  '1 to 16 lower-case letters, digits or hyphens, a letter first',
);

const servicePattern = v.pipe(
  v.looseObject(
    {
      source: v.pipe(
        v.array(
          textMatching(/^aws\.(?!partner\/)[\w.-]{1,250}$/, 'the name of an AWS service, such as aws.s3'),
          'must be an array of AWS services, such as ["aws.s3"]',
        ),
        v.minLength(1, 'must name an AWS service, such as ["aws.s3"]'),
      ),
    },
    'must be an event pattern with the AWS services as its source, such as {"source": ["aws.s3"]}',
  ),
  v.check(
    (pattern) => patternProblem(pattern) === undefined,
    ({ input }) => `must be a pattern that EventBridge takes: ${patternProblem(input as object)}`,
  ),
);

function patternProblem(pattern: object): string | undefined {
  try {
    checkPatternLength(pattern);
    compile(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidEventPatternError) return error.message;
    throw error;
  }
}

export const SOURCE_SETTINGS = {
  publisherAccounts: documented(
    'Other accounts that may put events on the bus, each with the sources that it may publish, so that none can ' +
      'forge the events of another.',
    v.optional(publishers('account', /^\d{12}$/, '111122223333'), {}),
  ),
  organizations: documented(
    'Organizations whose accounts may put events on the bus, each with the sources that they may publish.',
    v.optional(publishers('organization', /^o-[a-z0-9]{10,32}$/, 'o-a1b2c3d4e5'), {}),
  ),
  serviceEvents: documented(
    "Events of AWS's services that come to the bus from the account's default bus: a pattern for each name, such as " +
      '{"uploads": {"source": ["aws.s3"], "detail-type": ["Object Created"]}}. They are archived and recorded by ' +
      'analytics; subscribe to handle them.',
    v.optional(record(sourceName, servicePattern, 'must be an object of event patterns by name'), {}),
  ),
  outboxes: documented(
    'Outboxes of services that own a table, by name, each with the type of its events: {"shipping": "OrderStatusChanged"}. ' +
      'Each is a table of its own, whose items become events of the bus by an EventBridge Pipe, so that the write and its ' +
      "event cannot part. Only of events whose required fields are all texts: Pipes would hand on a table's numbers as texts.",
    v.optional(record(sourceName, oneOf(OUTBOX_TYPES), 'must be an object of event types by name'), {}),
  ),
  dailyReportScheduler: documented(
    'The daily report by EventBridge Scheduler, at dailyReportSchedule in a time zone, instead of by a rule, which knows ' +
      'UTC only. The day that it reports stays one in UTC.',
    v.optional(
      settings({
        timezone: documented(
          'Name of the IANA time zone database, such as Europe/Berlin.',
          v.optional(
            v.pipe(
              v.string(ZONE_MESSAGE),
              v.check((zone) => isTimeZone(zone), ZONE_MESSAGE),
            ),
            'UTC',
          ),
        ),
        flexibleMinutes: documented(
          'Minutes within which it may be made, so that not everything of the account starts at once; 0: on time.',
          v.optional(integer(0, 1_440), 0),
        ),
      }),
    ),
  ),
  partnerBuses: documented(
    'Event sources of SaaS partners, by name, such as {"shop": "aws.partner/shopify.com/123/orders"}. Each gets the ' +
      'bus of its name, which takes the pending source over, and a rule that puts its events on this bus. An account ' +
      'can do that once for a source and region.',
    v.optional(
      record(
        sourceName,
        textMatching(
          /^aws\.partner(\/[\w.-]+){2,}$/,
          'the name of a partner event source, such as aws.partner/shopify.com/123/orders',
        ),
        'must be an object of partner event sources by name',
      ),
      {},
    ),
  ),
};
