/** Client of the page's API. Every call carries the token of the page's address. */
import type { Delta } from '../model';

/** Token from the fragment of the printed address; removed from the address bar at once. */
const token = takeToken();

function takeToken(): string {
  const [, given] = /^#token=([\w-]+)/.exec(location.hash) ?? [];
  if (given !== undefined) {
    sessionStorage.setItem('token', given);
    history.replaceState(null, '', location.pathname);
    return given;
  }
  return sessionStorage.getItem('token') ?? '';
}

/** Data of an exported run, which has no server. */
const exported = readExport();

function readExport(): { snapshot: unknown; pages: Record<string, unknown> } | undefined {
  const element = document.getElementById('run');
  return element ? JSON.parse(element.textContent ?? '') : undefined;
}

/** Error answer of the server; `message` is for the reader. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
}

/** @throws ApiError */
export async function call<Result>(method: string, path: string, body?: unknown): Promise<Result> {
  if (exported) {
    const [resource, id = ''] = path.split('/').map(decodeURIComponent);
    const found =
      resource === 'snapshot'
        ? exported.snapshot
        : resource === 'events' && method === 'GET'
          ? exported.pages[id]
          : undefined;
    if (found === undefined)
      throw new ApiError('This is an export of a run: it shows events, and does nothing.');
    return found as Result;
  }
  let response: Response;
  try {
    response = await fetch(`/_page/api/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError('The local run does not answer.');
  }
  const text = await response.text();
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  if (response.ok) return parsed as Result;
  const { message = `The local run answered ${response.status}.` } = (parsed ?? {}) as { message?: string };
  throw new ApiError(message);
}

/**
 * Follows the changes of the run until the connection ends.
 * @param after number of the newest known step
 */
export async function follow(after: number, take: (delta: Delta) => void): Promise<void> {
  if (exported) return new Promise(() => {});
  const response = await fetch(`/_page/api/changes?after=${after}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!response.ok || !response.body) throw new ApiError(`The local run answered ${response.status}.`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const messages = (rest + value).split('\n\n');
    rest = messages.pop() ?? '';
    for (const message of messages) {
      const data = message.split('\n').find((line) => line.startsWith('data: '));
      if (data) take(JSON.parse(data.slice('data: '.length)));
    }
  }
}
