/**
 * Decides whether IAM would allow a request. Statements are evaluated as
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html says: an explicit Deny
 * wins, then any Allow, otherwise no. A decision that cannot be told says so, and is never an Allow.
 */
import { defined } from '../defined';
import { type Context, conditionHolds, isKnownOperator } from './policy-condition';
import { asList, type Principals, type Statement } from './policy-document';
import { AssemblyError } from './template';
import { anyTrue, equal, isUndecided, like, negated, type Truth, withoutWildcards } from './text-match';

export type { Statement };

export interface AccessRequest {
  /** The caller. */
  readonly principal?: { readonly service?: string; readonly aws?: string };
  /** E.g. `sqs:SendMessage`. */
  readonly action: string;
  /** ARN. */
  readonly resource: string;
  readonly context: Context;
}

export interface Decision {
  readonly allowed: boolean;
  /** Set if the decision cannot be told; `reason` says why, and `allowed` is false. */
  readonly unknown?: true;
  /** The place of the statement that allows it. */
  readonly by?: string;
  /** The statement that decided, or the difference from the one that came closest. One line. */
  readonly reason: string;
}

/**
 * @param statements of all policies that apply
 * @throws AssemblyError for a statement that IAM would refuse
 */
export function evaluate(statements: readonly Statement[], request: AccessRequest): Decision {
  let allowing: { label: string; place: string | undefined } | undefined;
  let undecided: string | undefined;
  let undecidedDeny: string | undefined;
  let nearest: { mismatch: string; closeness: number } | undefined;
  for (const [index, statement] of statements.entries()) {
    const label = labelOf(statement, index);
    const { applies, why, closeness } = match(statement, request);
    if (isUndecided(applies)) {
      const reason = `It cannot be told whether ${label} applies: ${applies}.`;
      if (statement.Effect === 'Deny') undecidedDeny ??= reason;
      else undecided ??= reason;
    } else if (statement.Effect === 'Deny') {
      if (applies) return { allowed: false, reason: `${label} denies ${describe(request)}.` };
    } else if (applies) {
      allowing ??= { label, place: statement.place };
    } else if (!nearest || closeness > nearest.closeness) {
      nearest = { mismatch: `${label}: ${why}`, closeness };
    }
  }
  if (allowing && !undecidedDeny) {
    const { label, place } = allowing;
    return { allowed: true, reason: `${label} allows it.`, ...defined({ by: place }) };
  }
  const unknown = allowing ? undecidedDeny : undecided;
  if (unknown) return { allowed: false, unknown: true, reason: unknown };
  const hint = nearest && nearest.closeness > 0 ? ` Nearest is ${nearest.mismatch}.` : '';
  return { allowed: false, reason: `No statement allows ${describe(request)}.${hint}` };
}

/** A Sid that reads as a name, or the statement with its Sid or place. */
function labelOf({ Sid }: Statement, index: number): string {
  if (Sid === undefined) return `statement ${index + 1}`;
  return /^[A-Za-z]/.test(Sid) ? Sid : `statement "${Sid}"`;
}

function describe({ principal, action, resource }: AccessRequest): string {
  const who = principal?.service ?? principal?.aws;
  return `${action} on ${resource}${who ? ` for ${who}` : ''}`;
}

interface Match {
  readonly applies: Truth;
  /** Reason why the statement does not apply. */
  readonly why: string;
  /** Number of elements that fit; the reason of the closest statement is reported. */
  readonly closeness: number;
}

/** Checks whether a statement applies: its elements in turn, up to the first that does not fit. */
function match(statement: Statement, request: AccessRequest): Match {
  const { cannotTell, Action, NotAction, Resource, NotResource } = statement;
  const parts: readonly (() => readonly [truth: Truth, why: string])[] = [
    () => [actionFits(statement, request), `it is about ${texts(Action ?? NotAction)}`],
    () => [principalFits(statement, request), `it is for ${JSON.stringify(statement.Principal)}`],
    () => [resourceFits(statement, request), `it is for ${texts(Resource ?? NotResource)}`],
    ...conditionsOf(statement).map((condition) => () => conditionFits(condition, statement, request)),
  ];
  let undecided = cannotTell;
  for (const [index, part] of parts.entries()) {
    const [truth, why] = part();
    if (truth === false) return { applies: false, why, closeness: Math.min(index, 3) };
    if (isUndecided(truth)) undecided ??= truth;
  }
  return { applies: undecided ?? true, why: '', closeness: 0 };
}

