import { runCommand } from '../tools/cli/command';
import { simCommand } from '../tools/sim/command';
import { SETTING } from './sim-setting';

void runCommand(simCommand(SETTING));
