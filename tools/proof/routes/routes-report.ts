/** Text and JSON output of `npm run routes`. */
import Table from 'cli-table3';
import { aboutText, absentText, notCoveredText } from '../verdicts';
import { READING } from './decisions';
import { decisionLines } from './decisions-report';
import { cellText, type MatrixRow, matrixRows } from './matrix';
import { missesText, otherLines } from './routed-event';
import type { RoutesProof } from './routes';
import type { Finding, RoutedDelivery, RoutedRule } from './routing';

export interface RoutesReportOptions {
  readonly stackName: string;
  /** Path and stacks that were read. */
  readonly title: string;
  readonly verbose: boolean;
}

/** The whole proof as one JSON document, for scripts. */
export function routesJson({
  routing,
  events,
  schedules,
  decisions: { notLookedAt: _, ...decisions },
  findings,
  unknown,
  notCovered,
  absent,
  warnings,
  notLookedAt,
}: RoutesProof): string {
  const rules = routing.rules.map(({ model, targets, pattern, schedule, eventPattern, ...rule }) => ({
    ...rule,
    ...(eventPattern !== undefined && { eventPattern }),
    targets: targets.map(({ model: _, input, ...target }) => target),
  }));
  const archives = routing.archives.map(({ pattern, ...archive }) => archive);
  return JSON.stringify(
    {
      rules,
      archives,
      events,
      schedules,
      decisions: { reading: READING, ...decisions },
      gaps: findings,
      unknown,
      notCovered,
      absent,
      warnings,
      notLookedAt,
    },
    null,
    2,
  );
}

/**
 * The proof as text: the matrix, then the details, then the findings.
 * @param verbose prints each event instead of one for all with the same verdicts, and details of near misses
 */
export function routesText(proof: RoutesProof, { stackName, title, verbose }: RoutesReportOptions): string {
  const {
    routing,
    events,
    schedules,
    decisions,
    findings,
    unknown,
    notCovered,
    absent,
    warnings,
    notLookedAt,
  } = proof;
  const short = (name: string) =>
    name.startsWith(`${stackName}-`) ? name.slice(stackName.length + 1) : name;
  const rows = verbose
    ? events.map((event): MatrixRow => ({ label: event.label, event, isAsExample: false }))
    : matrixRows(events);
  const detailed = rows.filter(
    ({ event, isAsExample }) => verbose || !(isAsExample || event.kind === 'near-miss'),
  );
  const contracts = new Set(events.map(({ contract }) => contract)).size;
  const own = events.filter(({ kind }) => kind !== 'near-miss').length;
  const rules = routing.rules.filter(({ pattern }) => pattern);
  const isWide = rules.length > MOST_COLUMNS;
  const described = () => [
    `${title}: ${count(own, 'event')} of ${count(contracts, 'contract')} and ` +
      `${events.length - own} near misses against ${count(rules.length, 'rule')}`,
    isWide ? takersText(rows, short) : matrix(rows, rules, proof, short),
    `● taken, and the consumer accepts what it is given    ✗ taken, but refused or not valid JSON\n${
      isWide
        ? `${rules.length} rules are too many for a table: each event is told with those that take it. ${verbose ? 'The others follow.' : '--verbose and --json tell the others.'}`
        : 'Elsewhere stands the field that kept the rule from taking the event (+1: and one more).'
    }`,
    ...details(detailed, short, isWide && !verbose),
  ];
  return [
    ...(events.length > 0 ? described() : undescribed(proof, { title, short })),
    ...schedules.map(({ rule, expression, next, deliveries }) => {
      const lines = deliveries.flatMap((delivery) => describe(delivery));
      return [`${short(rule)}: ${expression}, next at ${next ?? 'no time'}`, ...lines].join('\n  ');
    }),
    ...warnings.map((warning) => `Warning: ${warning}`),
    ...decisionLines(decisions, short, verbose),
    ...notLookedAt.map((what) => `Not looked at: ${what}.`),
    ...notCoveredText(notCovered),
    ...absentText(absent),
    findings.length === 0
      ? 'No findings.'
      : [`${count(findings.length, 'finding')}:`, ...findings.map((finding) => entry('✗', finding))].join(
          '\n',
        ),
    ...(unknown.length === 0
      ? []
      : [['Cannot tell:', ...unknown.map((finding) => entry('?', finding))].join('\n')]),
  ].join('\n\n');
}

