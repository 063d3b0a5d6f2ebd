/** Jobs that several workers share, with their replies in the order of the jobs. */

/** Does one job at a time. */
export interface Worker<Job, Reply> {
  /** Rejects if it ends without a reply. */
  run(job: Job): Promise<Reply>;
  stop(): void;
}

/**
 * Yields the replies in the order of the jobs; a job begins as soon as a worker is free. What is still under way when
 * the caller has enough, or when a worker fails, is stopped.
 * @param isLast true for a reply after which no other job begins; those before it are finished
 */
export async function* inOrder<Job, Reply>(
  jobs: Iterable<Job>,
  workers: readonly Worker<Job, Reply>[],
  isLast: (reply: Reply) => boolean,
): AsyncGenerator<Reply, void, undefined> {
  const remaining = jobs[Symbol.iterator]();
  const replies: Promise<Reply>[] = [];
  let isOver = false;
  const begin = (worker: Worker<Job, Reply>): void => {
    if (isOver) return;
    const next = remaining.next();
    if (next.done) return;
    const reply = worker.run(next.value).then((each) => {
      isOver ||= isLast(each);
      begin(worker);
      return each;
    });
    // It is awaited later than it may fail.
    reply.catch(() => {
      isOver = true;
    });
    replies.push(reply);
  };
  try {
    for (const worker of workers) begin(worker);
    for (let next = replies.shift(); next; next = replies.shift()) yield await next;
  } finally {
    isOver = true;
    for (const worker of workers) worker.stop();
  }
}
