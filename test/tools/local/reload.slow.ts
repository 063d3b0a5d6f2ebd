import { temporaryDirectory } from '../template/template';
import { WatchedProject } from './watched-project';

jest.setTimeout(600_000);

test('200 saves in a row by rename are all taken over, each handler within a second', async () => {
  const handler = (version: number) => `export const handler = async () => ${version};`;
  const project = await WatchedProject.start(temporaryDirectory(), handler(0));
  const times: number[] = [];
  for (let version = 1; version <= 200; version++) {
    const saved = performance.now();
    project.save('lambdas/worker/handler.ts', handler(version));
    await project.until('reloaded', version);
    times.push(performance.now() - saved);
    expect(await project.invoke()).toBe(version);
  }
  await project.stop();
  times.sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0);
  console.info(`From save to new code: median ${at(0.5)} ms, 95% ${at(0.95)} ms, longest ${at(1)} ms.`);
  expect(at(0.95)).toBeLessThan(1000);
});

test('saves that come faster than they can be bundled end with the last', async () => {
  const project = await WatchedProject.start(temporaryDirectory(), 'export const handler = async () => 0;');
  for (let version = 1; version <= 200; version++) {
    project.save('lambdas/worker/handler.ts', `export const handler = async () => ${version};`);
    if (version % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  while ((await project.invoke()) !== 200) await new Promise((resolve) => setTimeout(resolve, 20));
  await project.stop();
});
