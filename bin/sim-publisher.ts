/** A publisher in a simulation: the app's own, as a handler. */
import { findContract } from '../lambdas/events';
import { publishEvents } from '../lambdas/publisher';

interface Request {
  readonly busName: string;
  readonly events: readonly { readonly type: string; readonly detail: object; readonly ids: object }[];
}

export const handler = ({ busName, events }: Request) =>
  publishEvents(
    events.map(({ type, detail, ids }) => {
      const [source = '', detailType = ''] = type.split('/');
      return { contract: findContract(source, detailType), detail, ids };
    }) as never,
    { busName },
  );
