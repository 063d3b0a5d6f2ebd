/** The plan of a seed: what is done, and which faults strike. Every part of it can be left out. */
import { drawFaults, type PlannedFault } from './faults';
import type { Action, Command, Model } from './model';
import { poisonOf } from './poison';
import { Random } from './random';

export interface Plan {
  readonly seed: number;
  readonly commands: readonly Command[];
  readonly faults: readonly PlannedFault[];
}

const HOUR_MS = 60 * 60 * 1000;
const WRONG_CLOCKS_MS = [-26 * HOUR_MS, -90_000, 90_000, 26 * HOUR_MS];

/** @param spanMs time over which the commands are spread; the model says when its events are */
export function planOf(model: Model, seed: number, events: number): Plan {
  const random = new Random(`${seed} plan`);
  const planned = model.plan(random, events);
  const spanMs = Math.max(60_000, ...planned.map(({ at }) => at));
  const commands: Omit<Command, 'id'>[] = [];
  const add = (at: number, action: Action) => commands.push({ ...action, at: Math.floor(at) } as Command);
  let batch: { at: number; events: (typeof planned)[number]['event'][] } | undefined;
  const clockOffsetMs = random.chance(0.3) ? random.pick(WRONG_CLOCKS_MS) : undefined;
  const flush = () => {
    if (!batch) return;
    const isWrong = clockOffsetMs !== undefined && random.chance(0.3);
    add(batch.at, { kind: 'publish', events: batch.events, ...(isWrong && { clockOffsetMs }) });
    batch = undefined;
  };
  for (const { at, event } of planned) {
    // Some publishers send several events in one call.
    if (batch && (batch.events.length === 10 || random.chance(0.8))) flush();
    batch ??= { at, events: [] };
    batch.events.push(event);
  }
  flush();
  const some = (most: number) => random.below(most + 1);
  for (let count = some(Math.ceil(events / 20)); count > 0; count--) {
    const contract = random.pick(model.app.contracts);
    const { source, detailType } = contract;
    const detail = JSON.stringify(poisonOf(contract, random, `poison-${count}`, model.malformedPersonal));
    add(random.next() * spanMs, { kind: 'put', source, detailType, detail });
  }
  for (let count = some(2); count > 0; count--) {
    const stopAfter = random.chance(0.5) ? { stopAfter: 1 + random.below(3), ...again(random) } : {};
    add(random.next() * (spanMs + 10 * 60_000), { kind: 'redrive', ...stopAfter });
  }
  for (let count = some(1); count > 0; count--) {
    const cancel = random.chance(0.5) ? { cancelAfterMs: 900 + random.below(400), ...again(random) } : {};
    add(random.next() * spanMs, { kind: 'replay', toAll: random.chance(0.5), ...cancel });
  }
  let release: 'same' | 'next' = 'same';
  for (let count = some(2); count > 0; count--) {
    // To the next release, and perhaps back.
    if (random.chance(0.8)) release = release === 'same' ? 'next' : 'same';
    add(random.next() * spanMs, { kind: 'deploy', release });
  }
  for (let count = some(1); count > 0; count--) {
    const consumer = random.pick(Object.keys(model.app.consumers));
    add(random.next() * spanMs, { kind: 'throttle', consumer, invocations: 1 + random.below(4) });
  }
  drawTrouble(model, random, (action) => add(random.next() * spanMs, action));
  return {
    seed,
    commands: commands.map((command, index) => ({ ...command, id: `c${index + 1}` }) as Command),
    faults: drawFaults(model.app, random, events),
  };
}

/** A stopped redrive or replay is started again, or not. */
const again = (random: Random) => (random.chance(0.5) ? { againAfterMs: random.below(3 * 60_000) } : {});

/** Draws what happens to the stack itself, each in some seeds. */
function drawTrouble(model: Model, random: Random, add: (action: Action) => void): void {
  const consumers = Object.keys(model.app.consumers);
  if (random.chance(0.25)) {
    for (let count = 1 + random.below(2); count > 0; count--) {
      add({ kind: 'restart', downMs: random.below(20_000) });
    }
  }
  if (random.chance(0.25)) {
    add({ kind: 'revoke', consumer: random.pick(consumers), forMs: random.below(10 * 60_000) });
  }
  const { damages } = model;
  for (let count = random.chance(0.3) ? 1 + random.below(2) : 0; count > 0 && damages.length > 0; count--) {
    const what = { damage: random.below(damages.length), nth: random.below(100) };
    add({ kind: 'damage', ...what, forMs: random.below(20 * 60_000) });
  }
}

/**
 * The plan with these parts alone.
 * @param parts ids of commands and faults; `f3@1` is the fault `f3` at the first call of its hop
 */
export function withParts(plan: Plan, parts: readonly string[]): Plan {
  const ids = new Set(parts);
  return {
    seed: plan.seed,
    commands: plan.commands.filter(({ id }) => ids.has(id)),
    faults: plan.faults.flatMap((fault) => {
      if (ids.has(fault.id)) return fault;
      return ids.has(`${fault.id}@1`) ? { ...fault, id: `${fault.id}@1`, call: 1 } : [];
    }),
  };
}

export const partsOf = ({ commands, faults }: Plan): string[] => [...commands, ...faults].map(({ id }) => id);
