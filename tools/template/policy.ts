/**
 * Would IAM allow this? The policy documents of the template, evaluated as
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html says for one account:
 * an explicit Deny wins, then any Allow, otherwise no. What is not known here is an error, never an Allow.
 */
import { type Assembly, AssemblyError, busName } from './assembly';
import type { Json } from './template';

type OneOrMany<Value> = Value | readonly Value[];

/** A statement of a policy document, references resolved. */
export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: '*' | Readonly<Record<string, OneOrMany<string>>>;
  readonly NotPrincipal?: unknown;
  readonly Action?: OneOrMany<string>;
  readonly NotAction?: OneOrMany<string>;
  readonly Resource?: OneOrMany<string>;
  readonly NotResource?: OneOrMany<string>;
  readonly Condition?: Readonly<
    Record<string, Readonly<Record<string, OneOrMany<string | boolean | number>>>>
  >;
}

export interface AccessRequest {
  /** Who asks. */
  readonly principal?: { readonly service?: string; readonly aws?: string };
  /** E.g. `sqs:SendMessage`. */
  readonly action: string;
  /** ARN. */
  readonly resource: string;
  /** Condition keys and their values, e.g. `aws:SourceArn`. */
  readonly context: Readonly<Record<string, string>>;
}

export interface Decision {
  readonly allowed: boolean;
  /** Which statement decided, or what the nearest one lacks. One line. */
  readonly reason: string;
}

/**
 * @param statements of all policies that apply
 * @throws AssemblyError for an element or a condition operator that is not known here
 */
export function evaluate(statements: readonly Statement[], request: AccessRequest): Decision {
  let allowing: string | undefined;
  let nearest: { mismatch: string; closeness: number } | undefined;
  for (const [index, statement] of statements.entries()) {
    const label = statement.Sid ?? `statement ${index + 1}`;
    const miss = mismatch(statement, request);
    if (statement.Effect === 'Deny') {
      if (!miss) return { allowed: false, reason: `${label} denies ${describe(request)}.` };
    } else if (!miss) {
      allowing ??= label;
    } else if (!nearest || miss.closeness > nearest.closeness) {
      nearest = { mismatch: `${label}: ${miss.why}`, closeness: miss.closeness };
    }
  }
  if (allowing) return { allowed: true, reason: `${allowing} allows it.` };
  const hint = nearest && nearest.closeness > 0 ? ` Nearest is ${nearest.mismatch}.` : '';
  return { allowed: false, reason: `No statement allows ${describe(request)}.${hint}` };
}

function describe({ principal, action, resource }: AccessRequest): string {
  const who = principal?.service ?? principal?.aws;
  return `${action} on ${resource}${who ? ` for ${who}` : ''}`;
}

/** What keeps a statement from applying, and how far it came before: the closest one is worth telling. */
function mismatch(
  statement: Statement,
  request: AccessRequest,
): { why: string; closeness: number } | undefined {
  const { Action, NotAction, Resource, NotResource, Condition = {} } = statement;
  if (statement.NotPrincipal !== undefined) {
    throw new AssemblyError('The local run does not know the policy element NotPrincipal.');
  }
  const actionMatches = (pattern: string) => like(pattern.toLowerCase(), request.action.toLowerCase());
  const actionFits = Action ? list(Action).some(actionMatches) : !list(NotAction ?? '*').some(actionMatches);
  if (!actionFits) return { why: `it is about ${list(Action ?? NotAction ?? []).join(', ')}`, closeness: 0 };
  if (request.principal && !principalMatches(statement.Principal, request.principal)) {
    return { why: `it is for ${JSON.stringify(statement.Principal)}`, closeness: 1 };
  }
  const resourceMatches = (pattern: string) => {
    if (pattern.includes('${'))
      throw new AssemblyError(`The local run does not know policy variables (${pattern}).`);
    return like(pattern, request.resource);
  };
  const resourceFits = Resource
    ? list(Resource).some(resourceMatches)
    : !list(NotResource ?? []).some(resourceMatches);
  if (!resourceFits)
    return { why: `it is for ${list(Resource ?? NotResource ?? []).join(', ')}`, closeness: 2 };
  for (const [operator, keys] of Object.entries(Condition)) {
    for (const [key, values] of Object.entries(keys)) {
      const actual = request.context[contextKey(request.context, key)];
      if (conditionHolds(operator, list(values).map(String), actual)) continue;
      const found = actual === undefined ? 'is not given' : `is ${actual}`;
      return { why: `${operator} wants ${key} ${list(values).join(' or ')}, but it ${found}`, closeness: 3 };
    }
  }
  return undefined;
}

