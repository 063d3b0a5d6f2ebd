/** Whoever operates the stack in a simulation: redrives what failed, and replays the archive. */

import type { App } from '../app';
import { defined } from '../defined';
import type { Queue } from '../local/services/queue';
import { ServiceError } from '../local/services/service-error';
import { readFailedEvent } from '../ops/failed-event';
import { NotRedeliverableError, redelivery } from '../ops/redelivery';
import type { Ledger } from './ledger';
import type { SimWorld } from './sim-world';
import type { SimulatedStack } from './simulated-stack';

export class Operator {
  readonly #app: App;
  readonly #world: SimWorld;
  readonly #ledger: Ledger;
  readonly #stack: SimulatedStack;
  #replays = 0;

  constructor(app: App, world: SimWorld, ledger: Ledger, stack: SimulatedStack) {
    this.#app = app;
    this.#world = world;
    this.#ledger = ledger;
    this.#stack = stack;
  }

  /**
   * Sends each message of the queues to the function that failed, and deletes it then.
   * @param stopAfter number of messages after which it ends, between sending the last one and deleting it
   * @returns number of messages that were sent; a redrive of a stack that is killed ends there
   */
  async redrive({ stopAfter = Number.POSITIVE_INFINITY } = {}): Promise<number> {
    let sent = 0;
    const stack = await this.#stack.up();
    for (const queue of stack.queues) {
      for (;;) {
        const [message] = await queue.receive({ visibilityTimeoutSeconds: 60, waitSeconds: 0 });
        if (!message) break;
        const target = this.#targetOf(message);
        if (!target) continue;
        const { functionName, payload, eventId } = target;
        const called = stack.functions.find(({ name }) => name === functionName);
        if (!called) continue;
        const requestId = called.invokeAsync(payload);
        this.#ledger.invoked(requestId, functionName, payload, eventId);
        sent++;
        if (sent >= stopAfter) return sent;
        await this.#world.sleep(this.#world.random() * 20);
        if (this.#stack.current !== stack) return sent;
        this.#delete(queue, message.receiptHandle, message.id);
      }
    }
    return sent;
  }

  /**
   * Starts a replay of all that is archived.
   * @param toAll to every rule, or to those whose consumers take it
   * @returns its name, if it could be started
   */
  replay(toAll: boolean): string | undefined {
    const stack = this.#stack.current;
    if (!stack) return undefined;
    const [archive] = stack.eventBridge.archives.values();
    if (!archive) return undefined;
    const functions = new Map(stack.functions.map(({ arn, name }) => [arn, name]));
    const rules = stack.eventBridge.rules.filter(({ targets, busName, schedule }) => {
      const consumers = targets.map(({ Arn }) => this.#ledger.consumerOf(functions.get(Arn) ?? ''));
      const isOnBus = archive.eventSourceArn.endsWith(`/${busName}`) && schedule === undefined;
      return isOnBus && consumers.some((name) => this.#app.consumers[name]?.replayed);
    });
    const name = `replay-${++this.#replays}`;
    try {
      stack.eventBridge.startReplay({
        ReplayName: name,
        EventSourceArn: archive.arn,
        EventStartTime: 0,
        EventEndTime: this.#world.now() / 1000 + 30 * 24 * 3600,
        Destination: {
          Arn: archive.eventSourceArn,
          ...(!toAll && { FilterArns: rules.map(({ arn }) => arn) }),
        },
      });
      return name;
    } catch (error) {
      if (error instanceof ServiceError) return undefined;
      throw error;
    }
  }

  cancel(replay: string): void {
    try {
      this.#stack.current?.eventBridge.cancelReplay(replay);
    } catch (error) {
      // It has ended meanwhile, also with the process.
      if (!(error instanceof ServiceError)) throw error;
    }
  }

  /** Undefined for a message that an operator leaves. */
  #targetOf(message: Awaited<ReturnType<Queue['receive']>>[number]) {
    const attributes = Object.fromEntries(
      Object.entries(message.attributes).map(([name, { StringValue = '' }]) => [name, StringValue]),
    );
    const { id, body, sentAt } = message;
    const failed = readFailedEvent({ id, body, attributes, sentAt }, this.#app);
    if (failed.kind === 'unreadable' || failed.kind === 'unprocessed' || failed.poison) return undefined;
    const rule =
      failed.kind === 'undelivered' &&
      this.#stack.current?.eventBridge.rules.find(({ arn }) => arn === failed.ruleArn);
    try {
      const { targetArn, payload } = redelivery(failed, (rule ? rule.targets : []) as never);
      const functionName = String(targetArn.split(':')[6]);
      const origin =
        failed.kind === 'unhandled' ? this.#ledger.invocation(failed.requestId)?.eventId : undefined;
      const eventId = failed.kind === 'undelivered' ? failed.published.event.id : origin;
      return { functionName, payload, ...defined({ eventId }) };
    } catch (error) {
      if (error instanceof NotRedeliverableError) return undefined;
      throw error;
    }
  }

  #delete(queue: Queue, receiptHandle: string, id: string): void {
    const wasThere = queue.peek().some((each) => each.id === id);
    queue.delete(receiptHandle);
    const isThere = queue.peek().some((each) => each.id === id);
    if (wasThere && !isThere) this.#ledger.deleted(queue.name);
  }
}
