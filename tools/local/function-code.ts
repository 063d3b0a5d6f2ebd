/**
 * The folders from which functions run. There is no `node_modules` above them: what a bundle lacks is missing, as it
 * is in AWS, but for the SDK, which Lambda's runtime has.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { Assembly, Resource } from '../template/assembly';
import { codeFile, type FunctionDefinition } from './services/lambda-definition';

/** Folders of a function that are kept: what runs in earlier ones has ended, or fails at what it has not loaded. */
const KEPT = 5;

/** Packages that Lambda's runtime for Node.js has beside the function's own. */
const RUNTIME_SCOPES: readonly string[] = ['@aws-sdk', '@smithy'];
/** Clients and helpers only: the SDK itself asks for packages that may be missing. */
const USES_SDK = /(?:require\(|from\s*|import\(|import\s*)["'](@aws-sdk\/(?:client|lib|util)-[\w-]+)/g;
const CODE = /\.[cm]?js$/;

export class FunctionCode {
  /** Folders by function, the latest last. */
  readonly #folders = new Map<string, string[]>();
  #version = 0;

  constructor(
    private readonly directory: string,
    /** Takes what the user must know of how a function's code is run, once for each function. */
    private readonly onNotice: (functionName: string, notice: string) => void,
  ) {}

  /**
   * Copies a function's code: its asset, or what stands in the template.
   * @returns the folder
   * @throws AssemblyError if the assembly does not have it
   */
  copy(assembly: Assembly, resource: Resource): string {
    const folder = this.#newFolder(resource.name);
    const inline = resource.properties.Code?.ZipFile;
    if (typeof inline === 'string') {
      fs.mkdirSync(folder);
      fs.writeFileSync(path.join(folder, 'index.js'), inline);
    } else {
      fs.cpSync(assembly.assetPath(resource), folder, { recursive: true });
    }
    this.#provideSdk(resource.name, folder);
    return folder;
  }

  /** Puts other code in the place of the function's; its other files stay. @returns the new folder */
  replace(definition: FunctionDefinition, code: Uint8Array): string {
    const folder = this.#newFolder(definition.resource.name);
    fs.cpSync(definition.code, folder, { recursive: true, verbatimSymlinks: true });
    fs.writeFileSync(codeFile({ ...definition, code: folder }), code);
    return folder;
  }

  #newFolder(functionName: string): string {
    const folders = this.#folders.get(functionName) ?? [];
    this.#folders.set(functionName, folders);
    const folder = path.join(this.directory, `${functionName}-${this.#version++}`);
    folders.push(folder);
    for (const outdated of folders.splice(0, folders.length - KEPT)) {
      fs.rmSync(outdated, { recursive: true, force: true });
    }
    return folder;
  }

  /** A bundle may leave the SDK to Lambda's runtime; it gets the one that this project has. */
  #provideSdk(functionName: string, folder: string): void {
    const own = path.join(folder, 'node_modules', '@aws-sdk');
    const used = fs.existsSync(own) ? [] : usedPackages(folder);
    if (used.length === 0) return;
    const roots = require.resolve.paths('@aws-sdk/client-s3') ?? [];
    for (const scope of RUNTIME_SCOPES) {
      const place = roots.map((root) => path.join(root, scope)).find((each) => fs.existsSync(each));
      const link = path.join(folder, 'node_modules', scope);
      if (!place || fs.existsSync(link)) continue;
      fs.mkdirSync(path.dirname(link), { recursive: true });
      fs.symlinkSync(place, link, 'dir');
    }
    const missing = used.filter((name) => !fs.existsSync(path.join(folder, 'node_modules', name)));
    const gets = `leaves ${used.join(', ')} to Lambda's runtime: here it gets what this project has`;
    this.onNotice(
      functionName,
      missing.length > 0 ? `${gets}, which is without ${missing.join(', ')}.` : `${gets}.`,
    );
  }
}

/** Packages of the SDK that the code in the folder loads from outside of it. */
function usedPackages(folder: string): string[] {
  const found = new Set<string>();
  for (const name of fs.readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!CODE.test(name)) continue;
    const text = fs.readFileSync(path.join(folder, name), 'utf8');
    for (const [, used = ''] of text.matchAll(USES_SDK)) found.add(used);
  }
  return [...found].sort();
}
