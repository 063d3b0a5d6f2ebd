import { readFileSync } from 'node:fs';
import { APP } from '../../../bin/app-description';
import { STAGES } from '../../../bin/stages';
import { opsCommand } from '../../../tools/ops/cli';
import { actionNameOf, EVERY_COMMAND, tableInRunbook } from './permissions-table';

/** Operations of the document client, whose commands have shorter names. */
const DOCUMENT_COMMANDS: Readonly<Record<string, string>> = { Get: 'GetItem', Update: 'UpdateItem' };

/** A file of `tools/ops`, and those of them that it imports, directly or through others. */
function reachedFrom(file: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, imported] of readFileSync(`tools/ops/${file}`, 'utf8').matchAll(/ from '\.\/([\w-]+)'/g)) {
    reachedFrom(`${imported}.ts`, found);
  }
  return found;
}

/** IAM actions, without their service, of the operations that files call. */
function actionsIn(files: readonly string[]): Set<string> {
  const called = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/new (\w+)Command\(|\bpaginate(\w+)\(/g)].map(
      ([, command = '', paginated]) => paginated ?? DOCUMENT_COMMANDS[command] ?? command,
    ),
  );
  return new Set(called.map(actionNameOf));
}

const inFolder = (files: ReadonlySet<string>) => [...files].map((file) => `tools/ops/${file}`);

test('the runbook has the IAM actions of each command', () => {
  const rows = tableInRunbook().matchAll(/^\| (.*?) \|/gm);
  const names = opsCommand(APP, STAGES).commands.map((command) => `\`${command.name()}\``);
  expect([...rows].map(([, name]) => name)).toEqual([EVERY_COMMAND, ...names]);
});

test('the runbook has an IAM action for every operation that the tool calls, and no other', () => {
  // The app's own publisher sends the events of `publish`.
  const called = actionsIn([...inFolder(reachedFrom('cli.ts')), 'lambdas/publisher.ts']);
  const told = [...tableInRunbook().matchAll(/`\w+:(\w+)`/g)].map(([, action]) => action);
  expect(new Set(told)).toEqual(called);
});

test('the page about delivery has an IAM action for every operation that `e2e` calls, and no other', () => {
  const [, list = ''] = /what `e2e` calls \(([^)]*)\)/.exec(readFileSync('docs/delivery.md', 'utf8')) ?? [];
  const told = [...list.matchAll(/`(?:\w+:)?(\w+)`/g)].map(([, action]) => action);
  expect(new Set(told)).toEqual(actionsIn(inFolder(reachedFrom('e2e.ts'))));
});
