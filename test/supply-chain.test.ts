/** Contents of the dependencies: no code that runs when they are installed, and licences that are known. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface LockedPackage {
  readonly license?: string;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
  readonly link?: boolean;
}

const lock: { packages: Record<string, LockedPackage> } = JSON.parse(
  readFileSync('package-lock.json', 'utf8'),
);
const packages = Object.entries(lock.packages)
  .filter(([path]) => path.startsWith('node_modules/'))
  .map(([path, entry]) => ({ name: path.replace(/^.*node_modules\//, ''), path, ...entry }));

/** Packages with an install script, and why nothing is missing without it: CI installs with `--ignore-scripts`. */
const INSTALL_SCRIPTS: Readonly<Record<string, string>> = {
  '@parcel/watcher':
    'builds from source where no package with the binary is there; the AWS CDK watches only with `cdk watch`',
  '@swc/core': 'falls back to WebAssembly where no package with the binary is there',
  'classic-level': 'loads the binary that the package has; builds from source on other platforms only',
  esbuild: 'replaces its start script by the binary, which is faster; the library uses the binary anyway',
  'unrs-resolver': 'checks that the package with the binary is there',
};

/** Licences that leave users free; a package of another licence needs a decision. */
const LICENSES = [
  ...['0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'MIT-0', 'BlueOak-1.0.0'],
  ...[
    'Apache-2.0',
    'Apache-2.0 AND MIT',
    'MIT OR Apache-2.0',
    '(MIT OR CC0-1.0)',
    '(MIT OR GPL-3.0-or-later)',
  ],
];

/** Licences of development dependencies, of which nothing is deployed or handed on. */
const FOR_DEVELOPMENT: Readonly<Record<string, string>> = {
  'MPL-2.0': 'changes of its own files must be published; nobody changes them',
  'CC-BY-4.0': 'data of browsers, by name of its authors',
};

test('every package with an install script is known, and works without it', () => {
  const found = packages.filter(({ hasInstallScript }) => hasInstallScript).map(({ name }) => name);
  expect([...new Set(found)].sort()).toEqual(Object.keys(INSTALL_SCRIPTS).sort());
});

test('CI installs without install scripts', () => {
  for (const file of ['.github/workflows/ci.yml', '.ci/run']) {
    const installs = readFileSync(file, 'utf8').match(/npm (ci|install)\b.*/g) ?? [];
    expect(installs.length).toBeGreaterThan(0);
    for (const install of installs) expect(install).toContain('--ignore-scripts');
  }
});

test('every package has a licence that is allowed', () => {
  const others = packages.filter(({ license = 'none', dev }) => {
    return !LICENSES.includes(license) && !(dev === true && license in FOR_DEVELOPMENT);
  });
  expect(others).toEqual([]);
});

test('the licence that the lock file tells is that of the installed package', () => {
  const differing = packages.filter(({ path, license }) => {
    const file = join(path, 'package.json');
    // Binaries for other platforms are not installed.
    if (!existsSync(file)) return false;
    const installed = JSON.parse(readFileSync(file, 'utf8'));
    return (installed.license?.type ?? installed.license ?? license) !== license;
  });
  expect(differing).toEqual([]);
});

test('no package comes from anywhere but the registry', () => {
  const elsewhere = packages.filter((each) =>
    /^(git|https?|file):/.test(String((each as { version?: string }).version)),
  );
  expect(elsewhere).toEqual([]);
});
