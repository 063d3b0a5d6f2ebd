/**
 * Patterns that AWS's matcher, which the service runs, is known to get wrong. The engine here follows the documentation;
 * a rule with such a pattern may lose events in AWS.
 * @see https://github.com/aws/event-ruler (2.0.1)
 */
import type { EventPattern } from './event-pattern';
import type { Test } from './field-test';

/** Known bugs of the matcher that affect the pattern, one line each, naming the field. */
export function rulerBugs({ branches }: EventPattern): string[] {
  const fields = branches.flatMap(({ fields }) => fields);
  const ofFields = fields.flatMap(({ path, tests }) => fieldBugs(path, tests));
  return [...new Set([...sharedValues(branches), ...ofFields])];
}

/** A later alternative that shares a value with an earlier one on the same field loses its other values. */
function sharedValues(branches: EventPattern['branches']): string[] {
  return branches.flatMap(({ fields }, i) =>
    fields.flatMap(({ path, tests }) => {
      const values = valuesOf(tests);
      const isHit = branches.slice(0, i).some((earlier) => {
        const same = earlier.fields.find((field) => field.path === path);
        const before = same ? valuesOf(same.tests) : [];
        // With equal lists nothing is lost: no value is left over.
        return (
          values.some((value) => before.includes(value)) && values.some((value) => !before.includes(value))
        );
      });
      if (!isHit) return [];
      return [
        `${path}: two alternatives of $or share a value; AWS's matcher may ignore the other values of the later one. Give each value to one alternative only`,
      ];
    }),
  );
}

const valuesOf = (tests: readonly Test[]): string[] => tests.map((test) => JSON.stringify(test));

function fieldBugs(path: string, tests: readonly Test[]): string[] {
  const all = tests.flatMap((test) => (test.op === 'anything-but' ? [test, ...test.but] : [test]));
  const hasRange = all.some(({ op }) => op === 'numeric');
  return all.flatMap((test) => {
    const text = textOf(test);
    const found: string[] = [];
    if (text !== undefined && ignoresCase(test) && /[\ud800-\udfff]/.test(text)) {
      found.push(
        `${path}: AWS's matcher never finds ${JSON.stringify(text)} without regard to case: it has characters beyond U+FFFF`,
      );
    }
    if (text !== undefined && hasRange && /[^\0-\x7f]/.test(text)) {
      found.push(
        `${path}: AWS's matcher may miss ${JSON.stringify(text)}, a text with other than ASCII letters, beside a range of numbers`,
      );
    }
    if (test.op === 'cidr' && test.bits < 8 * test.network.length && test.network.length === 4) {
      found.push(
        `${path}: AWS's matcher takes IPv6 addresses for members of an IPv4 network that begins with the same bytes`,
      );
    }
    return found;
  });
}

function ignoresCase(test: Test): boolean {
  return (
    test.op === 'equals-ignore-case' || ((test.op === 'prefix' || test.op === 'suffix') && test.ignoreCase)
  );
}

function textOf(test: Test): string | undefined {
  switch (test.op) {
    case 'equals':
      return typeof test.value === 'string' ? test.value : undefined;
    case 'prefix':
    case 'suffix':
    case 'equals-ignore-case':
      return test.text;
    case 'wildcard':
      return test.parts.join('*');
    default:
      return undefined;
  }
}
