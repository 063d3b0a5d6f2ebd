/** Routes, audit and cost of the running template, as the commands report them. */
import type { App } from '../app';
import { auditHops } from '../proof/audit/audit';
import { auditText } from '../proof/audit/audit-report';
import { costOf } from '../proof/cost/cost';
import { parseMix } from '../proof/cost/event-mix';
import type { Measurement } from '../proof/cost/measurement';
import { proveRoutes } from '../proof/routes/routes';
import { routesText } from '../proof/routes/routes-report';
import type { Assembly } from '../template/assembly';
import type { AuditReport, BillReport, RoutesReport } from './model';

/** Width of the audit's table, in characters. */
const WIDTH = 150;
/** Events a month, from 10 thousand to 1,000 million, five for each power of ten. */
const MONTHS = Array.from({ length: 26 }, (_, i) => Math.round(10 ** (4 + i / 5)));

export function routesReport(assembly: Assembly, app: App): RoutesReport {
  const proof = proveRoutes(assembly, app);
  const text = routesText(proof, { ...assembly, verbose: false });
  return { text, findings: proof.findings.length };
}

export function auditReport(assembly: Assembly, app: App): AuditReport {
  const audit = auditHops(assembly, app);
  return { text: auditText(audit, { ...assembly, width: WIDTH }), gaps: audit.gaps.length };
}

export function billReport(assembly: Assembly, app: App, measurement: Measurement | undefined): BillReport {
  if (!measurement || app.mix === undefined) return { months: [] };
  const mix = parseMix(app.mix, app.contracts);
  const assumptions = { mix, months: 12, slowdown: 1, coldStarts: 0.5, failures: 0.1 };
  const { bills } = costOf(assembly, app, measurement, MONTHS, assumptions);
  return {
    months: bills.map(({ events, usd, items }) => ({
      events,
      usd,
      items: items.map(({ name, usd: amount }) => ({ name, usd: amount })).sort((a, b) => b.usd - a.usd),
    })),
  };
}
