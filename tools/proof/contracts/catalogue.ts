/** The event catalogue in `contracts/`, for publishers to this system and consumers of its events. */

import type { CatalogueInfo, Contract } from '../../app';
import { defined } from '../../defined';
import { detailSchema, type JsonSchema } from './detail-schema';
import { exampleEvent, variantsOf } from './variants';

/** The AsyncAPI document of all contracts. */
export const ASYNCAPI_FILE = 'asyncapi.json';

/** One version of one contract. */
export interface ContractFiles {
  /** `<source>.<detail-type>.v<version>`, e.g. `shop.payments.PaymentReceived.v1`. */
  readonly name: string;
  /** JSON Schema of the detail. */
  readonly schema: ContractSchema;
  /** Valid details: the example, and variations of it up to the extremes of the schema. */
  readonly examples: readonly object[];
}

export interface ContractSchema extends JsonSchema {
  readonly 'x-source': string;
  readonly 'x-detail-type': string;
  readonly 'x-version': number;
  /** Fields with personal data. */
  readonly 'x-personal-data': readonly string[];
}

export const schemaFile = (name: string) => `${name}.schema.json`;
/** Name of the file with one detail per line. */
export const examplesFile = (name: string) => `${name}.examples.jsonl`;

/** Maximum length of an example, in characters of JSON. */
const EXAMPLE_LENGTH = 2_048;
/** Account and region of the examples; no detail depends on them. */
const PLACE = { account: '123456789012', region: 'us-east-1' };

/** @throws InputError if the contract has no valid example, or cannot be written as JSON Schema */
export function contractFiles(contract: Contract): ContractFiles {
  const { source, detailType, version, type, personalData } = contract;
  const example = exampleEvent(contract, PLACE);
  const details = [example, ...variantsOf(contract, example).map(({ event }) => event)].map(
    ({ detail }) => detail,
  );
  const texts = new Set(details.map((detail) => JSON.stringify(detail)));
  return {
    name: `${source}.${detailType}.v${version}`,
    schema: {
      $schema: 'http://json-schema.org/draft-07/schema#',
      title: detailType,
      description: `The detail of an event ${type}, version ${version}.`,
      'x-source': source,
      'x-detail-type': detailType,
      'x-version': version,
      'x-personal-data': personalData,
      ...detailSchema(contract),
      examples: [contract.example],
    },
    examples: [...texts].filter((text) => text.length <= EXAMPLE_LENGTH).map((text) => JSON.parse(text)),
  };
}

/** Heading of a catalogue that the app does not describe. */
const UNTITLED: CatalogueInfo = { title: 'Events', version: '0.0.0' };

/** AsyncAPI document of the contracts. https://www.asyncapi.com/docs/reference/specification/v3.0.0 */
export function asyncApi(contracts: readonly Contract[], catalogue = UNTITLED): object {
  const { title, version, defaultBus } = catalogue;
  const described = contracts.map((contract) => ({ contract, ...contractFiles(contract) }));
  return {
    asyncapi: '3.0.0',
    info: {
      title,
      version,
      description:
        'Every event on the bus. Publish with PutEvents, giving source, detail-type and detail; consume by a rule ' +
        'on source and detail-type. Written by `npm run contracts`.',
    },
    defaultContentType: 'application/json',
    channels: {
      events: {
        address: '{bus}',
        title: 'Event bus',
        description: 'A custom bus of Amazon EventBridge.',
        parameters: {
          bus: {
            description: 'Name or ARN of the bus.',
            ...defined({ default: defaultBus }),
          },
        },
        messages: Object.fromEntries(
          described.map(({ name }) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
      },
    },
    operations: operationsOf(described),
    components: {
      messages: Object.fromEntries(
        described.map(({ name, contract }) => [
          name,
          {
            name: contract.detailType,
            title: `${contract.detailType}, version ${contract.version}`,
            payload: envelopeSchema(contract, name),
            examples: [{ name: 'example', payload: exampleEvent(contract, PLACE) }],
          },
        ]),
      ),
      schemas: Object.fromEntries(
        described.map(({ name, schema: { $schema, ...schema } }) => [name, schema]),
      ),
    },
  };
}

/** Operations to publish and to consume each event. */
function operationsOf(described: readonly { readonly name: string; readonly contract: Contract }[]): object {
  return Object.fromEntries(
    (['send', 'receive'] as const).flatMap((action) =>
      described.map(({ name, contract }) => [
        `${action}.${name}`,
        {
          action,
          channel: { $ref: '#/channels/events' },
          summary: `${action === 'send' ? 'Publish' : 'Consume'} ${contract.detailType}.`,
          messages: [{ $ref: `#/channels/events/messages/${name}` }],
        },
      ]),
    ),
  );
}

/** Schema of the whole event. https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html */
function envelopeSchema({ source, detailType }: Contract, name: string): JsonSchema {
  const text = { type: 'string' };
  return {
    type: 'object',
    properties: {
      version: { const: '0' },
      id: { ...text, description: 'Given by EventBridge, a new one for each PutEvents entry.' },
      'detail-type': { const: detailType },
      source: { const: source },
      account: text,
      time: { ...text, format: 'date-time' },
      region: text,
      resources: { type: 'array', items: text },
      detail: { $ref: `#/components/schemas/${name}` },
      'replay-name': { ...text, description: 'On events that a replay of the archive sends again.' },
    },
    required: ['version', 'id', 'detail-type', 'source', 'account', 'time', 'region', 'resources', 'detail'],
  };
}
