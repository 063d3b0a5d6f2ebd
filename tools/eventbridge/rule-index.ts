/**
 * Finds the rules that match an event without asking each of them.
 *
 * Each alternative of a pattern is filed under one condition that must hold for it to match: that `detail-type` is
 * `OrderCreated`, that `source` begins with `app.`. An event brings up only what is filed under its own values, and the
 * rest of those alternatives is then tested. Which of its conditions an alternative is filed under is decided by how few
 * others share it.
 */
import type { BranchMatcher, EventPattern, FieldMatcher, Reading } from './event-pattern';
import type { Scalar, Test } from './event-pattern-syntax';
import { MAX_NESTING } from './service-facts';

/** Patterns by name, asked all at once. */
export class RuleIndex {
  private readonly patterns = new Map<string, EventPattern>();
  private finder: Finder | undefined;

  /** Puts the pattern in the place of the one that had this name, if there was one. */
  add(name: string, pattern: EventPattern): void {
    this.patterns.set(name, pattern);
    this.finder = undefined;
  }

  remove(name: string): void {
    this.patterns.delete(name);
    this.finder = undefined;
  }

  /** @returns the names of the patterns that match, in the order in which they were added */
  lookup(event: unknown): string[] {
    if (typeof event !== 'object' || event === null || Array.isArray(event)) return [];
    this.finder ??= makeFinder(this.patterns);
    return this.finder.find(event as JsonObject);
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

interface Finder {
  find(event: JsonObject): string[];
}

/** Up to this many alternatives are tested one by one, which is faster than to find the right ones. */
const FEW_ENTRIES = 12;
/** From this many paths on, it is cheaper to go through the event and to look for its fields in the cabinet. */
const MANY_PATHS = 12;
/** Up to this many keys are compared one by one: a map would have to read all of a text first, for its hash. */
const FEW_KEYS = 8;
/** So many alternatives are rather tested with each event than to have a file of their own. */
const FEW_UNFILED = 6;
/** From this many lists on, it is worth to look for duplicates: the values of an array may bring up the same ones. */
const MANY_LISTS = 16;
/** A new path costs a look at each event: worth it if it spares more than this many tests. */
const COST_OF_PATH = 3;
/** Ranges are compared one by one, but that is faster than to test as many alternatives. */
const COST_OF_RANGE = 0.1;

interface Rule {
  readonly name: string;
  readonly order: number;
  /** The number of the last event that matched. */
  matchedBy: number;
}

/** An alternative of a rule's pattern. */
interface Entry {
  readonly rule: Rule;
  readonly branch: BranchMatcher;
  readonly checks: readonly Check[];
}

/** One field of an alternative. */
interface Check {
  readonly field: FieldMatcher;
  /** The place for what an event has there, if others ask for it, too. */
  readonly slot: number | undefined;
}

function makeFinder(patterns: ReadonlyMap<string, EventPattern>): Finder {
  const slots = new Map<string, number | undefined>();
  let shared = 0;
  for (const { path } of [...patterns.values()].flatMap(fieldsOf)) {
    if (!slots.has(path)) slots.set(path, undefined);
    else if (slots.get(path) === undefined) slots.set(path, shared++);
  }
  const entries = [...patterns].flatMap(([name, { branches }], order) => {
    const rule = { name, order, matchedBy: 0 };
    return branches.map((branch): Entry => {
      const checks = branch.fields.map((field) => ({ field, slot: slots.get(field.path) }));
      return { rule, branch, checks };
    });
  });
  return entries.length <= FEW_ENTRIES ? new ShortList(entries) : new Cabinet(entries, shared);
}

function fieldsOf({ branches }: EventPattern): FieldMatcher[] {
  return branches.flatMap(({ fields }) => fields);
}

/** A few alternatives, in the order of their rules. */
class ShortList implements Finder {
  private events = 0;

  constructor(private readonly entries: readonly Entry[]) {}

  find(event: JsonObject): string[] {
    const number = ++this.events;
    const names: string[] = [];
    for (const { rule, branch } of this.entries) {
      if (rule.matchedBy === number || !branch.matches(event)) continue;
      rule.matchedBy = number;
      names.push(rule.name);
    }
    return names;
  }
}

/** Many alternatives, filed. */
class Cabinet implements Finder {
  private readonly files: readonly FieldFile[];
  /** The files by the segments of their paths, if there are many. */
  private readonly tree: PathTree | undefined;
  /** What is tested with each event: it has no field that must be there, or it is not worth a file. */
  private readonly unfiled: readonly Entry[];
  private events = 0;

  /** @param slots how many readings of an event are kept while it is looked up */
  constructor(
    entries: readonly Entry[],
    private readonly slots: number,
  ) {
    const options = new Map(entries.map((entry) => [entry, fileOptions(entry)]));
    const sharing = new Map<string, number>();
    for (const { ids } of [...options.values()].flat()) {
      for (const id of ids) sharing.set(id, (sharing.get(id) ?? 0) + 1);
    }

    const groups = new Map<string, FileGroup>();
    const unfiled: Entry[] = [];
    for (const [entry, ofEntry] of options) {
      const [best] = ofEntry
        .map((option) => {
          const tests = Math.max(...option.ids.map((id) => sharing.get(id) ?? 0)) * option.costOfTest;
          return { ...option, cost: tests + (groups.has(option.check.field.path) ? 0 : COST_OF_PATH) };
        })
        .sort((a, b) => a.cost - b.cost);
      if (!best) {
        unfiled.push(entry);
        continue;
      }
      const { check, keys } = best;
      const group = groups.get(check.field.path) ?? { check, filed: [] };
      groups.set(check.field.path, group);
      group.filed.push({ entry, keys });
    }
    const hasManyPaths = groups.size >= MANY_PATHS;
    const files: FieldFile[] = [];
    for (const group of [...groups.values()].sort((a, b) => a.filed.length - b.filed.length)) {
      if (!hasManyPaths && unfiled.length + group.filed.length <= FEW_UNFILED) {
        unfiled.push(...group.filed.map(({ entry }) => entry));
      } else {
        files.push(new FieldFile(group));
      }
    }
    this.unfiled = unfiled;
    this.files = files;
    if (hasManyPaths) this.tree = toTree(files);
  }

  find(event: JsonObject): string[] {
    // Made anew for each event: to keep what is read from an event in an object that stays costs more than to read it, as
    // the garbage collector has to be told of it each time.
    const readings: Reading[] = new Array(this.slots);
    let lists: Lists = [this.unfiled];
    if (this.tree) {
      walk(event, this.tree, lists);
    } else {
      for (const file of this.files) {
        const reading = read(file.check, event, readings);
        if (reading === undefined) continue;
        if (typeof reading !== 'object' || reading === null) file.find(reading, lists);
        else for (const value of reading.values) file.find(value, lists);
      }
    }
    if (lists.length > MANY_LISTS) lists = [...new Set(lists)];

    const number = ++this.events;
    const matched: Rule[] = [];
    for (const list of lists) {
      for (const entry of list) {
        const { rule } = entry;
        if (rule.matchedBy === number || !passes(entry, event, readings)) continue;
        rule.matchedBy = number;
        insert(matched, rule);
      }
    }
    return matched.map(({ name }) => name);
  }
}

function passes({ checks, branch }: Entry, event: JsonObject, readings: Reading[]): boolean {
  for (const check of checks) {
    const reading = read(check, event, readings);
    if (typeof reading === 'object' && reading !== null) return branch.matches(event);
    if (!check.field.accepts(reading)) return false;
  }
  return true;
}

function read({ field, slot }: Check, event: JsonObject, readings: Reading[]): Reading {
  if (slot === undefined) return field.reader.read(event);
  let reading = readings[slot];
  if (reading === undefined) {
    reading = field.reader.read(event);
    readings[slot] = reading;
  }
  return reading;
}

/** Keeps the rules in their order: for the few that match, faster than to sort them. */
function insert(matched: Rule[], rule: Rule): void {
  let place = matched.push(rule) - 1;
  for (; place > 0 && (matched[place - 1] as Rule).order > rule.order; place--) {
    matched[place] = matched[place - 1] as Rule;
  }
  matched[place] = rule;
}

/** One way to file an alternative. */
interface FileOption {
  check: Check;
  keys: readonly Key[];
  /** Alternatives with an id in common are brought up together. */
  ids: readonly string[];
  costOfTest: number;
}

/** The conditions that the alternative can be filed under: those on fields that must be there. */
function fileOptions({ checks }: Entry): FileOption[] {
  return checks.flatMap((check) => {
    const { path, tests, acceptsAbsence } = check.field;
    if (acceptsAbsence) return [];
    const keys = keysOf(tests);
    const isRange = keys.every(({ on }) => on === 'range');
    const ids = keys.map((key) => JSON.stringify([path, key.on === 'range' ? key.on : key]));
    return [{ check, keys, ids: [...new Set(ids)], costOfTest: isRange ? COST_OF_RANGE : 1 }];
  });
}

/** What goes into the file of one field. */
interface FileGroup {
  /** One that asks for the field. */
  check: Check;
  filed: { entry: Entry; keys: readonly Key[] }[];
}

type Lists = (readonly Entry[])[];

/** What is filed under the values of one field. */
class FieldFile {
  private readonly values = new ValueDrawer();
  private readonly lowerCase = new ValueDrawer();
  private readonly lowerCaseLengths = new Set<number>();
  private readonly starts = new EdgeDrawer('start');
  private readonly ends = new EdgeDrawer('end');
  /** Sorted by their beginning. */
  private readonly ranges: { from: number; to: number; list: Entry[] }[] = [];
  private readonly present: Entry[] = [];

  readonly check: Check;

  constructor({ check, filed }: FileGroup) {
    this.check = check;
    for (const { entry, keys } of filed) for (const key of keys) this.put(key, entry);
  }

  private put(key: Key, entry: Entry): void {
    switch (key.on) {
      case 'value':
        this.values.put(key.value, entry);
        break;
      case 'lower-case':
        this.lowerCase.put(key.text, entry);
        this.lowerCaseLengths.add(key.text.length);
        break;
      case 'start':
        this.starts.put(key.text, entry);
        break;
      case 'end':
        this.ends.put(key.text, entry);
        break;
      case 'range':
        this.ranges.push({ from: key.from, to: key.to, list: [entry] });
        // Infinity less Infinity is no number.
        this.ranges.sort((a, b) => a.from - b.from || 0);
        break;
      case 'presence':
        this.present.push(entry);
    }
  }

  /** Adds the lists of what the value brings up. */
  find(value: Scalar, lists: Lists): void {
    if (!this.values.isEmpty) this.values.find(value, lists);
    if (this.present.length > 0) lists.push(this.present);
    if (typeof value === 'string') {
      if (!this.starts.isEmpty) this.starts.find(value, lists);
      if (!this.ends.isEmpty) this.ends.find(value, lists);
      if (!this.lowerCase.isEmpty && this.lowerCaseLengths.has(value.length))
        this.lowerCase.find(value.toLowerCase(), lists);
    } else if (typeof value === 'number') {
      for (const { from, to, list } of this.ranges) {
        if (from > value) break;
        if (value <= to) lists.push(list);
      }
    }
  }
}

class ValueDrawer {
  private readonly keys: Scalar[] = [];
  private readonly lists: Entry[][] = [];
  private readonly byKey = new Map<Scalar, Entry[]>();

  get isEmpty(): boolean {
    return this.keys.length === 0;
  }

  put(key: Scalar, entry: Entry): void {
    const list = this.byKey.get(key) ?? [];
    if (list.push(entry) > 1) return;
    this.byKey.set(key, list);
    this.keys.push(key);
    this.lists.push(list);
  }

  find(value: Scalar, lists: Lists): void {
    const { keys } = this;
    let list: Entry[] | undefined;
    if (keys.length > FEW_KEYS) list = this.byKey.get(value);
    else for (let i = 0; i < keys.length; i++) if (keys[i] === value) list = this.lists[i];
    if (list) lists.push(list);
  }
}

/** What is filed under the beginnings or the ends of texts. */
class EdgeDrawer {
  private readonly keys: string[] = [];
  private readonly lists: Entry[][] = [];
  /** The characters of the keys, from the edge inwards. */
  private readonly tree: Letter = { next: new Map() };

  constructor(private readonly edge: 'start' | 'end') {}

  get isEmpty(): boolean {
    return this.keys.length === 0;
  }

  put(key: string, entry: Entry): void {
    let letter = this.tree;
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(this.edge === 'start' ? i : key.length - 1 - i);
      const next = letter.next.get(code) ?? { next: new Map() };
      letter.next.set(code, next);
      letter = next;
    }
    letter.list ??= [];
    if (letter.list.push(entry) > 1) return;
    this.keys.push(key);
    this.lists.push(letter.list);
  }

  find(value: string, lists: Lists): void {
    const { keys } = this;
    const isStart = this.edge === 'start';
    if (keys.length <= FEW_KEYS) {
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i] as string;
        if (isStart ? value.startsWith(key) : value.endsWith(key)) lists.push(this.lists[i] as Entry[]);
      }
      return;
    }
    let letter: Letter | undefined = this.tree;
    for (let i = 0; letter; i++) {
      if (letter.list) lists.push(letter.list);
      if (i === value.length) return;
      letter = letter.next.get(value.charCodeAt(isStart ? i : value.length - 1 - i));
    }
  }
}

