/**
 * Compares the contracts with the released ones in `contracts/`. A version must stay compatible in both directions: the
 * code has to read every event that was ever valid (the archive replays it, queues hold it, a publisher may not be
 * redeployed yet), and consumers that use the released contract have to understand every event that is published from
 * now on. So within a version only optional fields may be added. Any other change needs a new version, with an
 * upcaster that accepts every released example of the earlier versions.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type CatalogueInfo, type Contract, versionsOf } from '../../app';
import { InputError } from '../../cli/errors';
import {
  ASYNCAPI_FILE,
  asyncApi,
  type ContractFiles,
  type ContractSchema,
  contractFiles,
  examplesFile,
  schemaFile,
} from './catalogue';
import type { JsonSchema } from './detail-schema';
import { exampleEvent } from './variants';

/** One difference between a contract and its released form. */
export interface ContractChange {
  /** `source/detail-type`. */
  readonly contract: string;
  /** Dotted path in the detail; empty if it concerns the whole contract. */
  readonly field: string;
  /** True if it needs a new version. */
  readonly breaking: boolean;
  /** The difference and, if it is breaking, for whom. */
  readonly reason: string;
}

export interface ContractsReport {
  readonly changes: readonly ContractChange[];
  /** Files that need an update, by name, each with its new text. */
  readonly outdated: ReadonlyMap<string, string>;
}

/**
 * Compares the contracts with the released ones.
 * @param directory directory of the released catalogue; may be missing before the first release
 * @throws InputError if a released file cannot be read, or a contract has no valid example
 */
export function checkContracts(
  contracts: readonly Contract[],
  directory: string,
  catalogue?: CatalogueInfo,
): ContractsReport {
  const released = readReleased(directory);
  const changes = [
    ...contracts.flatMap((contract) => compareContract(contract, released.get(contract.type))),
    ...[...released].flatMap(([type, files]) => {
      if (contracts.some((contract) => contract.type === type)) return [];
      const reason =
        'the contract is gone: nobody reads its events any more, those in the archive included. ' +
        `To retire it, delete ${files.map(({ name }) => `${name}.*`).join(', ')} in ${directory}.`;
      return [{ contract: type, field: '', breaking: true, reason }];
    }),
  ];
  const texts = catalogueTexts(contracts, catalogue);
  const outdated = [...texts].filter(([file, text]) => text !== readIfThere(join(directory, file)));
  return { changes, outdated: new Map(outdated) };
}

/** Writes the outdated files, which releases the contracts. */
export function releaseContracts({ outdated }: ContractsReport, directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const [file, text] of outdated) writeFileSync(join(directory, file), text);
}

/** Texts of all files of the catalogue, by file name. */
function catalogueTexts(contracts: readonly Contract[], catalogue?: CatalogueInfo): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { name, schema, examples } of contracts.flatMap(versionsOf).map(contractFiles)) {
    texts.set(schemaFile(name), json(schema));
    texts.set(examplesFile(name), examples.map((example) => `${JSON.stringify(example)}\n`).join(''));
  }
  texts.set(ASYNCAPI_FILE, json(asyncApi(contracts.flatMap(versionsOf), catalogue)));
  return texts;
}

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

/** The released versions of each contract, oldest first, by its type. */
function readReleased(directory: string): Map<string, ContractFiles[]> {
  const released = new Map<string, ContractFiles[]>();
  const files = existsSync(directory) ? readdirSync(directory) : [];
  for (const file of files.filter((each) => each.endsWith(schemaFile(''))).sort()) {
    const name = file.slice(0, -schemaFile('').length);
    const schema = parse(join(directory, file)) as ContractSchema;
    const { 'x-source': source, 'x-detail-type': detailType, 'x-version': version } = schema;
    if (`${source}.${detailType}.v${version}` !== name) {
      throw new InputError(
        `${join(directory, file)} is of ${source}.${detailType}.v${version}, by its x-source, x-detail-type and x-version.`,
      );
    }
    const lines = (readIfThere(join(directory, examplesFile(name))) ?? '').split('\n').filter(Boolean);
    const examples = lines.map(
      (line, i) => parse(`${join(directory, examplesFile(name))}:${i + 1}`, line) as object,
    );
    const type = `${source}/${detailType}`;
    released.set(type, [...(released.get(type) ?? []), { name, schema, examples }]);
  }
  for (const files of released.values()) files.sort((a, b) => versionOf(a) - versionOf(b));
  return released;
}

