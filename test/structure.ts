/**
 * `npm run structure`: measures the house by its imports and its sizes, and fails where a rule of it is broken. The
 * rules are those of docs/architecture.md.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { parseSync } from '@swc/core';
import { APP } from '../bin/app-description';
import allowed from './structure-exceptions.json';

const ROOT = join(__dirname, '..');
const FOLDERS = ['bin', 'lambdas', 'lib', 'tools'];
/** Their rooms are of the third level; elsewhere in tools of the second. A file of that level is a room, too. */
const DEEP = ['tools/local', 'tools/proof'];
const LIMITS = { file: 400, class: 250, function: 60 } as const;
/** Share of the code of `tools` that one room may have. */
const ROOM_SHARE = 0.2;

const FUNCTIONS = [
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'ClassMethod',
  'PrivateMethod',
  'Constructor',
  'MethodProperty',
];
const CLASSES = ['ClassDeclaration', 'ClassExpression'];

interface Source {
  /** Relative to the project. */
  readonly path: string;
  readonly text: string;
  readonly code: number;
  /** Paths of the project's files that it imports, types included. */
  readonly imports: readonly string[];
}

interface Size {
  /** `path`, or `path#name`. */
  readonly at: string;
  readonly kind: keyof typeof LIMITS;
  readonly lines: number;
}

const filesOf = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => join(folder, file));
const files = FOLDERS.flatMap(filesOf);
const sources = files.map(read);
const violations: string[] = [];

const arrows = sources.flatMap(({ path, imports }) => imports.map((to) => ({ path, to })));
const within = (folder: string) => (path: string) => path === `${folder}.ts` || path.startsWith(`${folder}/`);

function forbid(from: string, to: string, except: readonly string[] = []): void {
  const found = arrows.filter((each) => within(from)(each.path) && within(to)(each.to));
  const wrong = found.filter(({ path }) => !except.includes(path));
  const allowance = except.length > 0 ? ` (allowed: ${except.join(', ')})` : '';
  console.log(`${from} -> ${to}: ${wrong.length} arrows${allowance}`);
  for (const { path, to: target } of wrong) violations.push(`${path} imports ${target}`);
}

console.log('Directions');
for (const outside of ['lambdas', 'lib', 'bin']) forbid('tools', outside);
for (const outside of ['lib', 'bin', 'tools']) forbid('lambdas', outside);
forbid('tools/proof', 'tools/local', ['tools/proof/cost/measurement.ts']);
forbid('tools/proof', 'tools/ops');
for (const room of ['tools/local', 'tools/proof']) forbid('tools/ops', room);
for (const room of ['tools/proof', 'tools/ops']) forbid('tools/local', room);
for (const room of ['tools/local', 'tools/proof', 'tools/ops']) forbid('tools/template', room);
for (const room of ['template', 'local', 'proof', 'ops', 'page']) forbid(`tools/${room}`, 'tools/sim');
for (const room of ['tools/proof', 'tools/page']) forbid('tools/sim', room);
for (const lowest of ['tools/app', 'tools/cli', 'tools/eventbridge']) {
  const upward = arrows.filter(({ path, to }) => within(lowest)(path) && !within(lowest)(to));
  console.log(`${lowest} -> the house: ${upward.length} arrows`);
  for (const { path, to } of upward) violations.push(`${path} imports ${to}, but its room is of the lowest`);
}

console.log('\nWords of this app in tools');
const words = [
  ...Object.keys(APP.consumers),
  ...APP.contracts.flatMap(({ source, detailType }) => [source, detailType]),
  ...(APP.entity ? [APP.entity.idField, APP.entity.tableOutput] : []),
  'lambdas/',
];
const spoken = sources
  .filter(({ path }) => within('tools')(path))
  .flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        words
          .filter((word) => new RegExp(`(?<![\\w.-])${escaped(word)}(?![\\w-])`).test(line))
          .map((word) => `${path}:${index + 1} says ${word}`),
      ),
  );
console.log(`${spoken.length} lines`);
violations.push(...spoken);

console.log('\nTime and chance of the machine in the local run');
/** Files that talk to sockets, processes, threads and terminals, or are the world that is handed in. */
const MACHINES = [
  ...[
    'services/clock',
    'services/world',
    'services/table-thread',
    'endpoint/server',
    'endpoint/models/renew',
  ],
  ...['run', 'run-log', 'live-log', 'source-watch', 'reload'],
].map((file) => `tools/local/${file}.ts`);
const GLOBAL =
  /\b(Date\.now|Math\.random|performance\.|process\.hrtime)|(?<![.\w])(random(UUID|Bytes)|set(Timeout|Interval|Immediate))\((?!\))|new Date\(\)/;
