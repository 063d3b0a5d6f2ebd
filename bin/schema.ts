/** `npm run schema`: writes the JSON Schema of the settings, to which `cdk.json` refers by `$schema`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SCHEMA_FILE, settingsSchema } from '../lib/settings-schema';

writeFileSync(join(__dirname, '..', SCHEMA_FILE), settingsSchema());
console.log(`Written: ${SCHEMA_FILE}.`);
