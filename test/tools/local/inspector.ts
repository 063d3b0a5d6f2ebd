/** A client of V8's inspector: as much of WebSocket as it takes to talk to a process on this machine. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { Socket } from 'node:net';

// biome-ignore lint/suspicious/noExplicitAny: the protocol's messages are read by the tests
type Message = any;

const FIN_TEXT = 0x81;
const MASKED = 0x80;

export class Inspector {
  #buffer: Buffer = Buffer.alloc(0);
  #lastId = 0;
  readonly #received: Message[] = [];
  #onMessage = () => {};

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#read();
    });
  }

  /** Connects to the process at this port as soon as it listens. */
  static async connect(port: number): Promise<Inspector> {
    let targets: Message[] | undefined;
    while (!targets) {
      targets = await fetch(`http://127.0.0.1:${port}/json/list`)
        .then((response) => response.json() as Promise<Message[]>)
        .catch(() => new Promise((resolve) => setTimeout(() => resolve(undefined), 20)));
    }
    const request = http.get(String(targets[0].webSocketDebuggerUrl).replace('ws:', 'http:'), {
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      },
    });
    const [, socket, head] = (await once(request, 'upgrade')) as [unknown, Socket, Buffer];
    const inspector = new Inspector(socket);
    if (head.length > 0) socket.emit('data', head);
    return inspector;
  }

  /** @returns the method's result */
  async call(method: string, params: object = {}): Promise<Message> {
    const id = ++this.#lastId;
    this.#send(JSON.stringify({ id, method, params }));
    const { result, error } = await this.#next((message) => message.id === id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** @returns the parameters of the next event of that name for which `test` holds, also of one that came before */
  async event(method: string, test: (params: Message) => boolean = () => true): Promise<Message> {
    return (await this.#next((message) => message.method === method && test(message.params))).params;
  }

  close(): void {
    this.socket.destroy();
  }

  async #next(test: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const index = this.#received.findIndex(test);
      if (index >= 0) return this.#received.splice(index, 1)[0];
      await new Promise<void>((resolve) => {
        this.#onMessage = resolve;
      });
    }
  }

  #send(text: string): void {
    const payload = Buffer.from(text);
    const mask = randomBytes(4);
    const length = payload.length;
    const head = Buffer.alloc(length < 126 ? 2 : 4);
    head[0] = FIN_TEXT;
    head[1] = MASKED | (length < 126 ? length : 126);
    if (length >= 126) head.writeUInt16BE(length, 2);
    this.socket.write(
      Buffer.concat([head, mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]),
    );
  }

  /** Frames of a server are not masked; the inspector sends each message in one. */
  #read(): void {
    for (;;) {
      if (this.#buffer.length < 2) return;
      let [length, start] = [(this.#buffer[1] ?? 0) & 0x7f, 2];
      if (length === 126)
        [length, start] = [this.#buffer.length < 4 ? Infinity : this.#buffer.readUInt16BE(2), 4];
      else if (length === 127) {
        [length, start] = [this.#buffer.length < 10 ? Infinity : Number(this.#buffer.readBigUInt64BE(2)), 10];
      }
      if (this.#buffer.length < start + length) return;
      this.#received.push(JSON.parse(this.#buffer.toString('utf8', start, start + length)));
      this.#buffer = this.#buffer.subarray(start + length);
      this.#onMessage();
    }
  }
}