/** Condition keys are case-insensitive. */
function contextKey(context: AccessRequest['context'], key: string): string {
  return Object.keys(context).find((known) => known.toLowerCase() === key.toLowerCase()) ?? key;
}

function principalMatches(
  allowed: Statement['Principal'],
  { service, aws }: NonNullable<AccessRequest['principal']>,
): boolean {
  // A role's own policy names nobody: it is for whoever has the role.
  if (allowed === undefined || allowed === '*') return true;
  const accepts = (kind: string, fits: (value: string) => boolean) => list(allowed[kind] ?? []).some(fits);
  if (accepts('AWS', (value) => value === '*')) return true;
  if (service !== undefined) return accepts('Service', (value) => value === service);
  const account = aws?.split(':')[4];
  return accepts('AWS', (value) => value === aws || value === account || value.endsWith(`::${account}:root`));
}

const OPERATORS: Readonly<Record<string, (wanted: string, actual: string) => boolean>> = {
  StringEquals: (wanted, actual) => wanted === actual,
  StringEqualsIgnoreCase: (wanted, actual) => wanted.toLowerCase() === actual.toLowerCase(),
  StringLike: like,
  ArnEquals: arnLike,
  ArnLike: arnLike,
  Bool: (wanted, actual) => wanted.toLowerCase() === actual.toLowerCase(),
};

/** Written out, so that `StringNotEqual` is an unknown operator and not one that lost its `s`. */
const NEGATED: Readonly<Record<string, keyof typeof OPERATORS>> = {
  StringNotEquals: 'StringEquals',
  StringNotEqualsIgnoreCase: 'StringEqualsIgnoreCase',
  StringNotLike: 'StringLike',
  ArnNotEquals: 'ArnEquals',
  ArnNotLike: 'ArnLike',
};

function conditionHolds(operator: string, wanted: readonly string[], actual: string | undefined): boolean {
  if (operator === 'Null') return wanted.some((value) => (value === 'true') === (actual === undefined));
  const [, name = operator, ifExists] = /^(\w+?)(IfExists)?$/.exec(operator) ?? [];
  const negated = NEGATED[name];
  const test = OPERATORS[negated ?? name];
  if (!test)
    throw new AssemblyError(`The local run does not know the policy condition operator ${operator}.`);
  if (actual === undefined) return negated !== undefined || ifExists !== undefined;
  return wanted.some((value) => test(value, actual)) !== (negated !== undefined);
}

/** `*` stands for any text, `?` for one character. */
function like(pattern: string, text: string): boolean {
  if (!/[*?]/.test(pattern)) return pattern === text;
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}

/** Each of the six parts of an ARN by itself: a `*` does not reach over a colon, but in the last. */
function arnLike(pattern: string, text: string): boolean {
  const split = (arn: string) => {
    const parts = arn.split(':');
    return [...parts.slice(0, 5), parts.slice(5).join(':')];
  };
  const parts = split(text);
  return split(pattern).every((part, index) => like(part, parts[index] ?? ''));
}

const list = <Value>(value: OneOrMany<Value>): readonly Value[] =>
  Array.isArray(value) ? value : [value as Value];

/** The template's policies, by what they protect or whom they empower. */
export class Policies {
  readonly #ofResource = new Map<string, Statement[]>();
  readonly #ofRole = new Map<string, Statement[]>();
  readonly #account: string;

