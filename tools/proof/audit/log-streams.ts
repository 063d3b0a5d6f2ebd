import type { Resource } from '../../template/assembly';

/** ARN of a stream of a log group, whose own ARN may end in `:*`. */
export const logStreamArn = (logGroup: Resource, stream: string): string =>
  `${logGroup.arn.replace(/:\*$/, '')}:log-stream:${stream}`;
