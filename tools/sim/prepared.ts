/** Code that a run needs beside the assembly, bundled once for all of its processes. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buildSync } from 'esbuild';
import type { Assembly, Resource } from '../template/assembly';
import { consumersIn } from '../template/described-consumers';
import { changedCode, codeIn } from './mutants';
import type { SimSetting } from './setting';
import type { SimulationOptions } from './simulation';

/** Paths alone, so that another process can take it over. */
export interface Prepared {
  /** Folder of all of it. */
  readonly folder: string;
  /** Folder with the code of the publisher. */
  readonly publisherCode: string;
  /** Folders with the code of the next release, by function. @default no release follows */
  readonly nextCode?: Readonly<Record<string, string>>;
}

/** @param hasNext false for an app with a mistake, which is the only release that there is */
export async function prepare(
  { model, bundling }: SimSetting,
  assembly: Assembly,
  hasNext: boolean,
): Promise<Prepared> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sim-'));
  const publisherCode = path.join(folder, 'publisher');
  const { publisher, next } = model();
  buildSync({
    ...bundling.options,
    entryPoints: [publisher],
    outfile: path.join(publisherCode, 'index.js'),
  });
  if (!hasNext) return { folder, publisherCode };
  const nextCode = await changedCode('The next release', next, assembly, bundling, folder);
  return { folder, publisherCode, nextCode };
}

export function simulationOptions(
  setting: SimSetting,
  assembly: Assembly,
  { publisherCode, nextCode }: Prepared,
): SimulationOptions {
  const model = setting.model();
  return {
    assembly,
    model: { ...model, app: { ...model.app, consumers: consumersIn(assembly, model.app) } },
    publisherCode,
    codeOf: (resource: Resource) => assembly.assetPath(resource),
    ...(nextCode && { nextCodeOf: codeIn(nextCode, assembly) }),
  };
}
