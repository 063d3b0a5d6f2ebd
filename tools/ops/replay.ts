/**
 * `replay`: sends a window of the archive through chosen rules again, after a preview and a confirmation.
 *
 * A rule whose consumer takes no replays (`replayed` of its description is false) is only chosen by name; if its
 * pattern excludes replayed events, it is refused.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CancelReplayCommand,
  DescribeReplayCommand,
  type DescribeReplayCommandOutput,
  EventBridgeClient,
  ResourceNotFoundException,
  StartReplayCommand,
} from '@aws-sdk/client-eventbridge';
import { type App, findConsumer } from '../app';
import { EXIT, type ExitCode, explain, InputError } from '../cli/errors';
import { formatBytes, formatCountOf } from '../cli/terminal';
import { REPLAY } from '../eventbridge/service-facts';
import { required } from './answers';
import { type Estimate, estimateReplay, readArchive, type Window } from './archive';
import { listStackRules, type StackRule } from './rules';
import { interruptSignal, type Session } from './session';
import type { DeployedStack } from './stack';
import { formatTime, parseTime } from './time';

export interface ReplayOptions {
  readonly from?: string;
  readonly to?: string;
  /** Names of rules. @default all of the bus whose consumers take replays */
  readonly rule?: readonly string[];
  readonly notifyCustomers?: boolean;
  readonly allowRecent?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  /** Name of a replay to cancel. */
  readonly cancel?: string;
}

const FIRST_POLL_MS = 250;
const LONGEST_POLL_MS = 5_000;
const hasEnded = (status: DescribeReplayCommandOutput): boolean =>
  ['COMPLETED', 'CANCELLED', 'FAILED'].includes(required(status, 'State'));

export async function replay(session: Session, options: ReplayOptions): Promise<ExitCode> {
  const { app, stack, terminal, now } = session;
  const eventBridge = new EventBridgeClient(stack.clientConfig);
  if (options.cancel !== undefined) return cancel(session, eventBridge, options.cancel);

  const window = replayWindow(options, now());
  const rules = chooseRules(app, stack, await listStackRules(eventBridge, stack), options);
  const preview = estimateReplay(await readArchive(eventBridge, stack.output('ArchiveArn')), window, now());
  const plan = {
    from: formatTime(window.from),
    to: formatTime(window.to),
    rules: rules.map(({ name }) => name),
    estimate: preview,
  };
  const description = () => describeReplayPlan(stack, window, rules, preview);
  if (options.dryRun) {
    terminal.print({ dryRun: true, ...plan }, description);
    return EXIT.ok;
  }
  if (!options.yes && !terminal.canAsk) {
    throw new InputError(
      'A replay must be confirmed, and there is no terminal to ask on: look at --dry-run, then add --yes.',
    );
  }
  terminal.note(description());
  const signal = interruptSignal();
  if (!options.yes && !(await terminal.confirm('Replay them?', signal))) {
    terminal.note('Nothing was replayed.');
    return signal.aborted ? EXIT.interrupted : EXIT.ok;
  }

  const { name, ended } = await runReplay(session, eventBridge, window, rules, signal);
  if (!ended) {
    terminal.note(`${name} goes on in EventBridge. To stop it: npm run ops -- replay --cancel ${name}`);
    return signal.aborted ? EXIT.interrupted : EXIT.failed;
  }
  const { State: state, StateReason: reason } = ended;
  terminal.print({ name, state, reason, ...plan }, () =>
    [`Replay ${name}: ${state}`, reason].filter(Boolean).join(': '),
  );
  return state === 'COMPLETED' ? EXIT.ok : EXIT.failed;
}

/** Starts a replay and shows its progress until it ends. `ended` is undefined if the signal was aborted first. */
export async function runReplay(
  session: Session,
  eventBridge: EventBridgeClient,
  window: Window,
  rules: readonly StackRule[],
  signal: AbortSignal,
): Promise<{ name: string; ended: DescribeReplayCommandOutput | undefined }> {
  const { stack, now } = session;
  const name = replayName(stack, now());
  await eventBridge.send(
    new StartReplayCommand({
      ReplayName: name,
      Description: 'npm run ops',
      EventSourceArn: stack.output('ArchiveArn'),
      EventStartTime: new Date(window.from),
      EventEndTime: new Date(window.to),
      Destination: { Arn: stack.output('EventBusArn'), FilterArns: rules.map(({ arn }) => arn) },
    }),
  );
  return { name, ended: await untilEnded(session, eventBridge, name, signal) };
}

export function describeReplayPlan(
  stack: DeployedStack,
  window: Window,
  rules: readonly StackRule[],
  preview: Estimate,
): string {
  const targets = rules.map(
    ({ name, consumers }) =>
      `${stack.shortName(name)} -> ${consumers.map((consumer) => stack.shortName(consumer)).join(', ')}`,
  );
  return [
    `Window  ${formatTime(window.from)} to ${formatTime(window.to)}`,
    `Rules   ${targets.join('\n        ')}`,
    `Events  about ${formatCountOf(preview.events, 'event')}, ${formatBytes(preview.bytes)} (${preview.basis})`,
    `Cost    ${preview.dollars < 0.01 ? 'less than $0.01' : `about $${preview.dollars.toFixed(2)}`}, and what the functions cost`,
  ].join('\n');
}

