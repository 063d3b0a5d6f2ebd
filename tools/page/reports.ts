/** Routes, audit and cost of the running template, as the commands report them. */
import type { App } from '../app';
import { defined } from '../defined';
import { auditHops } from '../proof/audit/audit';
import { type Gap, hopName } from '../proof/audit/hops';
import { costOf } from '../proof/cost/cost';
import { parseMix } from '../proof/cost/event-mix';
import type { Measurement } from '../proof/cost/measurement';
import { decisionLines } from '../proof/routes/decisions-report';
import { matrixRows } from '../proof/routes/matrix';
import { countAlternatives, type RuleResult } from '../proof/routes/routed-event';
import { proveRoutes } from '../proof/routes/routes';
import type { RoutedDelivery, RoutedRule } from '../proof/routes/routing';
import { aboutText } from '../proof/verdicts';
import type { Assembly } from '../template/assembly';
import type { Construct } from '../template/constructs';
import type { KeptOut } from '../template/coverage';
import type {
  AuditReport,
  BillReport,
  ReportEntry,
  RouteCell,
  RouteDelivery,
  RouteRule,
  RoutesReport,
} from './model';

/** Events a month, from 10 thousand to 1,000 million, five for each power of ten. */
const MONTHS = Array.from({ length: 26 }, (_, i) => Math.round(10 ** (4 + i / 5)));

export function routesReport(assembly: Assembly, app: App): RoutesReport {
  const proof = proveRoutes(assembly, app);
  const { routing, events, schedules, decisions, findings, unknown, notCovered, absent, warnings } = proof;
  return {
    rules: routing.rules.filter(({ pattern }) => pattern).map(routeRule),
    archives: routing.archives.map(({ name }) => name),
    rows: matrixRows(events).map(({ label, event: { contract, kind, event, verdicts, archives } }) => ({
      ...{ contract, label, isNearMiss: kind === 'near-miss', event, archives },
      cells: verdicts.map((verdict) => routeCell(verdict, JSON.stringify(event))),
    })),
    schedules: schedules.map(({ rule, expression, next, deliveries }) => ({
      ...{ rule, expression, ...defined({ next }) },
      deliveries: deliveries.map((delivery) => routeDelivery(delivery)),
    })),
    decisions: decisionLines(decisions, (name) => name, false),
    findings: findings.map(statement),
    unknown: unknown.map(statement),
    notLookedAt: [
      ...proof.notLookedAt.map((message) => ({ message: `${message}.` })),
      ...notCovered.map(statement),
      ...absent.map(keptOutStatement),
    ],
    warnings,
  };
}

function routeRule({ name, bus, enabled, description, eventPattern, targets }: RoutedRule): RouteRule {
  return {
    ...{ name, bus, isEnabled: enabled, ...defined({ description }) },
    pattern: typeof eventPattern === 'string' ? JSON.parse(eventPattern) : eventPattern,
    targets: targets.map(({ id, consumer, functionName }) => consumer ?? functionName ?? id),
  };
}

/** @param event the event as JSON text */
function routeCell({ matched, misses, others, deliveries }: RuleResult, event: string): RouteCell {
  const isRefused = deliveries.some(({ problem }) => problem);
  return {
    outcome: !matched ? 'missed' : isRefused ? 'refused' : 'accepted',
    misses,
    ...(others && { alternatives: countAlternatives(others) }),
    deliveries: deliveries.map((delivery) => routeDelivery(delivery, event)),
  };
}

function routeDelivery(
  { target, consumer, payload, problem }: RoutedDelivery,
  event?: string,
): RouteDelivery {
  return {
    target: consumer ?? target,
    ...defined({ payload: payload === event ? undefined : payload, problem: problem?.reason }),
  };
}

interface Told {
  readonly kind?: string;
  readonly message: string;
  readonly resource?: string;
  readonly type?: string;
  readonly construct?: Construct;
}

function statement({ kind, message, resource, type, construct }: Told): ReportEntry {
  const isLocated = resource !== undefined && type !== undefined && type !== 'contract';
  const about = isLocated ? aboutText({ resource, type, ...defined({ construct }) }) : undefined;
  return { ...defined({ kind, about }), message };
}

function keptOutStatement({ resource, type, condition, turnedOn }: KeptOut): ReportEntry {
  const message = `It is only there under the condition ${condition}, which is false here (${turnedOn}).`;
  return { message, about: `${resource} (${type})` };
}

/** Begin of the audit's notes about what it does not look at. */
const NOT_LOOKED_AT = 'Not looked at: ';
const isNotLookedAt = (note: string) => note.startsWith(NOT_LOOKED_AT);

export function auditReport(assembly: Assembly, app: App): AuditReport {
  const { hops, gaps, unknown, notCovered, absent, warnings, notes } = auditHops(assembly, app);
  return {
    hops: hops.map(({ kind, from, to, retry, ageLimit, whenAllFails, encryption, permissions, alarms }) => {
      const isHere = ({ hop }: Gap) => hop === hopName(kind, from, to);
      return {
        ...{ kind, from, to, retry, ageLimit, whenAllFails, encryption, permissions, alarms },
        gaps: gaps.filter(isHere).map(statement),
        unknown: unknown.filter(isHere).map(statement),
      };
    }),
    notLookedAt: [
      ...notes.filter(isNotLookedAt).map((note) => ({ message: note.slice(NOT_LOOKED_AT.length) })),
      ...notCovered.map(statement),
      ...absent.map(keptOutStatement),
    ],
    warnings,
    notes: notes.filter((note) => !isNotLookedAt(note)),
  };
}

export function billReport(assembly: Assembly, app: App, measurement: Measurement | undefined): BillReport {
  if (!measurement) {
    const missing = 'There is no measurement of the handlers: `npm run cost -- --measure` makes one.';
    return { months: [], missing, notPriced: [] };
  }
  const mix = app.mix === undefined ? [] : parseMix(app.mix, app.contracts);
  const assumptions = { mix, months: 12, slowdown: 1, coldStarts: 0.5, failures: 0.1 };
  const { bills, notCovered } = costOf(assembly, app, measurement, MONTHS, assumptions);
  return {
    months: bills.map(({ events, usd, items }) => ({
      events,
      usd,
      items: items.map(({ name, usd: amount }) => ({ name, usd: amount })).sort((a, b) => b.usd - a.usd),
    })),
    notPriced: notCovered.map(statement),
  };
}