interface Letter {
  list?: Entry[];
  readonly next: Map<number, Letter>;
}

/** What a value must be to pass a test: that, or less than that. */
type Key =
  | { on: 'value'; value: Scalar }
  | { on: 'lower-case' | 'start' | 'end'; text: string }
  | { on: 'range'; from: number; to: number }
  | { on: 'presence' };

/** @returns keys of which a value has one if it passes one of the tests */
function keysOf(tests: readonly Test[]): Key[] {
  const keys = tests.map(keyOf);
  return keys.some(({ on }) => on === 'presence') ? [{ on: 'presence' }] : keys;
}

function keyOf(test: Test): Key {
  switch (test.op) {
    case 'equals':
      return { on: 'value', value: test.value };
    case 'equals-ignore-case':
      // With other letters, what is equal may have different lower cases.
      return /^\p{ASCII}*$/u.test(test.text)
        ? { on: 'lower-case', text: test.text.toLowerCase() }
        : { on: 'presence' };
    case 'prefix':
    case 'suffix':
      return test.ignoreCase
        ? { on: 'presence' }
        : { on: test.op === 'prefix' ? 'start' : 'end', text: test.text };
    case 'wildcard': {
      const [first = '', ...more] = test.parts;
      const last = more.at(-1);
      if (last === undefined) return { on: 'value', value: first };
      return last.length > first.length ? { on: 'end', text: last } : { on: 'start', text: first };
    }
    case 'numeric':
      return { on: 'range', from: test.lower?.value ?? -Infinity, to: test.upper?.value ?? Infinity };
    default:
      return { on: 'presence' };
  }
}

