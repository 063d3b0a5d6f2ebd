import { runCommand } from '../tools/cli/command';
import { routesCommand } from '../tools/proof/routes/command';
import { APP } from './app-description';

void runCommand(routesCommand(APP));
