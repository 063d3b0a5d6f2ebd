/** Capacity of tables and indexes that is provisioned by the hour, as opposed to paid for by each request. */
import type { Assembly, Resource } from '../../template/assembly';
import { type Item, item, MONTH_DAYS, MONTH_SECONDS, type PriceKey } from './units';

type Kind = 'Read' | 'Write';

/** Class of a table, and its prices. */
interface TableClass {
  readonly is: (table: Resource) => boolean;
  /** End of the names of its items. */
  readonly suffix: string;
  readonly prices: Readonly<
    Record<'write' | 'read' | 'writeCapacity' | 'readCapacity' | 'storage', PriceKey>
  >;
}

const isInfrequent = ({ properties }: Resource): boolean =>
  properties.TableClass === 'STANDARD_INFREQUENT_ACCESS';

export const CLASSES: readonly TableClass[] = [
  {
    is: (table) => !isInfrequent(table),
    suffix: '',
    prices: {
      ...{ write: 'dynamodb.write', read: 'dynamodb.read', storage: 'dynamodb.storage' },
      ...{ writeCapacity: 'dynamodb.write-capacity', readCapacity: 'dynamodb.read-capacity' },
    },
  },
  {
    is: isInfrequent,
    suffix: ', infrequent access',
    prices: {
      ...{ write: 'dynamodb.write-infrequent', read: 'dynamodb.read-infrequent' },
      ...{ storage: 'dynamodb.storage-infrequent', writeCapacity: 'dynamodb.write-capacity-infrequent' },
      readCapacity: 'dynamodb.read-capacity-infrequent',
    },
  },
];

/** Units of capacity that a month's requests take, on average in each second. */
interface Use {
  readonly table: Resource;
  /** Undefined for the table itself. */
  readonly index: string | undefined;
  readonly kind: Kind;
  units: number;
}

export const isOnDemand = ({ properties }: Resource): boolean => properties.BillingMode === 'PAY_PER_REQUEST';

/** Share of its capacity that a table uses on average, where the policy does not say. */
const TARGET_PERCENT = 70;
/** Alarms that target tracking makes for each scaled dimension of a table. */
const SCALING_ALARMS = 4;

/** Requests of a month to provisioned tables and their indexes. */
export class ProvisionedUse {
  readonly #uses = new Map<string, Use>();

  /** @param units of 1 KB for writes, of 4 KB for reads */
  add(table: Resource, index: string | undefined, kind: Kind, units: number): void {
    const key = `${table.logicalId}/${index ?? ''}/${kind}`;
    const use = this.#uses.get(key) ?? { table, index, kind, units: 0 };
    use.units += units;
    this.#uses.set(key, use);
  }

  /** Prices the capacity of all provisioned tables of the stack, used or not. */
  items(assembly: Assembly): Item[] {
    const hours = MONTH_DAYS * 24;
    const capacities = CLASSES.map((of) => ({ of, Read: 0, Write: 0 }));
    for (const table of assembly.ofType('AWS::DynamoDB::Table').filter((each) => !isOnDemand(each))) {
      const indexes: Resource['properties'][] = table.properties.GlobalSecondaryIndexes ?? [];
      const capacity = capacities.find(({ of }) => of.is(table)) as (typeof capacities)[0];
      for (const index of [undefined, ...indexes]) {
        for (const kind of ['Read', 'Write'] as const) {
          const use = this.#uses.get(`${table.logicalId}/${index?.IndexName ?? ''}/${kind}`);
          const fixed = Number(
            (index ?? table.properties).ProvisionedThroughput?.[`${kind}CapacityUnits`] ?? 0,
          );
          capacity[kind] +=
            scaled(assembly, { table, index: index?.IndexName, kind, units: use?.units ?? 0 }) ?? fixed;
        }
      }
    }
    const policies = assembly
      .ofType('AWS::ApplicationAutoScaling::ScalingPolicy')
      .filter(({ properties }) => properties.PolicyType === 'TargetTrackingScaling');
    return [
      ...capacities.flatMap(({ of: { suffix, prices }, Read, Write }) => [
        item(`DynamoDB: capacity for writes${suffix}`, prices.writeCapacity, Write * hours),
        item(`DynamoDB: capacity for reads${suffix}`, prices.readCapacity, Read * hours),
      ]),
      item('CloudWatch: alarms of auto scaling', 'cloudwatch.alarm', policies.length * SCALING_ALARMS),
    ];
  }
}

/** Capacity of a dimension that scales: what even traffic takes, within the bounds; undefined if it does not scale. */
function scaled(assembly: Assembly, { table, index, kind, units }: Use): number | undefined {
  const resourceId = index === undefined ? `table/${table.name}` : `table/${table.name}/index/${index}`;
  const dimension = `dynamodb:${index === undefined ? 'table' : 'index'}:${kind}CapacityUnits`;
  const target = assembly
    .ofType('AWS::ApplicationAutoScaling::ScalableTarget')
    .find(
      ({ properties }) => properties.ResourceId === resourceId && properties.ScalableDimension === dimension,
    );
  if (!target) return undefined;
  const policy = assembly
    .ofType('AWS::ApplicationAutoScaling::ScalingPolicy')
    .find(({ properties }) => String(properties.ScalingTargetId).includes(target.logicalId));
  const percent = Number(
    policy?.properties.TargetTrackingScalingPolicyConfiguration?.TargetValue ?? TARGET_PERCENT,
  );
  const needed = (units / MONTH_SECONDS / percent) * 100;
  const { MinCapacity: least, MaxCapacity: most } = target.properties;
  return Math.min(Math.max(needed, Number(least)), Number(most));
}

/** Bounds of the capacity that `scalingOf` gives: the least, and what DynamoDB gives a table without being asked. */
const BOUNDS = { MinCapacity: 5, MaxCapacity: 40_000 };

/** Resources that let a table and its indexes scale, as the CDK makes them. */
export function scalingOf(table: Resource): Resource[] {
  const indexes: Resource['properties'][] = table.properties.GlobalSecondaryIndexes ?? [];
  return [undefined, ...indexes].flatMap((index) =>
    (['Read', 'Write'] as const).flatMap((kind) => {
      const logicalId = `${table.logicalId}${index?.IndexName ?? ''}${kind}Scaling`;
      const target = {
        ResourceId: `table/${table.name}${index ? `/index/${index.IndexName}` : ''}`,
        ScalableDimension: `dynamodb:${index ? 'index' : 'table'}:${kind}CapacityUnits`,
        ...BOUNDS,
      };
      const policy = {
        PolicyType: 'TargetTrackingScaling',
        ScalingTargetId: logicalId,
        TargetTrackingScalingPolicyConfiguration: { TargetValue: TARGET_PERCENT },
      };
      const type = 'AWS::ApplicationAutoScaling::';
      return [
        { ...table, logicalId, type: `${type}ScalableTarget`, properties: target },
        { ...table, logicalId: `${logicalId}Policy`, type: `${type}ScalingPolicy`, properties: policy },
      ];
    }),
  );
}
