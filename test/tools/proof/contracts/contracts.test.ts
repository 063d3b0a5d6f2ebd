import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import asyncApiSchema from '@asyncapi/specs/schemas/3.0.0-without-$id.json';
import Ajv from 'ajv';
import fc from 'fast-check';
import * as v from 'valibot';
import { APP, describeContract } from '../../../../bin/app-description';
import { EventContract } from '../../../../lambdas/contract';
import { OrderStatusChanged } from '../../../../lambdas/events';
import type { Contract } from '../../../../tools/app';
import { asyncApi, contractFiles } from '../../../../tools/proof/contracts/catalogue';
import {
  type ContractChange,
  checkContracts,
  releaseContracts,
} from '../../../../tools/proof/contracts/contracts';
import { exampleEvent, isEventOf, variantsOf } from '../../../../tools/proof/contracts/variants';
import { TYPESCRIPT } from '../../../typescript';

const PLACE = { account: '123456789012', region: 'us-east-1' };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'contracts-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Definition {
  readonly version?: number;
  readonly previous?: { readonly contract: EventContract; readonly upcast: (detail: never) => object };
  readonly personalData?: readonly (keyof typeof ENTRIES)[];
  readonly example?: object;
}

/** A contract that a test makes up: an invoice was sent. */
function invoiceSent(entries: v.ObjectEntries, definition: Definition = {}) {
  return describeContract(invoiceContract(entries, definition));
}

function invoiceContract(
  entries: v.ObjectEntries,
  { version = 1, personalData = [], example = {}, previous }: Definition = {},
) {
  return new EventContract({
    source: 'billing',
    detailType: 'InvoiceSent',
    version,
    ...(previous && { previous: previous as never }),
    schema: v.object({ ...ENTRIES, ...entries }),
    complete: (detail) => detail,
    personalData,
    example: { invoiceId: 'invoice-1', status: 'SENT', amount: 10, note: 'by post', ...example },
  });
}
const ENTRIES = {
  invoiceId: v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/)),
  status: v.picklist(['SENT', 'PAID']),
  amount: v.pipe(v.number(), v.minValue(0), v.maxValue(1_000)),
  note: v.optional(v.string()),
  lines: v.optional(v.array(v.object({ text: v.string() }))),
  email: v.optional(v.string()),
};

/** Releases one contract and compares another with it. */
function changes(before: Contract, after: Contract): readonly ContractChange[] {
  releaseContracts(checkContracts([before], folder), folder);
  return checkContracts([after], folder).changes;
}

const told = (all: readonly ContractChange[]): string[] =>
  all.map(({ field, breaking, reason }) => `${breaking ? 'breaking' : 'fine'}: ${field}: ${reason}`);

describe('the catalogue in contracts/', () => {
  test('is that of the contracts (`npm run contracts`)', () => {
    expect(checkContracts(APP.contracts, 'contracts', APP.catalogue)).toEqual({
      changes: [],
      outdated: new Map(),
    });
  });

  test('has a valid AsyncAPI 3.0 document', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    // The specification's schema is of draft 7, which is Ajv's own.
    const validate = ajv.compile(asyncApiSchema);
    const document = JSON.parse(readFileSync('contracts/asyncapi.json', 'utf8'));
    validate(document);
    expect(validate.errors).toBeNull();
    expect(validate({ ...document, channels: { events: { address: 5 } } })).toBe(false);
  });

  test('has no reference in the AsyncAPI document that leads nowhere', () => {
    const document = JSON.parse(JSON.stringify(asyncApi(APP.contracts, APP.catalogue)));
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(
      ([, path]) => path ?? '',
    );
    expect(references.length).toBeGreaterThan(APP.contracts.length);
    for (const path of references) {
      // biome-ignore lint/suspicious/noExplicitAny: any part of the document
      const part = path.split('/').reduce((node: any, key) => node?.[key], document);
      expect([path, part]).toEqual([path, expect.any(Object)]);
    }
  });

  test.each(APP.contracts.map((contract) => [contract.type, contract] as const))(
    'describes %s: its JSON Schema takes every example, and nothing that lacks a required field',
    (_, contract) => {
      const { schema, examples } = contractFiles(contract);
      // The contracts' regular expressions are not in Unicode mode, which is Ajv's default.
      const ajv = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false });
      const validate = ajv.compile(schema);
      for (const example of examples) {
        validate(example);
        expect(validate.errors).toBeNull();
        expect(isEventOf(contract, { ...exampleEvent(contract, PLACE), detail: example })).toBe(true);
      }
      for (const field of schema.required ?? []) {
        expect(validate({ ...contract.example, [field]: undefined })).toBe(false);
      }
    },
  );
});

