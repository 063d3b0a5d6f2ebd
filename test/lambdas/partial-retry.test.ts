import { BACKOFF, entryResult, sendWithRetries } from '../../lambdas/partial-retry';

const never = () => false;

test('the answer for an entry is its id, or its code and what the service says of it', () => {
  expect(entryResult('id-1')).toEqual({ id: 'id-1' });
  expect(entryResult(undefined, 'InternalFailure')).toEqual({ code: 'InternalFailure', message: '' });
});

test('an answer with neither an id nor a code, or without the entry at all, is a failure', async () => {
  expect(entryResult()).toMatchObject({ code: 'NoAnswer' });
  const { results } = await sendWithRetries(['a', 'b'], async () => [entryResult('id-1')], never, BACKOFF);
  expect(results).toEqual([{ id: 'id-1' }, expect.objectContaining({ code: 'NoAnswer' })]);
});

test('a network error is told by its code, also if it has no message', async () => {
  const refused = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
  const outcome = await sendWithRetries(['a', 'b'], () => Promise.reject(refused), never, BACKOFF);
  const failure = { code: 'ECONNREFUSED', message: 'AggregateError' };
  expect(outcome).toEqual({ results: [failure, failure], error: refused });
});

test('a pause takes its time', async () => {
  jest.useFakeTimers();
  const woken = jest.fn();
  const pause = BACKOFF.sleep(100).then(woken);
  await jest.advanceTimersByTimeAsync(99);
  expect(woken).not.toHaveBeenCalled();
  await jest.advanceTimersByTimeAsync(1);
  expect(woken).toHaveBeenCalled();
  await pause;
  jest.useRealTimers();
});
