import { runCommand } from '../tools/cli/command';
import { explainFailure } from '../tools/ops/cli';
import { e2eCommand } from '../tools/ops/e2e';
import { APP } from './app-description';
import { orderJourney } from './app-journey';
import { STAGES } from './stages';

// The SDK's advice on the Node version is not for whoever runs this.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

const command = e2eCommand(APP, STAGES, orderJourney);
void runCommand(command, (error) => explainFailure(command, error));
