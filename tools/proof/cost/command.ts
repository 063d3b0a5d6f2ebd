/** `npm run cost`: what a month costs by this template, and what a change of it costs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import type { App } from '../../app';
import { createCommand, exitWith, numberFrom } from '../../cli/command';
import { type ExitCode, InputError } from '../../cli/errors';
import {
  type AssemblySource,
  loadAssembly,
  readTemplate,
  withAssemblyOptions,
} from '../../template/source/assembly-option';
import { describedBy } from '../described';
import { exitCodeOf, type StrictOption, withStrictOption } from '../verdicts';
import { costOf } from './cost';
import { costJson, costText } from './cost-report';
import { parseMix } from './event-mix';
import { limitsOf } from './limits';
import { limitsJson, limitsText, writeLimits } from './limits-report';
import { type Measurement, measure, startLocally } from './measurement';
import { savingsOf } from './savings';
import { EXECUTION_SECONDS } from './state-machine-items';
import { Usage } from './usage';

interface Options extends AssemblySource, StrictOption {
  readonly events: number[];
  readonly mix?: string;
  readonly months: number;
  readonly slowdown: number;
  readonly coldStarts: number;
  readonly failures: number;
  readonly inflow: Map<string, number>;
  readonly executionSeconds: number;
  readonly limits?: boolean;
  readonly write?: string;
  readonly compare?: string;
  readonly measure?: boolean;
  readonly json?: boolean;
}

/** @param measurements the file with what was measured last */
export function costCommand(app: App, measurements: string): Command {
  return withStrictOption(withAssemblyOptions(createCommand('cost')))
    .description(
      'Computes the monthly bill of the synthesized template: its fan-out, with durations and sizes measured in ' +
        'the local run, at the prices of tools/proof/cost/prices.json. Says each assumption. Exit code 2 on bad input.',
    )
    .option(
      '--events <numbers>',
      'events a month, e.g. 500k,1M,2.5M',
      parseEvents,
      parseEvents('1M,10M,100M'),
    )
    .option(
      '--mix <mix>',
      'how many of which event: "<count> <detail-type> <field>=<value>", with commas between',
      app.mix,
    )
    .option(
      '--months <number>',
      'how long the stack has run: what it keeps is stored',
      numberFrom(1, 1_200),
      12,
    )
    .option(
      '--slowdown <factor>',
      'how many times as long a call takes in AWS as here',
      numberFrom(0.01, 1_000),
      1,
    )
    .option('--cold-starts <percent>', 'calls that load the code first', numberFrom(0, 100), 0.5)
    .option('--failures <percent>', 'calls that fail at every retry', numberFrom(0, 100), 0.1)
    .option(
      '--inflow <name=events>',
      'events a month that come by a pipe, a rule of another bus, or from another account; for each of them',
      addInflow,
      new Map<string, number>(),
    )
    .option(
      '--execution-seconds <seconds>',
      'how long an execution of an Express state machine takes',
      numberFrom(0.1, 300),
      EXECUTION_SECONDS,
    )
    .option(
      '--limits',
      "the rates at which the stack meets the quotas on an event's way, instead of the bill",
    )
    .option('--write <file>', 'with --limits: put the table into this Markdown file')
    .option('--compare <template>', 'the difference to another template, or cdk.out')
    .option('--measure', 'measure again, in a local run, and keep the result in samples/measurements.json')
    .option('--json', 'all of it as one JSON document')
    .action(exitWith((options: Options) => cost(app, measurements, options)));
}

async function cost(given: App, measurements: string, options: Options): Promise<ExitCode> {
  const { events, months, slowdown, coldStarts, failures, compare, executionSeconds } = options;
  if (options.write !== undefined && !options.limits) throw new InputError('--write goes with --limits.');
  const other = compare && { name: compare, assembly: readTemplate(compare, '--compare') };
  const assembly = await loadAssembly(options);
  const app = describedBy(given, assembly);
  const isDescribed = app === given;
  if (!isDescribed && options.measure) {
    throw new InputError(`--measure: none of the functions of ${assembly.stackName} is described.`);
  }
  const mix = isDescribed && options.mix !== undefined ? parseMix(options.mix, given.contracts) : [];
  if (options.measure) {
    const progress = (text: string) => console.error(text);
    const measured = await measure(assembly, app, mix, startLocally, { progress });
    writeFileSync(measurements, `${JSON.stringify(measured, null, 2)}\n`);
  }
  const measurement: Measurement = JSON.parse(readFileSync(measurements, 'utf8'));
  const inflows = options.inflow;
  const assumptions = { mix, months, slowdown, coldStarts, failures, inflows, executionSeconds };
  if (options.limits) {
    const limits = limitsOf(new Usage(assembly, app, measurement, assumptions));
    if (options.write !== undefined) writeLimits(options.write, limits);
    console.log(options.json ? limitsJson(assembly.stackName, limits) : limitsText(assembly.title, limits));
    return exitCodeOf({ gaps: [], unknown: [], notCovered: assembly.notCovered }, options);
  }
  const report = {
    stackName: assembly.stackName,
    title: assembly.title,
    cost: costOf(assembly, app, measurement, events, assumptions),
    savings: savingsOf(assembly, app, measurement, events, assumptions),
    assumptions,
    measurement,
    ...(other && {
      other: { name: other.name, cost: costOf(other.assembly, app, measurement, events, assumptions) },
    }),
  };
  console.log(options.json ? costJson(report) : costText(report));
  return exitCodeOf({ gaps: [], unknown: [], notCovered: report.cost.notCovered }, options);
}

function parseEvents(text: string): number[] {
  return text.split(',').map((part) => {
    const events = eventsOf(part.trim());
    if (events !== undefined) return events;
    throw new InvalidArgumentError('It must be numbers above 0 with k or M, e.g. 500k,1M.');
  });
}

/** @returns undefined for what is no number above 0 */
function eventsOf(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([kM]?)$/.exec(text) ?? [];
  const events = Number(number) * { '': 1, k: 1_000, M: 1_000_000 }[unit as '' | 'k' | 'M'];
  return events > 0 ? events : undefined;
}

function addInflow(text: string, before: Map<string, number>): Map<string, number> {
  const [, name, count = ''] = /^(.+)=([^=]+)$/.exec(text) ?? [];
  const events = eventsOf(count);
  if (name !== undefined && events !== undefined) return new Map([...before, [name, events]]);
  throw new InvalidArgumentError(
    'It must be a name and a number above 0, e.g. event-driven-outbox-shipping=1M.',
  );
}
