/** Mix of events: the ones that are published in a month, and the share of each. */
import type { Contract } from '../../app';
import { InputError } from '../../cli/errors';
import { exampleEvent } from '../contracts/variants';

export interface MixedEvent {
  readonly contract: Contract;
  /** The contract's example with the changes that the mix asks for. */
  readonly detail: Contract['example'];
  /** Number of these among all of the mix. */
  readonly count: number;
  /** Name in the mix, without the count. */
  readonly label: string;
}

/**
 * @param text `<count> <detail-type> <field>=<value> ...`, separated by commas; a count left out is 1
 * @throws InputError for a detail-type that no contract has, and for a field or value that its contract refuses
 */
export function parseMix(text: string, contracts: readonly Contract[]): MixedEvent[] {
  return text.split(',').map((part) => {
    const [, count = '1'] = /^\s*([\d.]+)\s/.exec(part) ?? [];
    const label = part.replace(/^\s*[\d.]+\s/, '').trim();
    const [detailType, ...fields] = label.split(/\s+/);
    const contract = contracts.find((each) => each.detailType === detailType);
    if (!contract) {
      const known = contracts.map((each) => each.detailType).join(', ');
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
    const event = {
      ...exampleEvent(contract, PLACE),
      detail: { ...detail, metadata: { version: contract.version } },
    };
    const problem = contract.problem(event);
    if (problem) throw new InputError(`--mix: ${label}: ${problem.message}`);
    return { contract, detail, count: Number(count), label };
  });
}

/** Account and region of a mix's events; nothing in a detail depends on it. */
const PLACE = { account: '123456789012', region: 'us-east-1' };

/** Numbers and the like as JSON has them; all else is text. */
function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
