import type { Assembly, Resource } from '../../template/assembly';
import { ServiceError } from '../services/service-error';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services, validationError } from './service';

interface KeyInput {
  readonly KeyId: string;
}

interface ListInput {
  readonly Limit?: number;
  readonly Marker?: string;
}

/** The keys of the template, by their id or ARN, or by the name or ARN of an alias. */
class Keys {
  readonly #assembly: Assembly;

  constructor(assembly: Assembly) {
    this.#assembly = assembly;
  }

  get all(): readonly Resource[] {
    return this.#assembly.ofType('AWS::KMS::Key');
  }

  get aliases(): readonly Resource[] {
    return this.#assembly.ofType('AWS::KMS::Alias');
  }

  /** @throws ServiceError (NotFoundException) */
  find(id: string): Resource {
    const isNamed = ({ name, arn }: Resource, by: unknown) => by === name || by === arn;
    const alias = this.aliases.find((each) => isNamed(each, id));
    const found = this.all.find((key) => isNamed(key, alias ? alias.properties.TargetKeyId : id));
    if (found) return found;
    const { partition, region, account } = this.#assembly;
    const arn = id.startsWith('arn:') ? id : `arn:${partition}:kms:${region}:${account}:${asResource(id)}`;
    throw new ServiceError(
      'NotFoundException',
      asResource(id).startsWith('alias/') ? `Alias ${arn} is not found.` : `Key '${arn}' does not exist`,
    );
  }

  arns(id: string): string[] {
    return [this.find(id).arn];
  }
}

/** KMS: keys to be looked at. They encrypt nothing here, so each is enabled, and nothing disables it. */
export function kms(services: Services): Service {
  const keys = new Keys(services.assembly);
  return {
    name: 'kms',
    target: 'TrentService',
    model: MODELS.kms,
    invalid: validationError('ValidationException'),
    accessDenied: { code: 'AccessDeniedException', status: 400 },
    notHere: {
      'would do nothing, since keys encrypt nothing here': [
        ...['Decrypt', 'DisableKey', 'Encrypt', 'GenerateDataKey', 'ScheduleKeyDeletion'],
      ],
    },
    operations: {
      ...keyOperations(services, keys),
      ...listOperations(services, keys),
      ...stateOperations(keys),
    },
  };
}

function keyOperations({ assembly, startedAt }: Services, keys: Keys): Service['operations'] {
  const resources = ({ KeyId }: KeyInput) => keys.arns(KeyId);
  return {
    DescribeKey: operation<KeyInput>({
      resources,
      run({ KeyId }) {
        const { name, arn, properties } = keys.find(KeyId);
        const { Description = '', KeyUsage = 'ENCRYPT_DECRYPT', KeySpec = 'SYMMETRIC_DEFAULT' } = properties;
        return {
          KeyMetadata: {
            ...{ AWSAccountId: assembly.account, KeyId: name, Arn: arn, CreationDate: new Date(startedAt) },
            ...{ Enabled: true, KeyState: 'Enabled', Description, KeyUsage, KeySpec, Origin: 'AWS_KMS' },
            ...{ KeyManager: 'CUSTOMER', CustomerMasterKeySpec: KeySpec, MultiRegion: false },
            ...(KeySpec === 'SYMMETRIC_DEFAULT' && { EncryptionAlgorithms: [KeySpec] }),
          },
        };
      },
    }),
    GetKeyRotationStatus: operation<KeyInput>({
      resources,
      run({ KeyId }) {
        const { arn, properties } = keys.find(KeyId);
        const { EnableKeyRotation = false, RotationPeriodInDays = 365 } = properties;
        const isRotated = String(EnableKeyRotation) === 'true';
        return {
          KeyId: arn,
          KeyRotationEnabled: isRotated,
          ...(isRotated && { RotationPeriodInDays: Number(RotationPeriodInDays) }),
        };
      },
    }),
  };
}

function listOperations({ policies }: Services, keys: Keys): Service['operations'] {
  const resources = ({ KeyId }: KeyInput) => keys.arns(KeyId);
  const listed = <Item>(items: readonly Item[], key: string, { Limit = 100, Marker }: ListInput) => {
    const { items: shown, next } = page(items, Limit, Marker, 'InvalidMarkerException');
    return { [key]: shown, NextMarker: next, Truncated: next !== undefined };
  };
  return {
    GetKeyPolicy: operation<KeyInput & { readonly PolicyName?: string }>({
      resources,
      run({ KeyId, PolicyName = 'default' }) {
        const { arn } = keys.find(KeyId);
        if (PolicyName !== 'default') throw new ServiceError('NotFoundException', 'No such policy exists');
        const Statement = policies().ofResource(arn);
        return { Policy: JSON.stringify({ Version: '2012-10-17', Statement }), PolicyName };
      },
    }),
    ListKeyPolicies: operation<KeyInput & ListInput>({
      resources,
      run({ KeyId, ...list }) {
        keys.find(KeyId);
        return listed(['default'], 'PolicyNames', list);
      },
    }),
    ListKeys: operation<ListInput>({
      run: (list) =>
        listed(
          keys.all.map(({ name, arn }) => ({ KeyId: name, KeyArn: arn })),
          'Keys',
          list,
        ),
    }),
    ListAliases: operation<ListInput & Partial<KeyInput>>({
      run({ KeyId, ...list }) {
        const shown = keys.aliases.map(({ name, arn, properties }) => ({
          AliasName: name,
          AliasArn: arn,
          TargetKeyId: keys.find(String(properties.TargetKeyId)).name,
        }));
        const wanted = KeyId === undefined ? undefined : keys.find(KeyId).name;
        return listed(
          shown.filter(({ TargetKeyId }) => wanted === undefined || TargetKeyId === wanted),
          'Aliases',
          list,
        );
      },
    }),
  };
}

function stateOperations(keys: Keys): Service['operations'] {
  const resources = ({ KeyId }: KeyInput) => keys.arns(KeyId);
  return {
    EnableKey: operation<KeyInput>({
      isChange: true,
      resources,
      run({ KeyId }) {
        keys.find(KeyId);
        return undefined;
      },
    }),
    CancelKeyDeletion: operation<KeyInput>({
      isChange: true,
      resources,
      run({ KeyId }) {
        throw new ServiceError(
          'KMSInvalidStateException',
          `${keys.find(KeyId).arn} is not pending deletion.`,
        );
      },
    }),
  };
}

/** `alias/name` and an ARN stay; anything else is a key's id. */
const asResource = (id: string): string => {
  const resource = id.startsWith('arn:') ? id.split(':').slice(5).join(':') : id;
  return /^(alias|key)\//.test(resource) ? resource : `key/${resource}`;
};
