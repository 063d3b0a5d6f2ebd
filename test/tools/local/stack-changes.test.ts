/** Changes of a template that a running stack takes over, and events of functions that are gone. */
import path from 'node:path';
import { Unfinished } from '../../../tools/local/services/unfinished';
import { needingRestart, orphanedInvocations } from '../../../tools/local/stack-changes';
import { assemblyOf, functionResources, temporaryDirectory } from '../template/template';

const rule = (more: object = {}) => ({
  Rule: { Type: 'AWS::Events::Rule', Properties: { EventPattern: { source: ['a'] }, ...more } },
});
const queue = (more: object = {}) => ({
  Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'q', ...more } },
});
const output = (more: object = {}) => ({
  Dashboard: { Type: 'AWS::CloudWatch::Dashboard', Properties: { DashboardBody: '{}', ...more } },
});

test.each<[string, object, object, string[]]>([
  ['nothing', queue(), queue(), []],
  ['a rule', rule(), rule({ State: 'DISABLED' }), []],
  ['a new rule', queue(), { ...queue(), ...rule() }, []],
  ['a dashboard that is gone', output(), {}, []],
  ['the settings of a queue', queue(), queue({ DelaySeconds: 5 }), ['Queue']],
  ['a new queue', {}, queue(), ['Queue']],
  ['a queue that is gone', queue(), {}, ['Queue']],
  ['the memory of a function', functionResources('Work'), functionResources('Work', { MemorySize: 256 }), []],
  [
    'the name of a function',
    functionResources('Work'),
    functionResources('Work', { FunctionName: 'other' }),
    ['Work'],
  ],
])('a change of %s', (_, before, after, ids) => {
  const [one, other] = [before, after].map((each) => assemblyOf(each as Record<string, object>));
  expect(needingRestart(one as never, other as never)).toEqual(ids);
});

test('events that wait for a function that is gone are told of, once', () => {
  const folder = temporaryDirectory();
  expect(orphanedInvocations(folder, [])).toEqual([]);
  expect(orphanedInvocations(undefined, [])).toEqual([]);
  for (const [name, events] of [
    ['kept', 1],
    ['gone', 2],
    ['idle', 0],
  ] as const) {
    const unfinished = new Unfinished<object>(path.join(folder, 'invocations', `${name}.jsonl`));
    for (let n = 0; n < events; n++) unfinished.keep({ n });
    unfinished.close();
  }
  const line = '2 events waited for the function gone, which is no longer in the template.';
  expect(orphanedInvocations(folder, [{ name: 'kept' }])).toEqual([line]);
  expect(orphanedInvocations(folder, [{ name: 'kept' }])).toEqual([]);
});
