import { resolveGiven } from '../../../tools/cli/path';

const NPM = { INIT_CWD: '/home/jane/other', npm_package_json: '/srv/app/package.json' };

test('in a script of npm a relative path is meant from where the user typed', () => {
  expect(resolveGiven('cdk.out', NPM, '/srv/app')).toBe('/home/jane/other/cdk.out');
});

test('without npm it is meant from the working folder', () => {
  expect(resolveGiven('cdk.out', {}, '/srv/app')).toBe('/srv/app/cdk.out');
});

test('a program that such a script starts elsewhere has its own working folder', () => {
  expect(resolveGiven('cdk.out', NPM, '/tmp/copy')).toBe('/tmp/copy/cdk.out');
});

test('an absolute path is what it says', () => {
  expect(resolveGiven('/tmp/cdk.out', NPM, '/srv/app')).toBe('/tmp/cdk.out');
});
