/** `--only`: which events a log shows. Several are all to hold. */
import { InvalidArgumentError } from 'commander';

export type Only =
  /** Events that failed, or wait for a retry. */
  | { readonly kind: 'failed' }
  /** Names of rules and functions may leave out what all names of the stack begin with. */
  | { readonly kind: 'rule' | 'function'; readonly value: string }
  /** Events of one entity of the app, by its id. */
  | { readonly kind: 'entity'; readonly value: string };

/** @param entity name of what most events are about, e.g. `order` */
export function readOnly(entity: string | undefined): (text: string) => Only {
  return (text) => {
    const [, key = '', value = ''] = /^([a-z]+)=(.+)$/i.exec(text) ?? [];
    if (text === 'failed') return { kind: 'failed' };
    if (value && (key === 'rule' || key === 'function')) return { kind: key, value };
    if (value && entity !== undefined && key === entity) return { kind: 'entity', value };
    const forms = ['failed', 'rule=NAME', 'function=NAME', ...(entity ? [`${entity}=ID`] : [])];
    throw new InvalidArgumentError(`It must be ${forms.slice(0, -1).join(', ')} or ${forms.at(-1)}.`);
  };
}

/** Checks whether the name is that of a rule or function. */
export const isNamed = (name: string, wanted: string): boolean =>
  name === wanted || name.endsWith(`-${wanted}`);
