/** State that the parts of an audit share: the template, its permissions, and the findings so far. */
import { type App, type Consumer, consumerName, findConsumer } from '../../app';
import { PUT_EVENTS } from '../../eventbridge/service-facts';
import { type MetricIdentity, TemplateAlarms } from '../../template/alarms';
import type { Assembly, Resource } from '../../template/assembly';
import { hasPlaceholder, reasonsOf } from '../../template/placeholder';
import { isBusElsewhere, isDefaultBus } from '../../template/targets';
import { type Routing, readRouting } from '../routes/routing';
import { Encryption } from './encryption';
import { AuditedHop, type Findings, type GapKind, type HopKind, isHopEnd } from './hops';
import { Permissions } from './permissions';

export class Scene {
  readonly routing: Routing;
  readonly permissions: Permissions;
  readonly encryption: Encryption;
  readonly alarms: TemplateAlarms;
  readonly hops: AuditedHop[] = [];
  readonly found: Findings = { gaps: [], unknown: [] };
  readonly notes: string[] = [];
  /** Queues that failures end in. */
  readonly failureQueues = new Set<Resource>();
  /** Queues that get where a stream's failed records stand. */
  readonly positionQueues = new Set<Resource>();
  /** Place in which an event still is when nothing else has it. */
  readonly inArchive: string;
  /** True if the application is described; all of it is then in this template. */
  readonly isDescribed: boolean;

  constructor(
    readonly assembly: Assembly,
    readonly app: App,
  ) {
    this.routing = readRouting(assembly, app);
    this.permissions = new Permissions(assembly);
    this.encryption = new Encryption(this.permissions);
    this.alarms = new TemplateAlarms(assembly);
    this.inArchive = this.routing.archives.length > 0 ? 'in the archive' : 'lost';
    this.isDescribed = Object.keys(app.consumers).length > 0;
  }

  /** Bytes of an event, at most. */
  get eventBytes(): number {
    return this.app.maxEventBytes ?? PUT_EVENTS.maxBytes;
  }

  hop(kind: HopKind, from: Resource | string, to: Resource | string): AuditedHop {
    const hop = new AuditedHop(kind, from, to, this.found, this.alarms);
    this.hops.push(hop);
    return hop;
  }

  consumerName({ properties }: Resource): string | undefined {
    return consumerName(this.app, properties.Environment?.Variables);
  }

  consumer(resource: Resource): Consumer | undefined {
    return findConsumer(this.app, this.consumerName(resource));
  }

  /** A metric that the handler counts itself. */
  ownMetric(resource: Resource, name: string): MetricIdentity {
    const { metricsNamespace = '' } = this.app.variables;
    const namespace = resource.properties.Environment?.Variables?.[metricsNamespace] ?? '';
    return { namespace, name, dimensions: { service: this.consumerName(resource) ?? '' } };
  }

  logGroup(logGroupName: string): Resource | undefined {
    return this.assembly.ofType('AWS::Logs::LogGroup').find(({ name }) => name === logGroupName);
  }

  role(arn: string): Resource | undefined {
    return this.assembly.ofType('AWS::IAM::Role').find((role) => role.arn === arn);
  }

  /**
   * A resource of the event's way.
   * @param reference its ARN, or its name, as handlers are given those of tables, streams and buses
   * @param service whose resource it is, e.g. `dynamodb`: names are unique within a service only
   */
  find(reference: string, service?: string): Resource | undefined {
    const resources = [...this.assembly.resources.values()].filter(isHopEnd);
    return (
      resources.find(({ arn }) => arn === reference) ??
      resources.find(({ name, arn }) => name === reference && arn.split(':')[2] === service)
    );
  }

  /**
   * Says that the template does not have what a resource refers to: a gap where it cannot be right, and otherwise what
   * cannot be told, since another stack or account may have it.
   * @param what e.g. `its bucket`
   */
  missing(hop: AuditedHop, kind: GapKind, resource: Resource, what: string, given: unknown): void {
    const reference = String(given);
    const { region: ownRegion } = this.assembly;
    const [, , , region] = reference.split(':');
    if (hasPlaceholder(reference)) {
      hop.cannotTell(kind, resource, `what ${what} is: ${reasonsOf(reference)}`);
      return;
    }
    if (isDefaultBus(this.assembly, reference)) return;
    const message = `${what} is ${reference}, ${this.whereIs(reference)}`;
    const isUnreachable = region && region !== ownRegion && !this.assembly.assumed.has('region');
    // A bus is the only target that may be in another region than its rule.
    if (isBusElsewhere(this.assembly, reference)) {
      hop.cannotTell(kind, resource, `${message}: whether its policy lets this account in`);
      return;
    }
    if (this.isDescribed || isUnreachable) hop.gap(kind, resource, message);
    else hop.cannotTell(kind, resource, message);
  }

  /** Why nothing is found by a reference, as part of a sentence. */
  whereIs(reference: string): string {
    const [, , , region, account] = reference.split(':');
    const own = this.assembly;
    if (region && region !== own.region) {
      const assumed = own.assumed.has('region') ? ', as no --region is given' : '';
      return `in the region ${region}; this stack is in ${own.region}${assumed}`;
    }
    if (account && account !== own.account) return `in the account ${account}, not in this one`;
    return 'which is not in this template';
  }

  /**
   * Whether a part of a resource's properties is there only in AWS's eyes, and why.
   * @returns the reason, or undefined if it is known, or known to be absent
   */
  unknownPart({ properties }: Resource, ...path: readonly (string | number)[]): string | undefined {
    let part = properties;
    for (const key of path) {
      if (typeof part === 'string') break;
      part = part?.[key];
    }
    return hasPlaceholder(part) ? reasonsOf(part) : undefined;
  }
}
