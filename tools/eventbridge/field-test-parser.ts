/** Reads the conditions of a field: the elements of its list in an event pattern. */
import type { Bound, Test } from './field-test';
import { parseAddress } from './ip-address';
import type { JsonReader, Token } from './json-reader';

/** Complains in the words of AWS's matcher, by errors whose message is the reason. */
export class FieldTestParser {
  constructor(private readonly reader: JsonReader) {}

  /** Reads one condition, whose first token has been read. */
  readTest(token: Token): Test {
    switch (token) {
      case '{':
        return this.#readMatchExpression();
      case 'string': {
        const text = this.reader.text;
        const network = parseAddress(text);
        return network ? { op: 'cidr', network, bits: network.length * 8 } : { op: 'equals', value: text };
      }
      case 'number':
        return { op: 'equals', value: Number(this.reader.text) };
      case 'true':
      case 'false':
        return { op: 'equals', value: token === 'true' };
      case 'null':
        return { op: 'equals', value: null };
      default:
        return this.#fail('Match value must be String, number, true, false, or null');
    }
  }

  #readMatchExpression(): Test {
    if (this.reader.next() !== 'name') this.#fail('Match expression name not found');
    const operator = this.reader.text;
    switch (operator) {
      case 'exactly':
        return this.#only({ op: 'equals', value: this.#readString('exact match pattern must be a string') });
      case 'prefix':
      case 'suffix':
        return this.#readAffix(operator);
      case 'equals-ignore-case':
        return this.#only({
          op: operator,
          text: this.#readString('equals-ignore-case match pattern must be a string'),
        });
      case 'wildcard':
        return this.#only(this.#wildcard(this.#readString('wildcard match pattern must be a string')));
      case 'numeric':
        return this.#readNumeric();
      case 'cidr':
        // The service's own message: it speaks of a prefix here.
        return this.#only(this.#cidr(this.#readString('prefix match pattern must be a string')));
      case 'exists': {
        const token = this.reader.next();
        if (token !== 'true' && token !== 'false')
          this.#fail('exists match pattern must be either true or false.');
        return this.#only({ op: 'exists', exists: token === 'true' });
      }
      case 'anything-but':
        return this.#readAnythingBut();
      default:
        return this.#fail(`Unrecognized match type ${operator}`);
    }
  }

  #readAffix(op: 'prefix' | 'suffix'): Test {
    const token = this.reader.next();
    if (token === 'string') return this.#only({ op, text: this.reader.text, ignoreCase: false });
    if (token !== '{') this.#fail(`${op} match pattern must be a string`);

    const title = op === 'prefix' ? 'Prefix' : 'Suffix';
    if (this.reader.next() !== 'name') this.#fail(`${title} expression name not found`);
    if (this.reader.text !== 'equals-ignore-case')
      this.#fail(`Unsupported ${op} pattern: ${this.reader.text}`);
    const text = this.#readString('equals-ignore-case match pattern must be a string');
    return this.#only(this.#only({ op, text, ignoreCase: true }));
  }

  #readNumeric(): Test {
    if (this.reader.next() !== '[') this.#fail('Value of numeric must be an array.');
    if (this.reader.next() !== 'string') this.#fail(`Invalid member in numeric match: ${this.reader.text}`);
    const operator = this.reader.text;
    let test: Test;
    switch (operator) {
      case '=':
        test = { op: 'equals', value: this.#readNumber('equals') };
        break;
      case '<':
      case '<=':
        test = { op: 'numeric', upper: { value: this.#readNumber(operator), inclusive: operator === '<=' } };
        break;
      case '>':
      case '>=': {
        const lower = { value: this.#readNumber(operator), inclusive: operator === '>=' };
        const token = this.reader.next();
        if (token === ']')
          return this.#only({ op: 'numeric', lower }, 'Too many elements in numeric expression');
        test = { op: 'numeric', lower, upper: this.#readUpperBound(token, lower) };
        if (this.reader.next() !== ']') this.#fail('Too many terms in numeric range expression');
        return this.#only(test, 'Too many elements in numeric expression');
      }
      default:
        return this.#fail(`Unrecognized numeric range operator: ${operator}`);
    }
    if (this.reader.next() !== ']') this.#fail('Too many elements in numeric expression');
    return this.#only(test, 'Too many elements in numeric expression');
  }

  #readUpperBound(token: Token, lower: Bound): Bound {
    if (token !== 'string') this.#fail(`Bad value in numeric range: ${this.reader.text}`);
    const operator = this.reader.text;
    if (operator !== '<' && operator !== '<=') this.#fail(`Bad numeric range operator: ${operator}`);
    const value = this.#readNumber(operator);
    if (value <= lower.value) this.#fail('Bottom must be less than top');
    return { value, inclusive: operator === '<=' };
  }

  #readAnythingBut(): Test {
    let token = this.reader.next();
    if (token === '{') return this.#readAnythingButStrings();

    const values: (string | number)[] = [];
    if (token === 'string' || token === 'number') {
      values.push(token === 'string' ? this.reader.text : this.#comparableNumber());
    } else if (token === '[') {
      for (token = this.reader.next(); token !== ']'; token = this.reader.next()) {
        if (token === 'string') values.push(this.reader.text);
        else if (token === 'number') values.push(this.#comparableNumber());
        else this.#fail('Inside anything but list, start|null|boolean is not supported.');
      }
      if (new Set(values.map((value) => typeof value)).size !== 1) {
        this.#fail(
          'Inside anything but list, either all values are number or string, mixed type is not supported',
        );
      }
    } else {
      this.#fail('Value of anything-but must be an array or single string/number value.');
    }
    const but = values.map((value): Test => ({ op: 'equals', value }));
    return this.#only({ op: 'anything-but', but }, 'Too many elements in numeric expression');
  }

  #readAnythingButStrings(): Test {
    if (this.reader.next() !== 'name') this.#fail('Anything-But expression name not found');
    const operator = this.reader.text;
    const toTest = this.#anythingButOperator(operator);
    const but: Test[] = [];
    const add = (token: Token): void => {
      if (token !== 'string') this.#fail(toTest.complaint);
      but.push(toTest.test(this.reader.text));
    };

    let token = this.reader.next();
    if (token === '[') {
      for (token = this.reader.next(); token !== ']'; token = this.reader.next()) add(token);
    } else if (token === 'string' || token === 'number') {
      add(token);
    } else {
      this.#fail('Value of anything-but must be an array or single string/number value.');
    }
    const complaint = 'Too many elements in numeric expression';
    return this.#only(this.#only({ op: 'anything-but', but }, complaint), complaint);
  }

  #anythingButOperator(operator: string): { complaint: string; test: (text: string) => Test } {
    switch (operator) {
      case 'prefix':
      case 'suffix':
        return {
          complaint: 'prefix/suffix match pattern must be a string',
          test: (text) => {
            if (text === '') this.#fail('Null prefix/suffix not allowed');
            return { op: operator, text, ignoreCase: false };
          },
        };
      case 'equals-ignore-case':
        return {
          complaint:
            'Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.',
          test: (text) => ({ op: operator, text }),
        };
      case 'wildcard':
        return { complaint: 'wildcard match pattern must be a string', test: (text) => this.#wildcard(text) };
      default:
        return this.#fail(`Unsupported anything-but pattern: ${operator}`);
    }
  }

  #wildcard(text: string): Test {
    const parts = [''];
    for (let i = 0; i < text.length; i++) {
      const char = text.charAt(i);
      const following = text.charAt(i + 1);
      // The service counts the bytes of the quoted text.
      const position = () => Buffer.byteLength(text.slice(0, i)) + 1;
      if (char === '*') {
        if (following === '*') this.#fail(`Consecutive wildcard characters at pos ${position()}`);
        parts.push('');
      } else if (char === '\\') {
        if (following !== '*' && following !== '\\')
          this.#fail(`Invalid escape character at pos ${position()}`);
        parts[parts.length - 1] += following;
        i++;
      } else {
        parts[parts.length - 1] += char;
      }
    }
    return { op: 'wildcard', parts };
  }

  #cidr(text: string): Test {
    // Java's split drops what is empty at the end.
    const [address, mask = '', ...more] = text.replace(/\/+$/, '').split('/') as [string, ...string[]];
    if (mask === '' || more.length > 0) this.#fail("Malformed CIDR, one '/' required");
    const bits = /^[+-]?\d+$/.test(mask) ? Number(mask) : Number.NaN;
    if (!(Math.abs(bits) < 2 ** 31)) this.#fail('Malformed CIDR, mask bits must be an integer');
    if (bits < 0) this.#fail('Malformed CIDR, mask bits must not be negative');
    const network = parseAddress(address);
    if (!network) {
      const looksLikeAddress = /^(\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]*:[0-9a-fA-F:]*)$/.test(address);
      return this.#fail(`${looksLikeAddress ? 'Invalid' : 'Nonstandard'} IP address: ${address}`);
    }
    if (network.length === 4 && bits > 31) this.#fail('IPv4 mask bits must be < 32');
    if (network.length === 16 && bits > 127) this.#fail('IPv6 mask bits must be < 128');
    return { op: 'cidr', network, bits };
  }

  #readString(complaint: string): string {
    if (this.reader.next() !== 'string') this.#fail(complaint);
    return this.reader.text;
  }

  #readNumber(operator: string): number {
    if (this.reader.next() !== 'number') this.#fail(`Value of ${operator} must be numeric`);
    return this.#comparableNumber();
  }

  /** Operators compare numbers as doubles, and refuse one that a double cannot hold. */
  #comparableNumber(): number {
    const spelling = this.reader.text;
    const value = Number(spelling);
    if (!Number.isFinite(value) || normalizeDecimal(String(value)) !== normalizeDecimal(spelling)) {
      this.#fail(`Cannot compare number : ${spelling}`);
    }
    return value;
  }

  /** The match expression ends here: it has one key. */
  #only(test: Test, complaint = 'Only one key allowed in match expression'): Test {
    if (this.reader.next() !== '}') this.#fail(complaint);
    return test;
  }

  #fail(reason: string): never {
    throw new Error(reason);
  }
}

/** One spelling for each decimal: its digits without zeros at the ends, and its exponent. */
function normalizeDecimal(spelling: string): string {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(spelling) as RegExpExecArray;
  const [, sign, whole, fraction = '', exponent = '0'] = parts;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
