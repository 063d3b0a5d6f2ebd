/**
 * Writes every event of the bus, as one line of JSON, to the Firehose stream; and, asked by the 09:00 schedule,
 * counts the orders of the day before and publishes the result as an event.
 *
 * The report is not written to the stream here: as an event it comes back by the all-events rule, like every
 * other. At least once: a record can stand in the stream twice, with the same `eventId`.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { FirehoseClient, PutRecordBatchCommand } from '@aws-sdk/client-firehose';
import { DynamoDBDocumentClient, paginateQuery } from '@aws-sdk/lib-dynamodb';
import { CLIENT_CONFIG } from '../client-config';
import { readEnvironment } from '../env';
import { DailyReportGenerated } from '../events';
import { METRICS } from '../metrics';
import { DAY_INDEX, dayShards } from '../order-table';
import { BACKOFF, entryResult, hasFailed, sendWithRetries } from '../partial-retry';
import { publishEvent } from '../publisher';
import { type Handled, observed } from '../telemetry';
import { type CountedOrder, DailyTally, isReportRequest, reportEventId, reportedDay } from './daily-report';
import { analyticsRecord, recordLine } from './record';

interface Response {
  readonly statusCode: 200;
}

/** Firehose took the call and refused the record, four times. */
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
  table = readEnvironment('TABLE_NAME'),
  busName = readEnvironment('EVENT_BUS_NAME'),
  firehose = new FirehoseClient(CLIENT_CONFIG),
  dynamodb = DynamoDBDocumentClient.from(new DynamoDBClient(CLIENT_CONFIG)),
  eventBridge = new EventBridgeClient(CLIENT_CONFIG),
  backoff = BACKOFF,
  now = () => new Date(),
} = {}) => {
  async function record(event: unknown): Promise<Handled<Response>> {
    await put(recordLine(analyticsRecord(event)));
    return { outcome: 'recorded', response: { statusCode: 200 } };
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
      // Both codes of the API: ServiceUnavailableException and InternalFailure.
      () => true,
      backoff,
    );
    if (error) throw error;
    for (const result of results) {
      if (hasFailed(result)) throw new RecordRefusedError(stream, result.code, result.message);
    }
  }

  async function report(request: unknown): Promise<Handled<Response>> {
    const day = reportedDay(request);
    const tally = new DailyTally();
    await Promise.all(dayShards(day).map((shard) => count(shard, tally)));
    const eventId = reportEventId(day);
    const detail = tally.report(day, now().toISOString());
    await publishEvent(DailyReportGenerated, detail, { eventId }, { busName, eventBridge, now, ...backoff });
    return {
      outcome: 'published',
      eventId,
      metrics: { [METRICS.dailyReportsPublished]: 1 },
      response: { statusCode: 200 },
    };
  }

  async function count(shard: string, tally: DailyTally): Promise<void> {
    const pages = paginateQuery(
      { client: dynamodb },
      {
        TableName: table,
        IndexName: DAY_INDEX.name,
        KeyConditionExpression: '#shard = :shard',
        ProjectionExpression: '#status, #total',
        ExpressionAttributeNames: {
          '#shard': DAY_INDEX.partitionKey,
          '#status': 'status',
          '#total': 'total',
        },
        ExpressionAttributeValues: { ':shard': shard },
      },
    );
    for await (const { Items: orders } of pages) {
      for (const order of orders ?? []) tally.add(order as CountedOrder);
    }
  }

  return observed((event) => (isReportRequest(event) ? report(event) : record(event)));
};

export const handler = makeHandler();
