import { type Contract, versionsOf } from '../../app';

/** The versions of a contract as contracts of their own. */
export function eachVersion(contract: Contract): readonly Contract[] {
  const versions = versionsOf(contract);
  if (versions.length === 1) return versions;
  return versions.map((each) => ({ ...each, type: `${each.type} version ${each.version}` }));
}
