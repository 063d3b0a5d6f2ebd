/** `npm run audit`: every hop of an event in the template, and what it lacks for nothing to be lost in silence. */
import { Command } from 'commander';
import { runCommand } from '../tools/cli/command';
import { auditHops } from '../tools/proof/audit/audit';
import { textReport } from '../tools/proof/audit/audit-report';
import { describedBy } from '../tools/proof/described';
import { loadAssembly, withAssemblyOptions } from '../tools/template/source/assembly-option';
import { APP } from './app-description';

const command = withAssemblyOptions(new Command('audit'))
  .description(
    'Lists every hop of an event in the synthesized template, from publisher to store, with its retry, age ' +
      'limit, failure destination, permissions, encryption and alarms. Exit code 1 if a hop lacks one, 2 on bad input.',
  )
  .option('--json', 'hops, gaps and notes as one JSON document')
  .allowExcessArguments(false)
  .action(async (options) => {
    const assembly = await loadAssembly(options);
    const audit = auditHops(assembly, describedBy(APP, assembly));
    const { stackName } = assembly;
    const width = process.stdout.columns ?? 120;
    console.log(options.json ? JSON.stringify(audit, null, 2) : textReport(audit, { stackName, width }));
    process.exitCode = audit.gaps.length > 0 ? 1 : 0;
  });

void runCommand(command);