const asking = sources
  .filter(({ path }) => within('tools/local')(path) && !MACHINES.includes(path))
  .flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (GLOBAL.test(line) ? [`${path}:${index + 1}`] : [])),
  );
console.log(`${asking.length} lines (allowed: ${MACHINES.join(', ')})`);
violations.push(...asking.map((line) => `${line} asks the machine: time, chance and ids come of the World`));

console.log('\nDoc comments that begin with no noun or verb');
const beginnings = new RegExp(
  `/\\*\\*(?:\\s*\\n\\s*\\*)? +(?:${[
    ...[
      'Of',
      'What',
      'Which',
      'Where',
      'When',
      'Who',
      'Whom',
      'Whose',
      'How',
      'If',
      'As',
      'So',
      'Also',
      'By',
      'For',
    ],
    ...[
      'From',
      'In',
      'On',
      'To',
      'With',
      'Has',
      'Is',
      'Are',
      'Was',
      'Made',
      'Only',
      'That',
      'These',
      'Those',
      'They',
    ],
    ...['It', 'Its', 'This', 'Nobody', 'Nothing', 'Both'],
  ].join('|')})\\b[^\\n]*`,
  'g',
);
const commented = [
  ...sources,
  ...filesOf('test').map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') })),
];
const riddles = commented.flatMap(({ path, text }) =>
  [...text.matchAll(beginnings)].map(
    ({ index, 0: found }) =>
      `${path}:${text.slice(0, index).split('\n').length} begins ${found.trim().slice(0, 60)}`,
  ),
);
console.log(`${riddles.length} comments`);
violations.push(...riddles);

console.log('\nNames that are exported twice');
/** Modules that Lambda loads, and the bundler's start, have these by convention. */
const SHARED_NAMES = ['handler', 'makeHandler', 'ready'];
const EXPORTED =
  /^export (?:declare |abstract |async )*(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm;
const exported = groupBy(
  sources.flatMap(({ path, text }) => [...text.matchAll(EXPORTED)].map(([, name = '']) => ({ name, path }))),
  ({ name }) => name,
);
const twice = [...exported].filter(([name, places]) => {
  const files = new Set(places.map(({ path }) => path));
  return files.size > 1 && !SHARED_NAMES.includes(name);
});
console.log(`${twice.length} of ${exported.size} (allowed: ${SHARED_NAMES.join(', ')})`);
for (const [name, places] of twice)
  violations.push(`${name} stands for several things: ${places.map(({ path }) => path).join(', ')}`);

console.log('\nCircles');
const fileCircles = circles(new Map(sources.map(({ path, imports }) => [path, imports])));
console.log(`of files: ${fileCircles.length}`);
for (const circle of fileCircles) violations.push(`a circle of files: ${circle.join(', ')}`);
const roomGraph = new Map<string, string[]>();
for (const { path, to } of arrows) {
  if (room(path) !== room(to)) roomGraph.set(room(path), [...(roomGraph.get(room(path)) ?? []), room(to)]);
}
const roomCircles = circles(roomGraph);
console.log(`of rooms: ${roomCircles.length}`);
for (const circle of roomCircles) {
  const closing = arrows.filter(
    ({ path, to }) => room(path) !== room(to) && circle.includes(room(path)) && circle.includes(room(to)),
  );
  const fewest = [...groupBy(closing, ({ path, to }) => `${room(path)} -> ${room(to)}`)].sort(
    (a, b) => a[1].length - b[1].length,
  )[0];
  const told = fewest?.[1].map(({ path, to }) => `${path} imports ${to}`).join('; ');
  violations.push(`a circle of rooms: ${circle.join(', ')} (${fewest?.[0]}: ${told})`);
}

console.log('\nRooms of tools, by lines of code');
const tools = sources.filter(({ path }) => within('tools')(path));
const total = sum(tools);
for (const [name, members] of [...groupBy(tools, ({ path }) => room(path))].sort(
  (a, b) => sum(b[1]) - sum(a[1]),
)) {
  const share = sum(members) / total;
  console.log(
    `${name.padEnd(24)} ${String(sum(members)).padStart(6)} ${(100 * share).toFixed(1).padStart(5)}%`,
  );
  if (share > ROOM_SHARE)
    violations.push(
      `${name} has ${(100 * share).toFixed(1)}% of the code of tools, more than ${100 * ROOM_SHARE}%`,
    );
}

console.log('\nSizes');
const sizes = sources.flatMap(sizesOf);
const exempt = new Map(allowed.exempt.map(({ at, reason }) => [at, reason]));
const known = new Map(Object.entries<number>(allowed.known));
for (const kind of ['file', 'class', 'function'] as const) {
  const over = sizes.filter((size) => size.kind === kind && size.lines > LIMITS[kind]);
  const open = over.filter(({ at }) => !exempt.has(at));
  console.log(
    `${kind}: ${open.length} over ${LIMITS[kind]} lines of code, ${over.length - open.length} exempted`,
  );
  for (const { at, lines } of open) {
    const limit = known.get(at);
    if (limit === undefined)
      violations.push(`${kind} ${at} has ${lines} lines of code, more than ${LIMITS[kind]}`);
    else if (lines > limit)
      violations.push(`${kind} ${at} has grown from ${limit} to ${lines} lines of code`);
    else console.log(`  known: ${at} ${lines}`);
  }
}
const isOver = (at: string) => sizes.some((size) => size.at === at && size.lines > LIMITS[size.kind]);
for (const at of [...known.keys(), ...exempt.keys()].filter((each) => !isOver(each)))
  violations.push(`${at} is within its limit: take it out of test/structure-exceptions.json`);

console.log(violations.length === 0 ? '\nNo violation.' : `\n${violations.length} violations:`);
for (const violation of violations) console.log(`  ✗ ${violation}`);
process.exitCode = violations.length === 0 ? 0 : 1;

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const specifiers = [...text.matchAll(/(?:\bfrom|\bimport|\brequire)\s*\(?\s*'(\.[^']*)'/g)].map(
    ([, to]) => to ?? '',
  );
  const imports = specifiers
    .map((to) => normalize(join(dirname(path), to)))
    .flatMap((to) => files.filter((file) => [to, `${to}.ts`, `${to}.tsx`, `${to}/index.ts`].includes(file)));
  return { path, text, code: codeLines(text), imports: [...new Set(imports)] };
}

