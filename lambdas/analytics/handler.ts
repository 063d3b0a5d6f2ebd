/**
 * Writes every event of the bus, as one line of JSON, to the Firehose stream. Called by the 09:00 schedule, it counts
 * the orders of the day before and publishes the result as an event. If a later count has another result, because an
 * order came late or was cancelled, the day gets a new revision of its report, which names the one that it replaces.
 *
 * The report reaches the stream like every other event, by the all-events rule. Records are written at least once: the
 * stream may have a record twice, with the same `eventId`.
 */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { FirehoseClient, PutRecordBatchCommand } from '@aws-sdk/client-firehose';
import { awsClient } from '../aws-client';
import { CLIENT_CONFIG } from '../client-config';
import { readEnvironment, readOrderDays } from '../env';
import { OrderCreated } from '../events';
import { METRICS } from '../metrics';
import { DAY_INDEX } from '../order-table';
import { BACKOFF, type Backoff, entryResult, hasFailed, sendWithRetries } from '../partial-retry';
import { rehearsalEvent, rehearse } from '../rehearsal';
import { type Handled, observed } from '../telemetry';
import { isReportRequest, parseReportRequest } from './daily-report';
import { analyticsRecord, eventType, recordLine, type UnknownEventDetail } from './record';
import type { Reporter, Response } from './report';

/** Parts that the handler works with; all have defaults, the names of the resources in the environment. */
interface Options {
  readonly stream?: string;
  readonly unknownDetail?: UnknownEventDetail;
  readonly table?: string;
  readonly index?: string;
  readonly reportsTable?: string;
  readonly orderDays?: number | undefined;
  readonly busName?: string;
  readonly firehose?: FirehoseClient;
  /** Clients of the report. */
  readonly dynamodb?: DynamoDBClient | undefined;
  readonly eventBridge?: EventBridgeClient | undefined;
  readonly backoff?: Backoff;
  readonly now?: () => Date;
}

/** Error of a record that Firehose refused four times, although the call succeeded. */
export class RecordRefusedError extends Error {
  override readonly name = 'RecordRefusedError';
  constructor(
    readonly stream: string,
    readonly code: string,
    message: string,
  ) {
    super(`Firehose stream ${stream} refused the record: ${code}: ${message}`);
  }
}

export const makeHandler = ({
  stream = readEnvironment('FIREHOSE_STREAM'),
  unknownDetail = process.env.UNKNOWN_EVENT_DETAIL === 'REDACTED'
    ? ('REDACTED' as const)
    : ('NAMES' as const),
  table = readEnvironment('TABLE_NAME'),
  index = process.env.REPORT_INDEX_NAME ?? DAY_INDEX.name,
  reportsTable = readEnvironment('REPORTS_TABLE_NAME'),
  orderDays = readOrderDays(),
  busName = readEnvironment('EVENT_BUS_NAME'),
  firehose = awsClient(new FirehoseClient(CLIENT_CONFIG)),
  backoff = BACKOFF,
  now = () => new Date(),
  dynamodb,
  eventBridge,
}: Options = {}) => {
  async function record(event: unknown): Promise<Handled<Response>> {
    const made = analyticsRecord(event, unknownDetail);
    await put(recordLine(made));
    return {
      outcome: 'recorded',
      metrics: { [METRICS.eventsReceived]: 1 },
      dimensions: { eventType: eventType(made) },
      response: { statusCode: 200 },
    };
  }

  async function put(line: Uint8Array): Promise<void> {
    const { results, error } = await sendWithRetries(
      [{ Data: line }],
      async (records) => {
        const answer = await firehose.send(
          new PutRecordBatchCommand({ DeliveryStreamName: stream, Records: [...records] }),
        );
        return (answer.RequestResponses ?? []).map(({ RecordId, ErrorCode, ErrorMessage }) =>
          entryResult(RecordId, ErrorCode, ErrorMessage),
        );
      },
      // Both codes of the API are transient: ServiceUnavailableException and InternalFailure.
      () => true,
      backoff,
    );
    if (error) throw error;
    for (const result of results) {
      if (hasFailed(result)) throw new RecordRefusedError(stream, result.code, result.message);
    }
  }

  let reporter: Promise<Reporter> | undefined;
  /** The report's code, its clients among it, is loaded by the first request: once a day, and never for an event. */
  const loadReporter = () =>
    import('./report').then(({ makeReporter }) =>
      makeReporter({ table, index, reportsTable, orderDays, busName, dynamodb, eventBridge, backoff, now }),
    );

  async function report(input: unknown): Promise<Handled<Response>> {
    const request = parseReportRequest(input);
    reporter ??= loadReporter();
    return (await reporter)(request);
  }

  return observed((event) => (isReportRequest(event) ? report(event) : record(event)));
};

export const handler = makeHandler();
export const ready = rehearse(handler, [rehearsalEvent(OrderCreated)], {
  PutRecordBatch: '{"FailedPutCount":0,"RequestResponses":[{"RecordId":"rehearsal"}]}',
});
