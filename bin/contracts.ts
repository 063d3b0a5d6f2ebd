/** `npm run contracts`: the event catalogue in `contracts/`, and what a change of a contract would break. */
import { join } from 'node:path';
import { Command } from 'commander';
import { runCommand } from '../tools/cli/command';
import { checkContracts, releaseContracts } from '../tools/proof/contracts/contracts';
import { APP } from './app-description';

const command = new Command('contracts')
  .description(
    'Compares the event contracts with the released ones in contracts/ and, if no change breaks anybody, writes ' +
      'the catalogue there: JSON Schema and examples of each version, and an AsyncAPI document. Commit it with the ' +
      'change. A breaking change takes a new version of the contract. Exit code 1 on a breaking change, and with ' +
      '--check also if the catalogue is out of date; 2 on bad input.',
  )
  .option('--check', 'write nothing; fail if there is something to write')
  .option('--directory <dir>', 'where the catalogue is', join(__dirname, '..', 'contracts'))
  .allowExcessArguments(false)
  .action(({ check, directory }) => {
    const report = checkContracts(APP.contracts, directory);
    const breaking = report.changes.filter((change) => change.breaking);
    for (const change of report.changes) {
      const where = [change.contract, change.field].filter(Boolean).join(': ');
      console.log(`${change.breaking ? '✗ breaking' : '● fine'}: ${where}: ${change.reason}`);
    }
    const files = [...report.outdated.keys()].join(', ');
    if (breaking.length > 0) {
      console.log('Nothing is written. Raise the version in lambdas/events.ts, or take the change back.');
    } else if (!files) {
      console.log('The catalogue is up to date.');
    } else if (check) {
      console.log(`Out of date: ${files}. Run \`npm run contracts\` and commit what it writes.`);
    } else {
      releaseContracts(report, directory);
      console.log(`Written: ${files}.`);
    }
    process.exitCode = breaking.length > 0 || (check && files) ? 1 : 0;
  });

void runCommand(command);
