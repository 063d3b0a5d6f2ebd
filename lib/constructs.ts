import { Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** All constructs of a class in the stack of `scope`, in order of creation. */
export const constructsOf = <Kind extends IConstruct>(
  scope: IConstruct,
  kind: abstract new (...args: never[]) => Kind,
): Kind[] =>
  Stack.of(scope)
    .node.findAll()
    .filter((each): each is Kind => each instanceof kind);
