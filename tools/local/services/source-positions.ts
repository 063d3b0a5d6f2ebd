/**
 * Positions in a function's bundle, named by the file and line of the source: stack traces are read by people.
 * Only a text that has a position in it costs anything, and a function's map is asked for once.
 */
import fs from 'node:fs';
import { SourceMap } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** @returns the source map (JSON) of a function's code, or undefined if there is none */
export type SourceMapOf = (functionName: string, code: Uint8Array) => string | undefined;

export class SourcePositions {
  /** Source maps by file. */
  readonly #maps = new Map<string, SourceMap | undefined>();

  constructor(private readonly sourceMapOf: SourceMapOf) {}

  /**
   * @param folder the function's code, as its process sees it
   * @returns the text, with `<folder>/index.cjs:1:2345` as `lambdas/shop/handler.ts:12:3`
   */
  named(text: string, functionName: string, folder: string): string {
    if (!text.includes(folder)) return text;
    const parts = text.split(folder);
    return parts.reduce((before, part) => {
      const [whole, name, line, column] = /^[\\/]([\w./-]+\.[cm]?js):(\d+):(\d+)/.exec(part) ?? [];
      const map = name ? this.#mapOf(path.join(folder, name), functionName) : undefined;
      const entry = map?.findEntry(Number(line) - 1, Number(column) - 1);
      if (!whole || !entry || !('originalSource' in entry)) return `${before}${folder}${part}`;
      const place = `${shown(entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
      return `${before.replace(/file:\/\/$/, '')}${place}${part.slice(whole.length)}`;
    });
  }

  #mapOf(file: string, functionName: string): SourceMap | undefined {
    if (this.#maps.has(file)) return this.#maps.get(file);
    const code = fs.existsSync(file) ? fs.readFileSync(file) : undefined;
    const json = code && (inlineMap(code) ?? mapBeside(file) ?? this.sourceMapOf(functionName, code));
    const map = json === undefined ? undefined : new SourceMap(JSON.parse(json));
    this.#maps.set(file, map);
    return map;
  }
}

function inlineMap(code: Buffer): string | undefined {
  const start = code.lastIndexOf('\n//# sourceMappingURL=data:application/json');
  const [, base64] = start < 0 ? [] : (/;base64,([\w+/=]+)/.exec(code.toString('latin1', start)) ?? []);
  return base64 && Buffer.from(base64, 'base64').toString('utf8');
}

const mapBeside = (file: string): string | undefined =>
  fs.existsSync(`${file}.map`) ? fs.readFileSync(`${file}.map`, 'utf8') : undefined;

/** Relative to where the user is, so that a terminal can open it. */
const shown = (source: string): string =>
  source.startsWith('file://') ? path.relative(process.cwd(), fileURLToPath(source)) : source;
