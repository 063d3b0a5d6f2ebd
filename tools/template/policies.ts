/** Policies of the template, by the resource or the role that they belong to. */

import { functionReference } from './functions';
import { managedPolicy } from './managed-policies';
import { hasPlaceholder, reasonsOf } from './placeholder';
import { type AccessRequest, type Decision, evaluate, undecidable } from './policy';
import type { Context } from './policy-condition';
import { asList, type Statement } from './policy-document';
import { PolicyReader, type ReadPolicy } from './policy-reader';
import type { Assembly, NotCovered, Resource } from './resource';

/** Statements that decide on a role's permissions. */
interface RoleStatements {
  readonly trust: readonly Statement[];
  readonly statements: Statement[];
  /** Permissions boundary. */
  readonly boundary?: readonly Statement[];
  /** Policies that the template does not have, each as part of a sentence. */
  readonly unknown: string[];
}

const ALLOW_ALL: Statement = { Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' };

/**
 * Default policy of a key: the account's policies decide.
 * https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
 */
const defaultKeyPolicy = (account: string): Statement => ({
  Sid: 'the default key policy',
  Effect: 'Allow',
  Principal: { AWS: account },
  Action: 'kms:*',
  Resource: '*',
});

/**
 * Default policy of a topic, as far as services are concerned: by `AWS:SourceOwner`, alarms of the same account may
 * publish, EventBridge may not. https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
 */
const DEFAULT_TOPIC_POLICY: Statement = {
  Sid: 'the default topic policy',
  Effect: 'Allow',
  Principal: { Service: 'cloudwatch.amazonaws.com' },
  Action: 'sns:Publish',
  Resource: '*',
};

/** Condition keys of which is known whether a request of a role or a service has them. */
const KEYS = [
  ...[
    'aws:CurrentTime',
    'aws:EpochTime',
    'aws:RequestedRegion',
    'aws:ResourceAccount',
    'aws:SecureTransport',
  ],
  ...['aws:PrincipalAccount', 'aws:PrincipalArn', 'aws:PrincipalIsAWSService', 'aws:PrincipalType'],
  ...['aws:SourceAccount', 'aws:SourceArn', 'aws:ViaAWSService'],
  // Only what a service asks of KMS for somebody has it.
  'kms:ViaService',
];

/** A policy, or a statement, that cannot be evaluated. */
export interface Undecidable extends NotCovered {
  /** Actions that it is about; undefined if any may be. */
  readonly actions?: readonly string[];
  /** True for a statement that only allows something. */
  readonly onlyAllows?: boolean;
  /** Logical ids of the roles that have it; undefined for the policy of a resource. */
  readonly roles?: readonly string[];
}

export class Policies {
  /** Increases with each change of a policy, so that cached decisions can be dropped. */
  revision = 0;
  /** Policies, or parts of them, that cannot be evaluated. */
  readonly notCovered: readonly Undecidable[];
  readonly #assembly: Assembly;
  readonly #clock: { now(): number };
  /** Statements by logical id, or ARN. */
  readonly #ofResource = new Map<string, Statement[]>();
  /** Statements by logical id of the role. */
  readonly #ofRole = new Map<string, RoleStatements>();
  /** Customer managed policies, by logical id. */
  readonly #managed = new Map<string, readonly Statement[]>();

  /**
   * @param clock time of the requests, on which conditions may depend: milliseconds since 1970-01-01 UTC
   * @param isProof true if it cannot be told whether a statement applies whose resource may not exist; otherwise it applies
   * @throws AssemblyError for a policy that IAM would refuse
   */
  constructor(assembly: Assembly, clock: { now(): number } = Date, isProof = false) {
    this.#assembly = assembly;
    this.#clock = clock;
    const notCovered: Undecidable[] = [];
    const note = ({ source, statements }: ReadPolicy, roles?: readonly Resource[]) => {
      for (const statement of statements) {
        const about = {
          ...{ resource: source.logicalId, type: source.type },
          ...(statement.Action !== undefined && { actions: asList(statement.Action) }),
          ...(statement.Effect === 'Allow' && { onlyAllows: true }),
          ...(roles && { roles: roles.map(({ logicalId }) => logicalId) }),
        };
        for (const problem of undecidable(statement, KEYS))
          notCovered.push({ ...about, message: `${problem}.` });
      }
    };
    const reader = new PolicyReader(assembly, isProof);
    for (const { policy, protects } of reader.protecting()) {
      const key = typeof protects === 'string' ? protects : protects.logicalId;
      this.#ofResource.set(key, [...(this.#ofResource.get(key) ?? []), ...placed(policy)]);
      note(policy);
    }
    const attached = reader.attached();
    for (const { policy, roles } of attached) {
      this.#managed.set(policy.source.logicalId, placed(policy));
      note(policy, roles);
    }
    for (const role of assembly.ofType('AWS::IAM::Role')) {
      const { inline, managed, boundary, trust } = reader.role(role);
      for (const policy of [...inline, trust]) note(policy, [role]);
      const own = attached.filter(({ roles }) => roles.includes(role)).map(({ policy }) => policy);
      const statements = [...inline, ...own].flatMap(placed);
      const unknown: string[] = [];
      for (const arn of managed) {
        const known = this.#managedPolicy(arn);
        if (known) statements.push(...known);
        else unknown.push(unknownPolicy(arn, 'managed policy'));
      }
      const limit = boundary === undefined ? undefined : this.#managedPolicy(boundary);
      const limits: readonly Statement[] | undefined =
        boundary === undefined
          ? undefined
          : (limit ?? [{ ...ALLOW_ALL, cannotTell: unknownPolicy(boundary, 'permissions boundary') }]);
      this.#ofRole.set(role.logicalId, {
        trust: trust.statements,
        statements,
        unknown,
        ...(limits && { boundary: limits }),
      });
      for (const message of [...unknown, ...(limits ?? []).flatMap(({ cannotTell }) => cannotTell ?? [])]) {
        const { logicalId, type } = role;
        notCovered.push({ resource: logicalId, type, roles: [logicalId], message: `${message}.` });
      }
    }
    this.notCovered = notCovered;
  }

  /** Statements of a resource's policy; those of the bucket for an object, those of the table for an index. */
  ofResource(arn: string): readonly Statement[] {
    const resource = this.#protected(arn);
    const statements = this.#ofResource.get(resource?.logicalId ?? arn);
    if (statements) return statements;
    if (resource?.type === 'AWS::KMS::Key') return [defaultKeyPolicy(this.#assembly.account)];
    return resource?.type === 'AWS::SNS::Topic' ? [DEFAULT_TOPIC_POLICY] : [];
  }

  /** Changes the policy of a resource of the template, as a call of its service does while the stack runs. */
  setOfResource(arn: string, statements: readonly Statement[]): void {
    this.#ofResource.set(this.#protected(arn)?.logicalId ?? arn, [...statements]);
    this.revision++;
  }

  /**
   * Decides by the resource's policy whether a service may act on it on behalf of one of this account's resources.
   * @param service e.g. events.amazonaws.com
   * @param sourceArn resource on whose behalf it acts, e.g. the rule
   */
  serviceMay(
    service: string,
    sourceArn: string,
    action: string,
    resource: string,
    context: Context = {},
  ): Decision {
    return evaluate(this.ofResource(resource), {
      principal: { service },
      action,
      resource,
      context: { ...this.#serviceContext(sourceArn), ...context },
    });
  }

  /**
   * Decides whether a role may do an action. Within an account, its own policies or the resource's policy must allow
   * it, neither may deny it, and the role's permissions boundary must allow it.
   * @param context values of condition keys that only the caller knows, e.g. `dynamodb:LeadingKeys`
   */
  roleMay(roleArn: string, action: string, resource: string, context: Context = {}): Decision {
    const request: AccessRequest = {
      principal: { aws: roleArn },
      action,
      resource,
      context: { ...this.#roleContext(roleArn), ...context },
    };
    const ofResource = this.ofResource(resource);
    const role = this.#role(roleArn);
    const { statements = [], boundary, unknown = [] } = role ?? {};
    const denied = evaluate(
      [ALLOW_ALL, ...[...ofResource, ...statements, ...(boundary ?? [])].filter(isDeny)],
      request,
    );
    if (!denied.allowed) return denied;
    const granted = evaluate(
      ofResource.filter((statement) => namesDirectly(statement, roleArn)),
      request,
    );
    if (granted.allowed) return granted;
    const own = evaluate(statements, request);
    if (own.allowed) {
      const limit = boundary && evaluate(boundary, request);
      if (!limit || limit.allowed) return own;
      return { ...limit, reason: `Its permissions boundary: ${limit.reason}` };
    }
    if (own.unknown || granted.unknown) return own.unknown ? own : granted;
    const [reason] = role ? unknown : [notHere(roleArn)];
    return reason ? { allowed: false, unknown: true, reason: `It cannot be told: ${reason}.` } : own;
  }

  /**
   * Decides by the resource's policy whether a principal of another account, or of another region of this one, may
   * act on it. Its own policies are for its own account to decide.
   * @param principalArn role, or the root of its account
   */
  otherAccountMay(principalArn: string, action: string, resource: string, context: Context): Decision {
    const account = String(principalArn.split(':')[4]);
    const statements = this.ofResource(resource);
    // Within an account the policies of the role are enough.
    const isOwn = account === this.#assembly.account;
    return evaluate(isOwn ? [ALLOW_ALL, ...statements.filter(isDeny)] : statements, {
      principal: { aws: principalArn },
      action,
      resource,
      context: { ...this.#roleContext(principalArn), 'aws:PrincipalAccount': account, ...context },
    });
  }

  /** Decides by the role's trust policy whether the service may assume it. */
  mayAssume(service: string, role: Resource, sourceArn?: string): Decision {
    return evaluate((this.#ofRole.get(role.logicalId) as RoleStatements).trust, {
      principal: { service },
      action: 'sts:AssumeRole',
      resource: role.arn,
      context: sourceArn === undefined ? this.#commonContext() : this.#serviceContext(sourceArn),
    });
  }

  /** Decides whether the service may assume the role of an ARN. */
  mayAssumeArn(service: string, roleArn: string, sourceArn?: string): Decision {
    const role = this.#assembly.find(roleArn);
    if (role?.type === 'AWS::IAM::Role') return this.mayAssume(service, role, sourceArn);
    return { allowed: false, unknown: true, reason: `It cannot be told: ${notHere(roleArn)}.` };
  }

  #role(arn: string): RoleStatements | undefined {
    const resource = this.#assembly.find(arn);
    return resource && this.#ofRole.get(resource.logicalId);
  }

  #managedPolicy(arn: string): readonly Statement[] | undefined {
    const resource = this.#assembly.find(arn);
    return resource ? this.#managed.get(resource.logicalId) : managedPolicy(arn);
  }

  #protected(arn: string): Resource | undefined {
    const found = this.#assembly.find(arn);
    // Permissions of aliases and versions are kept with their function, and name the alias or version.
    if (found && /^AWS::Lambda::(Alias|Version)$/.test(found.type))
      return functionReference(this.#assembly, arn).function;
    if (found) return found;
    const [whole = ''] = /^arn:[^:]*:s3:::[^/]+|^arn:[^:]*:dynamodb:[^/]*\/[^/]+/.exec(arn) ?? [];
    return this.#assembly.find(whole) ?? (/:logs:/.test(arn) ? this.#logGroup(arn) : undefined);
  }

  /** The log group of a log stream. */
  #logGroup(arn: string): Resource | undefined {
    return this.#assembly.find(arn.replace(/:log-stream:.*$/, ':*'));
  }

  #commonContext(): Context {
    const { region, account } = this.#assembly;
    const now = new Date(this.#clock.now());
    return {
      'aws:CurrentTime': now.toISOString(),
      'aws:EpochTime': String(Math.floor(now.getTime() / 1_000)),
      'aws:RequestedRegion': region,
      'aws:ResourceAccount': account,
      'aws:SecureTransport': 'true',
    };
  }

  #serviceContext(sourceArn: string): Context {
    return {
      ...this.#commonContext(),
      'aws:SourceArn': sourceArn,
      'aws:SourceAccount': this.#assembly.account,
      'aws:PrincipalIsAWSService': 'true',
    };
  }

  #roleContext(roleArn: string): Context {
    return {
      ...this.#commonContext(),
      'aws:PrincipalArn': roleArn,
      'aws:PrincipalAccount': this.#assembly.account,
      'aws:PrincipalIsAWSService': 'false',
      'aws:PrincipalType': 'AssumedRole',
      'aws:SourceOwner': this.#assembly.account,
      'aws:ViaAWSService': 'false',
    };
  }
}

/** The statements of a policy, each with its place. */
function placed({ source, statements }: ReadPolicy): Statement[] {
  return statements.map((statement, i) => {
    const name = statement.Sid ?? `statement ${i + 1}`;
    const place = statements.length === 1 ? source.logicalId : `${name} of ${source.logicalId}`;
    return { ...statement, place };
  });
}

const isDeny = ({ Effect }: Statement): boolean => Effect === 'Deny';

/**
 * Tells whether a statement names the role or everybody; one that names the account leaves it to the role's policies.
 */
function namesDirectly({ Principal, NotPrincipal }: Statement, roleArn: string): boolean {
  if (NotPrincipal !== undefined) return true;
  if (typeof Principal !== 'object') return Principal === '*';
  return asList(Principal.AWS ?? []).some((name) => name === '*' || name === roleArn || hasPlaceholder(name));
}

const notHere = (roleArn: string): string =>
  hasPlaceholder(roleArn) ? reasonsOf(roleArn) : `the role ${roleArn} is not in this template`;

function unknownPolicy(arn: string, kind: string): string {
  return hasPlaceholder(arn)
    ? `a ${kind} is not known: ${reasonsOf(arn)}`
    : `the ${kind} ${arn} is not in this template, nor in the table of AWS's own`;
}
