/** Each mistake that is made in the decision on purpose is found by what its tests hold it against. */
import fs from 'node:fs';
import Module from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';
import { check, checkRandom, directed, type Implementation, newTally, smallSpace } from './decisions';

const ROOT = path.join(__dirname, '../../../..');

const DECIDE = 'tools/eventbridge/decide.ts';
const VALUE_SET = 'tools/eventbridge/value-set.ts';
const NETWORK = 'tools/eventbridge/network-set.ts';
const MACHINE = 'tools/eventbridge/text-machine.ts';
const DOMAIN = 'tools/proof/contracts/domain.ts';
const EXPRESSION = 'tools/proof/contracts/regular-expression.ts';

/** A text of a source file, and what stands there instead. */
type Mutant = readonly [name: string, file: string, original: string, mutated: string];

const MUTANTS: readonly Mutant[] = [
  [
    'an address of a network is told by its first number',
    NETWORK,
    'isInside(octet, value) ? stateOf',
    'true ? stateOf',
  ],
  [
    'any last number is one of the network',
    NETWORK,
    'value < VALUES && isInside(octet, value);',
    'value < VALUES;',
  ],
  [
    'no other spelling of an address is thought of',
    VALUE_SET,
    '[undefined, ...this.#regions].some(',
    '[undefined].some(',
  ],
  [
    'absence in arrays is decided by one element',
    DECIDE,
    'if (every.length + none.length > 1)',
    'if (every.length > 99)',
  ],
  [
    'absence beside another field is not looked for in the misses',
    DECIDE,
    'requireNoAbsenceInArrays([...every, ...none], each)',
    'requireNoAbsenceInArrays(every, each)',
  ],
  [
    'not all branches have to be missed',
    DECIDE,
    'find([], branches, domain',
    'find([], branches.slice(0, 1), domain',
  ],
  [
    'one element satisfies both rules',
    DECIDE,
    'together ?? inCases(domain, [one, other], (each) => findInTwoElements(one, other, each, isTaken))',
    'together',
  ],
  [
    'every array takes a second element',
    DECIDE,
    'if (takesSecond) continue;',
    'if (takesSecond || path) continue;',
  ],
  [
    'absence in one element is absence',
    DECIDE,
    '{ ...field, values: all(field.values, complement(ABSENT)) }',
    'field',
  ],
  [
    'optional parents are always there',
    DECIDE,
    'for (const present of [true, false])',
    'for (const present of [true])',
  ],
  [
    'one of the optional parents is enough',
    DECIDE,
    'optionalParents.every((parent)',
    'optionalParents.some((parent)',
  ],
  ['a branch is missed by any field', DECIDE, 'this.#complement(values)]', 'ANYTHING]'],
  [
    'a branch is missed if it has no open field',
    DECIDE,
    'return isMissed ? []',
    'return isMissed || misses.length === 0 ? []',
  ],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
  ['the complement is taken for the set', DECIDE, '`!${this.#id(set.set)}`', 'this.#id(set.set)'],
  ['only the first rule has to take the event', DECIDE, 'of every.flat())', 'of every[0] ?? [])'],
  [
    'the last branch of the other rule is forgotten',
    DECIDE,
    'const others = branchesOf(b);',
    'const others = branchesOf(b).slice(0, -1);',
  ],
  [
    'anything-but takes absence',
    VALUE_SET,
    'return all(complement(ABSENT), complement(passing(test.but)));',
    'return complement(passing(test.but));',
  ],
  [
    'anything-but takes texts only',
    VALUE_SET,
    'return all(complement(ABSENT), complement(passing(test.but)));',
    "return all(types('string'), complement(passing(test.but)));",
  ],
  [
    'presence is anything',
    VALUE_SET,
    'return test.exists ? complement(ABSENT) : ABSENT;',
    'return test.exists ? ANYTHING : ABSENT;',
  ],
  ['the ends of intervals are forgotten', VALUE_SET, 'new Set([...cuts, ...between])', 'new Set(between)'],
  ['what lies between the ends is forgotten', VALUE_SET, 'new Set([...cuts, ...between])', 'new Set(cuts)'],
  ['an integer is any number', VALUE_SET, '(!atom.integer || Number.isInteger(value))', 'true'],
  [
    'a multiple is any number',
    VALUE_SET,
    '(atom.multipleOf === undefined || value % atom.multipleOf === 0)',
    'true',
  ],
  [
    'no common multiple is thought of',
    VALUE_SET,
    'factors.push(...factors.map((each) => leastCommonMultiple(each, factor)));',
    'factors.push(factor);',
  ],
  ['multiples are looked for near 0 only', VALUE_SET, 'Math.floor(low / factor)', '0'],
  ['large multiples are forgotten', VALUE_SET, '...large.flatMap((each) => [each, -each]),', ''],
  ['case is ignored one way', VALUE_SET, '[char.toLowerCase(), char.toUpperCase()]', '[char.toLowerCase()]'],
  ['a wildcard is nothing', VALUE_SET, "(i > 0 ? (['anything'] as const) : [])", '([] as const)'],
  [
    'a suffix is a prefix',
    VALUE_SET,
    "texts(sequence(['anything', ...letters(test.text, test.ignoreCase)]))",
    "texts(sequence([...letters(test.text, test.ignoreCase), 'anything']))",
  ],
  ['not is forgotten', VALUE_SET, 'return value === undefined ? undefined : !value;', 'return value;'],
  [
    'an open verdict counts as no',
    VALUE_SET,
    'if (value === undefined) result = undefined;',
    'if (value === undefined) result = false;',
  ],
  ['null is no value', VALUE_SET, '[undefined, null, true, false]', '[undefined, true, false]'],
  [
    'a verdict is settled at once',
    MACHINE,
    'return set.length === 0 || set.some((each) => this.#universal.has(each));',
    'return true;',
  ],
  [
    'a text of the greatest length is too long',
    MACHINE,
    'state >= min && state <= max',
    'state >= min && state < max',
  ],
  [
    'the last unit of a range is not in it',
    MACHINE,
    'from <= unit && unit <= to',
    'from <= unit && unit < to',
  ],
  [
    'dead states are kept for open',
    MACHINE,
    'for (const state of found) for',
    'for (const state of finals) for',
  ],
  [
    'an array is never empty',
    DOMAIN,
    'const mayBeEmpty = way.isOptional || minItems === 0;',
    'const mayBeEmpty = false;',
  ],
  ['what a schema excludes may be there', DOMAIN, 'if (not) sets.push(complement(scalars(not, path)));', ''],
  [
    'of alternatives, two may hold where one is to',
    DOMAIN,
    'sets.push(exactlyOne(oneOf.map((each) => scalars(each, path))));',
    'sets.push(any(...oneOf.map((each) => scalars(each, path))));',
  ],
  [
    'only the first alternative is thought of',
    DECIDE,
    'for (const each of domain.cases?.(paths) ?? [domain])',
    'for (const each of (domain.cases?.(paths) ?? [domain]).slice(0, 1))',
  ],
  ['an alternative that cannot be told is none', DECIDE, 'if (undecided) throw undecided;', ''],
  ['an optional field is always there', DOMAIN, 'way.isOptional ? any(values, ABSENT) : values', 'values'],
  ['a required field may be left out', DOMAIN, 'isOptional: !child.isRequired', 'isOptional: true'],
  [
    'length counts UTF-16 units only',
    DOMAIN,
    "texts(lengthBetween(min, max, 'points'))",
    "texts(lengthBetween(min, max, 'units'))",
  ],
  [
    'an exclusive bound is inclusive',
    DOMAIN,
    'bound(schema.exclusiveMaximum, false)',
    'bound(schema.exclusiveMaximum, true)',
  ],
  ['an exclusive bound is ignored', DOMAIN, 'bound(schema.exclusiveMinimum, false)', 'undefined'],
  [
    'optional objects are always there',
    DOMAIN,
    'const parent = way.isOptional ?',
    'const parent = way.isOptional && way.path === "" ?',
  ],
  [
    'an undeclared field may be there',
    DOMAIN,
    'values: ABSENT, isPlain: true',
    "values: types('null'), isPlain: true",
  ],
  ['an expression is anchored always', EXPRESSION, '...(hasStart ? [] : [anything()])', '...[]'],
  ['an expression is anchored never', EXPRESSION, '...(hasEnd ? [] : [anything()])', '...[anything()]'],
  ['an expression is read without the flag u only', EXPRESSION, "['u', '']", "['']"],
];

