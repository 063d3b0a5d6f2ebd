import * as decide from '../../../../tools/eventbridge/decide';
import { compile } from '../../../../tools/eventbridge/event-pattern';
import { schemaDomain } from '../../../../tools/proof/contracts/domain';
import { check, checkRandom, newTally, smallSpace } from './decisions';

const implementation = { ...decide, compile, schemaDomain };

test('10,000 random pairs of rules are decided as their events say', () => {
  const tally = newTally();
  for (let seed = 1; seed <= 10; seed++) checkRandom(implementation, 1_000, seed, tally);
  expect(tally.contradictions).toEqual([]);
  expect(Object.keys(tally.undecided).sort()).toEqual([
    expect.stringContaining('IPv6'),
    expect.stringContaining('in the same array'),
  ]);
}, 600_000);

test('all pairs of a small space are decided as their events say', () => {
  const tally = newTally();
  for (const each of smallSpace()) check(implementation, each, tally);
  expect(tally.contradictions).toEqual([]);
}, 600_000);
