import { runCommand } from '../tools/cli/command';
import { localCommand } from '../tools/local/command';

void runCommand(localCommand(process.cwd()));
