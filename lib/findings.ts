import type {
  IPolicyValidationContext,
  IPolicyValidationPlugin,
  PolicyValidationPluginReport,
} from 'aws-cdk-lib';

/** Context key: findings of rule packs are warnings, a line each on stderr, and do not fail the synthesis. */
export const FINDINGS_ARE_WARNINGS = 'findings-are-warnings';

/** A rule pack whose findings are warnings: for who tries something out, as the local run does. */
export class AsWarnings implements IPolicyValidationPlugin {
  readonly name: string;

  constructor(
    private readonly pack: IPolicyValidationPlugin,
    private readonly warn: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
  ) {
    this.name = pack.name;
  }

  validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const { violations, ...report } = this.pack.validate(context);
    for (const { ruleName, description, violatingResources } of violations) {
      const places = violatingResources.map(
        ({ constructPath, resourceLogicalId }) => constructPath ?? resourceLogicalId ?? '',
      );
      const text = `warning: ${ruleName} ${places.join(', ')}: ${description}`;
      this.warn(text.replaceAll(/\s+/g, ' '));
    }
    return { ...report, success: true, violations: [] };
  }
}