describe('within a version', () => {
  const before = invoiceSent({});

  test('an unchanged contract has no changes', () => {
    expect(changes(before, invoiceSent({}))).toEqual([]);
  });

  test('an optional field may be added', () => {
    expect(told(changes(before, invoiceSent({ dueDate: v.optional(v.string()) })))).toEqual([
      'fine: dueDate: is new and optional',
    ]);
  });

  test('a description may change', () => {
    const regex = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/, 'an id'));
    expect(told(changes(before, invoiceSent({ invoiceId: regex })))).toEqual([
      'fine: invoiceId: is described as "an id", was nothing',
    ]);
  });

  test.each<[string, Contract, Contract, string, RegExp]>([
    [
      'a required field is added',
      before,
      invoiceSent({ dueDate: v.string() }, { example: { dueDate: 'soon' } }),
      'dueDate',
      /^is new and required: events that are archived .* do not have it$/,
    ],
    [
      'an optional field becomes required',
      before,
      invoiceSent({ note: v.string() }),
      'note',
      /^is required now: events that are archived .* may be without it$/,
    ],
    [
      'a required field becomes optional',
      before,
      invoiceSent({ amount: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1_000))) }),
      'amount',
      /^is optional now: consumers .* count on it$/,
    ],
    [
      'a field is removed',
      invoiceSent({ extra: v.optional(v.string()) }),
      before,
      'extra',
      /^is removed: consumers .* would miss it/,
    ],
    [
      'a type changes',
      before,
      invoiceSent({ note: v.optional(v.number()) }, { example: { note: 1 } }),
      'note',
      /^type was "string" and is "number"/,
    ],
    [
      'a value is taken out of a set',
      before,
      invoiceSent({ status: v.picklist(['SENT']) }),
      'status',
      /^no longer takes "PAID": events that are archived/,
    ],
    [
      'a value is put into a set',
      before,
      invoiceSent({ status: v.picklist(['SENT', 'PAID', 'LOST']) }),
      'status',
      /^takes "LOST" now: consumers/,
    ],
    [
      'a pattern changes',
      before,
      invoiceSent({ invoiceId: v.pipe(v.string(), v.regex(/^[\w-]{1,32}$/)) }),
      'invoiceId',
      /^pattern was/,
    ],
    [
      'a bound becomes narrower',
      before,
      invoiceSent({ amount: v.pipe(v.number(), v.minValue(1), v.maxValue(1_000)) }),
      'amount',
      /^minimum was 0 and is 1: events that are archived/,
    ],
    [
      'a bound becomes wider',
      before,
      invoiceSent({ amount: v.pipe(v.number(), v.minValue(0), v.maxValue(2_000)) }),
      'amount',
      /^maximum was 1000 and is 2000: consumers/,
    ],
    [
      'a bound is dropped',
      before,
      invoiceSent({ amount: v.pipe(v.number(), v.minValue(0)) }),
      'amount',
      /^maximum was 1000 and is nothing: consumers/,
    ],
    [
      'a bound is put up',
      before,
      invoiceSent({ note: v.optional(v.pipe(v.string(), v.maxLength(100))) }),
      'note',
      /^maxLength was nothing and is 100: events that are archived/,
    ],
    [
      'a default changes',
      before,
      invoiceSent({ note: v.optional(v.string(), 'none') }),
      'note',
      /^the default was nothing and is "none"/,
    ],
    [
      'something deep inside changes',
      before,
      invoiceSent({ lines: v.optional(v.array(v.object({ text: v.string(), price: v.number() }))) }),
      'lines[].price',
      /^is new and required/,
    ],
    [
      'a field is no longer personal data',
      invoiceSent({}, { personalData: ['email'] }),
      before,
      'email',
      /^is no longer personal data: archived events have it/,
    ],
    [
      'a rule that is code becomes narrower, which no schema shows',
      before,
      invoiceSent({
        invoiceId: v.pipe(
          v.string(),
          v.regex(/^[\w-]{1,64}$/),
          v.check((id) => id.length < 64, 'short'),
        ),
      }),
      'invoiceId',
      /^refuses what was valid and may be in the archive: billing\/InvoiceSent: detail\.invoiceId: expected short/,
    ],
  ])('it is breaking when %s', (_, released, changed, field, reason) => {
    expect(changes(released, changed)).toContainEqual({
      contract: 'billing/InvoiceSent',
      field,
      breaking: true,
      reason: expect.stringMatching(reason),
    });
  });

  test('a contract must not go away, unless its files are deleted', () => {
    releaseContracts(checkContracts([before], folder), folder);
    expect(told(checkContracts([], folder).changes)).toEqual([
      `breaking: : the contract is gone: nobody reads its events any more, those in the archive included. To retire it, delete billing.InvoiceSent.v1.* in ${folder}.`,
    ]);
    for (const file of readdirSync(folder).filter((name) => name.startsWith('billing.')))
      rmSync(join(folder, file));
    expect(checkContracts([], folder).changes).toEqual([]);
  });

  test('a version must not go back', () => {
    expect(told(changes(invoiceSent({}, { version: 2 }), before))).toEqual([
      'breaking: : version 1 is older than 2, which is released',
    ]);
  });
});

