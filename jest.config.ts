/** @jest-config-loader esbuild-register */
import type { Config } from 'jest';

// The AWS SDK warns on Node < 22 once a process; in test output that is noise.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

const config: Config = {
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  transform: { '\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
  modulePathIgnorePatterns: ['<rootDir>/cdk.out'],
  collectCoverageFrom: ['lib/**/*.ts', 'lambdas/**/*.ts'],
  coverageReporters: ['text-summary', 'html'],
  coverageThreshold: { global: { branches: 95 } },
  // Property tests against a real server take seconds, and longer on a busy machine.
  testTimeout: 60_000,
  setupFilesAfterEnv: ['aws-cdk-lib/testhelpers/jest-autoclean'],
};

export default config;
