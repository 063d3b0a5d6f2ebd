/**
 * Output of many small texts. Each write to a pipe or a terminal is a call of the system that costs more than making the
 * text, so what is written in one turn of the event loop goes out at once.
 */
export class BatchedOutput {
  #text = '';

  constructor(private readonly stream: Pick<NodeJS.WritableStream, 'write'>) {
    // Text of the last turn of a process would be lost otherwise; it may tell why the process ended.
    process.once('exit', () => this.#flush());
  }

  write(text: string): void {
    if (this.#text === '') setImmediate(() => this.#flush());
    this.#text += text;
  }

  #flush(): void {
    if (this.#text === '') return;
    this.stream.write(this.#text);
    this.#text = '';
  }
}
