/** Processes that do the jobs of a run, each one at a time. */
import { type ChildProcess, fork } from 'node:child_process';
import { InputError } from '../cli/errors';
import { loadAssembly } from '../template/source/assembly-option';
import { JOBS, type Job, type JobKind, type JobReply, runOf, type SimRun } from './jobs';
import type { SimOptions } from './options';
import { inOrder, type Worker } from './ordered';
import type { Prepared } from './prepared';
import type { SimSetting } from './setting';

/** First message to a worker. */
interface Setup {
  readonly options: SimOptions;
  readonly prepared: Prepared;
}
interface Request {
  readonly kind: JobKind;
  readonly job: never;
}
type Answer =
  | { readonly reply: unknown; readonly cpuMs: number }
  /** Message of an InputError. */
  | { readonly badInput: string };

/** A worker that ended without a reply; it has written why to stderr. */
export class WorkerEndedError extends Error {
  override readonly name = 'WorkerEndedError';

  constructor(kind: JobKind, job: unknown, by: string) {
    super(`${kind} ${job}: no result, since its process ended by ${by}`);
  }
}

/**
 * Yields the replies in the order of the jobs. With one worker they are done within this process.
 * @param isLast true for a reply after which no other job begins
 * @param onCpu takes milliseconds of CPU of other processes
 */
export async function* replies<Kind extends JobKind>(
  kind: Kind,
  jobs: Iterable<Job<Kind>>,
  run: SimRun,
  isLast: (reply: JobReply<Kind>) => boolean = () => false,
  onCpu: (ms: number) => void = () => {},
): AsyncGenerator<JobReply<Kind>, void, undefined> {
  const { workers } = run.options;
  if (workers > 1) {
    const started = Array.from({ length: workers }, () => startWorker(kind, run, onCpu));
    yield* inOrder(jobs, started, isLast);
    return;
  }
  const here = JOBS[kind] as (job: Job<Kind>, run: SimRun) => Promise<JobReply<Kind>>;
  for (const job of jobs) yield await here(job, run);
}

function startWorker<Kind extends JobKind>(
  kind: Kind,
  { setting, options, prepared }: SimRun,
  onCpu: (ms: number) => void,
): Worker<Job<Kind>, JobReply<Kind>> {
  // Temporary files of a worker that is stopped go with the folder.
  const child = fork(setting.workerFile, [], { env: { ...process.env, TMPDIR: prepared.folder } });
  send(child, { options, prepared } satisfies Setup);
  let isBusy = false;
  return {
    stop: () => {
      if (isBusy) child.kill();
      else if (child.connected) child.disconnect();
    },
    run: (job) =>
      new Promise((resolve, reject) => {
        const onEnd = (code: number | null, signal: string | null) =>
          reject(new WorkerEndedError(kind, job, signal ?? `exit code ${code}`));
        child.once('exit', onEnd);
        child.once('message', (answer: Answer) => {
          isBusy = false;
          child.off('exit', onEnd);
          if ('badInput' in answer) return reject(new InputError(answer.badInput));
          onCpu(answer.cpuMs);
          resolve(answer.reply as JobReply<Kind>);
        });
        isBusy = true;
        send(child, { kind, job: job as never } satisfies Request);
      }),
  };
}

/** Sends a message; to a process that has ended nobody can, and `exit` tells of that. */
function send(child: ChildProcess, message: object): void {
  child.send(message, () => {});
}

/** Does the jobs of the process that has started this one, until that ends. */
export function serveJobs(setting: SimSetting): void {
  let run: Promise<SimRun> | undefined;
  let cpu = { user: 0, system: 0 };
  const answer = async ({ kind, job }: Request): Promise<Answer> => {
    // A world that waits for something outside of itself ends the process without a reply.
    process.channel?.unref();
    try {
      const reply = await JOBS[kind](job, (await run) as SimRun);
      const { user, system } = process.cpuUsage(cpu);
      cpu = process.cpuUsage();
      return { reply, cpuMs: (user + system) / 1000 };
    } catch (error) {
      if (error instanceof InputError) return { badInput: error.message };
      throw error;
    } finally {
      process.channel?.ref();
    }
  };
  process.exitCode = 1;
  process.on('disconnect', () => process.exit());
  process.on('message', (message: Setup | Request) => {
    if ('kind' in message) void answer(message).then((each) => process.send?.(each));
    else run = prepareRun(setting, message);
  });
}

async function prepareRun(setting: SimSetting, { options, prepared }: Setup): Promise<SimRun> {
  return runOf(setting, options, await loadAssembly(options), prepared);
}
