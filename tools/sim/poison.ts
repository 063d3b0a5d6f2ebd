/** Details that a contract refuses, each by one wrong field. */
import type { Contract } from '../app';
import type { Random } from './random';

/** Wrong values, by their names. */
const WRONG: Readonly<Record<string, (malformed: string) => unknown>> = {
  null: () => null,
  'a number': () => 7,
  'a negative number': () => -1,
  'a number beyond all': () => 1e300,
  'a fraction': () => 0.1 + 0.2,
  'an empty text': () => '',
  'a long text': () => 'x'.repeat(2_000),
  'a number as a text': () => '12',
  'a control character': () => '\u0000',
  'half a surrogate pair': () => '\ud800',
  'a text of another alphabet': () => 'ü@',
  'a path': () => '../../etc/passwd',
  'a template': () => '<detail.status>',
  'a day that does not exist': () => '2026-02-30T25:00:00Z',
  true: () => true,
  'an empty list': () => [],
  'a list of null': () => [null],
  'an empty object': () => ({}),
  'an object': () => ({ a: { b: 1 } }),
  'a deep object': () => Array.from({ length: 40 }).reduce<unknown>((inner) => [inner], 'x'),
  'an object with __proto__': () => JSON.parse('{"__proto__": {"status": "SHIPPED"}}'),
  'malformed personal data': (malformed) => malformed,
};

/** Changes of the whole detail, by their names. */
const CHANGED: Readonly<Record<string, (detail: Record<string, unknown>, name: string) => unknown>> = {
  'a missing field': ({ ...detail }, name) => {
    delete detail[name];
    return detail;
  },
  'no metadata': ({ metadata: _, ...detail }) => detail,
  'a version of the future': (detail) => ({
    ...detail,
    metadata: { ...(detail.metadata as object), version: 99 },
  }),
  'a version that is no number': (detail) => ({
    ...detail,
    metadata: { ...(detail.metadata as object), version: '1' },
  }),
};

/** Names of all kinds. */
export const POISONS: readonly string[] = [...Object.keys(WRONG), ...Object.keys(CHANGED)];

/** @param malformed personal data that contracts refuse */
export function poisonOf(contract: Contract, random: Random, eventId: string, malformed: string): object {
  const detail: Record<string, unknown> = { ...contract.create(contract.example, { eventId }) };
  const names = Object.keys(contract.schema.entries);
  for (let tries = 0; tries < 200; tries++) {
    const changed = poisoned(detail, random.pick(names), random.pick(POISONS), malformed);
    if (contract.problem(envelopeOf(contract, changed))) return changed;
  }
  return { metadata: 'none' };
}

function poisoned(detail: Record<string, unknown>, name: string, kind: string, malformed: string): object {
  const wrong = WRONG[kind];
  if (wrong) return { ...detail, [name]: wrong(malformed) };
  return CHANGED[kind]?.(detail, name) as object;
}

const envelopeOf = ({ source, detailType }: Contract, detail: object) => ({
  ...{ version: '0', id: '00000000-0000-4000-8000-000000000000', 'detail-type': detailType, source },
  ...{ account: '000000000000', time: '2026-01-15T10:00:00Z', region: 'us-east-1', resources: [], detail },
});
