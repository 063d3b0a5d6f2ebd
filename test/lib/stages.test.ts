/** Stages by name and by pattern; those of a pattern leave nothing when they are destroyed. */
import { App } from 'aws-cdk-lib';
import type { Template } from 'aws-cdk-lib/assertions';
import { stagesOf } from '../../bin/stages';
import { ConfigError, parseStage, readConfig } from '../../lib/config';
import { assemblyOf } from '../tools/proof/assembly';
import { problemsOf } from './proven';
import { synthesize } from './synthesize';

/** Untyped, as the template is. */
type Json = ReturnType<Template['toJSON']>[string];

const stages = {
  production: {},
  dev: { projectName: 'shop' },
  'pr-*': { projectName: 'shop', logLevel: 'DEBUG' },
};
const read = (stage: string, given: object = stages) =>
  readConfig(new App({ context: { stages: given, stage } }).node);

test('a stage by a pattern has its settings, and names of its own', () => {
  expect(read('pr-42')).toMatchObject({
    stage: 'pr-42',
    prefix: 'shop-pr-42',
    logLevel: 'DEBUG',
    isEphemeral: true,
  });
  expect(read('dev')).toMatchObject({ prefix: 'shop-dev', isEphemeral: false });
  expect(stagesOf({ context: { stages } }).stackName('pr-42')).toBe('shop-pr-42');
});

test('a stage of its own name comes before a pattern', () => {
  const given = { ...stages, 'pr-1': { projectName: 'mine' } };
  expect(read('pr-1', given)).toMatchObject({ prefix: 'mine-pr-1', isEphemeral: false });
  expect(stagesOf({ context: { stages: given } }).stackName('pr-1')).toBe('mine-pr-1');
});

test.each([
  ['pr-', 'stage is "pr-", but must be one of cdk.json\'s stages: production, dev, pr-*.'],
  ['pr-*', 'stage is "pr-*", but must be 1 to 15'],
  [
    'pr-Feature',
    'stage is "pr-Feature", but must be 1 to 15 lower-case letters, digits or hyphens, a letter first.',
  ],
  ['pr-0123456789abc', 'stage is "pr-0123456789abc", but must be 1 to 15'],
])('the stage %s is refused', (stage, message) => {
  expect(() => read(stage)).toThrow(message);
  expect(() => read(stage)).toThrow(ConfigError);
});

test('a pattern is checked for every stage, and may not keep data', () => {
  expect(() => read('dev', { dev: {}, 'pr-*': { memry: 1 } })).toThrow(
    'cdk.json: stages.pr-*.memry is not a setting',
  );
  expect(() => read('dev', { dev: {}, 'pr-*': { retainData: true } })).toThrow(
    'cdk.json: stages.pr-*.retainData is true, but must be false: stages by a pattern leave nothing when they are destroyed. Give a stage that keeps its data a name.',
  );
});

describe('a stage by a pattern', () => {
  const settings = { analyticsAccessLogs: true, analyticsVersioning: true };
  const template = synthesize('pr-42', settings, 'pr-*').toJSON();
  const resources = Object.entries<Json>(template.Resources);
  const assembly = assemblyOf(template, 'event-driven-pr-42');
  const ofType = (type: string) => resources.filter(([, { Type }]) => Type === type);

  test('keeps no resource, and protects none', () => {
    expect(parseStage('pr-42', {}, 'pr-*').retainData).toBe(false);
    for (const [id, { DeletionPolicy = 'Delete', UpdateReplacePolicy = 'Delete', Properties }] of resources) {
      expect([id, DeletionPolicy, UpdateReplacePolicy]).toEqual([id, 'Delete', 'Delete']);
      expect([id, Properties?.DeletionProtectionEnabled ?? false]).toEqual([id, false]);
    }
  });

  test('empties every bucket, which could not be deleted otherwise', () => {
    const emptied = ofType('Custom::S3AutoDeleteObjects').map(
      ([, { Properties }]) => Properties.BucketName.Ref,
    );
    expect(emptied.sort()).toEqual(
      ofType('AWS::S3::Bucket')
        .map(([id]) => id)
        .sort(),
    );
    expect(emptied).toHaveLength(2);
  });

  test('has the log group of every function, and none of them may make another', () => {
    const groups = assembly.ofType('AWS::Logs::LogGroup').map(({ name }) => name);
    for (const { name, properties } of assembly.ofType('AWS::Lambda::Function')) {
      const group = properties.LoggingConfig?.LogGroup;
      expect([name, groups.includes(group)]).toEqual([name, true]);
    }
    const policies = ['AWS::IAM::Role', 'AWS::IAM::Policy']
      .flatMap(assembly.ofType)
      .map((each) => each.properties);
    expect(JSON.stringify(policies)).not.toMatch(/logs:(\*|CreateLogGroup)|AWSLambdaBasicExecutionRole/);
  });

  test('holds every other rule of the house', () => {
    expect(problemsOf(assembly)).toEqual([]);
  });
});
