/**
 * `npm run api-models [-- <service>:<Operation> ...]`: takes the constraints of the operations that the endpoint
 * answers from AWS's API models, as botocore ships them (with the AWS CLI and boto3), and adds the operations that
 * are named. BOTOCORE=<folder of the package> chooses another copy than that of `python3`.
 */
import { execFileSync } from 'node:child_process';
import { renewModels } from './renewal';

const ofPython = (): string =>
  execFileSync('python3', ['-c', 'import botocore; print(botocore.__path__[0])'], {
    encoding: 'utf8',
  }).trim();

renewModels(process.env.BOTOCORE ?? ofPython(), __dirname, process.argv.slice(2));
