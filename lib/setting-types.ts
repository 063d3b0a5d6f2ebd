/** Types of settings, each with a message that says what is allowed. The message follows "<path> is <value>, but". */
import * as v from 'valibot';
import { InvalidScheduleError, parseSchedule } from '../tools/eventbridge/schedule';

/** Describes a setting: editors show the text through the JSON Schema of `cdk.json`. */
export const documented = <const Schema extends v.GenericSchema>(text: string, schema: Schema) =>
  v.pipe(schema, v.description(text));

/** An object with known keys only; the error of an unknown key lists the known ones. */
export const settings = <const Entries extends v.ObjectEntries>(entries: Entries) =>
  v.strictObject(entries, (issue) =>
    issue.expected === 'never'
      ? `is not a setting; allowed are ${Object.keys(entries).join(', ')}`
      : 'must be an object of settings',
  );

/** Keys that valibot's `record` drops silently. */
const LEFT_OUT = ['__proto__', 'constructor', 'prototype'];

/**
 * An object with any keys of one kind.
 * @param message description of the allowed type, or a function of the value
 */
export const record = <const Value extends v.GenericSchema>(
  key: v.GenericSchema<string, string>,
  value: Value,
  message: string | ((issue: v.BaseIssue<unknown>) => string),
) => {
  const schema = v.record(key, value, message);
  const guard = v.pipe(
    v.custom<object>(
      (input) => typeof input === 'object' && input !== null && !Array.isArray(input),
      message,
    ),
    v.check(
      (input) => !LEFT_OUT.some((name) => Object.hasOwn(input, name)),
      `must have none of the keys ${LEFT_OUT.join(', ')}`,
    ),
  );
  const run: (typeof schema)['~run'] = (dataset, config) => {
    const guarded = guard['~run']({ ...dataset }, config);
    return guarded.issues ? (guarded as ReturnType<typeof run>) : schema['~run'](dataset, config);
  };
  // Keeps the type `record` for the conversion to JSON Schema.
  return { ...schema, '~run': run };
};

export const integer = (min: number, max: number, message = `must be a whole number from ${min} to ${max}`) =>
  v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message));

/** @param message description of the allowed text, after "must be" */
export const textMatching = (allowed: RegExp, message: string) =>
  v.pipe(v.string(`must be ${message}`), v.regex(allowed, `must be ${message}`));

export const oneOf = <const Values extends readonly (string | number)[]>(values: Values) =>
  v.picklist(values, `must be one of ${values.join(', ')}`);

export const flag = v.boolean('must be true or false');

export const email = v.pipe(v.string('must be an e-mail address'), v.email('must be an e-mail address'));

const scheduleKinds = 'must be a cron(...) or rate(...) expression of EventBridge';

export const schedule = v.pipe(
  v.string(scheduleKinds),
  v.check(
    (expression) => scheduleProblem(expression) === undefined,
    ({ input }) => `${scheduleKinds}: ${scheduleProblem(input)}`,
  ),
);

function scheduleProblem(expression: string): string | undefined {
  try {
    return parseSchedule(expression).next(new Date(0)) ? undefined : 'it never fires';
  } catch (error) {
    if (error instanceof InvalidScheduleError) return error.reason;
    throw error;
  }
}
