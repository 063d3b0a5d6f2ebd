import { RemovalPolicy } from 'aws-cdk-lib';
import type { StageConfig } from './config';

/**
 * What happens to a resource with data when the stack is deleted. Where data is kept, a first deployment that fails
 * still deletes what it made: with plain `RETAIN` the physical names would stay taken, and the next try would fail
 * with "already exists".
 */
export const dataRemovalPolicy = ({ retainData }: Pick<StageConfig, 'retainData'>): RemovalPolicy =>
  retainData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
