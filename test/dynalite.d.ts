/** dynalite has no types of its own. */
declare module 'dynalite' {
  import type { Server } from 'node:http';

  interface DynaliteOptions {
    /** Folder of the LevelDB store; in memory if left out. */
    path?: string;
    /** ms that tables stay in CREATING. */
    createTableMs?: number;
    deleteTableMs?: number;
    updateTableMs?: number;
    maxItemSizeKb?: number;
    verbose?: boolean;
  }

  /** A DynamoDB-compatible server, not yet listening. */
  export default function dynalite(options?: DynaliteOptions): Server;
}
