/** `npm start`: the stack, synthesized and running on this machine. */
import { type Command, InvalidArgumentError } from 'commander';
import { createCommand, exitWith, repeated, wholeNumberFrom } from '../cli/command';
import type { ExitCode } from '../cli/errors';
import { readOnly } from '../cli/only';
import { resolveGiven } from '../cli/path';
import { withAssemblyOptions } from '../template/source/assembly-option';
import { type RunOptions, run } from './run';
import type { AssemblyBeside } from './stacks-beside';

/** Options that do not come from the command line. */
type Setting = Pick<RunOptions, 'project' | 'page' | 'bundling' | 'entity'>;

export function localCommand(setting: Setting): Command {
  return withReach(withAssemblyOptions(createCommand('npm start --')))
    .description(
      'Synthesizes the stack and runs it on this machine: its buses, rules, queues, tables and functions behind one ' +
        "endpoint that AWS's CLI and SDKs can talk to. Sends the events in samples/ and shows each one's way.",
    )
    .option(
      '--once',
      'run the samples and end; exit code 1 if an event was lost or an expected effect is missing',
      false,
    )
    .option('--json', 'print one JSON object a step', false)
    .option('--watch', 'take over what is saved: handlers at once, the template wholly or not at all', false)
    .option(
      '--inspect [function]',
      'let a debugger attach to this function, or to all: breakpoints in TypeScript, and no time limit',
    )
    .option(
      '--only <what>',
      'show of the events only those that: failed, rule=NAME, function=NAME, or NAME=ID of what the app is about; may be repeated',
      repeated((text) =>
        readOnly(/^(failed$|rule=|function=)/.test(text) ? undefined : setting.entity?.()?.name)(text),
      ),
    )
    .option('--no-samples', 'send no events at the start')
    .option(
      '--port <number>',
      'port of the endpoint (default: 4566, or the next free one)',
      wholeNumberFrom(0, 65_535),
    )
    .option(
      '--speed <factor>',
      "seconds of the stack's time in one second: 60 runs a minute in a second",
      readSpeed,
      1,
    )
    .option(
      '--data <dir>',
      'keep tables, queues, archive, logs and objects in this folder, and find them again',
      (text) => resolveGiven(text),
    )
    .option(
      '--in-process',
      'run the functions within this process: they start at once, and one that hangs or crashes takes all along',
      false,
    )
    .option('--open', 'open the page of the run in the browser', false)
    .addHelpText(
      'after',
      '\nExit codes: 0 as it should be, 1 an event was lost or an effect is missing (--once), 2 bad input.',
    )
    .action(
      exitWith(
        (options: Omit<RunOptions, keyof Setting>) => run({ ...options, ...setting }) as Promise<ExitCode>,
      ),
    );
}

/** Options that say who may call the endpoint, whom handlers may call, and which other accounts there are. */
const withReach = (command: Command): Command =>
  command
    .option(
      '--beside <dir>',
      'run this assembly of another account or region as well, and deliver between their buses: [account[/region]=]dir; may be repeated',
      repeated(readBesideOption),
    )
    .option(
      '--allow-origin <url>',
      'let a web app of yours call the endpoint, e.g. http://localhost:5173; may be repeated',
      repeated(readOrigin),
    )
    .option(
      '--allow-host <name>',
      'answer by this name as well, e.g. host.docker.internal; may be repeated',
      repeated(readHost),
    )
    .option(
      '--allow-egress <host>',
      'a host that handlers and API destinations may reach; without it none but the endpoint (may be given several times)',
      repeated(readEgress),
    );

function readBesideOption(text: string): AssemblyBeside {
  const [, account, region, directory = ''] =
    /^(?:(\d{12})(?:\/([a-z]{2}(?:-[a-z]+)+-\d))?=)?(.+)$/.exec(text) ?? [];
  if (directory === '' || /^[\d/a-z-]*=/.test(directory))
    throw new InvalidArgumentError(
      'Expected the folder of an assembly, after its account and region if it does not say: 111122223333/eu-central-1=../partner/cdk.out.',
    );
  return { directory, ...(account !== undefined && { account }), ...(region !== undefined && { region }) };
}

function readSpeed(text: string): number {
  const speed = Number(text);
  if (text.trim() !== '' && speed > 0 && speed <= 100_000) return speed;
  throw new InvalidArgumentError('It must be a number above 0, at most 100000.');
}

function readOrigin(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) {
    const { origin, pathname, search, hash } = new URL(text);
    if (pathname === '/' && search === '' && hash === '') return origin;
  }
  throw new InvalidArgumentError('It must be an origin without path, such as http://localhost:5173.');
}

function readHost(text: string): string {
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text)) return text;
  throw new InvalidArgumentError('It must be a host name without port, such as host.docker.internal.');
}

function readEgress(text: string): string {
  if (/^(\[[\da-f:.]+\]|[\w.-]+)(:\d+)?$/i.test(text)) return text;
  throw new InvalidArgumentError(
    'It must be the name of a host, e.g. api.example.com, or of a host and a port.',
  );
}
