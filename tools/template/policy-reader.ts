/** Collects the policy documents of a template, with the role or the resource of each. */
import * as v from 'valibot';
import { functionReference } from './functions';
import { busName } from './identity';
import {
  busPolicyStatement,
  type OneOrMany,
  asList as oneOrMany,
  readStatements,
  type Statement,
} from './policy-document';
import { json, listOf, readProperties } from './read';
import type { Assembly, Resource } from './resource';

/** Statements of one policy. */
export interface ReadPolicy {
  /** The policy's resource, or the resource that has it in its properties. */
  readonly source: Resource;
  readonly statements: readonly Statement[];
}

const Text = v.optional(v.string());
const ROLE_NAMES = v.optional(listOf(v.string()), []);
const IdentityProperties = v.looseObject({ Roles: ROLE_NAMES, PolicyDocument: v.optional(json) });
const RoleProperties = v.looseObject({
  AssumeRolePolicyDocument: v.optional(json),
  Policies: v.optional(v.array(v.looseObject({ PolicyDocument: v.optional(json) })), []),
  ManagedPolicyArns: v.optional(listOf(v.string()), []),
  PermissionsBoundary: Text,
});
const PermissionProperties = v.looseObject({
  Action: v.string(),
  FunctionName: v.string(),
  Principal: v.string(),
  SourceArn: Text,
  SourceAccount: Text,
  PrincipalOrgID: Text,
  EventSourceToken: Text,
  FunctionUrlAuthType: Text,
});

/** Types of resource policies: the property that names the protected resource, and the service of that resource. */
const PROTECTING: Readonly<Record<string, readonly [property: string, service: string, document?: string]>> =
  {
    'AWS::SQS::QueuePolicy': ['Queues', 'sqs'],
    'AWS::SQS::QueueInlinePolicy': ['Queue', 'sqs'],
    'AWS::SNS::TopicPolicy': ['Topics', 'sns'],
    'AWS::SNS::TopicInlinePolicy': ['TopicArn', 'sns'],
    'AWS::S3::BucketPolicy': ['Bucket', 's3'],
    'AWS::Kinesis::ResourcePolicy': ['ResourceArn', 'kinesis', 'ResourcePolicy'],
    'AWS::SecretsManager::ResourcePolicy': ['SecretId', 'secretsmanager', 'ResourcePolicy'],
  };

/** Types with a resource policy in their own properties. */
const OWN: Readonly<Record<string, readonly [property: string, inner?: string]>> = {
  'AWS::Events::EventBus': ['Policy'],
  'AWS::KMS::Key': ['KeyPolicy'],
  'AWS::DynamoDB::Table': ['ResourcePolicy', 'PolicyDocument'],
};

const isService = (principal: string) => /\.amazonaws\.com(\.cn)?$/.test(principal);

/** Policies of a role. */
export interface RolePolicies {
  readonly inline: readonly ReadPolicy[];
  /** ARNs. */
  readonly managed: readonly string[];
  /** ARN. */
  readonly boundary?: string | undefined;
  readonly trust: ReadPolicy;
}

export class PolicyReader {
  /** @param isProof true if it cannot be told whether a statement applies whose resource may not exist */
  constructor(
    private readonly assembly: Assembly,
    private readonly isProof = false,
  ) {}

  role(role: Resource): RolePolicies {
    const read = readProperties(RoleProperties, role);
    const inline = read.Policies.flatMap(({ PolicyDocument }, index) =>
      this.#policy(role, PolicyDocument, `Policies[${index}].PolicyDocument`, true),
    );
    return {
      inline,
      managed: read.ManagedPolicyArns,
      boundary: read.PermissionsBoundary,
      trust: {
        source: role,
        statements: readStatements(role, read.AssumeRolePolicyDocument, { at: 'AssumeRolePolicyDocument' }),
      },
    };
  }

