/**
 * Decides who may do what, by all that has a say: the policies of roles, queues, topics, buses, functions and
 * buckets, and of the keys that encrypt them. A reason is given with each answer.
 */
import type { Assembly, Resource } from '../../template/assembly';
import { type DeliveryPermission, deliveryPermission } from '../../template/delivery-permission';
import { Policies } from '../../template/policies';
import { type AccessRequest, type Decision, evaluate, type Statement } from '../../template/policy';
import type { RuleModel, TargetModel } from '../../template/rules';

/** Actions that a sender needs on the key of its destination. */
const KEY_ACTIONS = ['kms:GenerateDataKey', 'kms:Decrypt'];

/** The name under which a service gives a key the ARN of what it encrypts (of an archive: of its bus), by type. */
const ENCRYPTION_CONTEXTS: Readonly<Record<string, string>> = {
  'AWS::Events::Archive': 'aws:events:event-bus:arn',
  'AWS::Events::EventBus': 'aws:events:event-bus:arn',
  'AWS::Logs::LogGroup': 'aws:logs:arn',
  'AWS::SNS::Topic': 'aws:sns:topicArn',
  'AWS::SQS::Queue': 'aws:sqs:arn',
};

const ALLOW_ALL: Statement = { Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' };
/** An account that no template names. */
const STRANGER = 'arn:aws:iam::999999999999:root';

/** Writer to an encrypted resource. */
export type Sender = { readonly service: string; readonly sourceArn: string } | { readonly role: string };

export class Permissions {
  readonly #assembly: Assembly;
  readonly #policies: Policies;

  constructor(assembly: Assembly) {
    this.#assembly = assembly;
    this.#policies = new Policies(assembly, Date, true);
  }

  /** May a service do that to a resource, acting for another one? */
  serviceMay(service: string, sourceArn: string, action: string, resource: string): Decision {
    return this.#policies.serviceMay(service, sourceArn, action, resource);
  }

  /** May whoever has the role do that to the resource, which may be an object of a bucket? */
  roleMay(
    roleArn: string,
    action: string,
    resource: string,
    context: AccessRequest['context'] = {},
  ): Decision {
    return this.#policies.roleMay(roleArn, action, resource, context);
  }

  /** May EventBridge hand the rule's events to its target? */
  delivery(rule: RuleModel, target: TargetModel): DeliveryPermission {
    return deliveryPermission(this.#policies, rule, target);
  }

  /** May the service take on the role? */
  mayAssume(service: string, role: Resource, sourceArn?: string): Decision {
    return this.#policies.mayAssume(service, role, sourceArn);
  }

  /**
   * May the sender use the key of the resource that it writes to?
   * @param reference as the resource gives it: a key's id or ARN, an alias or its ARN
   */
  mayWriteUnderKey(sender: Sender, reference: string, resource: Resource): Decision {
    const isRole = 'role' in sender;
    if (isKeyOfAws(reference)) {
      // Its policy, which nobody can change, is for the account's principals and not for services.
      return isRole
        ? { allowed: true, reason: `${reference} is for whoever of this account may use what it encrypts.` }
        : { allowed: false, reason: `${reference} is a key of AWS, whose policy keeps services out.` };
    }
    const key = this.#key(reference);
    if (!key) {
      return { allowed: false, unknown: true, reason: `The key ${reference} is not in this template.` };
    }
    if (key.properties.Enabled === false) {
      return { allowed: false, reason: `The key ${key.logicalId} is disabled.` };
    }
    // Context keys of the service that uses the key on behalf of the sender.
    const [, , service] = resource.arn.split(':');
    const encryptionContext = ENCRYPTION_CONTEXTS[resource.type];
    const context = {
      'kms:ViaService': `${service}.${this.#assembly.region}.amazonaws.com`,
      ...(encryptionContext && {
        [`kms:EncryptionContext:${encryptionContext}`]: encryptedArn(resource),
      }),
      ...(!isRole && { 'aws:SourceArn': sender.sourceArn, 'aws:SourceAccount': this.#assembly.account }),
    };
    // Who reads a table decrypts; its service does the rest.
    const actions = service === 'dynamodb' ? ['kms:Decrypt'] : KEY_ACTIONS;
    const decisions = actions.map((action) =>
      isRole
        ? this.#roleMayUseKey(sender.role, action, key, context)
        : evaluate(
            this.#policies.ofResource(key.arn),
            this.#request({ principal: { service: sender.service }, action, resource: key.arn }, context),
          ),
    );
    return decisions.find(({ allowed }) => !allowed) ?? (decisions[0] as Decision);
  }

  /** Does its policy refuse whoever does not use TLS? */
  isTlsOnly(resource: Resource, action: string): boolean {
    const context = { 'aws:SecureTransport': 'false' };
    const request = { principal: { aws: this.#root }, action, resource: resource.arn, context };
    return !evaluate([ALLOW_ALL, ...denials(this.#policies.ofResource(resource.arn))], request).allowed;
  }

  /** Does its policy let an account in that the template does not name? A caller fulfils a condition on the event itself. */
  isOpenToStrangers(resource: Resource, action: string): boolean {
    const principal = { aws: STRANGER };
    const context = { 'aws:SecureTransport': 'true', 'aws:PrincipalAccount': '999999999999' };
    const request = { principal, action, resource: resource.arn, context };
    const statements = this.#policies.ofResource(resource.arn).map(withoutConditionsOnEvents);
    return evaluate(statements, request).allowed;
  }

  /** May this account do that? Within an account the caller's own policies are enough, if nothing denies it. */
  accountMay(resource: Resource, action: string): Decision {
    const request = this.#request({ principal: { aws: this.#root }, action, resource: resource.arn });
    return evaluate([ALLOW_ALL, ...denials(this.#policies.ofResource(resource.arn))], request);
  }

  /** A key policy that names the role is enough; one that names the account leaves it to the role's own policy. */
  #roleMayUseKey(
    roleArn: string,
    action: string,
    key: Resource,
    context: AccessRequest['context'],
  ): Decision {
    const statements = this.#policies.ofResource(key.arn);
    const request = this.#request({ principal: { aws: roleArn }, action, resource: key.arn }, context);
    const decision = evaluate(statements, request);
    const namesRole = ({ Effect, Principal }: Statement) =>
      Effect === 'Deny' || JSON.stringify(Principal).includes(`"${roleArn}"`);
    if (!decision.allowed || evaluate(statements.filter(namesRole), request).allowed) return decision;
    return this.#policies.roleMay(roleArn, action, key.arn, context);
  }

  #key(reference: string): Resource | undefined {
    const alias = this.#assembly
      .ofType('AWS::KMS::Alias')
      .find(({ name, arn }) => reference === name || reference === arn);
    const target = alias ? alias.properties.TargetKeyId : reference;
    return this.#assembly.ofType('AWS::KMS::Key').find(({ name, arn }) => target === name || target === arn);
  }

  #request(request: Omit<AccessRequest, 'context'>, context: AccessRequest['context'] = {}): AccessRequest {
    const { account } = this.#assembly;
    return {
      ...request,
      context: { 'aws:SecureTransport': 'true', 'aws:PrincipalAccount': account, ...context },
    };
  }

  get #root(): string {
    return `arn:aws:iam::${this.#assembly.account}:root`;
  }
}

/** ARN that the service gives to the key: an archive is a part of its bus. */
function encryptedArn({ type, arn, properties }: Resource): string {
  if (type === 'AWS::Events::Archive') return String(properties.SourceArn);
  return type === 'AWS::Logs::LogGroup' ? arn.replace(/:\*$/, '') : arn;
}

/** One of the keys that AWS makes in each account, e.g. alias/aws/sns. */
export function isKeyOfAws(reference: string): boolean {
  return /(^|:)alias\/aws\//.test(reference);
}

/** A statement that allows an action for whatever event the caller chooses to put. */
function withoutConditionsOnEvents(statement: Statement): Statement {
  if (statement.Effect === 'Deny' || !statement.Condition) return statement;
  const conditions = Object.entries(statement.Condition).map(([operator, keys]) => {
    const others = Object.entries(keys).filter(([key]) => !/^events:(source|detail)/i.test(key));
    return [operator, Object.fromEntries(others)] as const;
  });
  return { ...statement, Condition: Object.fromEntries(conditions) };
}

const denials = (statements: readonly Statement[]): Statement[] =>
  statements.filter(({ Effect }) => Effect === 'Deny');
