import { dirname, resolve } from 'node:path';

/**
 * A path as the user means it. npm runs a script in its package's folder (`npm --prefix`, workspaces), so a relative path
 * is meant from the folder where the command was typed.
 */
export function resolveGiven(
  path: string,
  env: NodeJS.ProcessEnv = process.env,
  cwd = process.cwd(),
): string {
  const { INIT_CWD: typedIn, npm_package_json: manifest } = env;
  // A program that the script starts elsewhere inherits the variables, but not their meaning.
  const isScript = typedIn !== undefined && manifest !== undefined && dirname(manifest) === cwd;
  return resolve(isScript ? typedIn : cwd, path);
}
