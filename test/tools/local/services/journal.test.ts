import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { Journal } from '../../../../tools/local/services/journal';

let file: string;
beforeEach(() => {
  file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'journal-')), 'deep', 'file.jsonl');
});
afterEach(() => fs.rmSync(path.dirname(path.dirname(file)), { recursive: true }));

function read(): unknown[] {
  const entries: unknown[] = [];
  Journal.open(file, (entry) => entries.push(entry)).close();
  return entries;
}

test('what was appended is read back, in its order', () => {
  const journal = Journal.open<unknown>(file, () => {});
  const entries = [1, 'zwei\nZeilen', { three: ['é', null] }];
  for (const entry of entries) journal.append(entry);
  journal.close();
  expect(read()).toEqual(entries);
});

test('rewriting replaces everything, and appending goes on behind it', () => {
  const journal = Journal.open<number>(file, () => {});
  for (const n of [1, 2, 3]) journal.append(n);
  journal.rewrite([2]);
  journal.append(4);
  journal.close();
  expect(read()).toEqual([2, 4]);
});

test('a process that ends at any byte of a write leaves all the entries before it, and room for more', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      (entries, cut) => {
        fs.rmSync(file, { force: true });
        const journal = Journal.open<string>(file, () => {});
        for (const entry of entries) journal.append(entry);
        journal.close();
        const { size } = fs.statSync(file);
        const left = cut % (size + 1);
        fs.truncateSync(file, left);
        const whole = fs.readFileSync(file).filter((byte) => byte === 10).length;
        const kept: string[] = [];
        const again = Journal.open<string>(file, (entry) => kept.push(entry));
        again.append('more');
        again.close();
        expect(kept).toEqual(entries.slice(0, whole));
        expect(read()).toEqual([...kept, 'more']);
      },
    ),
    { numRuns: 100 },
  );
});