const texts = (value: Statement['Action']) => asList(value ?? []).join(', ');

function actionFits({ Action, NotAction }: Statement, { action }: AccessRequest): Truth {
  const fits = (pattern: string) => like(pattern.toLowerCase(), action.toLowerCase());
  if (Action) return anyTrue(asList(Action).map(fits));
  return NotAction ? negated(anyTrue(asList(NotAction).map(fits))) : false;
}

function principalFits({ Principal, NotPrincipal }: Statement, { principal }: AccessRequest): Truth {
  if (!principal) return true;
  // An identity-based policy has no principal: it applies to the role that has it.
  if (NotPrincipal === undefined) return Principal === undefined || names(Principal, principal, true);
  const excepted = names(NotPrincipal, principal, false);
  if (excepted !== false) return negated(excepted);
  // IAM's documentation does not say whether an exception for an account includes its roles.
  return names(NotPrincipal, principal, true) === false
    ? true
    : 'NotPrincipal names the account, but not the role in it';
}

/** Checks whether a principal element names the caller. */
function names(
  principals: Principals,
  { service, aws }: NonNullable<AccessRequest['principal']>,
  byAccount: boolean,
): Truth {
  if (principals === '*') return true;
  if (typeof principals === 'string') return equal(principals, String(aws ?? service));
  const given = (kind: string): readonly string[] => asList(principals[kind] ?? []);
  if (given('AWS').includes('*')) return true;
  if (service !== undefined) return anyTrue(given('Service').map((name) => sameService(name, service)));
  const role = String(aws);
  const account = accountOf(role);
  const accepts = (value: string): Truth =>
    anyTrue([
      equal(value, role),
      byAccount && equal(value, account),
      byAccount && /^arn:[^:]*:iam::[^:]*:root$/.test(value) && equal(accountOf(value), account),
    ]);
  return anyTrue(given('AWS').map(accepts));
}

const accountOf = (arn: string): string => String(arn.split(':')[4]);

/** A service's name may name the region, too: `states.us-east-1.amazonaws.com`. */
function sameService(name: string, service: string): Truth {
  const whole = equal(name, service);
  if (whole !== false || !service.endsWith('.amazonaws.com')) return whole;
  return name === '*' || name.replace(/^([^.]+)\.[a-z]{2}(-[a-z]+)+-\d\./, '$1.') === service;
}

function resourceFits(statement: Statement, request: AccessRequest): Truth {
  const { Resource, NotResource, Principal, NotPrincipal } = statement;
  if (Resource === undefined && NotResource === undefined) {
    // A resource policy and a trust policy apply to their own resource.
    if (Principal !== undefined || NotPrincipal !== undefined) return true;
    throw new AssemblyError(`${statement.Sid ?? 'A statement'} needs either Resource or NotResource.`);
  }
  const fits = (pattern: string): Truth => {
    const replaced = withVariables(pattern, statement, request);
    if (replaced === undefined) return false;
    return isUndecided(replaced.unknown) ? replaced.unknown : like(replaced.text, request.resource);
  };
  if (NotResource !== undefined) return negated(anyTrue(asList(NotResource).map(fits)));
  return anyTrue(asList(Resource as string | readonly string[]).map(fits));
}

interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

function conditionsOf({ Condition = {} }: Statement): Condition[] {
  return Object.entries(Condition).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, values]) => ({ operator, key, values: asList(values).map(String) })),
  );
}

