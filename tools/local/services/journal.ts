import fs from 'node:fs';
import path from 'node:path';
import { InputError } from '../../cli/errors';

/** A journal's file cannot be read back. One line: which file, which line of it, and what to do. */
export class JournalError extends InputError {
  override readonly name = 'JournalError';
}

/**
 * A file of JSON entries, one a line, that only grows: what `--data DIR` remembers of queues and logs. An entry
 * is with the operating system when `append` returns, so that it survives the end of the process at any point
 * (not that of the machine).
 */
export class Journal<Entry> {
  #fd: number;

  private constructor(
    readonly file: string,
    fd: number,
  ) {
    this.#fd = fd;
  }

  /**
   * Opens the file, or makes it, and gives each entry in it to `read`. The last line counts only if it is whole:
   * the process may have ended within its last write.
   * @throws JournalError if a line is not JSON, or `read` throws
   */
  static open<Entry>(file: string, read: (entry: Entry) => void): Journal<Entry> {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const fd = fs.openSync(file, 'a+');
    const bytes = fs.readFileSync(fd);
    const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
    const lines = whole.toString('utf8').split('\n').slice(0, -1);
    for (const [index, line] of lines.entries()) {
      try {
        read(JSON.parse(line));
      } catch (error) {
        fs.closeSync(fd);
        const reason = (error as Error).message;
        throw new JournalError(
          `${file}, line ${index + 1}: ${reason}. Mend the line, or move the file away.`,
        );
      }
    }
    if (whole.length < bytes.length) fs.ftruncateSync(fd, whole.length);
    return new Journal(file, fd);
  }

  append(entry: Entry): void {
    fs.writeSync(this.#fd, `${JSON.stringify(entry)}\n`);
  }

  /** Replaces all entries at once: after a failure at any point the file holds the old ones or the new ones. */
  rewrite(entries: Iterable<Entry>): void {
    const next = `${this.file}.next`;
    const fd = fs.openSync(next, 'w');
    for (const entry of entries) fs.writeSync(fd, `${JSON.stringify(entry)}\n`);
    fs.fsyncSync(fd);
    fs.closeSync(fd);
    fs.closeSync(this.#fd);
    fs.renameSync(next, this.file);
    this.#fd = fs.openSync(this.file, 'a');
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}
