/** @jest-config-loader esbuild-register */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from 'jest';
import { TRANSFORM } from './test/coverage/settings.cjs';

// The AWS SDK warns on Node < 22 once a process; in test output that is noise.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

if (process.argv.includes('--coverage')) process.env.COUNT_COVERAGE = 'true';

// Holds what test files share.
const run = mkdtempSync(join(tmpdir(), 'test-run-'));
process.env.TEST_RUN = run;
process.once('exit', () => rmSync(run, { recursive: true, force: true }));

const config: Config = {
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  transform: { '\\.ts$': ['@swc/jest', TRANSFORM] },
  modulePathIgnorePatterns: ['<rootDir>/cdk.out'],
  // The page's client runs in a browser, where `npm run test:all` drives it.
  collectCoverageFrom: ['{bin,lib,lambdas,tools}/**/*.ts', '!tools/page/client/**'],
  coverageReporters: ['text-summary', 'html'],
  // `global` is what is left: the tools, and the commands that tests run in processes of their own.
  coverageThreshold: { './lib/': { branches: 95 }, './lambdas/': { branches: 95 }, global: { branches: 93 } },
  reporters: ['default', '<rootDir>/test/slowest.cjs'],
  maxWorkers: '100%',
  // Property tests against a real server take seconds, and longer on a busy machine.
  testTimeout: 60_000,
  setupFilesAfterEnv: ['aws-cdk-lib/testhelpers/jest-autoclean', '<rootDir>/test/coverage/collect.ts'],
};

export default config;
