/** Finds the resource of an ARN, a `Ref` or a name. */

import { IDENTITIES } from './identity';
import { placeholdersIn } from './placeholder';
import type { Resource } from './resource';

export class Lookup {
  readonly #byType = new Map<string, Resource[]>();
  #byReference: ReadonlyMap<string, Resource> | undefined;

  constructor(private readonly resources: ReadonlyMap<string, Resource>) {
    for (const resource of resources.values()) {
      const { type } = resource;
      this.#byType.set(type, [...(this.#byType.get(type) ?? []), resource]);
    }
  }

  ofType(type: string): Resource[] {
    return [...(this.#byType.get(type) ?? [])];
  }

  find(reference: string, service?: string): Resource | undefined {
    this.#byReference ??= this.#index();
    const known = this.#byReference.get(reference);
    if (known) return known;
    for (const shorter of withoutQualifier(reference)) {
      const found = this.#byReference.get(shorter);
      if (found) return found;
    }
    return this.#byName(reference, service) ?? this.#byPlaceholder(reference);
  }

  #index(): ReadonlyMap<string, Resource> {
    const index = new Map<string, Resource>();
    const add = (reference: string, resource: Resource) => {
      if (!index.has(reference)) index.set(reference, resource);
    };
    for (const resource of this.resources.values()) {
      if (IDENTITIES[resource.type]) add(resource.arn, resource);
    }
    for (const resource of this.resources.values()) {
      const identity = IDENTITIES[resource.type];
      // A `Ref` that equals the name is only unique together with the service.
      if (identity?.ref) add(resource.ref, resource);
      if (resource.type === 'AWS::Logs::LogGroup') add(resource.arn.replace(/:\*$/, ''), resource);
    }
    return index;
  }

  #byName(name: string, service: string | undefined): Resource | undefined {
    if (service === undefined || name.startsWith('arn:')) return undefined;
    const [withoutVersion] = service === 'lambda' ? name.split(':') : [name];
    for (const resource of this.resources.values()) {
      if (![name, withoutVersion].includes(resource.name) || !IDENTITIES[resource.type]) continue;
      if (resource.arn.split(':')[2] === service) return resource;
    }
    return undefined;
  }

  /** Finds a resource of a type without an identity by the logical id in its placeholder. */
  #byPlaceholder(reference: string): Resource | undefined {
    for (const { kind, name } of placeholdersIn(reference)) {
      if (kind !== 'attribute' && kind !== 'reference') continue;
      const resource = this.resources.get(kind === 'attribute' ? name.replace(/\..*$/s, '') : name);
      if (resource && !IDENTITIES[resource.type]) return resource;
    }
    return undefined;
  }
}

/** The ARN without a function's version or alias. */
function withoutQualifier(reference: string): string[] {
  const [, unqualified] = /^(arn:[^:]*:lambda:[^:]*:[^:]*:function:[^:]+):[^:]+$/.exec(reference) ?? [];
  return unqualified === undefined ? [] : [unqualified];
}
