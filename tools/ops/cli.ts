/**
 * The commands of the operator's tool, their options and their help. Each command is implemented in the file of its
 * name.
 */
import { type Command, Option } from 'commander';
import type { App } from '../app';
import { createCommand, repeated, wholeNumberFrom } from '../cli/command';
import { type Explanation, explain } from '../cli/errors';
import { readOnly } from '../cli/only';
import { Terminal } from '../cli/terminal';
import { failures } from './failures';
import { publish } from './publish';
import { rebuild } from './rebuild';
import { redrive } from './redrive';
import { replay } from './replay';
import { report } from './report';
import { type GlobalOptions, inSession } from './session';
import type { Stages } from './stack';
import { status } from './status';
import { tail } from './tail';
import { trace } from './trace';

export function opsCommand(app: App, stages: Stages): Command {
  const types = app.contracts.map(({ detailType }) => detailType).join(', ');
  const entity = app.entity?.name ?? 'event';
  const program = createCommand('ops', ' See: npm run ops -- --help')
    .usage('COMMAND [options]')
    .description('Operates the stack: in AWS, or the local run of npm start.')
    .option('--stage <stage>', 'stage of cdk.json', stages.default)
    .option(
      '--endpoint-url <url>',
      'address instead of AWS, e.g. http://127.0.0.1:4566 (env: AWS_ENDPOINT_URL)',
    )
    .option('--region <region>', 'AWS region (env: AWS_REGION)')
    .option('--profile <name>', 'AWS profile (env: AWS_PROFILE)')
    .option('--json', 'print one JSON document')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .showHelpAfterError(false)
    .configureHelp({ showGlobalOptions: true, helpWidth: 100 })
    .addHelpText(
      'after',
      `
E-mail addresses are never shown. Results go to stdout, everything else to stderr.
Exit codes: 0 done, 1 something failed or was left undone, 2 bad input (nothing was changed), 130 interrupted.`,
    );

  program
    .command('status')
    .summary('the stack at a glance')
    .description('Rules, queues of failed events, alarms, the last work of each schedule, the archive.')
    .action(inSession(app, stages, status));

  program
    .command('publish')
    .summary('publish events from a file, stdin or an example')
    .description(
      'Checks events by their contracts, publishes them, and prints their ids. With a mistake in one, none is published.',
    )
    .argument(
      '[FILE]',
      'JSON or JSON lines; - for stdin. Each event is {"Source", "DetailType", "Detail"} as ' +
        'put-events takes it, {"source", "detail-type", "detail"} as EventBridge delivers it, or with --type a detail',
    )
    .option('--example <type>', `publish the example of ${types}`)
    .option('--type <type>', `what the details are: ${types}`)
    .option('--dry-run', 'check only')
    .action(inSession(app, stages, publish));

  program
    .command('trace')
    .summary(`the whole way of an ${entity}`)
    .description(
      'What all functions logged of it, its item in the table, and what waits of it in the queues.',
    )
    .argument('<ID>', `${entity} id or correlation id`)
    .option('--since <time>', 'how far back to search the logs', '14d')
    .action(inSession(app, stages, trace));

  program
    .command('tail')
    .summary('what the functions log of each event')
    .description(
      'One line for each event that a function handled or failed to handle. Of a rule it shows what its functions ' +
        'log of the types that its pattern names.',
    )
    .option('--follow', 'go on with what comes, until Ctrl-C')
    .option('--since <time>', 'how far back to begin', '5m')
    .option(
      '--only <what>',
      `failed, rule=NAME, function=NAME${app.entity ? `, ${entity}=ID` : ''}; of several all must hold`,
      repeated(readOnly(app.entity?.name)),
    )
    .action(inSession(app, stages, tail));

  program
    .command('failures')
    .summary('what could not be delivered or handled, by consumer and cause')
    .description(
      'Reads both queues of failed events and takes nothing away. While it reads, the messages are hidden from others.',
    )
    .option('--limit <n>', 'messages to read of each queue', wholeNumberFrom(1, 100_000), 10_000)
    .action(inSession(app, stages, failures));

  program
    .command('redrive')
    .summary('send failed events again, each to the function that failed')
    .description(
      'Sends each failed event again, only to the function that failed and with the payload that it would have had. ' +
        'An event leaves its queue when Lambda has it. May be stopped and started again at any time.',
    )
    .option('--cause <cause>', 'only this cause, as failures names it; may be repeated', repeated())
    .option('--consumer <function>', 'only this function; may be repeated', repeated())
    .option('--include-poison', 'also what no version of the code could read')
    .option('--rate <n>', 'events a second', wholeNumberFrom(1, 1_000), 20)
    .option('--dry-run', 'show what would be sent')
    .action(inSession(app, stages, redrive));

  program
    .command('replay')
    .summary('send a window of the archive through the rules again')
    .description(
      'Replays archived events, after a preview and a confirmation. TIME is 2026-11-23T09:00Z, 2026-11-23, or how ' +
        'long ago: 30m, 2h, 7d.',
    )
    .option('--from <time>', 'start of the window')
    .option('--to <time>', 'end of the window; at least 10 minutes ago')
    .option(
      '--rule <name>',
      'only this rule; may be repeated (default: all but the one that notifies)',
      repeated(),
    )
    .option('--notify-customers', 'also the rule that notifies customers')
    .option('--allow-recent', 'also a window that ends less than 10 minutes ago')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'show the preview')
    .addOption(new Option('--cancel <name>', 'stop a replay').conflicts(['from', 'to', 'rule', 'dryRun']))
    .action(inSession(app, stages, replay));

  program
    .command('rebuild')
    .summary(`make damaged ${entity}s again of the events in the archive`)
    .description(
      `Empties items of the table and replays the archive to the rules that write it, after a preview and a ` +
        'confirmation. Every item is kept in a file first. Nobody is notified, and nothing is counted again.',
    )
    .option('--order <id>', `only this ${entity}; may be repeated`, repeated())
    .option(
      '--from <time>',
      `start of the window: of the archive, and without --order of the ${entity}s' first processing`,
    )
    .option('--to <time>', 'end of the window')
    .option('--allow-recent', `do not wait for the archive: the ${entity}s have not changed for 10 minutes`)
    .option('--backup <file>', 'where the items are kept (default: rebuild-TIME.jsonl)')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'show the preview')
    .action(inSession(app, stages, rebuild));

  program
    .command('report')
    .summary('make the report of a day, or show the one it has')
    .description(
      'Has the function that reports each day do so for one day. What it reported before is shown.',
    )
    .requiredOption('--date <day>', 'day to report, such as 2026-01-15 (UTC)')
    .option('--again', 'count it again: with other figures it is a new revision')
    .option('--partial', 'also a day that is not over')
    .action(inSession(app, stages, report));

  return program;
}

/** Explains an operator's mistake or a service's error; undefined for a defect. */
export function explainFailure(command: Command, error: unknown): Explanation | undefined {
  if (isDefect(error)) return undefined;
  const { endpointUrl = process.env.AWS_ENDPOINT_URL, ...options } = command.opts<GlobalOptions>();
  const { line, exitCode } = explain(error, endpointUrl);
  return { line: `${new Terminal(options).style('red', 'error:')} ${line}`, exitCode };
}

/** Recognizes a defect of this program. An answer that the SDK could not read has `$metadata`. */
function isDefect(error: unknown): boolean {
  const defects = [TypeError, RangeError, ReferenceError, SyntaxError];
  return defects.some((kind) => error instanceof kind) && !('$metadata' in (error as Error));
}