/** Name of a replay: unique in the account, at most 64 characters. */
function replayName(stack: DeployedStack, now: number): string {
  return `${stack.name}-${formatTime(now).replaceAll(/[-:Z]/g, '')}-${randomBytes(2).toString('hex')}`;
}

/** @throws InputError if the window is invalid, or the archive may still lack some of its events */
export function replayWindow({ from, to, allowRecent }: ReplayOptions, now: number): Window {
  if (from === undefined || to === undefined) {
    throw new InputError('A replay needs its window: --from TIME --to TIME, e.g. --from 3h --to 1h.');
  }
  const window = { from: parseTime('--from', from, now), to: parseTime('--to', to, now) };
  if (window.from >= window.to) {
    throw new InputError(
      `The window is upside down: --from is ${formatTime(window.from)}, --to is ${formatTime(window.to)}, ` +
        'but must be later.',
    );
  }
  if (window.to > now - REPLAY.archiveDelayMs && !allowRecent) {
    throw new InputError(
      `--to is ${formatTime(window.to)}, but the archive may lack events of the last 10 minutes: take a window that ` +
        'ends earlier, or add --allow-recent.',
    );
  }
  return window;
}

/**
 * Chooses the rules of a replay, at least one: without a filter EventBridge would replay to every rule.
 * @throws InputError
 */
export function chooseRules(
  app: App,
  stack: DeployedStack,
  rules: readonly StackRule[],
  { rule: names, notifyCustomers = false }: ReplayOptions,
): StackRule[] {
  const onBus = rules.filter(({ schedule }) => schedule === undefined);
  const notifies = ({ consumers }: StackRule) =>
    consumers.some((name) => findConsumer(app, stack.shortName(name))?.replayed === false);
  const chosen =
    names === undefined
      ? onBus.filter((rule) => !notifies(rule) || notifyCustomers)
      : names.map((name) => {
          const found = onBus.find((rule) => rule.name === name || stack.shortName(rule.name) === name);
          if (found) return found;
          const known = onBus.map((rule) => stack.shortName(rule.name)).join(', ');
          throw new InputError(`--rule is ${JSON.stringify(name)}, but must be one of ${known}.`);
        });
  for (const rule of chosen) {
    if (notifies(rule) && !notifyCustomers) {
      throw new InputError(
        `Rule ${rule.name} notifies customers, who would hear of old changes again: leave it out, or add ` +
          '--notify-customers.',
      );
    }
    if (!rule.takesReplays) {
      throw new InputError(
        `Rule ${rule.name} takes no replayed events (its pattern has "replay-name": [{"exists": false}]), so a replay ` +
          'cannot reach its target: change the rule first, or leave it out.',
      );
    }
  }
  return [...new Set(chosen)];
}

/** Shows a replay's progress until it ends. @returns undefined if the signal was aborted first, or the service failed */
async function untilEnded(
  { stack, terminal }: Session,
  eventBridge: EventBridgeClient,
  name: string,
  signal: AbortSignal,
): Promise<DescribeReplayCommandOutput | undefined> {
  try {
    for (let pause = FIRST_POLL_MS; ; pause = Math.min(2 * pause, LONGEST_POLL_MS)) {
      const status = await eventBridge.send(new DescribeReplayCommand({ ReplayName: name }));
      if (hasEnded(status)) return status;
      const { EventLastReplayedTime: at } = status;
      terminal.progress(`${name}: ${status.State}${at ? `, events up to ${formatTime(at.getTime())}` : ''}`);
      await sleep(pause, undefined, { signal });
    }
  } catch (error) {
    // The replay has started, and goes on without being watched.
    if (!signal.aborted) terminal.note(explain(error, stack.clientConfig.endpoint).line);
    return undefined;
  }
}

async function cancel(session: Session, eventBridge: EventBridgeClient, name: string): Promise<ExitCode> {
  const { stack, terminal } = session;
  const status = await describeReplay(eventBridge, name);
  if (status?.EventSourceArn !== stack.output('ArchiveArn')) {
    throw new InputError(`--cancel is ${JSON.stringify(name)}, but the stack's archive has no such replay.`);
  }
  if (hasEnded(status)) {
    throw new InputError(`Replay ${name} cannot be cancelled: it is ${status.State} already.`);
  }
  await eventBridge.send(new CancelReplayCommand({ ReplayName: name }));
  const signal = interruptSignal();
  const ended = await untilEnded(session, eventBridge, name, signal);
  const state = ended?.State ?? 'CANCELLING';
  terminal.print({ name, state }, () => `Replay ${name}: ${state}`);
  if (signal.aborted) return EXIT.interrupted;
  return state === 'CANCELLED' ? EXIT.ok : EXIT.failed;
}

async function describeReplay(
  eventBridge: EventBridgeClient,
  name: string,
): Promise<DescribeReplayCommandOutput | undefined> {
  try {
    return await eventBridge.send(new DescribeReplayCommand({ ReplayName: name }));
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}
