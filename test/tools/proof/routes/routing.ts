/**
 * Helper for tests of a rule: this event reaches these consumers with this payload, that near miss reaches none.
 *
 *     const routing = routingOf(synthesize());
 *     expect(routing.deliver(OrderStatusChanged, { status: 'SHIPPED' })).toMatchObject({
 *       notifier: { orderId: 'order-1001', status: 'SHIPPED' },
 *     });
 *     expect(routing.deliver(OrderStatusChanged, { status: 'PENDING' })).not.toHaveProperty('notifier');
 *
 * Runs nothing: the rules, their transformers and the consumers' parsers are asked.
 */

import { Template } from 'aws-cdk-lib/assertions';
import { APP } from '../../../../bin/app-description';
import type { EventContract } from '../../../../lambdas/contract';
import type { BusEvent } from '../../../../tools/eventbridge/event';
import { exampleEvent } from '../../../../tools/proof/contracts/variants';
import { readRouting } from '../../../../tools/proof/routes/routing';
import type { Assembly } from '../../../../tools/template/assembly';
import { assemblyOf } from '../assembly';

/** Changes to the contract's example; undefined takes a field away. */
type Contract = Pick<EventContract, 'type' | 'example'>;

type Changes<C extends Contract> = { readonly [Field in keyof C['example']]?: unknown };

export interface RoutingUnderTest {
  /**
   * Payload that each consumer gets of the contract's example with these changes, by the consumer's name.
   * @param envelope changes of the event around the detail, e.g. `{ source: 'app.order' }`
   * @throws if a payload is not valid JSON, if its consumer refuses it, or if a consumer is given two
   */
  deliver<C extends Contract>(
    contract: C,
    detail?: Changes<C>,
    envelope?: Partial<BusEvent>,
  ): Record<string, unknown>;
  /** The rules that do not take that event, each with the fields that decided, in words. */
  missed<C extends Contract>(
    contract: C,
    detail?: Changes<C>,
    envelope?: Partial<BusEvent>,
  ): Record<string, string>;
}

/** @param source a template in memory, or an assembly as `readAssembly` reads it from a folder */
export function routingOf(source: Template | Assembly): RoutingUnderTest {
  const routing = readRouting(source instanceof Template ? assemblyOf(source.toJSON()) : source, APP);
  if (routing.findings.length > 0) throw new Error(routing.findings.map(({ message }) => message).join('\n'));
  const rules = routing.rules.filter(({ bus, enabled }) => enabled && routing.buses.includes(bus));
  const eventOf = ({ type }: Contract, detail: object, envelope: object): BusEvent => {
    const contract = APP.contracts.find((each) => each.type === type);
    if (!contract) throw new Error(`no contract ${type}`);
    const example = exampleEvent(contract, routing);
    // By way of JSON, in which what is undefined is not there.
    const event = { ...example, ...envelope, detail: { ...(example.detail as object), ...detail } };
    return JSON.parse(JSON.stringify(event));
  };

  return {
    deliver(contract, detail = {}, envelope = {}) {
      const event = eventOf(contract, detail, envelope);
      const payloads: Record<string, unknown> = {};
      for (const rule of rules.filter(({ pattern }) => pattern?.matches(event))) {
        for (const { target, consumer = target, payload = '', problem } of routing.deliver(rule, event)) {
          if (problem) throw new Error(`${rule.name} -> ${consumer}: ${problem.reason}`);
          if (consumer in payloads)
            throw new Error(`${consumer} is given the event twice, at last by ${rule.name}`);
          payloads[consumer] = JSON.parse(payload);
        }
      }
      return payloads;
    },
    missed(contract, detail = {}, envelope = {}) {
      const event = eventOf(contract, detail, envelope);
      const missed = rules.flatMap(({ name, pattern }) => {
        const { matched, misses } = pattern?.explain(event) ?? { matched: true, misses: [] };
        return matched ? [] : [[name, misses.map(({ field, reason }) => `${field} ${reason}`).join('; ')]];
      });
      return Object.fromEntries(missed);
    },
  };
}
