import { Names } from 'aws-cdk-lib';
import { CfnSamplingRule } from 'aws-cdk-lib/aws-xray';
import type { Construct } from 'constructs';
import type { StageConfig } from './config';

/**
 * Sampling rule of X-Ray: traces the first request of each second and `tracingPercent` of the others through the stack's
 * functions. A publisher's trace header has precedence.
 */
export function sampleTraces(scope: Construct, { prefix, tracingPercent }: StageConfig): void {
  new CfnSamplingRule(scope, 'TraceSampling', {
    samplingRule: {
      // X-Ray allows 32 characters, but a prefix may have 40.
      ruleName: Names.uniqueResourceName(scope, { maxLength: 32 }),
      version: 1,
      priority: 1_000,
      reservoirSize: 1,
      fixedRate: tracingPercent / 100,
      host: '*',
      httpMethod: '*',
      urlPath: '*',
      resourceArn: '*',
      serviceName: `${prefix}-*`,
      serviceType: '*',
    },
  });
}
