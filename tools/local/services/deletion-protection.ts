import type { Resource } from '../../template/assembly';

/** Deletion protection of tables: what the template says, until a request changes it. */
export class DeletionProtection {
  readonly #changed = new Map<string, boolean>();

  /** @param tables by physical name */
  constructor(private readonly tables: ReadonlyMap<string, Resource>) {}

  isOn(table: string): boolean {
    const changed = this.#changed.get(table);
    if (changed !== undefined) return changed;
    const { DeletionProtectionEnabled, Replicas = [] } = this.tables.get(table)?.properties ?? {};
    return [{ DeletionProtectionEnabled }, ...Replicas].some(
      (each) => String(each.DeletionProtectionEnabled) === 'true',
    );
  }

  change(table: string, isOn: boolean): void {
    this.#changed.set(table, isOn);
  }

  /** Adds it to the output of DescribeTable. */
  shown(table: { readonly TableName: string }): object {
    return { Table: { ...table, DeletionProtectionEnabled: this.isOn(table.TableName) } };
  }
}
