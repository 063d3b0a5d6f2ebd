/** Hops before a rule: the bus, and the archive from which its events can be replayed. */
import { sampleEvent } from '../../eventbridge/event';
import type { Resource } from '../../template/assembly';
import { isPartnerBus, thirdBusesOf } from '../../template/foreign-events';
import { EVENTS_SERVICE } from '../../template/targets';
import { exampleEvent } from '../contracts/variants';
import { DAY } from './durations';
import { retentionOf } from './failure-queues';
import type { AuditedHop } from './hops';
import type { Scene } from './scene';

export function auditBus(scene: Scene, bus: Resource): void {
  const { permissions, encryption } = scene;
  if (isPartnerBus(bus)) {
    auditPartnerBus(scene, bus);
    return;
  }
  const hop = scene.hop('publish', 'publishers', bus);
  hop.retry = 'by the publisher';
  hop.whenAllFails = 'the publisher gets the error';
  const decision = permissions.accountMay(bus, 'events:PutEvents');
  hop.needs('events:PutEvents', decision, bus, 'for this account');
  if (permissions.isOpenToStrangers(bus, 'events:PutEvents')) {
    hop.gap('too-wide', bus, 'its policy lets every AWS account put events');
  }
  hop.encryption = encryption.of(hop, bus, []);

  auditBusDeadLetters(scene, hop, bus);

  const archives = scene.assembly.ofType('AWS::Events::Archive');
  const own = archives.filter(({ properties }) => properties.SourceArn === bus.arn);
  for (const archive of own) auditArchive(scene, bus, archive);
  const [first] = own;
  if (first?.uncertain !== undefined && own.every(({ uncertain }) => uncertain !== undefined))
    hop.cannotTell('coverage', bus, `whether it has an archive: of ${first.name}, ${first.uncertain}`);
  if (own.length === 0) {
    const others = archives.map(
      ({ name, properties: { SourceArn: source } }) =>
        ` (archive ${name} is of ${source}, ${scene.whereIs(source)})`,
    );
    hop.gap('coverage', bus, `it has no archive: nothing could be replayed${others.join('')}`);
  }
}

/** The account's own key of a bus; empty means a key of AWS, as none does. */
const keyOf = ({ properties }: Resource): string | undefined => properties.KmsKeyIdentifier || undefined;

/**
 * Under a key of the account a bus may fail to encrypt or decrypt an event, which is then in its own dead-letter queue.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-dlq.html
 */
function auditBusDeadLetters(scene: Scene, hop: AuditedHop, bus: Resource): void {
  const { DeadLetterConfig } = bus.properties;
  const key = keyOf(bus);
  const arn: string | undefined = DeadLetterConfig?.Arn;
  if (arn === undefined) {
    const lost = 'an event that cannot be encrypted or decrypted is lost';
    const reason =
      key === undefined
        ? undefined
        : (scene.unknownPart(bus, 'DeadLetterConfig') ?? scene.unknownPart(bus, 'KmsKeyIdentifier'));
    if (reason !== undefined)
      hop.cannotTell(
        'failure-destination',
        bus,
        `whether it has a key without a dead-letter queue: ${reason}`,
      );
    else if (key !== undefined)
      hop.gap('failure-destination', bus, `it has a key, and no dead-letter queue: ${lost}`);
    return;
  }
  const queue = scene.find(arn);
  if (queue?.type !== 'AWS::SQS::Queue') {
    scene.missing(hop, 'failure-destination', bus, 'its dead-letter queue', arn);
    return;
  }
  scene.failureQueues.add(queue);
  const decision = scene.permissions.serviceMay(EVENTS_SERVICE, bus.arn, 'sqs:SendMessage', queue.arn);
  hop.needs('sqs:SendMessage', decision, queue, `for the bus ${bus.name}`);
  scene.encryption.of(hop, queue, [{ service: EVENTS_SERVICE, sourceArn: bus.arn }]);
  if (key === undefined || queue.properties.KmsMasterKeyId !== key) return;
  hop.gap(
    'failure-destination',
    queue,
    'it is under the key of its bus: what the one cannot encrypt, neither can the other',
  );
}

