import * as decide from '../../../../tools/eventbridge/decide';
import { compile } from '../../../../tools/eventbridge/event-pattern';
import { schemaDomain } from '../../../../tools/proof/contracts/domain';
import { check, checkRandom, directed, newTally, smallSpace } from './decisions';

const implementation = { ...decide, compile, schemaDomain };

describe('about all events of a schema', () => {
  test.each(directed)('$name', (each) => {
    const tally = newTally();
    check(implementation, each, tally, 2_000);
    expect(tally.contradictions).toEqual([]);
    const decided = Object.keys(tally.verdicts).map((key) => key.split(': '));
    const expected = (['takes', 'overlap', 'inside'] as const).flatMap((question) =>
      each[question] ? [[question, each[question]]] : [],
    );
    expect(decided).toEqual(expect.arrayContaining(expected));
  });

  test('200 random pairs of rules are decided as their events say', () => {
    const tally = newTally();
    checkRandom(implementation, 200, 1, tally);
    expect(tally.contradictions).toEqual([]);
    for (const verdict of ['takes: every', 'takes: some', 'overlap: overlap', 'inside: outside']) {
      expect(tally.verdicts[verdict] ?? 0).toBeGreaterThan(10);
    }
    expect(Object.keys(tally.undecided).sort()).toEqual([
      expect.stringContaining('IPv6'),
      expect.stringContaining('in the same array'),
    ]);
  });

  test('all pairs of a small space are decided as their events say', () => {
    const tally = newTally();
    let i = 0;
    // Every seventh is of all kinds, too; the whole space is tried by the slow tests.
    for (const each of smallSpace()) if (i++ % 7 === 0) check(implementation, each, tally);
    expect(tally.contradictions).toEqual([]);
  });
});

describe('two rules, whatever the events', () => {
  test.each([
    [{ source: ['a'] }, { source: [{ prefix: 'a' }] }, 'inside', 'overlap'],
    [{ source: ['a'] }, { source: ['b'] }, 'outside', 'apart'],
    [{ source: ['a'], detail: { x: [1] } }, { source: ['a'] }, 'inside', 'overlap'],
    [{ source: ['a'] }, { source: ['a'], detail: { x: [1] } }, 'outside', 'overlap'],
    [{ detail: { x: [1] } }, { detail: { x: { y: [1] } } }, 'outside', 'overlap'],
    [{ source: [{ exists: true }] }, { source: [{ 'anything-but': 1 }] }, 'inside', 'overlap'],
    [{ 'replay-name': [{ exists: false }] }, { 'replay-name': [{ prefix: 'r' }] }, 'outside', 'apart'],
  ])('%j and %j', (a, b, inside, overlap) => {
    const [one, other] = [compile(a), compile(b)];
    expect(decide.inside(one, other, decide.ANY_EVENT).verdict).toBe(inside);
    expect(decide.overlap(one, other, decide.ANY_EVENT).verdict).toBe(overlap);
  });
});

test('a question that takes too many states is not told, and the same each time', () => {
  const detail = {
    type: 'object',
    properties: { a: { type: 'string', maxLength: 40_000 } },
    required: ['a'],
  };
  const schema = { type: 'object', properties: { detail }, required: ['detail'] };
  const domain = schemaDomain(schema, undefined, () => true);
  const pattern = compile({ detail: { a: [{ wildcard: '*a*' }, { 'anything-but': { wildcard: '*a*' } }] } });
  const answers = [1, 2].map(() => decide.takes(pattern, domain));
  expect(answers).toEqual(
    Array(2).fill({ verdict: 'cannot tell', reason: expect.stringContaining('states') }),
  );
});

test('what code refuses is not shown', () => {
  const schema = {
    type: 'object',
    properties: { detail: { type: 'object', properties: { a: { type: 'string' } } } },
  };
  const pattern = compile({ detail: { a: [{ prefix: 'a' }] } });
  const refusing = (accepts: (event: object) => boolean) =>
    decide.takes(pattern, schemaDomain(schema, {}, accepts));
  expect(refusing(() => false)).toEqual({
    verdict: 'cannot tell',
    reason: expect.stringContaining('accepted'),
  });
  const third = refusing(
    (event) => !JSON.stringify(event).includes('"a"}') && !JSON.stringify(event).includes('"aa"}'),
  );
  expect(third).toMatchObject({ verdict: 'some' });
});
