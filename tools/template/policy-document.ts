/** Reads the statements of a policy document, and checks them against IAM's grammar. */
import * as v from 'valibot';
import { hasPlaceholder, reasonsOf } from './placeholder';
import { text } from './read';
import type { Resource } from './resource';
import { AssemblyError, type Json } from './template';

export type OneOrMany<Value> = Value | readonly Value[];

/** A statement of a policy document, references resolved. */
export interface Statement {
  readonly Sid?: string | undefined;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: Principals | undefined;
  readonly NotPrincipal?: Principals | undefined;
  readonly Action?: OneOrMany<string> | undefined;
  readonly NotAction?: OneOrMany<string> | undefined;
  readonly Resource?: OneOrMany<string> | undefined;
  readonly NotResource?: OneOrMany<string> | undefined;
  readonly Condition?:
    | Readonly<Record<string, Readonly<Record<string, OneOrMany<string | boolean | number>>>>>
    | undefined;
  /** Place of the statement, e.g. `statement 2 of OrdersPolicy`: the policy's logical id. */
  readonly place?: string;
  /** Reason why it cannot be told whether the statement applies, as part of a sentence. */
  readonly cannotTell?: string;
  /** True if `${...}` is a policy variable, as in version 2012-10-17; otherwise it is text. @default true */
  readonly hasVariables?: boolean;
}

export type Principals = string | Readonly<Record<string, OneOrMany<string>>>;

const Texts = v.union([v.string(), v.array(v.string())]);
const Scalar = v.union([v.string(), v.boolean(), v.number()]);
const PrincipalSchema = v.union([v.string(), v.record(v.string(), Texts)]);
const StatementSchema = v.looseObject({
  // CloudFormation takes a number for its text.
  Sid: v.optional(text),
  Effect: v.picklist(['Allow', 'Deny']),
  Principal: v.optional(PrincipalSchema),
  NotPrincipal: v.optional(PrincipalSchema),
  Action: v.optional(Texts),
  NotAction: v.optional(Texts),
  Resource: v.optional(Texts),
  NotResource: v.optional(Texts),
  Condition: v.optional(v.record(v.string(), v.record(v.string(), v.union([Scalar, v.array(Scalar)])))),
});
const DocumentSchema = v.looseObject({
  Version: v.optional(v.string()),
  Statement: v.optional(v.union([v.array(v.unknown()), v.looseObject({}), v.string()])),
});

const ELEMENTS = Object.keys(StatementSchema.entries);
/** The older version, which is the default, has no variables. */
const VERSION_WITH_VARIABLES = '2012-10-17';

export interface DocumentOptions {
  /** Path of the document in the properties, e.g. `PolicyDocument`. */
  readonly at: string;
  /** True for an identity-based policy, which must name resources and may not name principals. */
  readonly isIdentity?: boolean;
}

/**
 * @param document as the resource has it, references resolved: an object or its JSON
 * @throws AssemblyError for what IAM would refuse as malformed
 */
export function readStatements(resource: Resource, document: unknown, options: DocumentOptions): Statement[] {
  const refuse = (where: string, problem: string): never => {
    throw new AssemblyError(`${resource.type} ${resource.logicalId}: ${where}: ${problem}.`);
  };
  const { at } = options;
  if (document === undefined) return [];
  if (typeof document === 'string') {
    if (hasPlaceholder(document) && !document.startsWith('{')) return [unknownStatement(document)];
    try {
      return readStatements(resource, JSON.parse(document), options);
    } catch (error) {
      if (error instanceof AssemblyError) throw error;
      return refuse(at, `it is not JSON (${(error as Error).message})`);
    }
  }
  const read = v.safeParse(DocumentSchema, document);
  if (!read.success) return refuse(at, read.issues[0].message);
  const { Version, Statement: given = [] } = read.output;
  return [given].flat().map((each, index) => {
    const where = `${at}.Statement[${index}]`;
    if (typeof each === 'string' && hasPlaceholder(each)) return unknownStatement(each);
    return {
      ...readStatement(each, where, refuse, options),
      hasVariables: Version === VERSION_WITH_VARIABLES,
    };
  });
}

type Refuse = (where: string, problem: string) => never;

function readStatement(value: unknown, where: string, refuse: Refuse, options: DocumentOptions): Statement {
  const read = v.safeParse(StatementSchema, value);
  if (!read.success) {
    const [issue] = read.issues;
    const path = v.getDotPath(issue);
    // A whole element is unknown, e.g. depends on a condition of the template.
    if (typeof issue.input === 'string' && hasPlaceholder(issue.input)) return unknownStatement(issue.input);
    return refuse(path ? `${where}.${path}` : where, issue.message);
  }
  const statement = read.output;
  const { Action, NotAction, Resource, NotResource } = statement;
  const one = (first: unknown, second: unknown) => (first === undefined) !== (second === undefined);
  if (!one(Action, NotAction)) return refuse(where, 'it needs either Action or NotAction');
  if (options.isIdentity && !one(Resource, NotResource)) {
    return refuse(where, 'it needs either Resource or NotResource');
  }
  const unknown = Object.keys(statement).find((element) => !ELEMENTS.includes(element));
  return unknown === undefined
    ? statement
    : { ...statement, cannotTell: `the policy element ${unknown} is not known` };
}

/**
 * Statement of an AWS::Events::EventBusPolicy, in one of the two forms that CloudFormation takes.
 * @param busArn bus of the older form, which names none
 */
export function busPolicyStatement(properties: Json, busArn: string): Json {
  const { StatementId: Sid, Statement: given, Action, Principal, Condition } = properties;
  const { Type, Key, Value } = Condition ?? {};
  const statement = given ?? {
    Effect: 'Allow',
    Principal: Principal === '*' ? '*' : { AWS: Principal },
    Action,
    Resource: busArn,
    ...(Type && { Condition: { [Type]: { [Key]: Value } } }),
  };
  return Sid ? { Sid, ...statement } : statement;
}

/** A statement that may allow or deny anything. */
const unknownStatement = (text: string): Statement => ({
  Effect: 'Allow',
  Principal: '*',
  Action: '*',
  Resource: '*',
  cannotTell: reasonsOf(text),
});

export const asList = <Value>(value: OneOrMany<Value>): readonly Value[] =>
  Array.isArray(value) ? value : [value as Value];