/** A partner's events are kept by the archive of a bus that a rule puts all of them on, or by one of its own. */
function auditPartnerBus(scene: Scene, bus: Resource): void {
  const { assembly, routing } = scene;
  const hop = scene.hop('publish', 'SaaS partner', bus);
  hop.retry = 'by the partner';
  hop.whenAllFails = 'the partner gets the error';
  hop.encryption = scene.encryption.of(hop, bus, []);
  const archived = assembly.ofType('AWS::Events::Archive').map(({ properties }) => properties.SourceArn);
  if (archived.includes(bus.arn)) return;
  const onward = routing.rules.filter((rule) => rule.enabled && rule.bus === bus.name);
  if (onward.some(({ targets }) => targets.some(({ arn }) => archived.includes(arn)))) return;
  hop.gap('coverage', bus, 'neither it nor a bus that it hands its events to has an archive');
}

/** A discoverer reads what comes to its bus, unless a customer-managed key keeps it out. */
export function auditDiscoverers(scene: Scene): void {
  for (const discoverer of scene.assembly.ofType('AWS::EventSchemas::Discoverer')) {
    const bus = scene.find(String(discoverer.properties.SourceArn));
    if (!bus || keyOf(bus) === undefined) continue;
    const hop = scene.hop('rule', bus, discoverer);
    hop.gap('coverage', discoverer, 'it discovers nothing: its bus is under a customer-managed key');
  }
}

/** EventBridge drops what a rule would hand on to a third bus. */
export function auditThirdBuses(scene: Scene): void {
  for (const { first, second, bus, unknown } of thirdBusesOf(scene.assembly)) {
    const hop = scene.hop('delivery', second.resource, `bus ${bus}`);
    hop.whenAllFails = 'lost';
    const twice = `it hands on to the bus ${bus} what came to its own by rule ${first.name}`;
    if (unknown === undefined)
      hop.gap('delivery', second.resource, `${twice}: EventBridge drops it at a third bus`);
    else hop.cannotTell('delivery', second.resource, `whether ${twice}, which EventBridge drops: ${unknown}`);
  }
}

function auditArchive(scene: Scene, bus: Resource, archive: Resource): void {
  const { app, assembly, routing } = scene;
  const hop = scene.hop('archive', bus, archive);
  const days = Number(archive.properties.RetentionDays ?? 0);
  const reasons = ['RetentionDays', 'EventPattern'].flatMap((key) => scene.unknownPart(archive, key) ?? []);
  hop.retry = 'by EventBridge';
  hop.ageLimit = Number.isNaN(days) ? 'not known' : days === 0 ? 'kept for ever' : `kept ${days} days`;
  hop.encryption = scene.encryption.of(hop, archive, []);

  if (reasons.length > 0) {
    hop.cannotTell('coverage', archive, `what it keeps, and for how long: ${reasons.join(' and ')}`);
    return;
  }
  const { pattern } = routing.archives.find(({ name }) => name === archive.name) ?? {};
  const examples = app.contracts.map((contract) => exampleEvent(contract, assembly));
  const unknown = sampleEvent({ source: 'com.example', 'detail-type': 'Unknown', detail: {} }, assembly);
  // In an undescribed stack only the pattern tells the purpose of an archive.
  const missed = scene.isDescribed ? [...examples, unknown].filter((event) => !pattern?.matches(event)) : [];
  if (missed.length > 0) {
    const types = missed.map((event) => `${event.source}/${event['detail-type']}`).join(', ');
    hop.gap('coverage', archive, `its pattern leaves out ${types}: those could not be replayed`);
  }
  // The purpose of an archive is known of a described stack only.
  if (!scene.isDescribed) return;
  for (const queue of assembly.ofType('AWS::SQS::Queue')) {
    const kept = retentionOf(queue) / DAY;
    if (days === 0 || days >= kept) continue;
    hop.gap(
      'age-limit',
      archive,
      `it keeps events for ${days} days, but queue ${queue.name} failures for ${kept}`,
    );
  }
}
