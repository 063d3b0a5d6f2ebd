/** Routes, audit and bill on the page: all that the commands say, by rule, event and hop. */
import { APP } from '../../../bin/app-description';
import measurement from '../../../samples/measurements.json';
import { UNDESCRIBED } from '../../../tools/app';
import { auditReport, billReport, routesReport } from '../../../tools/page/reports';
import { auditHops } from '../../../tools/proof/audit/audit';
import type { Measurement } from '../../../tools/proof/cost/measurement';
import { proveRoutes } from '../../../tools/proof/routes/routes';
import { readAssembly } from '../../../tools/template/assembly';
import { builtAssembly } from '../../built';
import { assemblyOf } from '../proof/assembly';

const assembly = readAssembly(builtAssembly(), { region: 'us-east-1' });
const routes = routesReport(assembly, APP);

describe('routes', () => {
  test('every event of the proof has a row, and every rule a cell in it, that tells why', () => {
    const { events } = proveRoutes(assembly, APP);
    expect([...new Set(routes.rows.map(({ contract }) => contract))]).toEqual([
      ...new Set(events.map(({ contract }) => contract)),
    ]);
    for (const { cells, event } of routes.rows) {
      expect(cells).toHaveLength(routes.rules.length);
      for (const { outcome, misses, deliveries } of cells) {
        expect(misses.length > 0).toBe(outcome === 'missed');
        expect(deliveries.length > 0).toBe(outcome !== 'missed');
        expect(deliveries.some(({ problem }) => problem !== undefined)).toBe(outcome === 'refused');
        // The event as it is is not repeated for each rule.
        expect(deliveries.map(({ payload }) => payload)).not.toContain(JSON.stringify(event));
      }
    }
  });

  test('a rule has its pattern as the template has it', () => {
    const patterns = routes.rules.map(({ pattern }) => pattern);
    expect(patterns).toContainEqual(expect.objectContaining({ source: ['app.orders'] }));
    expect(patterns).not.toContain(undefined);
  });

  test('a template that nobody has described has its rules, no events, and says what was not looked at', () => {
    const foreign = routesReport(assembly, UNDESCRIBED);
    expect(foreign.rows).toEqual([]);
    expect(foreign.rules.map(({ name }) => name)).toEqual(routes.rules.map(({ name }) => name));
    expect(foreign.notLookedAt.map(({ message }) => message)).toContain(
      'which events the rules take: no contract is described.',
    );
  });
});

describe('audit', () => {
  const handler = {
    Type: 'AWS::Lambda::Function',
    Properties: { FunctionName: 'handler', Role: 'arn:aws:iam::000000000000:role/r' },
  };
  const rule = {
    Type: 'AWS::Events::Rule',
    Properties: {
      EventPattern: { source: ['shop'] },
      Targets: [{ Id: 'Handler', Arn: { 'Fn::GetAtt': ['Handler', 'Arn'] } }],
    },
  };
  const Rare = { Type: 'AWS::SQS::Queue', Condition: 'Never', Properties: {} };
  const foreign = assemblyOf({
    Conditions: { Never: { 'Fn::Equals': ['a', 'b'] } },
    Resources: { Handler: handler, Rule: rule, Rare },
  });

  test('each gap stands on its hop', () => {
    const report = auditReport(foreign, UNDESCRIBED);
    const { gaps, unknown } = auditHops(foreign, UNDESCRIBED);
    expect(gaps.length).toBeGreaterThan(0);
    const told = report.hops.flatMap((hop) => hop.gaps.map(({ message }) => message));
    expect(told.sort()).toEqual(gaps.map(({ message }) => message).sort());
    expect(report.hops.flatMap((hop) => hop.unknown)).toHaveLength(unknown.length);
    expect(report.hops.flatMap((hop) => hop.gaps)).toContainEqual(
      expect.objectContaining({ about: expect.stringContaining('Handler (AWS::Lambda::Function)') }),
    );
  });

  test('what was not looked at, and what a condition keeps out, is told apart from notes', () => {
    const { notLookedAt, notes } = auditReport(foreign, UNDESCRIBED);
    expect(notLookedAt.map(({ message, about = '' }) => `${about} ${message}`)).toEqual(
      expect.arrayContaining([
        expect.stringContaining('what the functions call, with which permissions'),
        expect.stringMatching(/^Rare \(AWS::SQS::Queue\) .*under the condition Never/),
      ]),
    );
    expect(notes.filter((note) => note.startsWith('Not looked at'))).toEqual([]);
  });
});

describe('bill', () => {
  test('grows with the events, largest item first', () => {
    const { months } = billReport(assembly, APP, measurement as unknown as Measurement);
    const amounts = months.map(({ usd }) => usd);
    expect(amounts).toEqual([...amounts].sort((a, b) => a - b));
    for (const { items } of months) expect(items).toEqual([...items].sort((a, b) => b.usd - a.usd));
  });

  test('says why there is none without a measurement', () => {
    expect(billReport(assembly, APP, undefined)).toMatchObject({
      months: [],
      missing: expect.stringContaining('measurement'),
    });
  });
});