/** Lines that are neither blank nor of a comment. */
function codeLines(text: string): number {
  return text.split('\n').filter((line) => line.trim() !== '' && !/^\s*(\/\/|\/\*|\*(\s|\/|$))/.test(line))
    .length;
}

function room(path: string): string {
  const parts = path.replace(/\.tsx?$/, '').split('/');
  if (parts[0] !== 'tools') return parts[0] ?? '';
  return parts.slice(0, DEEP.includes(parts.slice(0, 2).join('/')) ? 3 : 2).join('/');
}

interface Node {
  readonly type?: string;
  readonly span?: { readonly start: number; readonly end: number };
  readonly [field: string]: unknown;
}

function sizesOf({ path, text, code }: Source): Size[] {
  const found: Size[] = [{ at: path, kind: 'file', lines: code }];
  // Offsets go on from what was parsed before, and begin with the first token: here a semicolon.
  const bytes = Buffer.from(`;${text}`);
  const module = parseSync(bytes.toString(), {
    syntax: 'typescript',
    tsx: path.endsWith('.tsx'),
    target: 'es2022',
  }) as unknown as Node;
  const start = module.span?.start ?? 0;
  const visit = (value: unknown, name: string): void => {
    if (Array.isArray(value)) for (const each of value) visit(each, name);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    const node = value as Node;
    const own = nameOf(node) ?? name;
    const kind = FUNCTIONS.includes(node.type ?? '')
      ? 'function'
      : CLASSES.includes(node.type ?? '')
        ? 'class'
        : undefined;
    const span = node.span ?? (node.function as Node | undefined)?.span;
    if (kind && span) {
      const lines = codeLines(bytes.subarray(span.start - start, span.end - start).toString());
      found.push({ at: `${path}#${own}`, kind, lines });
    }
    for (const [field, child] of Object.entries(node)) if (field !== 'span') visit(child, own);
  };
  visit(module.body, '');
  return found;
}

/** Name that a declaration, property or variable gives to what stands in it. */
function nameOf(node: Node): string | undefined {
  if (node.type === 'Constructor') return undefined;
  const named = (node.identifier ?? node.key ?? (node.type === 'VariableDeclarator' ? node.id : undefined)) as
    | Node
    | undefined;
  const value = named?.value ?? (named?.id as Node | undefined)?.value;
  return typeof value === 'string' ? value : undefined;
}

/** Groups of nodes that reach each other, by Tarjan's algorithm. */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const visit = (node: string): void => {
    order.set(node, order.size);
    lowest.set(node, order.get(node) ?? 0);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) lowest.set(node, Math.min(lowest.get(node) ?? 0, lowest.get(next) ?? 0));
    }
    if (lowest.get(node) !== order.get(node)) return;
    const circle = stack.splice(stack.indexOf(node));
    if (circle.length > 1) found.push(circle.sort());
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return found;
}

function groupBy<Value>(values: readonly Value[], keyOf: (value: Value) => string): Map<string, Value[]> {
  const groups = new Map<string, Value[]>();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return groups;
}

function sum(members: readonly Source[]): number {
  return members.reduce((lines, { code }) => lines + code, 0);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
