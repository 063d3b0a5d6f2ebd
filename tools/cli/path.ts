import { dirname, resolve } from 'node:path';

/**
 * Resolves a path given by the user. npm runs a script in its package's folder (`npm --prefix`, workspaces), so a
 * relative path is relative to the folder where the command was typed.
 */
export function resolveGiven(
  path: string,
  env: NodeJS.ProcessEnv = process.env,
  cwd = process.cwd(),
): string {
  const { INIT_CWD: typedIn, npm_package_json: manifest } = env;
  // A program that a script starts in another folder inherits npm's variables, which do not apply to it.
  const isScript = typedIn !== undefined && manifest !== undefined && dirname(manifest) === cwd;
  return resolve(isScript ? typedIn : cwd, path);
}
