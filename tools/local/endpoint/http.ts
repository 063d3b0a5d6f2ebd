/** A request and a reply of HTTP, without a socket. */

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Parts are sent as they come, until the reader or the endpoint is gone. */
  readonly body: string | Buffer | AsyncIterable<string>;
}

/** A header's value; several of one name are one, as HTTP has it. */
export function header({ headers }: HttpRequest, name: string): string | undefined {
  return headers[name]?.toString();
}
