/** Which events are published, and how often each: what a month's events are made of. */
import { CONTRACTS, PoisonEventError } from '../../../lambdas/events';
import { InputError } from '../../cli/command';
import type { Contract } from '../contracts/detail-schema';

export interface MixedEvent {
  readonly contract: Contract;
  /** The contract's example with the changes that the mix asks for. */
  readonly detail: Contract['example'];
  /** How many, among all of the mix. */
  readonly count: number;
  /** As it stands in the mix, without its count. */
  readonly label: string;
}

/** What one order makes: it is placed, confirmed, shipped and delivered, and its customer hears of the last two. */
export const DEFAULT_MIX =
  '1 OrderCreated, 1 OrderStatusChanged status=CONFIRMED, 1 OrderStatusChanged status=SHIPPED, ' +
  '1 OrderStatusChanged status=DELIVERED';

/**
 * @param text `<count> <detail-type> <field>=<value> ...`, separated by commas; a count left out is 1
 * @throws InputError for a detail-type that no contract has, and for a field or value that its contract refuses
 */
export function parseMix(text: string): MixedEvent[] {
  return text.split(',').map((part) => {
    const [, count = '1', label = ''] = /^\s*(?:([\d.]+)\s+)?(.*?)\s*$/.exec(part) ?? [];
    const [detailType, ...fields] = label.split(/\s+/);
    const contract = CONTRACTS.find((each) => each.detailType === detailType);
    if (!contract) {
      const known = CONTRACTS.map((each) => each.detailType).join(', ');
      throw new InputError(`--mix: "${detailType}" is none of the contracts: ${known}.`);
    }
    if (!(Number(count) > 0)) throw new InputError(`--mix: ${label}: its count is ${count}, not above 0.`);
    const changes = fields.map((field) => {
      const [, name, value] = /^([^=]+)=(.+)$/.exec(field) ?? [];
      if (name === undefined || value === undefined)
        throw new InputError(`--mix: ${label}: "${field}" is not <field>=<value>.`);
      if (!(name in contract.schema.entries)) {
        const known = Object.keys(contract.schema.entries).join(', ');
        throw new InputError(`--mix: ${label}: ${name} is no field of ${detailType}: ${known}.`);
      }
      return [name, parseValue(value)];
    });
    const detail = { ...contract.example, ...Object.fromEntries(changes) };
    try {
      contract.create(detail);
    } catch (error) {
      if (!(error instanceof PoisonEventError)) throw error;
      throw new InputError(`--mix: ${label}: ${error.message}`);
    }
    return { contract, detail, count: Number(count), label };
  });
}

/** Numbers and the like as JSON has them; all else is text. */
function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
