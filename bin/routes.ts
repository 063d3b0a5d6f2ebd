/** `npm run routes`: proves from the template which event reaches whom, with which payload. */
import { readFileSync, writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { InputError, runCommand } from '../tools/cli/command';
import { describedBy } from '../tools/proof/described';
import { drawFlow, withDiagram } from '../tools/proof/routes/diagram';
import { proveRoutes } from '../tools/proof/routes/routes';
import { jsonReport, textReport } from '../tools/proof/routes/routes-report';
import { loadAssembly, withAssemblyOptions } from '../tools/template/source/assembly-option';
import { APP } from './app-description';

const command = withAssemblyOptions(new Command('routes'))
  .description(
    'Proves the routing of the synthesized template: every event that the contracts allow, and near misses, ' +
      'against every rule, up to the parser of the consumer. Exit code 1 if anything is wrong, 2 on bad input.',
  )
  .option('--verbose', 'each event by itself, instead of one for all that fare alike')
  .addOption(new Option('--json', 'all of it as one JSON document').conflicts('verbose'))
  .addOption(
    new Option('--mermaid', 'only draw the flow, as a Mermaid diagram').conflicts(['json', 'verbose']),
  )
  .addOption(
    new Option(
      '--readme <file>',
      'only draw the flow, into this file between its routes:start and routes:end',
    ).conflicts(['json', 'verbose', 'mermaid']),
  )
  .allowExcessArguments(false)
  .action(async (options) => {
    const assembly = await loadAssembly(options);
    const app = describedBy(APP, assembly);
    if (options.mermaid) {
      process.stdout.write(drawFlow(assembly, app));
    } else if (options.readme !== undefined) {
      writeFileSync(
        options.readme,
        withDiagram(read(options.readme), drawFlow(assembly, app), options.readme),
      );
    } else {
      const proof = proveRoutes(assembly, app);
      const { stackName } = assembly;
      console.log(
        options.json ? jsonReport(proof) : textReport(proof, { stackName, verbose: options.verbose }),
      );
      process.exitCode = proof.findings.length > 0 ? 1 : 0;
    }
  });

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new InputError(`--readme ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

void runCommand(command);
