/**
 * Templates over all target types and features, each with the right statements in its own `Metadata.Right`, which were
 * written from AWS's documentation before a tool was run on it.
 */
import fs from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { parse } from 'yaml';
import { UNDESCRIBED } from '../../../tools/app';
import { auditHops } from '../../../tools/proof/audit/audit';
import { readEvent } from '../../../tools/proof/routes/given-event';
import { recipientsOf } from '../../../tools/proof/routes/recipients';
import { proveRoutes } from '../../../tools/proof/routes/routes';
import { readRouting } from '../../../tools/proof/routes/routing';
import { readAssembly } from '../../../tools/template/assembly';

const CORPUS = path.join(__dirname, 'corpus');

const Right = v.strictObject({
  says: v.optional(v.string()),
  /** Page of AWS's documentation. */
  source: v.pipe(v.string(), v.startsWith('https://docs.aws.amazon.com/')),
  /** `<logical id> <kind> <part of the message>`. */
  gaps: v.array(v.string()),
  unknown: v.array(v.string()),
  /** `<logical id> <type>`. */
  notCovered: v.array(v.string()),
  /** Findings of `routes`: `<logical id> <kind>`. */
  findings: v.optional(v.array(v.string()), []),
  events: v.optional(
    v.array(
      v.strictObject({
        event: v.record(v.string(), v.any()),
        /** `<logical id of the rule>/<id of the target>` of those who get it. */
        to: v.array(v.string()),
        /** Payloads by target. */
        payloads: v.optional(v.record(v.string(), v.string()), {}),
        /** The field that keeps it from a rule, by logical id. */
        kept: v.optional(v.record(v.string(), v.string()), {}),
        /** Targets that cannot be given what they are handed. */
        problems: v.optional(v.array(v.string()), []),
      }),
    ),
    [],
  ),
});

/** Kinds that say what would be better; a small template cannot have all of it. */
const ADVICE = ['alarm', 'coverage', 'encryption'];

const entries = fs.readdirSync(CORPUS).sort();
const cases = entries.map((entry) => {
  const place = path.join(CORPUS, entry);
  const folder = fs.statSync(place).isDirectory();
  const files = folder ? fs.readdirSync(place).map((file) => path.join(place, file)) : [place];
  const [right] = files
    .filter((file) => /template\.json$|yaml$/.test(file))
    .flatMap((file) => parse(fs.readFileSync(file, 'utf8'), { logLevel: 'silent' }).Metadata?.Right ?? []);
  return { name: path.parse(entry).name, place, right: v.parse(Right, right) };
});
const each = cases.map(({ name, ...rest }) => [name, rest] as const);
const read = (place: string) => readAssembly(place, { region: 'us-east-1' });

/** Findings in the words of what was expected where they say the same. */
function asExpected(
  found: readonly { readonly resource: string; readonly kind: string; readonly message: string }[],
  expected: readonly string[],
): string[] {
  const open = [...expected];
  return found
    .filter(({ kind }) => !ADVICE.includes(kind))
    .map(({ resource, kind, message }) => {
      const index = open.findIndex((line) => {
        const start = `${resource} ${kind} `;
        return line.startsWith(start) && message.includes(line.slice(start.length));
      });
      const [line] = index < 0 ? [] : open.splice(index, 1);
      return line ?? `${resource} ${kind}: ${message}`;
    })
    .sort();
}

test('the corpus is of many templates', () => {
  expect(cases.length).toBeGreaterThan(40);
});

test.each(each)('audit of %s', (_, { place, right }) => {
  const { gaps, unknown, notCovered } = auditHops(read(place), UNDESCRIBED);
  expect({
    gaps: asExpected(gaps, right.gaps),
    unknown: asExpected(unknown, right.unknown),
    notCovered: notCovered.map(({ resource, type }) => `${resource} ${type}`).sort(),
  }).toEqual({
    gaps: [...right.gaps].sort(),
    unknown: [...right.unknown].sort(),
    notCovered: [...right.notCovered].sort(),
  });
});

test.each(each)('routes of %s', (_, { place, right }) => {
  const assembly = read(place);
  const { findings } = proveRoutes(assembly, UNDESCRIBED);
  expect(findings.map(({ resource, kind }) => `${resource} ${kind}`)).toEqual(right.findings);
});

const asked = cases.flatMap(({ name, place, right }) =>
  right.events.map((wanted) => [name, JSON.stringify(wanted.event), place, wanted] as const),
);

test.each(asked)('who gets, by %s, %s', (_, __, place, { event, to, payloads, kept, problems }) => {
  const assembly = read(place);
  const recipients = recipientsOf(readRouting(assembly, UNDESCRIBED), readEvent(event, assembly));
  const takers = recipients.filter(({ takes }) => takes === 'yes');
  const deliveries = takers.flatMap((taker) =>
    taker.deliveries.map((each) => ({ ...each, of: taker.resource })),
  );
  const named = ({ of, target }: (typeof deliveries)[number]) => `${of}/${target}`;
  expect(deliveries.map(named)).toEqual(to);
  expect(deliveries.filter(({ problem }) => problem).map(named)).toEqual(problems);
  for (const [target, payload] of Object.entries(payloads)) {
    expect(deliveries.find((each) => each.target === target)?.payload).toBe(payload);
  }
  for (const [rule, field] of Object.entries(kept)) {
    expect(recipients.find(({ resource }) => resource === rule)?.misses).toMatchObject([{ field }]);
  }
});

test('a gap names the construct that made the resource, and the line of the app', () => {
  const { gaps } = auditHops(read(path.join(CORPUS, 'nested-stacks')), UNDESCRIBED);
  expect(gaps.find(({ resource }) => resource === 'Rule')).toMatchObject({
    type: 'AWS::Events::Rule',
    construct: { path: 'Shop/Rule', location: '/app/lib/shop-stack.ts:42' },
  });
});