function conditionFits(
  { operator, key, values }: Condition,
  statement: Statement,
  request: AccessRequest,
): readonly [Truth, string] {
  const actual = valueOfKey(key, request);
  const found = actual === undefined ? 'is not given' : `is ${[actual].flat().join(', ')}`;
  const why = `${operator} wants ${key} ${values.join(' or ')}, but it ${found}`;
  if (!isKnownOperator(operator)) return [`the condition operator ${operator} is not known`, why];
  if (actual === UNKNOWN) return [`the value of ${key} is not known`, why];
  const replaced = values.map((value) => withVariables(value, statement, request));
  const unknown = anyTrue(replaced.map((value) => value?.unknown ?? false));
  if (isUndecided(unknown)) return [unknown, why];
  // A variable without a value matches nothing.
  const known = replaced.flatMap((value) => value?.text ?? []);
  return [conditionHolds(operator, known, actual), why];
}

/** A key that the request may or may not have, with a value that only AWS knows. */
const UNKNOWN = '⟨unknown⟩';

/** Keys that no request of a role or a service has. */
const ABSENT =
  /^aws:(CalledVia|CalledViaFirst|CalledViaLast|ChatbotSourceArn|FederatedProvider|MultiFactorAuthAge|MultiFactorAuthPresent|Referer|RequestTag\/.*|SourceIdentity|TagKeys|username)$/i;
/** Keys that a request of a service on behalf of a resource does not have. */
const ABSENT_FOR_SERVICES =
  /^aws:(Ec2InstanceSource.*|Principal(Arn|Account|OrgID|OrgPaths|Tag\/.*|Type)|SourceIp|SourceVpc.*|VpcSourceIp|userid)$/i;
/** Keys that only a request of a service has. */
const ABSENT_FOR_ROLES =
  /^aws:(PrincipalServiceName|PrincipalServiceNamesList|Source(Arn|Account|OrgID|OrgPaths))$/i;

/** The value of a condition key; condition keys are case-insensitive. */
function valueOfKey(key: string, { principal, context }: AccessRequest): Context[string] | undefined {
  const given = Object.keys(context).find((known) => known.toLowerCase() === key.toLowerCase());
  if (given !== undefined) return context[given];
  return isAbsent(key, principal?.service !== undefined) ? undefined : UNKNOWN;
}

function isAbsent(key: string, isService: boolean): boolean {
  return ABSENT.test(key) || (isService ? ABSENT_FOR_SERVICES : ABSENT_FOR_ROLES).test(key);
}

/**
 * Replaces policy variables. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
 * @returns undefined if one has no value: then nothing matches
 */
function withVariables(
  text: string,
  { hasVariables = true }: Statement,
  request: AccessRequest,
): { readonly text: string; readonly unknown: Truth } | undefined {
  if (!hasVariables || !text.includes('${')) return { text, unknown: false };
  let unknown: Truth = false;
  let isMissing = false;
  const replaced = text.replace(/\$\{([^}]*)\}/g, (_, content: string) => {
    if (/^[*?$]$/.test(content)) return withoutWildcards(content);
    const [, key = content, fallback] = /^\s*([^,\s]+)\s*(?:,\s*'(.*)')?\s*$/.exec(content) ?? [];
    const value = valueOfKey(key, request) ?? fallback;
    if (value === undefined) isMissing = true;
    if (value === UNKNOWN) unknown = `the value of the policy variable ${key} is not known`;
    return withoutWildcards([value ?? ''].flat().join(','));
  });
  return isMissing ? undefined : { text: replaced, unknown };
}

/** Elements, operators and condition keys of a statement that may make it undecided, each as part of a sentence. */
export function undecidable(statement: Statement, context: readonly string[]): string[] {
  const known = (key: string) =>
    context.some((each) => each.toLowerCase() === key.toLowerCase()) || ABSENT.test(key);
  const variables = JSON.stringify(statement).matchAll(/\$\{([\w:/-]+)[^}]*\}/g);
  const usesVariables = statement.hasVariables ?? true;
  return [
    ...(statement.cannotTell === undefined ? [] : [statement.cannotTell]),
    ...conditionsOf(statement).flatMap(({ operator, key }) => [
      ...(isKnownOperator(operator) ? [] : [`the condition operator ${operator} is not known`]),
      ...(known(key) ? [] : [`the value of ${key} is not known`]),
    ]),
    ...[...(usesVariables ? variables : [])]
      .map(([, key]) => String(key))
      .filter((key) => !known(key))
      .map((key) => `the value of the policy variable ${key} is not known`),
  ];
}
