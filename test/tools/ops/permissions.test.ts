import { readdirSync, readFileSync } from 'node:fs';
import { APP } from '../../../bin/app-description';
import { STAGES } from '../../../bin/stages';
import { opsCommand } from '../../../tools/ops/cli';
import { actionNameOf, EVERY_COMMAND, tableInRunbook } from './permissions-table';

/** Operations of the document client, whose commands have shorter names. */
const DOCUMENT_COMMANDS: Readonly<Record<string, string>> = { Get: 'GetItem', Update: 'UpdateItem' };

test('the runbook has the IAM actions of each command', () => {
  const rows = tableInRunbook().matchAll(/^\| (.*?) \|/gm);
  const names = opsCommand(APP, STAGES).commands.map((command) => `\`${command.name()}\``);
  expect([...rows].map(([, name]) => name)).toEqual([EVERY_COMMAND, ...names]);
});

test('the runbook has an IAM action for every operation that the tool calls, and no other', () => {
  // The app's own publisher sends the events of `publish`; `e2e` is a tool of its own.
  const ops = readdirSync('tools/ops').filter((file) => file !== 'e2e.ts');
  const files = [...ops.map((file) => `tools/ops/${file}`), 'lambdas/publisher.ts'];
  const called = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/new (\w+)Command\(|\bpaginate(\w+)\(/g)].map(
      ([, command = '', paginated]) => paginated ?? DOCUMENT_COMMANDS[command] ?? command,
    ),
  );
  const told = [...tableInRunbook().matchAll(/`\w+:(\w+)`/g)].map(([, action]) => action);
  expect(new Set(told)).toEqual(new Set(called.map(actionNameOf)));
});
