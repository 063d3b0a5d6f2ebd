import type { FunctionError, InvocationRequest } from './lambda-environment';

export interface HandlerLog {
  readonly console: Readonly<Record<string, (...values: unknown[]) => void>>;
  error(what: string, error: unknown): void;
}

export declare function contextOf(
  environment: Readonly<Record<string, string | undefined>>,
  invocation: InvocationRequest & { readonly deadline: number },
  now: () => number,
): object;
export declare function readReference(
  reference: string,
  root: string,
): { readonly base: string; readonly exportName: string };
export declare function loadError(error: unknown): unknown;
export declare function notFound(base: string): Error;
export declare function exportedHandler(
  module: unknown,
  exportName: string,
  reference: string,
): (event: unknown, context: object) => unknown;
export declare function serialize(result: unknown): string;
export declare function describe(error: unknown): FunctionError;
export declare function makeLog(options: {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  readonly now: () => number;
  readonly requestId: () => string | undefined;
  readonly describe?: (error: unknown) => FunctionError;
}): HandlerLog;
