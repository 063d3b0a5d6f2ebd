/** `npm run cost`: what a month costs by this template, and what a change of it costs. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { runCommand } from '../tools/cli/command';
import { SystemClock } from '../tools/local/services/clock';
import { costOf } from '../tools/proof/cost/cost';
import { jsonReport, textReport } from '../tools/proof/cost/cost-report';
import { parseMix } from '../tools/proof/cost/event-mix';
import { type Measurement, measure } from '../tools/proof/cost/measurement';
import { loadAssembly, readTemplate, withAssemblyOptions } from '../tools/template/source/assembly-option';
import { APP } from './app-description';

// The SDK's advice on the Node version is not for whoever reads a bill.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

const MEASUREMENTS = join(__dirname, '..', 'samples', 'measurements.json');

const command = withAssemblyOptions(new Command('cost'))
  .description(
    'Computes the monthly bill of the synthesized template: its fan-out, with durations and sizes measured in ' +
      'the local run, at the prices of tools/proof/cost/prices.json. Says each assumption. Exit code 2 on bad input.',
  )
  .option('--events <numbers>', 'events a month, e.g. 500k,1M,2.5M', parseEvents, parseEvents('1M,10M,100M'))
  .option(
    '--mix <mix>',
    'how many of which event, e.g. "1 OrderCreated, 3 OrderStatusChanged status=SHIPPED"',
    APP.mix,
  )
  .option(
    '--months <number>',
    'how long the stack has run: what it keeps is stored',
    parseNumber(1, 1_200),
    12,
  )
  .option(
    '--slowdown <factor>',
    'how many times as long a call takes in AWS as here',
    parseNumber(0.01, 1_000),
    1,
  )
  .option('--cold-starts <percent>', 'calls that load the code first', parseNumber(0, 100), 0.5)
  .option('--failures <percent>', 'calls that fail at every retry', parseNumber(0, 100), 0.1)
  .option('--compare <template>', 'the difference to another template, or cdk.out')
  .option('--measure', 'measure again, in a local run, and keep the result in samples/measurements.json')
  .addOption(new Option('--json', 'all of it as one JSON document'))
  .allowExcessArguments(false)
  .action(async ({ events, mix: mixText, months, slowdown, coldStarts, failures, compare, ...options }) => {
    const mix = parseMix(mixText, APP.contracts);
    const other = compare === undefined ? undefined : readTemplate(compare, '--compare');
    const assembly = await loadAssembly(options);
    if (options.measure) {
      // Only now: loading the local run takes longer than a bill.
      const { LocalStack }: typeof import('../tools/local/stack') = require('../tools/local/stack');
      const measured = await measure(
        assembly,
        APP,
        mix,
        (measuredAssembly, onStep) =>
          LocalStack.start({
            assembly: measuredAssembly,
            clock: new SystemClock(),
            port: 0,
            maxEnvironments: 1,
            onStep,
          }),
        { progress: (text) => console.error(text) },
      );
      writeFileSync(MEASUREMENTS, JSON.stringify(measured, null, 2));
      // Kept like any other file of the project.
      const biome = require.resolve('@biomejs/biome/bin/biome');
      execFileSync(process.execPath, [biome, 'format', '--write', MEASUREMENTS], { stdio: 'ignore' });
    }
    const measurement: Measurement = JSON.parse(readFileSync(MEASUREMENTS, 'utf8'));
    const assumptions = { mix, months, slowdown, coldStarts, failures };
    const report = {
      stackName: assembly.stackName,
      cost: costOf(assembly, APP, measurement, events, assumptions),
      assumptions,
      measurement,
      ...(other && { other: { name: compare, cost: costOf(other, APP, measurement, events, assumptions) } }),
    };
    console.log(options.json ? jsonReport(report) : textReport(report));
  });

function parseEvents(text: string): number[] {
  return text.split(',').map((part) => {
    const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([kM]?)$/.exec(part.trim()) ?? [];
    const events = Number(number) * { '': 1, k: 1_000, M: 1_000_000 }[unit as '' | 'k' | 'M'];
    if (!(events > 0))
      throw new InvalidArgumentError('It must be numbers above 0 with k or M, e.g. 500k,1M.');
    return events;
  });
}

function parseNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most))
      throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
    return value;
  };
}

void runCommand(command);
