import fs from 'node:fs';
import path from 'node:path';
import { temporaryDirectory } from '../template/template';
import { WatchedProject } from './watched-project';

let project: WatchedProject;
beforeEach(async () => {
  project = await WatchedProject.start(
    temporaryDirectory(),
    `import { word } from '../words';
     export const handler = async () => ({ word, table: process.env.TABLE });`,
  );
});
afterEach(() => project.stop());

const handlerThatSays = (text: string) => `export const handler = async () => ${JSON.stringify(text)};`;

test('a handler that is saved is bundled alone and swapped, time and again', async () => {
  for (const text of ['one', 'two', 'three']) {
    project.said.length = 0;
    project.save('lambdas/worker/handler.ts', handlerThatSays(text));
    await project.until('reloaded');
    expect(await project.invoke()).toBe(text);
    expect(project.said.map(({ name }) => name)).toEqual(['changed', 'reloaded']);
    expect(project.said[0]?.args).toEqual([['lambdas/worker/handler.ts'], ['shop-worker'], false]);
  }
});

test('so is a file that it imports, also one that is written in place', async () => {
  fs.writeFileSync(path.join(project.folder, 'lambdas/words.ts'), "export const word = 'second';");
  await project.until('reloaded');
  expect(await project.invoke()).toEqual({ word: 'second', table: 'orders' });
});

test('what cannot be bundled is told with its place, and the old code stays until it can', async () => {
  project.save('lambdas/worker/handler.ts', 'export const handler = (;');
  const [error] = await project.until('notUpdated');
  expect((error as Error).message).toMatch(/^lambdas\/worker\/handler\.ts:1:25: Unexpected ";"$/);
  expect(await project.invoke()).toEqual({ word: 'first', table: 'orders' });
  project.save('lambdas/worker/handler.ts', handlerThatSays('mended'));
  await project.until('reloaded');
  expect(await project.invoke()).toBe('mended');
});

test('what the app imports is synthesized; a renamed table and the code that goes with it come together', async () => {
  project.save('lambdas/worker/handler.ts', 'export const handler = async () => process.env.TABLE;');
  project.save('lib/settings.ts', "export const table = 'renamed';");
  const [, takeover] = await project.until('updated');
  expect(takeover).toEqual({ how: 'restarted', because: ['Orders'], resumed: 0, left: [] });
  expect(project.running.current.tables.names).toEqual(['renamed']);
  expect(await project.invoke()).toBe('renamed');
  expect(project.said.map(({ name }) => name)).not.toContain('reloaded');
});

test('an app that fails leaves all as it was, and the file that mends it is enough', async () => {
  project.save('lib/settings.ts', "export { table } from './missing';");
  await project.until('notUpdated');
  expect(await project.invoke()).toEqual({ word: 'first', table: 'orders' });
  project.save('lib/missing.ts', "export const table = 'found';");
  await project.until('updated');
  expect(await project.invoke()).toEqual({ word: 'first', table: 'found' });
});

test('a synthesis brings back the code of the files, whatever was swapped before', async () => {
  const [handler, settings] = ['lambdas/worker/handler.ts', 'lib/settings.ts'].map((name) =>
    fs.readFileSync(path.join(project.folder, name), 'utf8'),
  );
  project.save('lambdas/worker/handler.ts', handlerThatSays('passing'));
  await project.until('reloaded');
  // As `git stash` does: all files at once are what they were.
  project.save('lambdas/worker/handler.ts', handler ?? '');
  project.save('lib/settings.ts', settings ?? '');
  await project.until('updated');
  expect(await project.invoke()).toEqual({ word: 'first', table: 'orders' });
});

test('files in folders that are made later, and made again, are seen', async () => {
  const extra = path.join(project.folder, 'lambdas/extra');
  for (const text of ['one', 'two']) {
    project.said.length = 0;
    fs.rmSync(extra, { recursive: true, force: true });
    fs.mkdirSync(extra);
    fs.writeFileSync(path.join(extra, 'more.ts'), `export const more = '${text}';`);
    project.save(
      'lambdas/worker/handler.ts',
      `import { more } from '../extra/more'; export const handler = async () => more;// ${text}`,
    );
    await project.until('reloaded');
    expect(await project.invoke()).toBe(text);
    project.said.length = 0;
    project.save('lambdas/extra/more.ts', `export const more = '${text} again';`);
    await project.until('reloaded');
    expect(await project.invoke()).toBe(`${text} again`);
  }
});

test('files that editors leave for a moment, and code that nobody imports, make nothing happen', async () => {
  for (const name of ['.handler.ts.swp', '4913', 'handler.ts~', 'notes.ts']) {
    fs.writeFileSync(path.join(project.folder, 'lambdas/worker', name), 'x');
  }
  fs.writeFileSync(path.join(project.folder, 'lambdas/worker/sedAbC123'), 'x');
  fs.rmSync(path.join(project.folder, 'lambdas/worker/sedAbC123'));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(project.said).toEqual([]);
});

test('a stack trace names the TypeScript line, in the log and in what the caller gets', async () => {
  const code = `import { word } from '../words';\n\nfunction fail(): never {\n  throw new Error(word);\n}\nexport const handler = async () => {\n  console.error(new Error('logged'));\n  fail();\n};\n`;
  project.save('lambdas/worker/handler.ts', code);
  await project.until('reloaded');
  const result = (await project.invoke()) as { errorMessage: string; trace: string[] };
  expect(result.errorMessage).toBe('first');
  expect(result.trace[1]).toMatch(/ \(?lambdas\/worker\/handler\.ts:4:9\)?$/);
  const [group] = project.running.current.logGroups.names;
  const lines = project.running.current.logGroups
    .filter(group ?? '', {})
    .events.map(({ message }) => message);
  expect(lines.join('\n')).toMatch(/lambdas\/worker\/handler\.ts:7:17/);
});
