/** A store as dynalite's `db/index.js` makes it. */
type Store = object;

export declare function memoryStore(options: { readonly account: string; readonly region: string }): Store;

export declare function directoryStore(directory: string): Store;

export declare function tableEngine(
  store: Store,
): (operation: string, body: string, done: (status: number, body: string) => void) => void;
