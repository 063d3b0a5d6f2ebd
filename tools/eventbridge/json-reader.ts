import { MAX_NESTING } from './service-facts';

export type Token = '{' | '}' | '[' | ']' | 'name' | 'string' | 'number' | 'true' | 'false' | 'null' | 'end';

const VALUE = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'";

/** A pull parser for JSON whose complaints are those of the service's (Jackson's). */
export class JsonReader {
  /** The decoded text of the last name or string, the spelling of the last number, else the token itself. */
  text = '';
  /** Position at which the last token starts, and then at which the next is looked for. */
  start = 0;
  end = 0;
  readonly #open: { close: '}' | ']'; start: number; entries: number; valueIsDue: boolean }[] = [];

  constructor(private readonly json: string) {}

  /** @throws Error whose message is the reason */
  next(): Token {
    const container = this.#open.at(-1);
    this.#skipSpace();
    if (this.end >= this.json.length) {
      if (!container) return 'end';
      const kind = container.close === ']' ? 'Array' : 'Object';
      throw new Error(
        `Unexpected end-of-input: expected close marker for ${kind} (start marker at ${this.#at(container.start)})`,
      );
    }
    if (container?.valueIsDue) {
      container.valueIsDue = false;
      return this.#readValue();
    }
    const char = this.json.charAt(this.end);
    if (char === '}' || char === ']') return this.#close(char);
    if (container && container.entries++ > 0) {
      if (char !== ',') {
        const kind = container.close === ']' ? 'Array' : 'Object';
        throw this.#unexpected(`was expecting comma to separate ${kind} entries`);
      }
      this.end++;
      this.#skipSpace();
    }
    if (container?.close !== '}') return this.#readValue();

    if (this.json.charAt(this.end) !== '"')
      throw this.#unexpected('was expecting double-quote to start field name');
    this.#readString();
    this.#skipSpace();
    if (this.json.charAt(this.end) !== ':') {
      throw this.#unexpected('was expecting a colon to separate field name and value');
    }
    this.end++;
    container.valueIsDue = true;
    return 'name';
  }

  #skipSpace(): void {
    while (/[ \t\r\n]/.test(this.json.charAt(this.end))) this.end++;
  }

  #close(marker: '}' | ']'): Token {
    const container = this.#open.pop();
    if (container?.close !== marker) {
      if (!container) throw this.#unexpected(`expected a valid value (${VALUE})`);
      const kind = container.close === ']' ? 'Array' : 'Object';
      throw new Error(
        `Unexpected close marker '${marker}': expected '${container.close}' (for ${kind} starting at ${this.#at(container.start)})`,
      );
    }
    return this.#take(marker, marker);
  }

  #readValue(): Token {
    const rest = (pattern: RegExp): string | undefined => {
      pattern.lastIndex = this.end;
      return pattern.exec(this.json)?.[0];
    };
    const char = this.json.charAt(this.end);
    if (char === '{' || char === '[') {
      this.#open.push({ close: char === '{' ? '}' : ']', start: this.end, entries: 0, valueIsDue: false });
      if (this.#open.length > MAX_NESTING) {
        throw new Error(
          `Document nesting depth (${this.#open.length}) exceeds the maximum allowed (${MAX_NESTING})`,
        );
      }
      return this.#take(char, char);
    }
    if (char === '"') return this.#readString();
    if (rest(/-?0\d/y)) throw new Error('Invalid numeric value: Leading zeroes not allowed');
    const number = rest(/-?\d+(\.\d+)?([eE][+-]?\d+)?/y);
    if (number) return this.#take('number', number);
    const word = rest(/[\p{L}_$][\p{L}\p{N}_$]*/uy);
    if (word === 'true' || word === 'false' || word === 'null') return this.#take(word, word);
    if (word) throw new Error(`Unrecognized token '${word}': was expecting (${VALUE})`);
    throw this.#unexpected(`expected a valid value (${VALUE})`);
  }

  #readString(): Token {
    const from = this.end;
    let to = from + 1;
    for (; this.json.charAt(to) !== '"'; to++) {
      const code = this.json.charCodeAt(to);
      if (Number.isNaN(code))
        throw new Error('Unexpected end-of-input: was expecting closing quote for a string value');
      if (code < 0x20) {
        throw new Error(
          `Illegal unquoted character ((CTRL-CHAR, code ${code})): has to be escaped using backslash to be included in string value`,
        );
      }
      if (code === 0x5c) {
        const sequence = this.json.slice(to, to + 6);
        if (!/^\\(["\\/bfnrt]|u[0-9a-fA-F]{4}|$)/.test(sequence)) {
          throw new Error(
            `Unrecognized character escape '${sequence.charAt(1)}' (code ${sequence.charCodeAt(1)})`,
          );
        }
        to++;
      }
    }
    const literal = this.json.slice(from, to + 1);
    this.#take('string', literal);
    this.text = JSON.parse(literal);
    return 'string';
  }

  #take(token: Token, spelling: string): Token {
    this.start = this.end;
    this.end += spelling.length;
    this.text = spelling;
    return token;
  }

  #unexpected(complaint: string): Error {
    const char = String.fromCodePoint(this.json.codePointAt(this.end) ?? 0);
    return this.end < this.json.length
      ? new Error(`Unexpected character ('${char}' (code ${char.charCodeAt(0)})): ${complaint}`)
      : new Error(`Unexpected end-of-input: ${complaint}`);
  }

  #at(offset: number): string {
    const lines = this.json.slice(0, offset).split('\n');
    return `[Source: (String)"${this.json}"; line: ${lines.length}, column: ${String(lines.at(-1)).length + 1}]`;
  }
}
