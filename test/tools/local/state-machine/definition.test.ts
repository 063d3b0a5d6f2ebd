/** Definitions that Step Functions refuses, and those that the local run does not know. */
import { compileDefinition } from '../../../../tools/local/state-machine/definition';
import {
  DefinitionError,
  UnknownInDefinitionError,
} from '../../../../tools/local/state-machine/states-error';
import { chain, task } from './executions';

const compile = (definition: object) => () => compileDefinition(JSON.stringify(definition));
const withRetry = (...entries: object[]) => chain(task({ Retry: entries }));

test.each<[string, object, RegExp]>([
  ['a start that is no state', { ...chain({ Type: 'Pass' }), StartAt: 'X' }, /StartAt leads to "X"/],
  ['a Next that is no state', chain({ Type: 'Pass', Next: 'X' }), /S1 leads to "X"/],
  [
    'neither Next nor End',
    { StartAt: 'S1', States: { S1: { Type: 'Pass' } } },
    /S1: it must have either Next/,
  ],
  ['both Next and End', chain({ Type: 'Pass', Next: 'S1', End: true }), /either Next or "End"/],
  ['no such type', chain({ Type: 'Loop', End: true }), /S1: there is no type Loop/],
  [
    'States.ALL beside another name',
    withRetry({ ErrorEquals: ['States.ALL', 'A'] }),
    /States.ALL must stand alone, in the last entry of Retry/,
  ],
  [
    'States.ALL before the last entry',
    chain(
      task({
        Catch: [
          { ErrorEquals: ['States.ALL'], Next: 'S1' },
          { ErrorEquals: ['A'], Next: 'S1' },
        ],
      }),
    ),
    /last entry of Catch/,
  ],
  [
    'an interval of 0',
    withRetry({ ErrorEquals: ['A'], IntervalSeconds: 0 }),
    /IntervalSeconds of Retry\[0\]/,
  ],
  ['a backoff below 1', withRetry({ ErrorEquals: ['A'], BackoffRate: 0.5 }), /BackoffRate of Retry\[0\]/],
  [
    'a largest delay below the first',
    withRetry({ ErrorEquals: ['A'], IntervalSeconds: 5, MaxDelaySeconds: 5 }),
    /MaxDelaySeconds of Retry\[0\] must be more/,
  ],
  [
    'a jitter of another name',
    withRetry({ ErrorEquals: ['A'], JitterStrategy: 'HALF' }),
    /FULL or NONE, not HALF/,
  ],
  ['an empty list of names', withRetry({ ErrorEquals: [] }), /ErrorEquals must be a list/],
  ['a path that is none', chain({ Type: 'Pass', InputPath: 'order' }), /begins with no \$/],
  ['a path with a hole', chain({ Type: 'Pass', InputPath: '$.a..' }), /is no path|does not know/],
  ['a ResultPath of many places', chain({ Type: 'Pass', ResultPath: '$.a[*]' }), /more than one place/],
  [
    'a ResultPath into the context object',
    chain({ Type: 'Pass', ResultPath: '$$.a' }),
    /no path into the input/,
  ],
  ['a Wait for nothing', chain({ Type: 'Wait' }), /a Wait has one of/],
  ['a Wait until no time', chain({ Type: 'Wait', Timestamp: 'noon' }), /cannot wait for "noon"/],
  [
    'a field with .$ and no path',
    chain({ Type: 'Pass', Parameters: { 'a.$': 'b' } }),
    /a\.\$ must be a path/,
  ],
  [
    'a comparison of another type',
    choice({ Variable: '$.a', NumericEquals: '1' }),
    /operand of another type/,
  ],
  ['a list of states', { StartAt: 'S1', States: [] }, /States must be an object/],
  ['what is no object', [], /states must be an object/],
  ['a state that is no object', { StartAt: 'S1', States: { S1: 7 } }, /S1: it must be an object/],
  ['a Choice without rules', chain({ Type: 'Choice', Choices: [] }), /Choices must be a list/],
  [
    'a rule that is no object',
    chain({ Type: 'Choice', Choices: [7] }),
    /a rule of a Choice must be an object/,
  ],
  ['an And of nothing', choice({ And: [] }), /And and Or of a Choice have a list/],
  ['an Or that is no list', choice({ Or: {} }), /And and Or of a Choice have a list/],
  ['a rule without a variable', choice({ IsNull: true }), /must have a Variable/],
  ['a StringMatches of no text', choice({ Variable: '$.a', StringMatches: 1 }), /must be a string/],
  ['a Parallel without branches', chain({ Type: 'Parallel' }), /Branches must be a list/],
  ['a branch that is no object', chain({ Type: 'Parallel', Branches: [1] }), /states must be an object/],
  ['a Map without a processor', chain({ Type: 'Map' }), /states must be an object/],
  ['a Retry that is no list', chain(task({ Retry: {} })), /Retry must be a list/],
  ['a Catch of what is no object', chain(task({ Catch: [1] })), /Catch must be a list/],
  ['seconds twice', chain({ Type: 'Wait', Seconds: 1, SecondsPath: '$.a' }), /both Seconds and SecondsPath/],
  ['a path that ends early', chain({ Type: 'Pass', InputPath: '$.a[' }), /\$\.a\[ is no path/],
  ...[
    ...['States.Format(', "States.Format('a') 'b'", "States.Format('a' 'b')", 'States.Format(a)'],
    ...['States.Format', 'States.(1)'],
  ].map((expression): [string, object, RegExp] => [
    `the expression ${expression}`,
    chain({ Type: 'Pass', Parameters: { 'a.$': expression } }),
    /is no intrinsic function \(at \d+\)/,
  ]),
  ['a rule of two comparisons', choice({ Variable: '$.a', IsNull: true, IsString: true }), /one comparison/],
])('%s is refused', (_, definition, message) => {
  expect(compile(definition)).toThrow(message);
  expect(compile(definition)).toThrow(
    expect.objectContaining({ name: expect.stringMatching(/DefinitionError$/) }),
  );
});

test.each<[object, RegExp]>([
  [chain({ Type: 'Pass', Assign: { a: 1 } }), /the state S1 has the field Assign/],
  [chain({ Type: 'Pass', InputPath: '$order' }), /S1 has the variable \$order/],
  [chain({ Type: 'Pass', InputPath: '$..id' }), /S1 has the path \$\.\.id/],
  [chain({ Type: 'Pass', InputPath: '$.items[?(@.a)]' }), /does not know \[\?/],
  [
    chain({ Type: 'Pass', Parameters: { 'a.$': 'States.Sum(1)' } }),
    /S1 has the intrinsic function States.Sum/,
  ],
  [chain(task({ HeartbeatSeconds: 1 })), /S1 has the field HeartbeatSeconds/],
  [
    chain(task({ Resource: 'arn:aws:states:::ecs:runTask.sync' })),
    /S1 has the resource arn:aws:states:::ecs:runTask\.sync/,
  ],
  [
    chain(task({ Parameters: { ClientContext: 'x' } })),
    /S1 has the parameter ClientContext of lambda:invoke/,
  ],
  [{ ...chain({ Type: 'Pass' }), QueryLanguage: 'JSONata' }, /the query language JSONata/],
  [choice({ Variable: '$.a', StringSounds: 'b' }), /S1 has the comparison StringSounds/],
  [choice({ Variable: '$.a', Sounds: 'b' }), /S1 has the comparison Sounds/],
  [choice({ Variable: '$.a', BooleanLessThan: true }), /S1 has the comparison BooleanLessThan/],
  [chain(task({ Resource: 'x' })), /S1 has the resource x/],
  [
    chain({
      Type: 'Map',
      ItemProcessor: { ...chain({ Type: 'Pass' }), ProcessorConfig: { Mode: 'DISTRIBUTED' } },
    }),
    /S1 has the mode DISTRIBUTED/,
  ],
  [
    chain({ Type: 'Parallel', Branches: [chain({ Type: 'Pass', Assign: {} })] }),
    /the state S1 has the field Assign/,
  ],
])('the local run names what it does not know of %j', (definition, message) => {
  expect(compile(definition)).toThrow(UnknownInDefinitionError);
  expect(compile(definition)).toThrow(message);
});

test('a definition that is no JSON is refused', () => {
  expect(() => compileDefinition('{')).toThrow(DefinitionError);
});

function choice(rule: object): object {
  return chain({ Type: 'Choice', Choices: [{ ...rule, Next: 'S1' }] });
}
