import { InFlight } from '../../../../tools/local/services/in-flight';

const later = () => new Promise<void>((resolve) => setImmediate(resolve));

test('waits for all work, also for what is added meanwhile', async () => {
  const inFlight = new InFlight();
  const done: string[] = [];
  inFlight.track(
    later().then(() => {
      inFlight.track(later().then(() => void done.push('added')));
      done.push('first');
    }),
  );
  await inFlight.settled();
  expect(done).toEqual(['first', 'added']);
});

test('a defect in the work is not swallowed by whoever waits', async () => {
  const inFlight = new InFlight();
  inFlight.track(later().then(() => Promise.reject(new Error('a defect'))));
  await expect(inFlight.settled()).rejects.toThrow('a defect');
});
