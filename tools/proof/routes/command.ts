/** `npm run routes`: proves from the template which event reaches which target, with which payload. */
import { writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { App } from '../../app';
import { createCommand, exitWith } from '../../cli/command';
import { EXIT, type ExitCode, InputError } from '../../cli/errors';
import { resolveGiven } from '../../cli/path';
import {
  type AssemblySource,
  loadAssembly,
  withAssemblyOptions,
} from '../../template/source/assembly-option';
import { describedBy } from '../described';
import { exitCodeOf, type StrictOption, withStrictOption } from '../verdicts';
import { readFlow } from './flow';
import { placeFlow } from './flow-layout';
import { drawSvg } from './flow-svg';
import { parse, readEvent, readGiven } from './given-event';
import { decidePattern } from './pattern-decisions';
import { patternJson, patternText } from './pattern-report';
import { recipientsOf } from './recipients';
import { recipientsJson, recipientsText } from './recipients-report';
import { proveRoutes } from './routes';
import { routesJson, routesText } from './routes-report';
import { readRouting } from './routing';

interface Options extends AssemblySource, StrictOption {
  readonly event?: string;
  readonly pattern?: string;
  readonly verbose: boolean;
  readonly json?: boolean;
  readonly svg?: string;
}

export function routesCommand(app: App): Command {
  return withStrictOption(withAssemblyOptions(createCommand('routes')))
    .description(
      'Proves the routing of the synthesized template: every event that the contracts allow, and near misses, ' +
        'against every rule, up to the parser of the consumer. Names what a condition keeps out, and the --parameter ' +
        'that turns it on. Exit code 1 if anything is wrong, 2 on bad input.',
    )
    .option('--verbose', 'each event by itself, instead of one for all that fare alike')
    .addOption(new Option('--json', 'all of it as one JSON document').conflicts('verbose'))
    .addOption(
      new Option('--svg <file>', 'only draw the flow, as an SVG picture, into this file').conflicts([
        'json',
        'verbose',
      ]),
    )
    .option(
      '--event <file>',
      'only who gets this event, or - for stdin: payloads, or the field that keeps it out',
    )
    .addOption(
      new Option(
        '--pattern <file>',
        'only what this pattern takes, or - for stdin: of each contract, and in common with each rule; with --event, whether it takes that',
      ),
    )
    .action(exitWith((options: Options) => routes(app, options)));
}

async function routes(given: App, options: Options): Promise<ExitCode> {
  const assembly = await loadAssembly(options);
  const app = describedBy(given, assembly);
  if (options.svg !== undefined) {
    const title = `The flow of events through ${assembly.stackName}`;
    write(options.svg, drawSvg(placeFlow(readFlow(assembly, app)), title));
    return EXIT.ok;
  }
  const { stackName, title } = assembly;
  const { json, verbose } = options;
  if (options.pattern === '-' && options.event === '-')
    throw new InputError('--event and --pattern cannot both be read of stdin.');
  if (options.pattern !== undefined && options.event === undefined) {
    const text = readGiven('--pattern', options.pattern);
    const decisions = decidePattern(readRouting(assembly, app), app.contracts, text);
    console.log(json ? patternJson(text, decisions) : patternText(title, decisions));
    return EXIT.ok;
  }
  if (options.event !== undefined) {
    const given = readEvent(parse(`--event ${options.event}`, readGiven('--event', options.event)), assembly);
    const pattern = options.pattern === undefined ? undefined : readGiven('--pattern', options.pattern);
    const recipients = recipientsOf(readRouting(assembly, app), given, pattern);
    const { event } = given;
    console.log(json ? recipientsJson(event, recipients) : recipientsText(title, event, recipients));
    return EXIT.ok;
  }
  const proof = proveRoutes(assembly, app);
  console.log(json ? routesJson(proof) : routesText(proof, { stackName, title, verbose }));
  return exitCodeOf({ ...proof, gaps: proof.findings }, options);
}

function write(given: string, text: string): void {
  try {
    writeFileSync(resolveGiven(given), text);
  } catch (error) {
    throw new InputError(`--svg ${given} cannot be written (${(error as NodeJS.ErrnoException).code}).`);
  }
}
