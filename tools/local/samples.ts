/**
 * The events that `npm start` sends: `samples/entries/<name>.json` holds entries of PutEvents, just as
 * `aws events put-events --entries file://...` takes them, and `samples/expected/<name>.json` the steps that they
 * must lead to.
 */

import fs from 'node:fs';
import path from 'node:path';
import { InputError } from '../cli/errors';
import type { PutEventsEntry } from './services/put-entry';
import type { TimedStep } from './steps';

/** A sample cannot be read. One line: which file, and what is wrong. */
class SampleError extends InputError {
  override readonly name = 'SampleError';
}

/** Part of a step: one that has these fields with these values meets it. */
type ExpectedStep = Readonly<Record<string, unknown>>;

export interface Sample {
  readonly name: string;
  readonly entries: readonly PutEventsEntry[];
  readonly expected: readonly ExpectedStep[];
}

/** @throws SampleError */
export function readSamples(directory: string): Sample[] {
  const folder = path.join(directory, 'entries');
  if (!fs.existsSync(folder)) return [];
  const names = fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort();
  return names.map((name) => ({
    name: path.basename(name, '.json'),
    entries: readList(path.join(folder, name)) as PutEventsEntry[],
    expected: readList(path.join(directory, 'expected', name)) as ExpectedStep[],
  }));
}

/** The expected steps that did not happen. */
export function missingSteps({ expected }: Sample, steps: readonly TimedStep[]): ExpectedStep[] {
  return expected.filter((wanted) => !steps.some((step) => includes(step, wanted)));
}

/** Objects may have more fields than wanted; lists and values must be the same. JSON within text is compared as such. */
function includes(actual: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return actual === wanted;
  const value = typeof actual === 'string' ? parsed(actual) : actual;
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(value) &&
      value.length === wanted.length &&
      wanted.every((item, index) => includes(value[index], item))
    );
  }
  return Object.entries(wanted).every(([key, item]) =>
    includes((value as Record<string, unknown>)[key], item),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readList(file: string): object[] {
  let list: unknown;
  try {
    list = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SampleError(`${file}: ${(error as Error).message}`);
  }
  if (!Array.isArray(list) || list.some((item) => typeof item !== 'object' || item === null)) {
    throw new SampleError(`${file}: expected a list of objects.`);
  }
  return list;
}
