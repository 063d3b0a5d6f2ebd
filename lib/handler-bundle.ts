import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { buildSync } from 'esbuild';
import { BUNDLE_FILE, ESBUILD_OPTIONS, LOADER } from './bundling';

const ROOT = join(__dirname, '..');
const LAMBDAS = join(ROOT, 'lambdas');
const LOCK_FILE = join(ROOT, 'package-lock.json');

/**
 * The code of a handler: one file with all that it needs, the SDK too, and what loads it. Not by CDK's NodejsFunction, whose hash is also
 * of the folder that the project lies in (it hashes its own options, absolute paths among them).
 * @param entry folder under `lambdas/` whose `handler.ts` is bundled
 */
export function handlerBundle(entry: string): Code {
  return Code.fromAsset(LAMBDAS, {
    assetHashType: AssetHashType.CUSTOM,
    assetHash: sourceHash(entry),
    bundling: {
      // Never pulled: esbuild runs here.
      image: DockerImage.fromRegistry('public.ecr.aws/lambda/nodejs:24'),
      local: {
        tryBundle(outputDir) {
          buildSync({
            ...ESBUILD_OPTIONS,
            absWorkingDir: ROOT,
            entryPoints: [join(LAMBDAS, entry, 'handler.ts')],
            outfile: join(outputDir, BUNDLE_FILE),
            logLevel: 'warning',
          });
          writeFileSync(join(outputDir, LOADER.file), LOADER.code);
          return true;
        },
      },
    },
  });
}

/**
 * The asset's hash, of everything that goes into the bundle: all of `lambdas/`, the locked dependencies and the
 * options. CDK then finds an unchanged bundle in `cdk.out` and does not run esbuild again, and the hash is the
 * same in every folder and on every machine.
 */
function sourceHash(entry: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([entry, ESBUILD_OPTIONS, BUNDLE_FILE, LOADER]))
    .update(readFileSync(LOCK_FILE));
  const files = readdirSync(LAMBDAS, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name))
    .sort();
  for (const file of files)
    hash.update(relative(LAMBDAS, file)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}
