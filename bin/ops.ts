/** `npm run ops -- COMMAND`: operates the deployed stack, or the local run. */
import { run } from '../ops/cli';

// The SDK's advice on the Node version is not for whoever operates the stack.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

void run(process.argv);
