/** The template's queues, topics and delivery streams. */
import { defined } from '../defined';
import type { Assembly } from '../template/assembly';
import type { Policies } from '../template/policies';
import { DeliveryStream } from './services/delivery-stream';
import { Queue } from './services/queue';
import { Topic } from './services/topic';
import type { World } from './services/world';
import type { StepListener } from './steps';

export interface MessagingOptions {
  readonly world: World;
  /** Policies as they are now. */
  readonly policies: () => Policies;
  /** Path of a file in the data directory; undefined without one. */
  readonly data: (...segments: string[]) => string | undefined;
  /** Compresses an object of a delivery stream. @default gzip */
  readonly compress?: ((content: Buffer) => Buffer) | undefined;
  readonly onStep: StepListener;
}

export interface Messaging {
  readonly queues: readonly Queue[];
  readonly topics: readonly Topic[];
  readonly deliveryStreams: readonly DeliveryStream[];
}

/** @throws AssemblyError for what the local run does not know, JournalError for data that cannot be read back */
export function messaging(assembly: Assembly, options: MessagingOptions): Messaging {
  const { world, policies, data, compress, onStep } = options;
  const queues: Queue[] = assembly.ofType('AWS::SQS::Queue').map((resource) => {
    const findQueue = (arn: string) => queues.find((queue) => queue.arn === arn);
    const file = data('queues', `${resource.name}.jsonl`);
    return new Queue(resource, world, { ...defined({ file }), findQueue, onStep });
  });
  const subscriptions = assembly.ofType('AWS::SNS::Subscription');
  const maySend = (queue: Queue, topicArn: string) =>
    policies().serviceMay('sns.amazonaws.com', topicArn, 'sqs:SendMessage', queue.arn);
  const topics = assembly
    .ofType('AWS::SNS::Topic')
    .map((resource) => new Topic(resource, world, { subscriptions, queues, maySend, onStep }));
  const deliveryStreams = assembly.ofType('AWS::KinesisFirehose::DeliveryStream').map(
    (resource) =>
      new DeliveryStream(resource, world, {
        ...defined({ directory: data('objects'), file: data('records', `${resource.name}.jsonl`) }),
        ...(compress && { compress }),
        onStep,
      }),
  );
  return { queues, topics, deliveryStreams };
}