interface PathTree {
  file?: FieldFile;
  /** By the name of a field; null for a name that an event was seen to have and that leads nowhere. */
  readonly branches: Map<string, PathTree | null>;
}

/** How many names without a branch are remembered, for each node. */
const MAX_STRANGERS = 1_000;

function toTree(files: readonly FieldFile[]): PathTree {
  const tree: PathTree = { branches: new Map() };
  for (const file of files) {
    let node = tree;
    for (const segment of file.check.field.path.split('.')) {
      const next = node.branches.get(segment) ?? { branches: new Map() };
      node.branches.set(segment, next);
      node = next;
    }
    node.file = file;
  }
  return tree;
}

/** Finds what the event and the tree have in common. */
function walk(node: unknown, tree: PathTree, lists: Lists, nesting = 0): void {
  if (nesting > MAX_NESTING) return;
  if (Array.isArray(node)) {
    for (const item of node) walk(item, tree, lists, nesting + 1);
  } else if (typeof node === 'object' && node !== null) {
    if (tree.branches.size === 0) return;
    for (const key in node) {
      let branch = tree.branches.get(key);
      if (branch === undefined) branch = findDotted(tree, key);
      if (branch) walk((node as JsonObject)[key], branch, lists, nesting + 1);
    }
  } else {
    tree.file?.find(node as Scalar, lists);
  }
}

function findDotted(tree: PathTree, key: string): PathTree | null {
  let node: PathTree | null = tree;
  for (const segment of key.split('.')) node = node?.branches.get(segment) ?? null;
  if (!node && tree.branches.size < MAX_STRANGERS) tree.branches.set(key, null);
  return node;
}
