/** Makes the daily report of a day, and publishes it as an event. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { timed } from '../call-times';
import { CLIENT_CONFIG } from '../client-config';
import { DailyReportGenerated } from '../events';
import { METRICS } from '../metrics';
import type { Backoff } from '../partial-retry';
import { publishEvent } from '../publisher';
import type { Handled } from '../telemetry';
import {
  DailyTally,
  type Figures,
  partialReportEventId,
  type ReportRequest,
  type Revision,
  reportedDay,
  reportRevision,
} from './daily-report';
import { lastReport, readDay, rememberReport } from './report-table';

export interface Response {
  readonly statusCode: 200;
  /** JSON with the report's day and revision; absent for an event. */
  readonly body?: string;
}

export type Reporter = (request: ReportRequest) => Promise<Handled<Response>>;

interface Options {
  readonly table: string;
  /** Index by which a day's orders are found. */
  readonly index: string;
  readonly reportsTable: string;
  /** Days that orders are kept; undefined: for ever. */
  readonly orderDays?: number | undefined;
  readonly busName: string;
  readonly dynamodb?: DynamoDBClient | undefined;
  readonly eventBridge?: EventBridgeClient | undefined;
  readonly backoff: Backoff;
  readonly now: () => Date;
}

/** Maximum number of attempts to store a report while other calls store one of the same day. */
const REVISION_ATTEMPTS = 3;

export function makeReporter({
  table,
  index,
  reportsTable,
  orderDays,
  busName,
  dynamodb = timed(new DynamoDBClient(CLIENT_CONFIG)),
  eventBridge = timed(new EventBridgeClient(CLIENT_CONFIG)),
  backoff,
  now,
}: Options): Reporter {
  async function report(request: ReportRequest): Promise<Handled<Response>> {
    const day = reportedDay(request, now(), orderDays);
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
    await readDay({ dynamodb, table, index, backoff }, day, (order) => tally.add(order));
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

  return report;
}

function reported(outcome: string, day: string, { eventId, revision, replaces, figures }: Revision) {
  const told = { date: day, outcome, eventId, revision, replaces, figures: JSON.parse(figures) };
  return {
    outcome,
    eventId,
    metrics: outcome === 'published' ? { [METRICS.dailyReportsPublished]: 1 } : {},
    response: { statusCode: 200 as const, body: JSON.stringify(told) },
  };
}
