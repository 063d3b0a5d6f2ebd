import { join } from 'node:path';
import { runCommand } from '../tools/cli/command';
import { costCommand } from '../tools/proof/cost/command';
import { APP } from './app-description';

// The SDK's advice on the Node version is not for whoever reads a bill.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

void runCommand(costCommand(APP, join(__dirname, '..', 'samples', 'measurements.json')));
