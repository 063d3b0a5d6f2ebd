/** Last part of an ARN, which is the resource's name; a name is returned as it is. */
export const arnName = (arn: string): string =>
  arn.slice(Math.max(arn.lastIndexOf(':'), arn.lastIndexOf('/')) + 1);
