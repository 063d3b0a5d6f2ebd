/** `npm run ops -- COMMAND`: operates the deployed stack, or the local run. */
import { run } from '../tools/ops/cli';
import { APP } from './app-description';
import { STAGES } from './stages';

// The SDK's advice on the Node version is not for whoever operates the stack.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

// `npm run ops -- failures | head` ends when head has enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

void run(process.argv, APP, STAGES);
