/**
 * `npm run schema`: writes the JSON Schemas of the settings, to which `cdk.json` refers by `$schema`, and of the steps of a
 * local run.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SCHEMA_FILE, settingsSchema } from '../lib/settings-schema';
import { STEP_SCHEMA_FILE, stepSchema } from '../tools/local/step-schema';

for (const [file, text] of [
  [SCHEMA_FILE, settingsSchema()],
  [STEP_SCHEMA_FILE, stepSchema()],
] as const) {
  writeFileSync(join(__dirname, '..', file), text);
  console.log(`Written: ${file}.`);
}
