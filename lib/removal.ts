import { RemovalPolicy } from 'aws-cdk-lib';
import type { StageConfig } from './config';

/**
 * Removal policy of resources with data. If data is retained, a failed first deployment still deletes its resources: with
 * plain `RETAIN` their physical names would stay in use, and the next attempt would fail with "already exists".
 */
export const dataRemovalPolicy = ({ retainData }: Pick<StageConfig, 'retainData'>): RemovalPolicy =>
  retainData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;

/** Removal of a bucket: one with objects cannot be deleted, so those of an ephemeral stage are emptied first. */
export const bucketRemoval = (config: Pick<StageConfig, 'retainData' | 'isEphemeral'>) => ({
  removalPolicy: dataRemovalPolicy(config),
  ...(config.isEphemeral && { autoDeleteObjects: true }),
});
