import fs from 'node:fs';
import path from 'node:path';
import { missingSteps, readSamples } from '../../../tools/local/samples';
import type { TimedStep } from '../../../tools/local/steps';
import { temporaryDirectory } from '../template/template';

const step = (more: object) =>
  ({ at: '', kind: 'message-published', topic: 'news', ...more }) as unknown as TimedStep;
const isMissing = (wanted: object, ...steps: TimedStep[]) =>
  missingSteps({ name: 's', entries: [], expected: [{ ...wanted }] }, steps).length === 1;

test.each<[object, object, boolean]>([
  [{ topic: 'news' }, { body: 'x' }, true],
  [{ topic: 'other' }, {}, false],
  [{ item: { a: 1 } }, { item: { a: 1, b: 2 } }, true],
  [{ item: { a: 1, b: 2 } }, { item: { a: 1 } }, false],
  [{ item: { a: [1, { b: 2 }] } }, { item: { a: [1, { b: 2, c: 3 }] } }, true],
  [{ item: { a: [1] } }, { item: { a: [1, 2] } }, false],
  [{ item: { a: [1] } }, { item: { a: 1 } }, false],
  [{ body: { a: { b: 1 } } }, { body: '{"a":{"b":1,"c":2}}' }, true],
  [{ body: { a: 1 } }, { body: 'no JSON' }, false],
  [{ body: '{"a":1}' }, { body: '{"a":1}' }, true],
  [{ a: null }, { a: null }, true],
  [{ a: 1 }, { a: '1' }, false],
])('%j is met by a step with %j: %p', (wanted, actual, isMet) => {
  expect(isMissing(wanted, step({ kind: 'else', topic: 'else' }), step(actual))).toBe(!isMet);
});

test('one step must have all of it', () => {
  expect(isMissing({ a: 1, b: 2 }, step({ a: 1 }), step({ b: 2 }))).toBe(true);
});

test('a project without samples has none', () => {
  expect(readSamples(temporaryDirectory())).toEqual([]);
});

test('samples are read in the order of their names, each with what it must lead to', () => {
  const directory = temporaryDirectory();
  for (const [folder, content] of [
    ['entries', '[{"Source": "a"}]'],
    ['expected', '[{"kind": "k"}]'],
  ] as const) {
    fs.mkdirSync(path.join(directory, folder));
    for (const name of ['two.json', 'one.json', 'notes.txt'])
      fs.writeFileSync(path.join(directory, folder, name), content);
  }
  expect(readSamples(directory)).toEqual(
    ['one', 'two'].map((name) => ({ name, entries: [{ Source: 'a' }], expected: [{ kind: 'k' }] })),
  );
});

test("the project's own samples all have expectations", () => {
  const samples = readSamples('samples');
  expect(samples.length).toBeGreaterThan(3);
  for (const { expected } of samples) expect(expected.length).toBeGreaterThan(0);
});
