/** Constructs of a CDK app that made the resources, and their places in the app's code, as far as the assembly says. */

import path from 'node:path';
import * as v from 'valibot';
import { defined } from '../defined';

export interface Construct {
  /** E.g. `Shop/Rules/OrderPlaced/Resource`. */
  readonly path: string;
  /** `file:line` of the app's own code that made it. */
  readonly location?: string;
}

const LogicalId = v.looseObject({ type: v.literal('aws:cdk:logicalId'), data: v.string() });
const CreationStack = v.looseObject({ type: v.literal('aws:cdk:creationStack'), data: v.array(v.string()) });
/** Entry that older versions of the CDK write with `cdk synth --debug`. */
const Traced = v.looseObject({ type: v.literal('aws:cdk:logicalId'), trace: v.array(v.string()) });

/** The constructs of one stack's artifact, by their paths and by the logical ids of its own template. */
export class Constructs {
  readonly #byPath = new Map<string, Construct>();
  readonly #byId = new Map<string, Construct>();

  /** @param metadata of the artifact: entries by path */
  constructor(metadata: Readonly<Record<string, readonly unknown[]>>) {
    for (const [key, entries] of Object.entries(metadata)) {
      const id = entries.find((entry) => v.is(LogicalId, entry));
      if (!v.is(LogicalId, id)) continue;
      const created = entries.find((entry) => v.is(CreationStack, entry));
      const traced = v.is(CreationStack, created) ? created.data : v.is(Traced, id) ? id.trace : [];
      const location = ownFrame(traced);
      const construct = { path: key.replace(/^\//, ''), ...defined({ location }) };
      this.#byPath.set(construct.path, construct);
      this.#byId.set(id.data, construct);
    }
  }

  /**
   * @param metadata of the resource in its template
   * @param isNested whether the template is of a nested stack, whose logical ids the manifest does not tell apart
   */
  of(
    logicalId: string,
    metadata: Readonly<Record<string, unknown>>,
    isNested: boolean,
  ): Construct | undefined {
    const { 'aws:cdk:path': at } = metadata;
    if (typeof at === 'string') return this.#byPath.get(at) ?? { path: at };
    return isNested ? undefined : this.#byId.get(logicalId);
  }
}

/** Construct in words: the one around `Resource` or `DefaultChild`, which is what a person has written. */
export function constructText({ path: full, location }: Construct): string {
  return `${full.replace(/\/(Resource|Default)$/, '')}${location === undefined ? '' : `, ${location}`}`;
}

/** The innermost call in code that is neither a library's nor Node's. */
function ownFrame(trace: readonly string[]): string | undefined {
  for (const frame of trace) {
    const [, file, line] =
      /(?:^|[\s(])((?:\/|[A-Za-z]:\\|file:\/\/)[^()]*?):(\d+)(?::\d+)?\)?$/.exec(frame.trim()) ?? [];
    if (file === undefined || line === undefined || file.includes('node_modules')) continue;
    const relative = path.relative(process.env.INIT_CWD ?? process.cwd(), file.replace(/^file:\/\//, ''));
    return `${relative.startsWith('..') ? file : relative}:${line}`;
  }
  return undefined;
}
