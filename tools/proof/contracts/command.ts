/** `npm run contracts`: writes the event catalogue in `contracts/`, and reports changes that would break somebody. */
import type { Command } from 'commander';
import type { App } from '../../app';
import { createCommand, exitWith } from '../../cli/command';
import { EXIT, type ExitCode } from '../../cli/errors';
import { resolveGiven } from '../../cli/path';
import { type ContractChange, checkContracts, releaseContracts } from './contracts';

interface Options {
  readonly check?: boolean;
  readonly directory: string;
  readonly json?: boolean;
}

/** @param directory default directory of the catalogue */
export function contractsCommand(app: App, directory: string): Command {
  return createCommand('contracts')
    .description(
      'Compares the event contracts with the released ones in contracts/ and, if no change breaks anybody, writes ' +
        'the catalogue there: JSON Schema and examples of each version, and an AsyncAPI document. Commit it with the ' +
        'change. A breaking change takes a new version of the contract. Exit code 1 on a breaking change, and with ' +
        '--check also if the catalogue is out of date; 2 on bad input.',
    )
    .option('--check', 'write nothing; fail if there is something to write')
    .option('--directory <dir>', 'where the catalogue is', directory)
    .option('--json', 'changes and files as one JSON document')
    .action(exitWith((options: Options) => contracts(app, options)));
}

function contracts(app: App, { check = false, json = false, ...options }: Options): ExitCode {
  const directory = resolveGiven(options.directory);
  const report = checkContracts(app.contracts, directory, app.catalogue);
  const outdated = [...report.outdated.keys()];
  const isBreaking = report.changes.some(({ breaking }) => breaking);
  const isWritten = !isBreaking && !check && outdated.length > 0;
  if (isWritten) releaseContracts(report, directory);
  const text = () => [...report.changes.map(changeLine), verdict(outdated, isBreaking, isWritten)].join('\n');
  const document = () => JSON.stringify({ changes: report.changes, outdated, written: isWritten }, null, 2);
  console.log(json ? document() : text());
  return isBreaking || (check && outdated.length > 0) ? EXIT.failed : EXIT.ok;
}

function changeLine({ breaking, contract, field, reason }: ContractChange): string {
  const where = [contract, field].filter(Boolean).join(': ');
  return `${breaking ? '✗ breaking' : '● fine'}: ${where}: ${reason}`;
}

function verdict(outdated: readonly string[], isBreaking: boolean, isWritten: boolean): string {
  const files = outdated.join(', ');
  if (isBreaking) return 'Nothing is written. Raise the version of the contract, or take the change back.';
  if (!files) return 'The catalogue is up to date.';
  if (isWritten) return `Written: ${files}.`;
  return `Out of date: ${files}. Run \`npm run contracts\` and commit what it writes.`;
}
