import fs from 'node:fs';
import path from 'node:path';
import { Unfinished } from '../../../../tools/local/services/unfinished';
import { temporaryDirectory } from '../../template/template';

const newFile = () => path.join(temporaryDirectory(), 'work.jsonl');
const works = (store: Unfinished<string>) => store.restored().map(([work]) => work);

test('what is not finished is there after a restart, as it was last, in its order', () => {
  const file = newFile();
  const before = new Unfinished<string>(file);
  const [a, b] = [before.keep('a'), before.keep('b')];
  before.keep('c');
  a.update('a again');
  b.finish();
  b.finish();
  // Not closed: the process was killed.
  const after = new Unfinished<string>(file);
  expect(works(after)).toEqual(['a again', 'c']);
  after.keep('d');
  expect(works(new Unfinished<string>(file))).toEqual(['a again', 'c', 'd']);
});

test('what was restored can be finished, and is then gone for good', () => {
  const file = newFile();
  new Unfinished<string>(file).keep('a');
  const after = new Unfinished<string>(file);
  for (const [, kept] of after.restored()) kept.finish();
  expect(works(new Unfinished<string>(file))).toEqual([]);
});

test('what ends after the store was closed stays in it', () => {
  const file = newFile();
  const before = new Unfinished<string>(file);
  const kept = before.keep('a');
  before.close();
  kept.finish();
  expect(works(new Unfinished<string>(file))).toEqual(['a']);
});

test('a long run does not let the file grow', () => {
  const file = newFile();
  const store = new Unfinished<string>(file);
  store.keep('stays');
  for (let n = 0; n < 5000; n++) store.keep('x'.repeat(100)).finish();
  expect(fs.statSync(file).size).toBeLessThan(250_000);
  expect(works(new Unfinished<string>(file))).toEqual(['stays']);
});

test('without a file nothing is kept', () => {
  const store = new Unfinished<string>();
  store.keep('a').finish();
  expect(store.restored()).toEqual([]);
});

test('what this run has begun before it takes up the work of earlier runs is not taken up again', () => {
  const file = newFile();
  new Unfinished<string>(file).keep('of the run before');
  const store = new Unfinished<string>(file);
  store.keep('of this run');
  expect(works(store)).toEqual(['of the run before']);
});
