import { Stack, Token } from 'aws-cdk-lib';
import type { CfnRule } from 'aws-cdk-lib/aws-events';
import type { Construct } from 'constructs';
import { ConfigError } from './config';
import type { EventBus } from './event-bus';
import { deliveryRole, type TargetParameters, type TargetProps, WatchedTarget } from './rule-target';

export interface OtherBusProps {
  /** Bus whose rules deliver to the other one. */
  readonly from: EventBus;
  /** Name in alarms, without the stack's prefix. */
  readonly name: string;
  /** ARN of the other bus, of this or another account or region. Its policy must let this account put events. */
  readonly busArn: string;
}

const BUS_ARN = /^arn:[\w-]+:events:[\w-]+:\d{12}:event-bus\/[\w./-]+$/;

/**
 * Another bus, of this or another account or region. It gets whole events, which no input transformer changes, and hands
 * them to its own rules, but to no third bus: EventBridge drops what comes from a bus by a bus.
 */
export class OtherBus extends WatchedTarget {
  readonly name: string;
  readonly label: string;
  readonly targetArn: string;
  override readonly keepsData = true;

  constructor(scope: Construct, id: string, { from, name, busArn }: OtherBusProps) {
    super(scope, id);
    this.name = `${name}-bus`;
    this.label = `bus ${busArn}`;
    this.targetArn = busArn;
    if (!Token.isUnresolved(busArn) && !BUS_ARN.test(busArn)) {
      throw new ConfigError(
        `Target ${name}: ${JSON.stringify(busArn)} is no ARN of a bus, such as arn:aws:events:eu-central-1:111122223333:event-bus/partner-bus.`,
      );
    }
    const resolved = (arn: string) => JSON.stringify(Stack.of(this).resolve(arn));
    if (resolved(busArn) === resolved(from.bus.eventBusArn)) {
      throw new ConfigError(`Target ${name} is the bus of its own rule: its events would go round for ever.`);
    }
  }

  override checkInput({ targetId, input }: TargetProps): void {
    if (!input) return;
    throw new ConfigError(
      `Target ${targetId} is a bus, which gets whole events: leave the input out, and let a rule of that bus transform them.`,
    );
  }

  allowRule(rule: CfnRule): TargetParameters {
    return { roleArn: deliveryRole(this, rule, ['events:PutEvents'], this.targetArn) };
  }
}