function readIfThere(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function parse(name: string, text = readFileSync(name, 'utf8')): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`${name} is not JSON (${(error as Error).message}).`);
  }
}

const versionOf = ({ schema }: ContractFiles): number => schema['x-version'];

function compareContract(contract: Contract, released: readonly ContractFiles[] = []): ContractChange[] {
  const { type, version } = contract;
  const about = (breaking: boolean, reason: string): ContractChange => ({
    contract: type,
    field: '',
    breaking,
    reason,
  });
  const newest = released.at(-1);
  if (!newest) return [about(false, `version ${version} is new`)];
  const before = versionOf(newest);
  if (version < before) return [about(true, `version ${version} is older than ${before}, which is released`)];
  const changes = released.flatMap((files) => compareVersion(contract, files));
  if (version === before) return changes;
  const reason =
    `version ${version} is new; events of version ${before} are still read. Deploy what consumes it before ` +
    'anybody publishes it: code before this refuses it.';
  return [about(false, reason), ...changes];
}

/** Changes of one released version. */
function compareVersion(contract: Contract, released: ContractFiles): ContractChange[] {
  const { type, version } = contract;
  const before = versionOf(released);
  const at = (field: string) =>
    before === version ? field : [`v${before}`, field].filter(Boolean).join('.');
  const now = versionsOf(contract).find((each) => each.version === before);
  if (!now) {
    const reason =
      `version ${version} has no upcaster from version ${before}: its events in the archive and in the queues, and ` +
      `those of publishers that are not upgraded yet, could not be read. Keep version ${before} as the previous one.`;
    return [{ contract: type, field: '', breaking: true, reason }];
  }
  const changes = compareSchemas(released.schema, contractFiles(now).schema);
  const told = new Set(changes.filter(({ breaking }) => breaking).map(({ field }) => field));
  const refusals = refusedExamples(contract, released.examples).filter(({ field }) => !told.has(field));
  return [...changes, ...refusals].map((change) => ({ contract: type, ...change, field: at(change.field) }));
}

type FieldChange = Omit<ContractChange, 'contract'>;

/**
 * Released examples that the code now refuses. Finds changes that JSON Schema cannot express, such as a check in code.
 */
function refusedExamples(contract: Contract, examples: readonly object[]): FieldChange[] {
  const envelope = exampleEvent(contract, { account: '123456789012', region: 'us-east-1' });
  const refused = new Map<string, FieldChange>();
  for (const detail of examples) {
    const problem = contract.problem({ ...envelope, detail });
    if (!problem) continue;
    const field = problem.field.replace(/^detail\.?/, '');
    const reason = `refuses what was valid and may be in the archive: ${problem.message}`;
    if (!refused.has(field)) refused.set(field, { field, breaking: true, reason });
  }
  return [...refused.values()];
}

const ARCHIVED = 'events that are archived or on their way were published under the released contract';
const CONSUMERS = 'consumers read by the released contract';

/** Keywords whose change breaks nobody, since they allow and forbid nothing. */
const ANNOTATIONS = new Set(['$schema', 'title', 'examples', 'x-source', 'x-detail-type', 'x-version']);
/** Keywords whose content is compared. */
const NESTED = new Set(['properties', 'required', 'description', 'x-personal-data']);
/** Keywords that hold one schema. */
const SUBSCHEMAS: readonly string[] = ['items', 'additionalProperties', 'propertyNames'];
/** Keywords of bounds: true if a larger value allows more. */
const BOUNDS: Readonly<Record<string, boolean>> = {
  minimum: false,
  exclusiveMinimum: false,
  minLength: false,
  minItems: false,
  minProperties: false,
  maximum: true,
  exclusiveMaximum: true,
  maxLength: true,
  maxItems: true,
  maxProperties: true,
};

