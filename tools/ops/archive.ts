/** The archive of the stack's events, and an estimate of a replay: events, bytes, US dollars. */
import { DescribeArchiveCommand, type EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { formatCountOf } from '../cli/terminal';
import { required } from './answers';
import { formatTime } from './time';

export interface ArchiveState {
  readonly name: string;
  /** Number of events; EventBridge updates it with a delay of up to a day. */
  readonly events: number;
  readonly bytes: number;
  /** Retention in days; 0: without end. */
  readonly retentionDays: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly createdAt: number;
}

export interface Window {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly from: number;
  readonly to: number;
}

export interface Estimate {
  readonly events: number;
  readonly bytes: number;
  readonly dollars: number;
  /** Explanation of how the figures were estimated. */
  readonly basis: string;
}

const DAY_MS = 24 * 60 * 60_000;

/** US dollars in us-east-1 for replayed events, each in parts of 64 KB (https://aws.amazon.com/eventbridge/pricing/). */
const DOLLARS_PER_MILLION = 1;
const BILLED_BYTES = 64 * 1_024;

export async function readArchive(eventBridge: EventBridgeClient, arn: string): Promise<ArchiveState> {
  // arn:aws:events:region:account:archive/name
  const name = arn.slice(arn.lastIndexOf('/') + 1);
  const archive = await eventBridge.send(new DescribeArchiveCommand({ ArchiveName: name }));
  return {
    name,
    events: required(archive, 'EventCount'),
    bytes: required(archive, 'SizeBytes'),
    retentionDays: archive.RetentionDays ?? 0,
    createdAt: required(archive, 'CreationTime').getTime(),
  };
}

/**
 * Earliest possible time of the oldest event in an archive, in milliseconds since 1970-01-01 UTC. It is a whole second,
 * as the time of an event is: one of the archive's first second would otherwise be older than the archive.
 */
export function archiveStart({ createdAt, retentionDays }: ArchiveState, now: number): number {
  const start = retentionDays > 0 ? Math.max(createdAt, now - retentionDays * DAY_MS) : createdAt;
  return Math.floor(start / 1_000) * 1_000;
}

/**
 * Estimates the events in a window from its share of the time that the archive covers: EventBridge reports their
 * number, but not when they came.
 * @param now milliseconds since 1970-01-01 UTC
 */
export function estimateReplay(archive: ArchiveState, { from, to }: Window, now: number): Estimate {
  const { events: count, bytes } = archive;
  const start = archiveStart(archive, now);
  const end = Math.max(now, start + 1);
  const share = Math.max(0, Math.min(to, end) - Math.max(from, start)) / (end - start);
  const events = Math.round(count * share);
  const parts = count > 0 ? Math.max(1, Math.ceil(bytes / count / BILLED_BYTES)) : 0;
  return {
    events,
    bytes: Math.round(bytes * share),
    dollars: (events * parts * DOLLARS_PER_MILLION) / 1_000_000,
    basis: basisOf(share, start, count),
  };
}

function basisOf(share: number, start: number, count: number): string {
  if (share === 0) return `the archive begins at ${formatTime(start)}`;
  const percent = 100 * share < 1 ? 'less than 1' : Math.round(100 * share);
  return `the window is ${percent}% of the archive's time, which has ${formatCountOf(count, 'event')} in all`;
}