function entry(mark: string, { kind, message, resource, type, construct }: Finding): string {
  const about = { resource: resource ?? '', type: type ?? '', ...(construct && { construct }) };
  const line = `  ${mark} ${kind}: ${message}`;
  return resource === undefined || type === 'contract' ? line : `${line}\n      ${aboutText(about)}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function matrix(
  rows: readonly MatrixRow[],
  rules: readonly RoutedRule[],
  { routing }: RoutesProof,
  short: (name: string) => string,
): string {
  const archives = routing.archives.map(({ name }) => name);
  const table = new Table({
    head: [
      '',
      ...rules.map(({ name, targets }) => `${short(name)}\n→ ${targets.map(consumerOf).join(', ')}`),
      ...archives.map((name) => `${short(name)}\n(archive)`),
    ],
    colWidths: [LABEL_WIDTH],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  });
  let contract = '';
  for (const { label, event } of rows) {
    if (event.contract !== contract) {
      contract = event.contract;
      table.push([{ colSpan: 1 + rules.length + archives.length, content: contract }]);
    }
    const kept = archives.map((name) => (event.archives.includes(name) ? '●' : ''));
    table.push([`  ${label}`, ...event.verdicts.map(cellText), ...kept]);
  }
  return table.toString();
}

/** The rules by themselves, where no contract says which events there are. */
function undescribed(
  { routing }: RoutesProof,
  { title, short }: { readonly title: string; readonly short: (name: string) => string },
): string[] {
  const rules = routing.rules.filter(({ scheduleExpression }) => scheduleExpression === undefined);
  const lines = rules.map(({ name, bus, enabled, eventPattern, targets }) => {
    const pattern = typeof eventPattern === 'string' ? eventPattern : JSON.stringify(eventPattern);
    return [
      `${short(name)} on ${bus}${enabled ? '' : ', disabled'}`,
      `  takes ${pattern}`,
      ...targets.map(({ id, arn, model: { reference } }) => {
        const what = reference.type?.name ?? reference.resource?.type ?? 'target';
        return `  → ${id}: ${what} ${reference.resource?.logicalId ?? arn}`;
      }),
    ].join('\n');
  });
  return [
    `${title}: ${count(rules.length, 'rule')} with a pattern`,
    ...(lines.length > 0 ? [lines.join('\n')] : []),
    ...(lines.length > 0
      ? [
          '--event FILE says who gets this event, with which payload; --pattern FILE what a pattern takes with the rules.',
        ]
      : []),
  ];
}

/** Rules that stand beside each other in the matrix: more are wider than a screen, and take minutes to draw. */
const MOST_COLUMNS = 20;
/** Width of the matrix's first column, in characters. */
const LABEL_WIDTH = 46;

function consumerOf({ id, consumer, functionName }: RoutedRule['targets'][number]): string {
  return consumer ?? functionName ?? id;
}

/** Each event with the rules and archives that take it. */
function takersText(rows: readonly MatrixRow[], short: (name: string) => string): string {
  const lines: string[] = [];
  let contract = '';
  for (const { label, event } of rows) {
    if (event.contract !== contract) lines.push(event.contract);
    contract = event.contract;
    const taken = event.verdicts.filter(({ matched }) => matched);
    const takers = [
      ...taken.map((verdict) => `${cellText(verdict)} ${short(verdict.rule)}`),
      ...event.archives.map((name) => `● ${short(name)} (archive)`),
    ];
    lines.push(`  ${label}: ${takers.join(', ') || 'no rule takes it'}`);
  }
  return lines.join('\n');
}

/** @param isOfTakers leaves out the rules that do not take an event */
function details(rows: readonly MatrixRow[], short: (name: string) => string, isOfTakers: boolean): string[] {
  const width = Math.max(
    ...rows.flatMap(({ event }) => event.verdicts.map(({ rule }) => short(rule).length)),
  );
  return rows.map(({ label, event }) => {
    const whole = JSON.stringify(event.event);
    const head = label === event.label ? label : `${label} (here: ${event.label})`;
    const told = event.verdicts.filter(({ matched }) => matched || !isOfTakers);
    const lines = told.flatMap(({ rule, matched, misses, others, deliveries }) => {
      const texts = matched
        ? deliveries.flatMap((delivery) => describe(delivery, whole))
        : [missesText(misses, others), ...(others ? otherLines(others) : [])];
      return texts.map((line, i) => `  ${(i ? '' : short(rule)).padEnd(width)}  ${line}`);
    });
    return [`${event.contract}: ${head}`, `  ${whole}`, ...lines].join('\n');
  });
}

/** @param event the event as JSON text, if it is one of a contract */
function describe({ target, consumer, payload, problem }: RoutedDelivery, event?: string): string[] {
  const accepts = consumer === undefined ? 'gets' : 'accepts';
  const verb = !problem ? accepts : problem.kind === 'refused-payload' ? '✗ refuses' : '✗ cannot be given';
  const isWhole = payload === event;
  const what = isWhole ? ' the event as it is' : '';
  const head = `→ ${consumer ?? target} ${verb}${what}${problem ? `: ${problem.reason}` : ''}`;
  if (isWhole || payload === undefined) return [head];
  return [problem ? head : `${head}:`, ...payload.split('\n').map((line) => `  ${line}`)];
}
