/** The commands of the runbook, as an operator types them. */
import { readFileSync } from 'node:fs';

export interface Typed {
  /** Heading of the entry. */
  readonly section: string;
  /** Lines of one block, or one command of a sentence. */
  readonly commands: readonly string[];
}

/** Arguments that a sentence leaves open of a command that it names. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  'aws kms enable-key':
    '--key-id "$(aws events describe-event-bus --name event-driven-bus --query KmsKeyIdentifier --output text)"',
  'aws lambda invoke':
    '--function-name event-driven-analytics --payload \'{"type": "daily_report", "date": "2026-01-15"}\' --cli-binary-format raw-in-base64-out answer.json',
  'npm run ops -- replay': '--from 2026-01-16T08:00Z --to 2026-01-16T10:00Z',
  'npm run ops -- trace': 'order-1001',
  ...Object.fromEntries(
    ['aws sqs receive-message', 'aws sqs purge-queue'].map((command) => [
      command,
      '--queue-url "$(aws sqs get-queue-url --queue-name event-driven-failed-events --query QueueUrl --output text)"',
    ]),
  ),
};
const OPEN: readonly [RegExp, string][] = [
  [/--from … --to …/, '--from 2026-01-16T08:00Z --to 2026-01-16T10:00Z'],
  [/\bRULE$/, 'order-created'],
  [/\bDAY$/, '2026-01-15'],
  [/--cancel NAME$/, '--cancel rebuild-orders'],
  [/\bFILE$/, 'lost-events.jsonl'],
];

/** All commands of the AWS CLI and of the operator's tool that the runbook has, in blocks and in sentences. */
export function readRunbook(): Typed[] {
  return readFileSync('docs/runbook.md', 'utf8')
    .split(/^## /m)
    .flatMap((text) => {
      const [section = ''] = text.split('\n');
      const blocks = [...text.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = '']) => linesOf(block));
      const prose = text.replaceAll(/^```.*?^```/gms, '').replaceAll('\n', ' ');
      const named = [...prose.matchAll(/`((?:aws|npm run ops --) [^`]+)`/g)].map(([, span = '']) => [
        completed(span),
      ]);
      return [...blocks, ...named]
        .map((commands) => ({ section, commands: withVariables(commands.filter(isTyped), text) }))
        .filter(({ commands }) => commands.length > 0);
    });
}

/** Lines that go on are one command. */
const linesOf = (block: string): string[] =>
  block
    .replaceAll('\\\n', ' ')
    .split(/\n(?! )/)
    .filter((line) => line.trim() !== '');

/** Sets the variables of a command by the lines of its entry that do so. */
function withVariables(commands: readonly string[], entry: string): string[] {
  const settings = [...entry.matchAll(/^(\w+)=.*$/gm)].map(([line, name]) => ({ line, name }));
  return commands
    .filter((command) => !/^\w+=/.test(command))
    .map((command) => {
      const used = settings.some(({ name }) => new RegExp(`\\$\\{?${name}\\b`).test(command)) ? settings : [];
      return [...used.map(({ line }) => line), command].join('; ');
    });
}

const isTyped = (command: string) => /\baws /.test(command) || command.startsWith('npm run ops');

const completed = (span: string): string =>
  OPEN.reduce(
    (command, [open, value]) => command.replace(open, value),
    [span, ARGUMENTS[span]].join(' ').trim(),
  );
