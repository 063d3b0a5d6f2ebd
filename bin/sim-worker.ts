import { serveJobs } from '../tools/sim/workers';
import { SETTING } from './sim-setting';

serveJobs(SETTING);
