/** The runbook's table of the IAM actions that each command of the operator's tool needs. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Call } from './faulty-endpoint';

const RUNBOOK = 'docs/runbook.md';
/** Row of what all commands need. */
export const EVERY_COMMAND = 'every command';
const TABLE = /(?<=^\| Command \| IAM actions \|\n\|---\|---\|\n)(?:^\|.*\n)*/m;

/** Actions by command. */
export type Permissions = ReadonlyMap<string, readonly string[]>;

/** Actions whose name is not the operation's. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  Invoke: 'InvokeFunction',
  ChangeMessageVisibilityBatch: 'ChangeMessageVisibility',
  DeleteMessageBatch: 'DeleteMessage',
  ListObjectsV2: 'ListBucket',
};

/** Operations of REST services, by method and path. */
const REST_OPERATIONS: readonly [RegExp, string][] = [
  [/^lambda: .*\/invocations$/, 'Invoke'],
  [/^scheduler: GET \/schedules\/[^/]+$/, 'GetSchedule'],
  [/^scheduler: GET \/schedules(\?|$)/, 'ListSchedules'],
];

export const actionNameOf = (operation: string): string => OTHER_NAMES[operation] ?? operation;

/** The action that a call needs. */
export function actionOf({ service, operation }: Pick<Call, 'service' | 'operation'>): string {
  const [, named = operation] = REST_OPERATIONS.find(([path]) => path.test(`${service}: ${operation}`)) ?? [];
  return `${service === 'monitoring' ? 'cloudwatch' : service}:${actionNameOf(named)}`;
}

/** Rows of the table; what all commands need is in a row of its own. */
export function rowsOf(recorded: Permissions): string {
  const [first = [], ...others] = [...recorded.values()];
  const common = first.filter((action) => others.every((actions) => actions.includes(action)));
  const row = (name: string, actions: readonly string[]) =>
    `| ${name} | ${actions.map((action) => `\`${action}\``).join(', ')} |\n`;
  return [
    row(EVERY_COMMAND, [...common].sort()),
    ...[...recorded].map(([name, actions]) =>
      row(`\`${name}\``, actions.filter((action) => !common.includes(action)).sort()),
    ),
  ].join('');
}

export const tableInRunbook = (): string => TABLE.exec(readFileSync(RUNBOOK, 'utf8'))?.[0] ?? '';

export function writeTable(rows: string): void {
  writeFileSync(
    RUNBOOK,
    readFileSync(RUNBOOK, 'utf8').replace(TABLE, () => rows),
  );
}
