/** `npm start`: the stack, synthesized and running on this machine. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { isUserError, run } from '../tools/local/run';

function number(text: string, isAllowed: (value: number) => boolean, allowed: string): number {
  const value = Number(text);
  if (text.trim() === '' || !isAllowed(value)) throw new InvalidArgumentError(`It must be ${allowed}.`);
  return value;
}

function hostName(text: string): string {
  if (/^(\[[\da-f:.]+\]|[\w.-]+)(:\d+)?$/i.test(text)) return text;
  throw new InvalidArgumentError(
    'It must be the name of a host, e.g. api.example.com, or of a host and a port.',
  );
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

const command = new Command('npm start --')
  .description(
    'Synthesizes the stack and runs it on this machine: its buses, rules, queues, tables and functions behind one ' +
      "endpoint that AWS's CLI and SDKs can talk to. Sends the events in samples/ and shows each one's way.",
  )
  .option(
    '--once',
    'run the samples and end; exit code 1 if an event was lost or an expected effect is missing',
  )
  .option('--json', 'print one JSON object a step')
  .option('--watch', 'synthesize again and swap the code when a source file changes')
  .option('--no-samples', 'send no events at the start')
  .option('--port <number>', 'port of the endpoint (default: 4566, or the next free one)', (text) =>
    number(
      text,
      (port) => Number.isInteger(port) && port >= 0 && port <= 65_535,
      'a whole number from 0 to 65535',
    ),
  )
  .option(
    '--allow-origin <url>',
    'let a web app of yours call the endpoint, e.g. http://localhost:5173; may be repeated',
    (text, origins: readonly string[] = []) => [...origins, readOrigin(text)],
  )
  .option(
    '--allow-host <name>',
    'answer by this name as well, e.g. host.docker.internal; may be repeated',
    (text, hosts: readonly string[] = []) => [...hosts, readHost(text)],
  )
  .addOption(
    new Option('--speed <factor>', "seconds of the stack's time in one second: 60 runs a minute in a second")
      .default(1)
      .argParser((text) =>
        number(text, (speed) => speed > 0 && speed <= 100_000, 'a number above 0, at most 100000'),
      ),
  )
  .option(
    '--data <dir>',
    'keep tables, queues, archive, logs and objects in this folder, and find them again',
  )
  .option(
    '--allow-egress <host>',
    'a host that handlers may reach; without it none but the endpoint (may be given several times)',
    (host, hosts: readonly string[] = []) => [...hosts, hostName(host)],
  )
  .addHelpText(
    'after',
    '\nExit codes: 0 as it should be, 1 an event was lost or an effect is missing (--once), 2 bad input.',
  )
  .allowExcessArguments(false)
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(`${text.trim().replaceAll('\n', ' ')}\n`) });

async function main(): Promise<number> {
  // `npm start -- --help | head` closes the pipe early: that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  try {
    const options = command.parse().opts();
    return await run({
      once: false,
      json: false,
      watch: false,
      ...options,
      project: process.cwd(),
    } as Parameters<typeof run>[0]);
  } catch (error) {
    // Commander has written its line.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!isUserError(error)) throw error;
    console.error(error.message);
    return 2;
  }
}

void main().then((exitCode) => {
  process.exitCode = exitCode;
});
