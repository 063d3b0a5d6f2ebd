/**
 * Runs the engine against recorded cases: verdicts, messages and payloads of the real EventBridge, and the test cases
 * of AWS's own matcher. The cases are not part of this project; `npm run conformance -- DIR` is given the folder that
 * holds them. Prints what differs, then the score of each file.
 *
 * Exit code: 0 if all cases agree (there are no exceptions), 1 if one does not, 2 if the cases cannot be read.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { BusEvent } from '../tools/eventbridge/event';
import {
  compile,
  InvalidEventError,
  InvalidEventPatternError,
  testEventPattern,
} from '../tools/eventbridge/event-pattern';
import {
  compileInput,
  InvalidTargetInputError,
  type TargetInput,
} from '../tools/eventbridge/input-transformer';
import { InvalidScheduleError, parseSchedule } from '../tools/eventbridge/schedule';

interface PatternCase {
  name: string;
  pattern?: object;
  /** The exact JSON texts, where they matter. */
  patternText?: string;
  event?: unknown;
  eventText?: string;
  expected: boolean | 'valid' | 'error';
  error?: { message: string };
}

interface InputCase {
  name: string;
  inputPath?: string;
  inputTransformer?: TargetInput['InputTransformer'];
  /** Null where PutTargets refused the input. */
  event: BusEvent | null;
  context?: { ruleName: string; ruleArn: string; ingestionTime: string };
  outcome: 'delivered' | 'not-delivered' | 'error';
  expectedBody?: string;
  expectedDelivered?: unknown;
  error?: { Message: string };
}

interface ScheduleCase {
  expression: string;
  valid: boolean;
}

/** Answer of the engine and the one that was recorded, both as far as the case tells. */
interface Verdict {
  name: string;
  expected: unknown;
  got: unknown;
}

/** The service's own verdicts; an error is compared by the first line of its message. */
function runServicePattern(recorded: PatternCase): Verdict {
  const { name, expected, error } = recorded;
  return {
    name,
    expected: expected === 'error' ? error?.message.split('\n')[0] : expected,
    got: attempt(() => testEventPattern(patternText(recorded), eventText(recorded))),
  };
}

/** The matcher's own tests: events of any shape, and errors with the messages of two different compilers. */
function runMatcherPattern(recorded: PatternCase): Verdict {
  const got = attempt(() => {
    const pattern = compile(patternText(recorded));
    return recorded.expected === 'valid' ? 'valid' : pattern.matches(JSON.parse(eventText(recorded)));
  });
  return {
    name: recorded.name,
    expected: recorded.expected,
    got: recorded.expected === 'error' && typeof got === 'string' && got !== 'valid' ? 'error' : got,
  };
}

function patternText({ patternText: text, pattern }: PatternCase): string {
  return text ?? JSON.stringify(pattern);
}

function eventText({ eventText: text, event }: PatternCase): string {
  return text ?? JSON.stringify(event ?? {});
}

function runInput(recorded: InputCase): Verdict {
  const { name, inputPath, inputTransformer, event, outcome, expectedBody, expectedDelivered } = recorded;
  const context = { ruleName: '', ruleArn: '', ingestionTime: '', ...recorded.context };
  const got = attempt(() => {
    const transform = compileInput({
      Id: '<target-id>',
      ...(inputPath !== undefined && { InputPath: inputPath }),
      ...(inputTransformer !== undefined && { InputTransformer: inputTransformer }),
    });
    if (!event) return 'accepted';
    const result = transform(event, context);
    if (!result.delivered) return 'not-delivered';
    return expectedBody === undefined ? { delivered: JSON.parse(result.body) } : { body: result.body };
  });
  const delivered = expectedBody === undefined ? { delivered: expectedDelivered } : { body: expectedBody };
  const expected = { delivered, 'not-delivered': 'not-delivered', error: recorded.error?.Message }[outcome];
  return { name, expected, got };
}

function runSchedule({ expression, valid }: ScheduleCase): Verdict {
  const got = attempt(() => {
    parseSchedule(expression);
    return true;
  });
  return { name: expression, expected: valid, got: got === true };
}

/** @returns the result, or the first line of the message with which the engine refused */
function attempt<T>(run: () => T): T | string | undefined {
  try {
    return run();
  } catch (error) {
    const refusals = [
      InvalidEventPatternError,
      InvalidEventError,
      InvalidTargetInputError,
      InvalidScheduleError,
    ];
    if (!refusals.some((refusal) => error instanceof refusal)) throw error;
    return (error as Error).message.split('\n')[0];
  }
}

/** @param verdict the field that every case of the file has */
function readCases<T>(dir: string, file: string, verdict: keyof T & string): T[] {
  const path = join(dir, file);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UnreadableCasesError(`Cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`);
  }
  let cases: unknown;
  try {
    cases = JSON.parse(text);
  } catch (error) {
    throw new UnreadableCasesError(`${path} is not JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(cases) || cases.length === 0)
    throw new UnreadableCasesError(`${path} is not a list of cases`);
  const incomplete = cases.findIndex((each) => !(each && typeof each === 'object' && verdict in each));
  if (incomplete !== -1) throw new UnreadableCasesError(`${path}: case ${incomplete} has no '${verdict}'`);
  return cases;
}

class UnreadableCasesError extends Error {}

/** Prints what differs. */
function countAgreeing(file: string, verdicts: readonly Verdict[]): number {
  const differing = verdicts.filter(({ expected, got }) => !isDeepStrictEqual(got, expected));
  for (const { name, expected, got } of differing) {
    console.log(
      `FAILED ${file}: ${name}\n  expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`,
    );
  }
  return verdicts.length - differing.length;
}

function main([dir, ...more]: readonly string[]): number {
  if (dir === undefined || more.length > 0) {
    console.error(
      'Usage: npm run conformance -- DIR (the folder with patterns-aws.json and the other recorded cases)',
    );
    return 2;
  }
  try {
    const files: [string, Verdict[]][] = [
      [
        'patterns-aws.json',
        readCases<PatternCase>(dir, 'patterns-aws.json', 'expected').map(runServicePattern),
      ],
      [
        'patterns-event-ruler.json',
        readCases<PatternCase>(dir, 'patterns-event-ruler.json', 'expected').map(runMatcherPattern),
      ],
      ['inputs-aws.json', readCases<InputCase>(dir, 'inputs-aws.json', 'outcome').map(runInput)],
      ['schedules-aws.json', readCases<ScheduleCase>(dir, 'schedules-aws.json', 'valid').map(runSchedule)],
    ];
    const scores = files.map(([file, verdicts]) => ({
      file,
      agreeing: countAgreeing(file, verdicts),
      of: verdicts.length,
    }));
    for (const { file, agreeing, of } of scores) console.log(`${file} ${agreeing}/${of}`);
    return scores.every(({ agreeing, of }) => agreeing === of) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof UnreadableCasesError)) throw error;
    console.error(error.message);
    return 2;
  }
}

process.exitCode = main(process.argv.slice(2));
