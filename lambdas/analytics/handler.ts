/**
 * Writes every event of the bus, as one line of JSON, to the Firehose stream. Called by the 09:00 schedule, it counts
 * the orders of the day before and publishes the result as an event. If a later count has another result, because an
 * order came late or was cancelled, the day gets a new revision of its report, which names the one that it replaces.
 *
 * The report reaches the stream like every other event, by the all-events rule. Records are written at least once: the
 * stream may have a record twice, with the same `eventId`.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { FirehoseClient, PutRecordBatchCommand } from '@aws-sdk/client-firehose';
import { timed } from '../call-times';
import { CLIENT_CONFIG } from '../client-config';
import { readEnvironment } from '../env';
import { DailyReportGenerated } from '../events';
import { METRICS } from '../metrics';
import { BACKOFF, entryResult, hasFailed, sendWithRetries } from '../partial-retry';
import { publishEvent } from '../publisher';
import { type Handled, observed } from '../telemetry';
import {
  DailyTally,
  type Figures,
  isReportRequest,
  parseReportRequest,
  partialReportEventId,
  type Revision,
  reportedDay,
  reportRevision,
} from './daily-report';
import { analyticsRecord, eventType, recordLine } from './record';
import { lastReport, readDay, rememberReport } from './report-table';

interface Response {
  readonly statusCode: 200;
  /** JSON with the report's day and revision; absent for an event. */
  readonly body?: string;
}

/** Maximum number of attempts to store a report while other calls store one of the same day. */
const REVISION_ATTEMPTS = 3;

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
  reportsTable = readEnvironment('REPORTS_TABLE_NAME'),
  busName = readEnvironment('EVENT_BUS_NAME'),
  firehose = timed(new FirehoseClient(CLIENT_CONFIG)),
  dynamodb = timed(new DynamoDBClient(CLIENT_CONFIG)),
  eventBridge = timed(new EventBridgeClient(CLIENT_CONFIG)),
  backoff = BACKOFF,
  now = () => new Date(),
} = {}) => {
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

  async function report(input: unknown): Promise<Handled<Response>> {
    const request = parseReportRequest(input);
    const day = reportedDay(request, now());
    // Only the present day can have a partial report; for another day the field has no effect.
    if (day === now().toISOString().slice(0, day.length)) return reportPart(day);
    const before = await lastReport(dynamodb, reportsTable, day);
    if (before && request.onlyIfMissing) return reported('made before', day, before);
    const figures = await count(day);
    const revision = await remember(day, figures, before);
    const { eventId, replaces } = revision;
    await publish(eventId, {
      date: day,
      ...figures,
      revision: revision.revision,
      ...(replaces && { replaces }),
    });
    return reported('published', day, revision);
  }

  async function reportPart(day: string): Promise<Handled<Response>> {
    const figures = await count(day);
    const eventId = partialReportEventId(day, now().toISOString());
    await publish(eventId, { date: day, ...figures, partial: true });
    const body = JSON.stringify({ date: day, outcome: 'partial', eventId, figures });
    return { outcome: 'partial', eventId, response: { statusCode: 200, body } };
  }

  async function count(day: string): Promise<Figures> {
    const tally = new DailyTally();
    await readDay(dynamodb, table, day, (order) => tally.add(order));
    return tally.figures();
  }

  /**
   * Decides on the revision and stores it before it is published, so that a repeated call after a crash finds its own
   * revision.
   */
  async function remember(day: string, figures: Figures, before: Revision | undefined): Promise<Revision> {
    let last = before;
    for (let attempt = 1; attempt <= REVISION_ATTEMPTS; attempt++) {
      const revision = reportRevision(day, figures, last);
      if (revision === last) return revision;
      if (await rememberReport(dynamodb, reportsTable, day, revision, last)) return revision;
      last = await lastReport(dynamodb, reportsTable, day);
    }
    throw new Error(`The report of ${day} was made by others at the same time, ${REVISION_ATTEMPTS} times.`);
  }

  async function publish(eventId: string, detail: typeof DailyReportGenerated.example): Promise<void> {
    const generatedAt = now().toISOString();
    const options = { busName, eventBridge, now, ...backoff };
    await publishEvent(DailyReportGenerated, { ...detail, generatedAt }, { eventId }, options);
  }

  return observed((event) => (isReportRequest(event) ? report(event) : record(event)));
};

function reported(outcome: string, day: string, { eventId, revision, replaces, figures }: Revision) {
  const told = { date: day, outcome, eventId, revision, replaces, figures: JSON.parse(figures) };
  return {
    outcome,
    eventId,
    metrics: outcome === 'published' ? { [METRICS.dailyReportsPublished]: 1 } : {},
    response: { statusCode: 200 as const, body: JSON.stringify(told) },
  };
}

export const handler = makeHandler();