describe('a new version', () => {
  const first = invoiceContract({}) as unknown as EventContract;
  type First = { readonly amount: number };
  const raised = (upcast: (detail: First) => object, entries: v.ObjectEntries = { amount: v.string() }) =>
    invoiceSent(entries, { version: 2, example: { amount: 'ten' }, previous: { contract: first, upcast } });
  const second = raised(({ amount, ...rest }) => ({ ...rest, amount: String(amount) }));

  test('may change everything, if an upcaster takes what was released', () => {
    expect(told(changes(invoiceSent({}), second))).toEqual([
      'fine: : version 2 is new; events of version 1 are still read. Deploy what consumes it before anybody publishes it: code before this refuses it.',
    ]);
  });

  test('is refused without an upcaster, since events of the old one would be lost', () => {
    const alone = invoiceSent({ amount: v.string() }, { version: 2, example: { amount: 'ten' } });
    expect(told(changes(invoiceSent({}), alone))).toContainEqual(
      expect.stringMatching(
        /^breaking: : version 2 has no upcaster from version 1: its events in the archive .* could not be read\. Keep version 1/,
      ),
    );
  });

  test.each<[string, (detail: First) => object, string, RegExp]>([
    [
      'an upcaster makes something that is not of the new version',
      (detail) => detail,
      'v1.amount',
      /detail\.amount: upcast from version 1 to 2: expected string, received 10\.$/,
    ],
    [
      'an upcaster makes it of some of them only',
      ({ amount, ...rest }) => ({ ...rest, amount: amount > 100 ? amount : String(amount) }),
      'v1.amount',
      /detail\.amount: upcast from version 1 to 2: expected string, received 1000\.$/,
    ],
    [
      'an upcaster throws',
      ({ amount, ...rest }) => {
        if (amount === 0) throw new RangeError('no amount');
        return { ...rest, amount: String(amount) };
      },
      'v1',
      /detail: upcast from version 1 to 2: RangeError: no amount$/,
    ],
  ])('is refused where %s', (_, upcast, field, reason) => {
    expect(changes(invoiceSent({}), raised(upcast))).toContainEqual({
      contract: 'billing/InvoiceSent',
      field,
      breaking: true,
      reason: expect.stringMatching(reason),
    });
  });

  test('leaves the version before it as it was released', () => {
    const changed = invoiceContract({ note: v.string() }) as unknown as EventContract;
    const previous = {
      contract: changed,
      upcast: ({ amount, ...rest }: First) => ({ ...rest, amount: String(amount) }),
    };
    const other = invoiceSent({ amount: v.string() }, { version: 2, example: { amount: 'ten' }, previous });
    expect(changes(invoiceSent({}), other)).toContainEqual(
      expect.objectContaining({ field: 'v1.note', breaking: true }),
    );
  });

  test('is released beside the old one, and is what the next change is held against', () => {
    changes(invoiceSent({}), second);
    releaseContracts(checkContracts([second], folder), folder);
    expect(readdirSync(folder).filter((file) => file.endsWith('.schema.json'))).toEqual([
      'billing.InvoiceSent.v1.schema.json',
      'billing.InvoiceSent.v2.schema.json',
    ]);
    expect(checkContracts([second], folder)).toEqual({ changes: [], outdated: new Map() });
    const third = invoiceSent(
      { amount: v.number() },
      { version: 2, previous: { contract: first, upcast: (detail: First) => detail } },
    );
    expect(checkContracts([third], folder).changes).toContainEqual(
      expect.objectContaining({ field: 'amount', breaking: true }),
    );
  });

  test('follows its own contract, one version after the other', () => {
    const make = (version: number) => () =>
      raisedTo(version, invoiceContract({}, { version: 1 }) as unknown as EventContract);
    const raisedTo = (version: number, contract: EventContract) =>
      invoiceContract({}, { version, previous: { contract, upcast: (detail: First) => detail } });
    expect(make(2)).not.toThrow();
    expect(make(3)).toThrow(
      'Version 3 of billing/InvoiceSent cannot follow version 1 of billing/InvoiceSent.',
    );
  });

  test('has to be said in each event, since an event without a version is of version 1', () => {
    const { schema } = contractFiles(second);
    expect(schema.required).toContain('metadata');
    expect(schema.properties?.metadata?.required).toEqual(['version']);
  });
});