/** @param field dotted path of the schemas */
function compareSchemas(before: JsonSchema, after: JsonSchema, field = ''): FieldChange[] {
  const changes = [...compareProperties(before, after, field), ...comparePersonalData(before, after)];
  const report = (breaking: boolean, reason: string) => changes.push({ field, breaking, reason });
  for (const keyword of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[keyword], after[keyword]];
    if (ANNOTATIONS.has(keyword) || NESTED.has(keyword) || isDeepStrictEqual(was, is)) continue;
    if (keyword === 'enum' && Array.isArray(was) && Array.isArray(is)) {
      for (const value of was.filter((each) => !is.includes(each))) {
        report(true, `no longer takes ${show(value)}: ${ARCHIVED} and may have it`);
      }
      for (const value of is.filter((each) => !was.includes(each))) {
        report(true, `takes ${show(value)} now: ${CONSUMERS}, which has no such value, and may refuse it`);
      }
    } else if (SUBSCHEMAS.includes(keyword) && isSchema(was) && isSchema(is)) {
      const part = { items: '[]', additionalProperties: '.*', propertyNames: ' (its keys)' }[keyword];
      changes.push(...compareSchemas(was, is, `${field}${part}`));
    } else if (keyword in BOUNDS) {
      report(true, describeBound(keyword, was, is));
    } else if (keyword === 'default') {
      report(
        true,
        `the default was ${show(was)} and is ${show(is)}: an event without it means something else`,
      );
    } else {
      // A change that is not known to be harmless is breaking.
      report(true, `${keyword} was ${show(was)} and is ${show(is)}: ${ARCHIVED}, and ${CONSUMERS}`);
    }
  }
  const { description: told } = before;
  if (field && told !== after.description) {
    report(false, `is described as ${show(after.description)}, was ${show(told)}`);
  }
  return changes;
}

function describeBound(keyword: string, was: unknown, is: unknown): string {
  const isWider = is === undefined || (was !== undefined && Number(is) > Number(was) === BOUNDS[keyword]);
  const why = isWider
    ? `${CONSUMERS} and may refuse what goes beyond it`
    : `${ARCHIVED} and may go beyond it`;
  return `${keyword} was ${show(was)} and is ${show(is)}: ${why}`;
}

function compareProperties(before: JsonSchema, after: JsonSchema, field: string): FieldChange[] {
  const changes: FieldChange[] = [];
  const [was, is] = [before.properties ?? {}, after.properties ?? {}];
  const isRequired = ({ required = [] }: JsonSchema, key: string) => required.includes(key);
  for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
    const at = field ? `${field}.${key}` : key;
    const report = (breaking: boolean, reason: string) => changes.push({ field: at, breaking, reason });
    const [old, now] = [was[key], is[key]];
    if (!now) {
      report(
        true,
        `is removed: ${CONSUMERS} and would miss it, and what publishers still send is lost silently`,
      );
    } else if (!old) {
      if (isRequired(after, key)) report(true, `is new and required: ${ARCHIVED} and do not have it`);
      else report(false, 'is new and optional');
    } else {
      if (isRequired(after, key) && !isRequired(before, key)) {
        report(true, `is required now: ${ARCHIVED} and may be without it`);
      }
      if (!isRequired(after, key) && isRequired(before, key)) {
        report(true, `is optional now: ${CONSUMERS} and count on it`);
      }
      changes.push(...compareSchemas(old, now, at));
    }
  }
  return changes;
}

function comparePersonalData(before: JsonSchema, after: JsonSchema): FieldChange[] {
  const [was, is] = [before, after].map(
    (schema) => (schema['x-personal-data'] ?? []) as readonly string[],
  ) as [readonly string[], readonly string[]];
  return [
    ...was
      .filter((field) => !is.includes(field))
      .map((field) => ({
        field,
        breaking: true,
        reason:
          'is no longer personal data: archived events have it, and would be logged and recorded with it',
      })),
    ...is
      .filter((field) => !was.includes(field))
      .map((field) => ({ field, breaking: false, reason: 'is personal data now' })),
  ];
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null;
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
