/** `npm run audit`: every hop of an event in the template, and what it lacks for nothing to be lost in silence. */
import type { Command } from 'commander';
import type { App } from '../../app';
import { createCommand, exitWith } from '../../cli/command';
import type { ExitCode } from '../../cli/errors';
import {
  type AssemblySource,
  loadAssembly,
  withAssemblyOptions,
} from '../../template/source/assembly-option';
import { describedBy } from '../described';
import { exitCodeOf, type StrictOption, withStrictOption } from '../verdicts';
import { auditHops } from './audit';
import { auditText } from './audit-report';

interface Options extends AssemblySource, StrictOption {
  readonly json?: boolean;
}

export function auditCommand(app: App): Command {
  return withStrictOption(withAssemblyOptions(createCommand('audit')))
    .description(
      'Lists every hop of an event in the synthesized template, from publisher to store, with its retry, age ' +
        'limit, failure destination, permissions, encryption and alarms. Names what a condition keeps out, and the --parameter that ' +
        'turns it on. Exit code 1 if a hop lacks one, 2 on bad input.',
    )
    .option('--json', 'hops, gaps, unknown, notCovered, absent, warnings and notes as one JSON document')
    .action(exitWith((options: Options) => audit(app, options)));
}

async function audit(app: App, options: Options): Promise<ExitCode> {
  const assembly = await loadAssembly(options);
  const found = auditHops(assembly, describedBy(app, assembly));
  const { stackName, title } = assembly;
  const width = process.stdout.columns ?? 120;
  console.log(options.json ? JSON.stringify(found, null, 2) : auditText(found, { stackName, title, width }));
  return exitCodeOf(found, options);
}
