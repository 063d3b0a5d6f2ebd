/** Receives that wait for messages of a queue. */
import type { Clock } from './clock';

interface LongPoll {
  /** @returns false if there was no message for it */
  serve(): boolean;
  giveUp(): void;
}

export class LongPolls<Message> {
  readonly #waiting = new Set<LongPoll>();
  readonly #clock: Clock;
  readonly #nextVisible: () => number;
  #wakeUp: { cancel(): void } | undefined;

  /** @param nextVisible earliest time at which a message becomes visible; infinite without messages */
  constructor(clock: Clock, nextVisible: () => number) {
    this.#clock = clock;
    this.#nextVisible = nextVisible;
  }

  /** Resolves with the messages that `take` returns, or with none after `ms` milliseconds or when the signal is aborted. */
  wait(take: () => Message[], ms: number, signal: AbortSignal | undefined): Promise<Message[]> {
    return new Promise((resolve) => {
      const finish = (messages: Message[]) => {
        this.#waiting.delete(poll);
        timer.cancel();
        signal?.removeEventListener('abort', giveUp);
        resolve(messages);
      };
      const giveUp = () => finish([]);
      const poll: LongPoll = {
        giveUp,
        serve: () => {
          const messages = take();
          if (messages.length > 0) finish(messages);
          return messages.length > 0;
        },
      };
      const timer = this.#clock.after(ms, giveUp);
      signal?.addEventListener('abort', giveUp);
      this.#waiting.add(poll);
      this.#wakeUpForNext();
    });
  }

  /** Serves the receives in order, after a message may have become visible. */
  serve(): void {
    for (const poll of this.#waiting) {
      if (!poll.serve()) break;
    }
    this.#wakeUpForNext();
  }

  /** Ends all waits without messages. */
  stop(): void {
    for (const poll of this.#waiting) poll.giveUp();
    this.#wakeUp?.cancel();
  }

  /** Schedules the next look, when a delayed or received message becomes visible. */
  #wakeUpForNext(): void {
    this.#wakeUp?.cancel();
    this.#wakeUp = undefined;
    if (this.#waiting.size === 0) return;
    const at = this.#nextVisible();
    if (at === Number.POSITIVE_INFINITY) return;
    this.#wakeUp = this.#clock.after(at - this.#clock.now(), () => this.serve());
  }
}
