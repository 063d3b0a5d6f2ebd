/** The stages of `cdk.json` and the names that they are deployed under. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_PROJECT, DEFAULT_STAGE, stackPrefix, stageKey } from '../lib/config';
import { InputError } from '../tools/cli/errors';
import type { Stages } from '../tools/ops/stack';

const CDK_JSON = join(__dirname, '..', 'cdk.json');

/**
 * Reads no other setting than the name: one that is wrong in the working tree must not keep an operator from the
 * stack that is deployed.
 * @param cdkJson the parsed `cdk.json`
 */
export function stagesOf(cdkJson: unknown): Stages {
  const { context } = cdkJson as { context?: { stages?: Record<string, { projectName?: string }> } };
  const stages = context?.stages ?? { [DEFAULT_STAGE]: {} };
  return {
    default: DEFAULT_STAGE,
    stackName(stage) {
      const key = stageKey(Object.keys(stages), stage);
      if (key !== undefined) return stackPrefix(stage, stages[key]?.projectName ?? DEFAULT_PROJECT);
      const known = Object.keys(stages).join(', ');
      throw new InputError(
        `--stage is ${JSON.stringify(stage)}, but must be one of cdk.json's stages: ${known}.`,
      );
    },
  };
}

export const STAGES: Stages = {
  default: DEFAULT_STAGE,
  stackName: (stage) => stagesOf(JSON.parse(readFileSync(CDK_JSON, 'utf8'))).stackName(stage),
};