  /** Policies that name the roles which have them, and those roles. */
  attached(): { readonly policy: ReadPolicy; readonly roles: readonly Resource[] }[] {
    const of = (type: string, property: 'Roles' | 'RoleName') =>
      this.assembly.ofType(type).flatMap((source) => {
        const { PolicyDocument, Roles } = readProperties(IdentityProperties, source);
        const names = property === 'Roles' ? Roles : [String(source.properties.RoleName)];
        const roles = names.flatMap((name) => this.assembly.find(name, 'iam') ?? []);
        return this.#policy(source, PolicyDocument, 'PolicyDocument', true).map((policy) => ({
          policy,
          roles,
        }));
      });
    return [
      ...of('AWS::IAM::Policy', 'Roles'),
      ...of('AWS::IAM::ManagedPolicy', 'Roles'),
      ...of('AWS::IAM::RolePolicy', 'RoleName'),
    ];
  }

  /** Resource policies, each with its resource, or the ARN of one that the template does not have. */
  protecting(): { readonly policy: ReadPolicy; readonly protects: Resource | string }[] {
    return [...this.#standalone(), ...this.#own(), ...this.#buses(), ...this.#permissions(), ...this.#logs()];
  }

  *#standalone() {
    for (const [type, [property, service, document = 'PolicyDocument']] of Object.entries(PROTECTING)) {
      for (const source of this.assembly.ofType(type)) {
        const references = oneOrMany<unknown>(source.properties[property] ?? []).map(String);
        for (const policy of this.#policy(source, source.properties[document], document)) {
          for (const reference of references)
            yield { policy, protects: this.assembly.find(reference, service) ?? reference };
        }
      }
    }
  }

  *#own() {
    for (const [type, [property, inner]] of Object.entries(OWN)) {
      for (const source of this.assembly.ofType(type)) {
        const whole = source.properties[property];
        for (const policy of this.#policy(source, inner ? whole?.[inner] : whole, property))
          yield { policy, protects: source };
      }
    }
  }

  *#buses() {
    for (const source of this.assembly.ofType('AWS::Events::EventBusPolicy')) {
      const bus = busName(source.properties.EventBusName);
      const { partition, region, account } = this.assembly;
      const protects =
        this.assembly.find(bus, 'events') ?? `arn:${partition}:events:${region}:${account}:event-bus/${bus}`;
      const statement = busPolicyStatement(
        source.properties,
        typeof protects === 'string' ? protects : protects.arn,
      );
      const document = { Version: '2012-10-17', Statement: statement };
      for (const policy of this.#policy(source, document, 'Statement')) yield { policy, protects };
    }
  }

  *#permissions() {
    for (const source of this.assembly.ofType('AWS::Lambda::Permission')) {
      const read = readProperties(PermissionProperties, source);
      const named = functionReference(this.assembly, read.FunctionName);
      const condition: Record<string, Record<string, OneOrMany<string>>> = {};
      const need = (operator: string, key: string, value: string | undefined) => {
        if (value !== undefined) condition[operator] = { ...condition[operator], [key]: value };
      };
      need('ArnLike', 'aws:SourceArn', read.SourceArn);
      need('StringEquals', 'aws:SourceAccount', read.SourceAccount);
      need('StringEquals', 'aws:PrincipalOrgID', read.PrincipalOrgID);
      need('StringEquals', 'lambda:EventSourceToken', read.EventSourceToken);
      need('StringEquals', 'lambda:FunctionUrlAuthType', read.FunctionUrlAuthType);
      const unknown = Object.keys(read).find((property) => !(property in PermissionProperties.entries));
      const statement: Statement = {
        Sid: source.logicalId,
        Effect: 'Allow',
        Principal: isService(read.Principal) ? { Service: read.Principal } : { AWS: read.Principal },
        Action: read.Action,
        Resource: named.arn,
        Condition: condition,
        ...(unknown && { cannotTell: `the property ${unknown} of the permission is not known` }),
      };
      const statements = this.#asCertain(source, [statement]);
      yield { policy: { source, statements }, protects: named.function ?? named.arn };
    }
  }

  /** A policy of CloudWatch Logs is one for all log groups that it names. */
  *#logs() {
    const own = this.assembly
      .ofType('AWS::Logs::ResourcePolicy')
      .flatMap((source) => this.#policy(source, source.properties.PolicyDocument, 'PolicyDocument'));
    const custom = this.assembly
      .ofType(CUSTOM_LOG_POLICY)
      .flatMap((source) => this.#policy(source, putResourcePolicy(source), 'Create'));
    for (const policy of [...own, ...custom]) {
      for (const group of this.assembly.ofType('AWS::Logs::LogGroup')) {
        yield { policy, protects: group };
      }
    }
  }

  #policy(source: Resource, document: unknown, at: string, isIdentity = false): ReadPolicy[] {
    if (document === undefined) return [];
    const statements = readStatements(source, document, { at, isIdentity });
    return [{ source, statements: this.#asCertain(source, statements) }];
  }

  /** Statements as certain as their resource, which a condition may leave out. */
  #asCertain({ uncertain }: Resource, statements: readonly Statement[]): readonly Statement[] {
    if (!this.isProof || uncertain === undefined) return statements;
    return statements.map((statement) => ({ cannotTell: uncertain, ...statement }));
  }
}

/** Custom resource by which the CDK puts the policy of a log group that is a rule's target. */
const CUSTOM_LOG_POLICY = 'Custom::CloudwatchLogResourcePolicy';

/** @returns the policy that the custom resource's call puts; undefined if it makes another call */
function putResourcePolicy({ properties }: Resource): unknown {
  const call = parsed(properties.Create) as {
    readonly action?: unknown;
    readonly parameters?: { readonly policyDocument?: unknown };
  };
  return call?.action === 'putResourcePolicy' ? call.parameters?.policyDocument : undefined;
}

function parsed(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined; // Another version of the construct: its policy is not known.
  }
}
