/** Runs seed after seed, until one fails, and tells its failure. */
import fs from 'node:fs';
import { EXIT, type ExitCode, InputError } from '../cli/errors';
import { printableJson } from '../cli/escape-control';
import type { SeedReply, SimRun } from './jobs';
import { planFor, type SimOptions, seedsOf } from './options';
import { type Plan, partsOf } from './plan';
import { shrink } from './shrink';
import { type SimulationResult, simulate } from './simulation';
import type { Tally } from './tally';
import { replies } from './workers';

/** Lines of the log that a failure shows. */
const SHOWN_LINES = 25;
/** A soak whose memory is larger than that has a leak. */
const MOST_HEAP_BYTES = 2 ** 30;

export async function runSeeds(run: SimRun, tally: Tally): Promise<ExitCode> {
  const { options, base } = run;
  const { soak, json, html } = options;
  const isLast = ({ result, heapBytes }: SeedReply) =>
    result.violation !== undefined || heapBytes > MOST_HEAP_BYTES;
  const onCpu = (ms: number) => tally.addCpu(ms);
  for await (const { result, document, heapBytes } of replies(
    'seed',
    seedsOfRun(options, tally),
    run,
    isLast,
    onCpu,
  )) {
    const plan = planFor(base.model, result.seed, options);
    if (document !== undefined) console.log(document);
    tally.add(plan, result);
    if (result.violation) {
      const shown = json ? plan : await report(plan, result, run);
      if (html !== undefined) await draw(shown, html, run);
      return EXIT.failed;
    }
    if (soak && tally.isTimeToTell()) console.log(tally.line);
    if (heapBytes > MOST_HEAP_BYTES) {
      console.log(`✗ Memory: more than ${MOST_HEAP_BYTES} bytes are in use after seed ${result.seed}.`);
      return EXIT.failed;
    }
  }
  if (!json) console.log(tally.summary(base.model.app));
  if (html !== undefined) await draw(planFor(base.model, seedsOf(options)[0], options), html, run);
  return EXIT.ok;
}

/** Seeds of the run; those of a soak until its time is over. */
function* seedsOfRun(options: SimOptions, tally: Tally): Generator<number> {
  const [from, to] = seedsOf(options);
  const last = options.soak ? Number.POSITIVE_INFINITY : to;
  for (let seed = from; seed <= last; seed++) {
    if (options.soak && tally.minutes >= options.minutes) return;
    yield seed;
  }
}

/** @returns the smallest plan that fails */
async function report(plan: Plan, result: SimulationResult, { options, base }: SimRun): Promise<Plan> {
  console.log(`✗ Seed ${plan.seed}: ${result.violation?.invariant}: ${result.violation?.message}`);
  if (!options.shrink) {
    console.log(`\nAgain: ${repeat(plan, options)}`);
    return plan;
  }
  const all = partsOf(plan).length;
  const smallest = await shrink(plan, result, (each) => simulate(each, base));
  const kept = partsOf(smallest.plan);
  const lines: string[] = [];
  await simulate(smallest.plan, { ...base, onLine: (line) => lines.push(line) });
  console.log(`\nShrunk from ${all} parts to ${kept.length}, by ${smallest.runs} runs:`);
  for (const { at, ...command } of smallest.plan.commands)
    console.log(`  ${at} ms: ${JSON.stringify(command)}`);
  for (const fault of smallest.plan.faults) console.log(`  ${JSON.stringify(fault)}`);
  console.log(`\n${smallest.result.violation?.invariant}: ${smallest.result.violation?.message}`);
  console.log('\nThe last steps:');
  for (const line of lines.slice(-SHOWN_LINES))
    console.log(`  ${printableJson(JSON.parse(line)).slice(0, 240)}`);
  console.log(`\nAgain: ${repeat(smallest.plan, options)}`);
  return smallest.plan;
}

const repeat = (plan: Plan, { events }: SimOptions): string =>
  `npm run sim -- --seed ${plan.seed} --events ${events} --keep ${partsOf(plan).join(',')}`;

/** Runs the plan once more, and writes the page that shows it. */
async function draw(plan: Plan, file: string, { base, setting }: SimRun): Promise<void> {
  const picture = setting.picture();
  let html: string | undefined;
  await simulate(plan, {
    ...base,
    onStep: picture.onStep,
    onEnd: async (stack) => {
      html = await picture.html(stack);
    },
  });
  if (html === undefined) throw new InputError('--html: the stack was down when the run ended.');
  fs.writeFileSync(file, html);
  console.log(`The steps as a page: ${file}`);
}
