import { functionOfAccessKeyId } from '../services/lambda-variables';
import { MODELS } from './models/models';
import { operation, type Service, type Services, validationError } from './service';

/** STS: who a key belongs to. A function's own key is that of its role; any other belongs to a user of that name. */
export function sts({ assembly, functions }: Services): Service {
  const { partition, account } = assembly;
  return {
    name: 'sts',
    namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
    model: MODELS.sts,
    invalid: validationError('ValidationError'),
    accessDenied: { code: 'AccessDenied', status: 403 },
    operations: {
      GetCallerIdentity: operation({
        // No permission is needed to know oneself.
        resources: () => [],
        run(_, { accessKeyId }) {
          const name = functionOfAccessKeyId(accessKeyId);
          const role = functions.find((each) => each.name === name)?.resource.properties.Role;
          const arn = role
            ? `arn:${partition}:sts::${account}:assumed-role/${String(role).split('/').at(-1)}/${name}`
            : `arn:${partition}:iam::${account}:user/${accessKeyId}`;
          return { UserId: accessKeyId, Account: account, Arn: arn };
        },
      }),
    },
  };
}
