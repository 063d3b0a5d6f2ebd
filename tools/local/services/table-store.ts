/** The store of the tables, behind what `tables.ts` answers itself. */
export interface TableStoreOptions {
  readonly account: string;
  readonly region: string;
  /** Folder in which items outlive the process. @default in memory only */
  readonly directory?: string;
}

/** Does the operations of the DynamoDB API. */
export interface TableStore {
  /**
   * @param body JSON text
   * @returns an HTTP status and JSON text
   * @throws Error if the store has ended
   */
  request(operation: string, body: string): Promise<{ readonly status: number; readonly body: string }>;
  /** Ends it once every request that was made is answered. */
  stop(): Promise<void>;
}
