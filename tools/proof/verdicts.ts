/** Verdicts of a proof: findings, what cannot be told, what is not looked at; and the exit code. */
import type { Command } from 'commander';
import { EXIT, type ExitCode } from '../cli/errors';
import { type Construct, constructText } from '../template/constructs';
import type { KeptOut } from '../template/coverage';

/** One statement about a resource of the template. */
export interface Verdict {
  /** Logical id; where several stacks are read, with the stack's name. */
  readonly resource: string;
  /** E.g. `AWS::SQS::Queue`. */
  readonly type: string;
  /** One sentence. */
  readonly message: string;
  readonly construct?: Construct;
}

export interface Verdicts {
  readonly gaps: readonly unknown[];
  readonly unknown: readonly unknown[];
  readonly notCovered: readonly unknown[];
}

export interface StrictOption {
  readonly strict?: boolean;
}

export const withStrictOption = (command: Command): Command =>
  command.option('--strict', 'exit code 1 also for what cannot be told, or is not looked at');

export function exitCodeOf({ gaps, unknown, notCovered }: Verdicts, { strict }: StrictOption): ExitCode {
  const others = strict ? unknown.length + notCovered.length : 0;
  return gaps.length + others > 0 ? EXIT.failed : EXIT.ok;
}

/** Logical id, type, construct and place of what a statement is about, for people. */
export function aboutText({ resource, type, construct }: Omit<Verdict, 'message'>): string {
  return `${resource} (${type})${construct ? `, made by ${constructText(construct)}` : ''}`;
}

/** Empty if there are none. */
export function notCoveredText(entries: readonly Verdict[], title = 'Not looked at'): string[] {
  if (entries.length === 0) return [];
  return [[`${title}:`, ...entries.map((each) => `  ${aboutText(each)}: ${each.message}`)].join('\n')];
}

/** Resources that a condition keeps out, by condition. Empty if there are none. */
export function absentText(entries: readonly KeptOut[]): string[] {
  const groups = new Map<string, KeptOut[]>();
  for (const each of entries) groups.set(each.condition, [...(groups.get(each.condition) ?? []), each]);
  return [...groups.values()].map((group) => {
    const [{ condition, turnedOn }] = group as [KeptOut];
    const lines = group.map(({ resource, type }) => `  ${resource} (${type})`);
    return [`Only under the condition ${condition}, which is false here (${turnedOn}):`, ...lines].join('\n');
  });
}