/** The decision with a mistake in it, and the matcher without. */
async function load([, file, original, mutated]: Mutant): Promise<Implementation> {
  const result = await build({
    stdin: {
      contents: [DECIDE, DOMAIN, 'tools/eventbridge/event-pattern.ts']
        .map((each) => `export * from './${each}';`)
        .join('\n'),
      resolveDir: ROOT,
    },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
    plugins: [
      {
        name: 'mutate',
        setup: ({ onLoad }) => {
          onLoad({ filter: /\.ts$/ }, ({ path: loaded }) => {
            if (loaded !== path.join(ROOT, file)) return undefined;
            const text = fs.readFileSync(loaded, 'utf8');
            if (text.split(original).length !== 2) throw new Error(`${file} has not one ${original}`);
            return { contents: text.replace(original, () => mutated), loader: 'ts' };
          });
        },
      },
    ],
  });
  const module = new Module(path.join(ROOT, 'mutant.js')) as Module & {
    _compile(code: string, file: string): void;
  };
  module.paths = [path.join(ROOT, 'node_modules')];
  module._compile(result.outputFiles[0]?.text ?? '', path.join(ROOT, 'mutant.js'));
  return module.exports;
}

/** @returns what is wrong with it, or undefined if nothing was found */
function firstMistake(implementation: Implementation): string | undefined {
  const tally = newTally();
  try {
    for (const each of directed) {
      const own = newTally();
      check(implementation, each, own, 2_000);
      tally.contradictions.push(...own.contradictions);
      for (const question of ['takes', 'overlap', 'inside'] as const) {
        const expected = each[question];
        if (expected && !own.verdicts[`${question}: ${expected}`])
          return `${each.name}: ${JSON.stringify(own.verdicts)}`;
      }
      if (tally.contradictions.length > 0) return tally.contradictions[0];
    }
    let i = 0;
    for (const each of smallSpace()) if (i++ % 5 === 0) check(implementation, each, tally);
    for (let seed = 1; seed <= 10 && tally.contradictions.length === 0; seed++) {
      checkRandom(implementation, 200, seed, tally);
    }
  } catch (error) {
    return String(error);
  }
  return tally.contradictions[0];
}

test('without a mistake, none is found', async () => {
  expect(
    firstMistake(await load(['', DECIDE, 'const BUDGET = 30_000;', 'const BUDGET = 30_000;'])),
  ).toBeUndefined();
}, 300_000);

test.each(MUTANTS)(
  '%s',
  async (...mutant) => {
    expect(firstMistake(await load(mutant))).toBeDefined();
  },
  300_000,
);
