import { runCommand } from '../tools/cli/command';
import { auditCommand } from '../tools/proof/audit/command';
import { APP } from './app-description';

void runCommand(auditCommand(APP));
