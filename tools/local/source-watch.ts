/**
 * Watches files of the project, folder by folder. One recursive watcher would be shorter, but on Linux it goes
 * silent about a file once that is replaced by a rename, which is how many editors save.
 */
import fs from 'node:fs';
import path from 'node:path';

/** Files that editors and tools leave beside the real ones for a moment. */
const PASSING = /^(\.#.*|#.*#|.*~|4913|.*\.sw[a-px]|.*\.tmp|\.goutputstream-.*|.*___jb_(tmp|old)___)$/;

export interface SourceWatchOptions {
  readonly project: string;
  /** Files and folders relative to the project; they need not be there. */
  readonly places: readonly string[];
  /** Takes the absolute paths of files that were written, made or removed, once nothing more has come for a moment. */
  readonly onChange: (files: ReadonlySet<string>) => void;
}

/** An editor writes a file in several steps, and several files at once. */
const SETTLE_MS = 25;

export class SourceWatch {
  readonly #watchers = new Map<string, fs.FSWatcher>();
  readonly #options: SourceWatchOptions;
  #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SourceWatchOptions) {
    this.#options = options;
    const { project, places } = options;
    const names = new Set(places.map((place) => place.split('/')[0] ?? place));
    // The project's own folder tells of files in it, and of folders that are made later.
    this.#watch(project, (name) => names.has(name));
    for (const place of places.map((each) => path.join(project, each))) {
      const parent = path.dirname(place);
      if (fs.statSync(place, { throwIfNoEntry: false })?.isDirectory()) this.#watchBelow(place);
      else if (parent !== project && fs.existsSync(parent)) {
        this.#watch(parent, (name) => this.#isWithin(path.join(parent, name)));
      }
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watchBelow(place: string): void {
    if (!fs.statSync(place, { throwIfNoEntry: false })?.isDirectory()) return;
    this.#watch(place, () => true);
    for (const entry of fs.readdirSync(place, { withFileTypes: true })) {
      if (entry.isDirectory()) this.#watchBelow(path.join(place, entry.name));
    }
  }

  #watch(directory: string, isWanted: (name: string) => boolean): void {
    if (this.#watchers.has(directory)) return;
    const watcher = fs.watch(directory, (kind, name) => {
      if (name === null || !isWanted(name) || PASSING.test(name)) return;
      this.#note(path.join(directory, name), kind === 'rename');
    });
    watcher.on('error', () => this.#unwatch(directory));
    this.#watchers.set(directory, watcher);
  }

  /** Ends the watchers of a folder and of all below, which a removed folder leaves behind. */
  #unwatch(directory: string): void {
    for (const [each, watcher] of this.#watchers) {
      if (each !== directory && !each.startsWith(directory + path.sep)) continue;
      watcher.close();
      this.#watchers.delete(each);
    }
  }

  #note(place: string, isNew: boolean): void {
    const stat = fs.statSync(place, { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      if (!isNew || !this.#isWithin(place)) return;
      // It may stand in the place of one that was removed, whose watchers hear nothing any more.
      this.#unwatch(place);
      this.#watchBelow(place);
      // Files that were written before the folder was watched.
      for (const name of fs.readdirSync(place)) this.#note(path.join(place, name), true);
      return;
    }
    if (!stat && this.#watchers.has(place)) this.#unwatch(place);
    this.#changed.add(place);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const files = this.#changed;
      this.#changed = new Set();
      this.#options.onChange(files);
    }, SETTLE_MS);
  }

  /** Compares by parent folders: for `tools/eventbridge` the project's folder only reports `tools`. */
  #isWithin(place: string): boolean {
    const name = path.relative(this.#options.project, place);
    return this.#options.places.some((each) => name === each || name.startsWith(each + path.sep));
  }
}