  constructor(assembly: Assembly) {
    this.#account = assembly.account;
    const attach = (map: Map<string, Statement[]>, key: string, statements: OneOrMany<Statement>) =>
      map.set(key, [...(map.get(key) ?? []), ...list(statements)]);
    const arnOf = (type: string, reference: string) =>
      assembly
        .ofType(type)
        .find(({ arn, name }) => arn === reference || reference.split(/[/:]/).at(-1) === name)?.arn ??
      reference;

    for (const { properties } of assembly.ofType('AWS::SQS::QueuePolicy')) {
      for (const url of properties.Queues) {
        attach(this.#ofResource, arnOf('AWS::SQS::Queue', url), properties.PolicyDocument.Statement);
      }
    }
    for (const { properties } of assembly.ofType('AWS::SNS::TopicPolicy')) {
      for (const arn of properties.Topics) attach(this.#ofResource, arn, properties.PolicyDocument.Statement);
    }
    for (const { properties } of assembly.ofType('AWS::Events::EventBusPolicy')) {
      const arn = arnOf('AWS::Events::EventBus', busName(properties.EventBusName));
      attach(this.#ofResource, arn, properties.Statement);
    }
    for (const { logicalId, properties } of assembly.ofType('AWS::Lambda::Permission')) {
      const functionArn = arnOf('AWS::Lambda::Function', properties.FunctionName);
      attach(this.#ofResource, functionArn, permissionStatement(logicalId, functionArn, properties));
    }
    for (const role of assembly.ofType('AWS::IAM::Role')) {
      for (const { PolicyDocument } of role.properties.Policies ?? []) {
        attach(this.#ofRole, role.arn, PolicyDocument.Statement);
      }
    }
    for (const { properties } of assembly.ofType('AWS::IAM::Policy')) {
      for (const roleName of properties.Roles ?? []) {
        attach(this.#ofRole, arnOf('AWS::IAM::Role', roleName), properties.PolicyDocument.Statement);
      }
    }
  }

  /**
   * May a service act on a resource for one of this account's resources? Decided by the resource's own policy.
   * @param service e.g. events.amazonaws.com
   * @param sourceArn for which it acts, e.g. the rule
   */
  serviceMay(service: string, sourceArn: string, action: string, resource: string): Decision {
    return evaluate(this.#ofResource.get(resource) ?? [], {
      principal: { service },
      action,
      resource,
      context: {
        'aws:SourceArn': sourceArn,
        'aws:SourceAccount': this.#account,
        'aws:SecureTransport': 'true',
        'aws:PrincipalIsAWSService': 'true',
      },
    });
  }

  /** May a role of this account do that? Decided by the role's policies; a resource's policy may still deny it. */
  roleMay(roleArn: string, action: string, resource: string): Decision {
    const context = {
      'aws:SecureTransport': 'true',
      'aws:PrincipalArn': roleArn,
      'aws:PrincipalAccount': this.#account,
      'aws:PrincipalIsAWSService': 'false',
    };
    // An Allow of the resource's policy would also do, if it names the role itself; none here does.
    const denials = (this.#ofResource.get(resource) ?? []).filter(({ Effect }) => Effect === 'Deny');
    return evaluate([...denials, ...(this.#ofRole.get(roleArn) ?? [])], {
      principal: { aws: roleArn },
      action,
      resource,
      context,
    });
  }
}

function permissionStatement(Sid: string, functionArn: string, properties: Json): Statement {
  const { Action, Principal, SourceArn, SourceAccount, ...others } = properties;
  const unknown = Object.keys(others).find((property) => property !== 'FunctionName');
  if (unknown) {
    throw new AssemblyError(
      `AWS::Lambda::Permission ${Sid}: the local run does not know its property ${unknown}.`,
    );
  }
  const isService = /\.amazonaws\.com(\.cn)?$/.test(Principal);
  return {
    Sid,
    Effect: 'Allow',
    Principal: isService ? { Service: Principal } : { AWS: Principal },
    Action,
    Resource: functionArn,
    Condition: {
      ...(SourceArn && { ArnLike: { 'aws:SourceArn': SourceArn } }),
      ...(SourceAccount && { StringEquals: { 'aws:SourceAccount': SourceAccount } }),
    },
  };
}
