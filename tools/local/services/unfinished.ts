/**
 * Unfinished work of a service, stored with `--data DIR`, so that the next run resumes it after Ctrl-C or a crash.
 */
import { Journal } from './journal';

interface Line<Work> {
  readonly id: number;
  /** Absent when it is finished. */
  readonly work?: Work;
}

/** One piece of work in the store. */
export interface Kept<Work> {
  /** Replaces the stored work. */
  update(work: Work): void;
  finish(): void;
}

/** Lines of finished work that a journal may hold before it is written anew. */
const MAX_DEAD_LINES = 1000;

export class Unfinished<Work> {
  readonly #journal: Journal<Line<Work>> | undefined;
  readonly #works = new Map<number, Work>();
  #lastId = 0;
  /** Last id of earlier runs. */
  #lastRestored = 0;
  #deadLines = 0;

  /**
   * @param file where the work outlives the process. @default nothing is kept
   * @throws JournalError if the file cannot be read back
   */
  constructor(file?: string) {
    if (file === undefined) return;
    this.#journal = Journal.open<Line<Work>>(file, ({ id, work }) => {
      if (!Number.isInteger(id)) throw new Error('it has no id');
      this.#lastId = Math.max(this.#lastId, id);
      if (work === undefined) this.#works.delete(id);
      else this.#works.set(id, work);
    });
    this.#lastRestored = this.#lastId;
    this.#rewrite();
  }

  /** Work of earlier runs, in order; each is to be finished or kept. What this run has begun meanwhile is not in it. */
  restored(): [Work, Kept<Work>][] {
    return [...this.#works]
      .filter(([id]) => id <= this.#lastRestored)
      .map(([id, work]) => [work, this.#handle(id)]);
  }

  keep(work: Work): Kept<Work> {
    const id = ++this.#lastId;
    const kept = this.#handle(id);
    kept.update(work);
    return kept;
  }

  /** Lets go of the file; what is not finished stays in it. Later changes are not kept. */
  close(): void {
    this.#journal?.close();
    this.#isClosed = true;
  }
  #isClosed = false;

  #handle(id: number): Kept<Work> {
    return {
      update: (work) => {
        if (!this.#journal || this.#isClosed) return;
        if (this.#works.has(id)) this.#deadLines++;
        this.#works.set(id, work);
        this.#journal.append({ id, work });
      },
      finish: () => {
        if (!this.#journal || this.#isClosed || !this.#works.delete(id)) return;
        this.#journal.append({ id });
        this.#deadLines += 2;
        if (this.#deadLines > MAX_DEAD_LINES + this.#works.size) this.#rewrite();
      },
    };
  }

  #rewrite(): void {
    this.#journal?.rewrite([...this.#works].map(([id, work]) => ({ id, work })));
    this.#deadLines = 0;
  }
}
