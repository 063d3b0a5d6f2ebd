import { runCommand } from '../tools/cli/command';
import { explainFailure, opsCommand } from '../tools/ops/cli';
import { APP } from './app-description';
import { STAGES } from './stages';

// The SDK's advice on the Node version is not for whoever operates the stack.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

const command = opsCommand(APP, STAGES);
void runCommand(command, (error) => explainFailure(command, error));
