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
  /** Of `routes`: `<logical id> <kind>`. */
  findings: v.optional(v.array(v.string()), []),
  events: v.optional(v.array(v.any()), []),
});

/** Those say what would be better; a small template cannot have all of it. */
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

/** What was found, in the words of what was expected where they say the same. */
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

test('a gap names the construct that made the resource, and the line of the app', () => {
  const { gaps } = auditHops(read(path.join(CORPUS, 'nested-stacks')), UNDESCRIBED);
  expect(gaps.find(({ resource }) => resource === 'Rule')).toMatchObject({
    type: 'AWS::Events::Rule',
    construct: { path: 'Shop/Rule', location: '/app/lib/shop-stack.ts:42' },
  });
});
