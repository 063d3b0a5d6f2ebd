/** Memory and CPU of `npm start` over many events, by process, from Linux's `/proc`. */
import { readdirSync, readFileSync } from 'node:fs';
import { InputError } from '../../tools/cli/errors';
import { Run } from './desk';
import type { Figures } from './figures';

/** Orders that the events are about, over and over, so that the table itself does not grow. */
const ORDERS = 1_000;
const SAMPLES = 10;

interface Usage {
  readonly residentMb: number;
  readonly cpuMs: number;
  /** CPU of its main thread. */
  readonly mainMs: number;
}

/** @param events how many events, e.g. a million, in tenths with a measurement after each */
export async function benchMemory(onProgress: (text: string) => void, events: number): Promise<Figures> {
  if (process.platform !== 'linux') throw new InputError('memory is measured on Linux only: it reads /proc.');
  const run = await Run.start(process.cwd());
  const samples: { events: number; usage: ReadonlyMap<string, Usage> }[] = [];
  try {
    await run.measure(ORDERS);
    samples.push({ events: 0, usage: usageOf(run.group) });
    for (let sample = 1; sample <= SAMPLES; sample++) {
      onProgress(`memory: ${samples.at(-1)?.events} of ${events} events`);
      const share = Math.ceil(events / SAMPLES / 10) * 10;
      await run.again(share, ORDERS);
      samples.push({ events: share * sample, usage: usageOf(run.group) });
    }
  } finally {
    await run.stop();
  }
  const [first, last] = [samples[0], samples.at(-1)];
  const total = last?.events ?? 0;
  const names = [...(last?.usage.keys() ?? [])];
  const perEvent = (name: string, of: 'cpuMs' | 'mainMs') =>
    (((last?.usage.get(name)?.[of] ?? 0) - (first?.usage.get(name)?.[of] ?? 0)) / total).toFixed(2);
  return {
    name: 'memory',
    title: 'Memory over many events',
    notes: [`${total} events of ${ORDERS} orders, after ${ORDERS} to warm up, with the live log on.`],
    tables: [
      {
        head: ['resident MB after events', ...samples.map((sample) => `${sample.events}`)],
        rows: names.map((name) => [
          name,
          ...samples.map(({ usage }) => `${Math.round(usage.get(name)?.residentMb ?? Number.NaN)}`),
        ]),
      },
      {
        head: ['CPU ms an event', 'all threads', 'its main thread'],
        rows: names.map((name) => [name, perEvent(name, 'cpuMs'), perEvent(name, 'mainMs')]),
      },
    ],
    data: samples.map(({ usage, ...rest }) => ({ ...rest, usage: Object.fromEntries(usage) })),
  };
}

/** Usage of the processes of a group, by what they are and in their order. Those that npm itself takes are left out. */
function usageOf(group: number): Map<string, Usage> {
  const usage = new Map<string, Usage>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = fieldsOf(`/proc/${pid}/stat`);
    if (Number(stat[2]) !== group) continue;
    const command = readText(`/proc/${pid}/cmdline`).split('\0').join(' ');
    const lambda = /AWS_LAMBDA_FUNCTION_NAME=([^\0]*)/.exec(readText(`/proc/${pid}/environ`))?.[1];
    if (lambda === undefined && !command.includes('bin/local.ts')) continue;
    if (lambda === undefined && /^(npm|sh) /.test(command)) continue;
    const name = lambda === undefined ? 'npm start' : `${lambda} ${pid}`;
    const residentKb = /VmRSS:\s+(\d+)/.exec(readText(`/proc/${pid}/status`))?.[1];
    usage.set(name, {
      residentMb: Number(residentKb) / 1024,
      cpuMs: ticksMs(stat),
      mainMs: ticksMs(fieldsOf(`/proc/${pid}/task/${pid}/stat`)),
    });
  }
  return usage;
}

/** Fields of a `stat` file after the command's name, which may hold anything. */
const fieldsOf = (file: string): string[] =>
  readText(file)
    .replace(/^.*\) /s, '')
    .split(' ');

/** User and system time, in ticks of 10 ms. */
const ticksMs = (stat: readonly string[]): number => 10 * (Number(stat[11]) + Number(stat[12]));

/** Text of a file; empty if its process has ended meanwhile. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