test('whatever passes as not breaking leaves every event readable, for old code and for new', () => {
  const field = fc.oneof(
    fc.record({ kind: fc.constant('text' as const), max: fc.integer({ min: 8, max: 10 }) }),
    fc.record({ kind: fc.constant('number' as const), max: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ kind: fc.constant('status' as const), max: fc.integer({ min: 1, max: 3 }) }),
  );
  const optionalField = fc.record({ field, optional: fc.boolean() });
  const fields = fc.dictionary(fc.constantFrom('a', 'b'), optionalField, { noNullPrototype: true });
  type Fields = Record<
    string,
    { field: { kind: 'text' | 'number' | 'status'; max: number }; optional: boolean }
  >;
  const STATUSES = ['NEW', 'OLD', 'GONE'];
  const entry = ({ field: { kind, max }, optional }: Fields[string]) => {
    const schema = {
      text: v.pipe(v.string(), v.maxLength(max)),
      number: v.pipe(v.number(), v.maxValue(max)),
      status: v.picklist(STATUSES.slice(0, max)),
    }[kind];
    return optional ? v.optional(schema) : schema;
  };
  const sample = { text: 'text', number: 1, status: 'NEW' };
  const contract = (given: Fields): Contract =>
    invoiceSent(Object.fromEntries(Object.entries(given).map(([name, each]) => [name, entry(each)])), {
      example: Object.fromEntries(
        Object.entries(given).map(([name, each]) => [name, sample[each.field.kind]]),
      ),
    });
  const eventsOf = (one: Contract) => variantsOf(one, exampleEvent(one, PLACE)).map(({ event }) => event);

  const outcomes = { breaking: 0, fine: 0 };
  fc.assert(
    fc.property(fields, fields, fc.boolean(), (one, other, isAddition) => {
      rmSync(folder, { recursive: true });
      const [before, after] = [contract(one), contract(isAddition ? { ...other, ...one } : other)];
      if (changes(before, after).some(({ breaking }) => breaking)) {
        outcomes.breaking++;
        return;
      }
      outcomes.fine++;
      for (const event of eventsOf(before)) expect(isEventOf(after, event)).toBe(true);
      for (const event of eventsOf(after)) expect(isEventOf(before, event)).toBe(true);
    }),
    { numRuns: 40 },
  );
  // Both happened, so the property says something.
  expect(Math.min(outcomes.breaking, outcomes.fine)).toBeGreaterThan(0);
});

describe('npm run contracts', () => {
  const contracts = (...args: string[]) =>
    spawnSync(process.execPath, [...TYPESCRIPT, 'bin/contracts.ts', ...args], {
      encoding: 'utf8',
    });
  const statusSchema = `app.orders.OrderStatusChanged.v${OrderStatusChanged.version}.schema.json`;

  test('writes the catalogue, once', () => {
    const first = contracts('--directory', folder);
    expect(first.stdout).toContain('● fine: app.orders/OrderCreated: version 1 is new');
    expect(first.status).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(readdirSync('contracts').sort());
    const again = contracts('--directory', folder, '--check');
    expect(again.stdout).toBe('The catalogue is up to date.\n');
    expect(again.status).toBe(0);
  });

  test('--check fails if there is something to write, and does not write it', () => {
    const { status, stdout } = contracts('--directory', folder, '--check');
    expect(stdout).toMatch(
      /Out of date: .*asyncapi\.json\. Run `npm run contracts` and commit what it writes\./,
    );
    expect(status).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a breaking change fails with the field and the reason, and nothing is written', () => {
    cpSync('contracts', folder, { recursive: true });
    const released = readFileSync(join(folder, statusSchema), 'utf8').replace(
      '"SHIPPED",',
      '"SHIPPED",\n"LOST",',
    );
    writeFileSync(join(folder, statusSchema), released);
    const { status, stdout } = contracts('--directory', folder);
    expect(stdout).toContain('✗ breaking: app.orders/OrderStatusChanged: status: no longer takes "LOST"');
    expect(status).toBe(1);
    expect(readFileSync(join(folder, statusSchema), 'utf8')).toBe(released);
  });

  test.each([
    ['a schema that is not JSON', statusSchema, '{', `${statusSchema} is not JSON`],
    [
      'a schema of another contract',
      statusSchema,
      '{"x-source": "a"}',
      `${statusSchema} is of a.undefined.vundefined`,
    ],
    [
      'an example that is not JSON',
      statusSchema.replace('.schema.json', '.examples.jsonl'),
      '{}\n{',
      'examples.jsonl:2 is not JSON',
    ],
  ])('%s is one line and exit code 2', (_, file, text, message) => {
    cpSync('contracts', folder, { recursive: true });
    writeFileSync(join(folder, file), text);
    const { status, stderr } = contracts('--directory', folder);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(status).toBe(2);
  });

  test('an unknown flag is one line and exit code 2', () => {
    const { status, stderr } = contracts('--force');
    expect(stderr).toBe("error: unknown option '--force'\n");
    expect(status).toBe(2);
  });
});
