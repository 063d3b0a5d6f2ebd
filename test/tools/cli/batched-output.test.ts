import { setImmediate as turn } from 'node:timers/promises';
import { BatchedOutput } from '../../../tools/cli/batched-output';

test('what is written in one turn goes out at once, in its order; what comes later, later', async () => {
  const written: string[] = [];
  const output = new BatchedOutput({ write: (text) => written.push(String(text)) > 0 });
  output.write('a\n');
  output.write('b\n');
  expect(written).toEqual([]);
  await turn();
  output.write('c\n');
  await turn();
  await turn();
  expect(written).toEqual(['a\nb\n', 'c\n']);
});
