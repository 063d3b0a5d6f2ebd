import { join } from 'node:path';
import { runCommand } from '../tools/cli/command';
import { contractsCommand } from '../tools/proof/contracts/command';
import { APP } from './app-description';

void runCommand(contractsCommand(APP, join(__dirname, '..', 'contracts')));
