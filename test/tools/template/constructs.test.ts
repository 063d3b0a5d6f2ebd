import { Constructs, constructText } from '../../../tools/template/constructs';

const at = (frame: string) => `    at new Shop (${process.cwd()}/lib/shop.ts:${frame}:5)`;
const id = (data: string, trace?: readonly string[]) => ({
  type: 'aws:cdk:logicalId',
  data,
  ...(trace && { trace }),
});

test('a resource is of the construct that its metadata names, else of the one with its logical id', () => {
  const constructs = new Constructs({
    '/Shop/Bus/Resource': [id('Bus1', ['node:internal/x:1:1', at('7')])],
    '/Shop/Queue/Resource': [id('Queue1')],
    '/Shop': [{ type: 'aws:cdk:warning', data: 'no id' }],
  });
  expect(constructs.of('Bus1', {}, false)).toEqual({ path: 'Shop/Bus/Resource', location: 'lib/shop.ts:7' });
  expect(constructs.of('Other', { 'aws:cdk:path': 'Shop/Queue/Resource' }, false)).toEqual({
    path: 'Shop/Queue/Resource',
  });
  expect(constructs.of('Other', { 'aws:cdk:path': 'Shop/Nested/Resource' }, true)).toEqual({
    path: 'Shop/Nested/Resource',
  });
  expect(constructs.of('Bus1', {}, true)).toBeUndefined();
});

test('the place in code is the innermost call outside of libraries', () => {
  const location = (...trace: string[]) =>
    new Constructs({ '/A': [id('A', trace)] }).of('A', {}, false)?.location;
  expect(location(`at x (${process.cwd()}/node_modules/a.js:1:2)`, at('9'))).toBe('lib/shop.ts:9');
  expect(location('at y (/elsewhere/b.ts:3:4)')).toBe('/elsewhere/b.ts:3');
  expect(location('at node:internal/modules/cjs/loader:1358:14', 'at native')).toBeUndefined();
});

test('a construct in words is the one that a person has written, with its place if that is known', () => {
  expect(constructText({ path: 'Shop/Bus/Resource', location: 'lib/shop.ts:7' })).toBe(
    'Shop/Bus, lib/shop.ts:7',
  );
  expect(constructText({ path: 'Shop/Bus' })).toBe('Shop/Bus');
});
