import { Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** All constructs of a class in the stack of `scope`, in order of creation. */
export const constructsOf = <Kind extends IConstruct>(
  scope: IConstruct,
  // biome-ignore lint/suspicious/noExplicitAny: a constructor's parameters do not matter here.
  kind: abstract new (...args: any[]) => Kind,
): Kind[] =>
  Stack.of(scope)
    .node.findAll()
    .filter((each): each is Kind => each instanceof kind);
