import { existsSync, readFileSync } from 'node:fs';
import Ajv from 'ajv';
import fc from 'fast-check';
import type * as v from 'valibot';
import { parseStage, StageSettings } from '../../lib/config';
import { SCHEMA_FILE, settingsSchema } from '../../lib/settings-schema';
import { allPairs, FACTORS, settingsOf } from './settings';

/** Paths of all settings; those that are objects with keys of their own are not settings themselves. */
function paths(schema: v.GenericSchema, path: readonly string[] = []): string[] {
  const { entries, wrapped, pipe } = schema as {
    entries?: Record<string, v.GenericSchema>;
    wrapped?: v.GenericSchema;
    pipe?: readonly v.GenericSchema[];
  };
  if (entries) return Object.entries(entries).flatMap(([key, entry]) => paths(entry, [...path, key]));
  if (wrapped) return paths(wrapped, path);
  const [first] = pipe ?? [];
  return first && first !== schema && ('wrapped' in first || 'entries' in first)
    ? paths(first, path)
    : [path.join('.')];
}

test('every setting has values to try', () => {
  expect(FACTORS.flatMap(({ settings }) => settings).sort()).toEqual(paths(StageSettings).sort());
});

test('a covering array holds every pair of values, in few choices', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 8 }), (sizes) => {
      const choices = allPairs(sizes);
      for (const [f, n] of sizes.entries()) {
        for (const [g, m] of sizes.entries()) {
          if (f === g) continue;
          const pairs = new Set(choices.map((choice) => `${choice[f]},${choice[g]}`));
          expect(pairs.size).toBe(n * m);
        }
      }
      const [most = 0, second = 0] = [...sizes].sort((a, b) => b - a);
      expect(choices.length).toBeLessThanOrEqual(Math.max(2.5 * most * second, 4));
    }),
  );
});

describe('the JSON Schema of cdk.json', () => {
  const schema = JSON.parse(readFileSync(SCHEMA_FILE, 'utf8'));
  const validate = new Ajv({ strict: false, formats: { email: /^[^@\s]+@[^@\s]+$/ } }).compile(schema);

  test('is what `npm run schema` writes', () => {
    expect(readFileSync(SCHEMA_FILE, 'utf8')).toBe(settingsSchema());
  });

  test('is what cdk.json refers to, and cdk.json keeps to it', () => {
    const cdk = JSON.parse(readFileSync('cdk.json', 'utf8'));
    expect(existsSync(cdk.$schema)).toBe(true);
    expect(cdk.$schema).toBe(`./${SCHEMA_FILE}`);
    expect(validate(cdk)).toBe(true);
  });

  test('takes every value that the app takes', () => {
    for (const { values } of FACTORS) {
      for (const settings of values) {
        expect([settings, validate({ context: { stages: { dev: settings } } })]).toEqual([settings, true]);
        expect(() => parseStage('dev', settings)).not.toThrow();
      }
    }
  });

  test.each([
    { memry: 1 },
    { memory: { notfier: 128 } },
    { memory: { notifier: 64 } },
    { logLevel: 'info' },
    { alarms: { errors: -1 } },
    { publisherAccounts: ['111122223333'] },
    { retainData: 'no' },
    { alarmEmail: 'ops' },
    { tags: { 'aws:x': 'y' } },
  ])('refuses %j, as the app does', (settings) => {
    expect(validate({ context: { stages: { dev: settings } } })).toBe(false);
  });

  test('describes every setting and names its default', () => {
    const stage = schema.properties.context.properties.stages.additionalProperties;
    expect(Object.values<object>(stage.properties).filter((each) => !('description' in each))).toEqual([]);
    expect(stage.properties.logRetentionDays.default).toBe(14);
  });
});

test('the settings of a choice are all there', () => {
  expect(settingsOf(FACTORS.map(() => 1))).toMatchObject({
    projectName: 'a',
    alarms: { errors: 1, dailyReportMinutes: 10 },
    delivery: { retryAttempts: 0, maxEventAge: 60 },
  });
});
