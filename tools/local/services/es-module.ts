/**
 * An ES module as the body of an async function, so that it can be run with globals as parameters: imports become
 * awaited calls, exports a returned object.
 */
/** Names that the body uses for what a module has from outside. */
export const IMPORT = '__import';
export const IMPORT_META = '__importMeta';

const bodies = new Map<string, string>();

/** @throws SyntaxError */
export function functionBodyOf(code: string): string {
  const body = bodies.get(code) ?? bodyOf(normalized(code)).replaceAll(/\bimport\.meta\b/g, IMPORT_META);
  bodies.set(code, body);
  return body;
}

/** One statement a line for each import, and one for all exports. */
function normalized(code: string): string {
  // Only a module that is run within this process waits for it.
  const { buildSync } = require('esbuild') as typeof import('esbuild');
  try {
    const { outputFiles } = buildSync({
      ...{ stdin: { contents: code }, bundle: true, format: 'esm', platform: 'node', target: 'es2022' },
      ...{ packages: 'external', external: ['./*', '../*', '/*'], write: false, logLevel: 'silent' },
    });
    return String(outputFiles[0]?.text);
  } catch (error) {
    throw new SyntaxError((error as Error).message);
  }
}

const IMPORT_STATEMENT = /^import (?:(?<bound>[^"]+?) from )?(?<from>"(?:[^"\\]|\\.)*");$/gm;
const EXPORT_STATEMENT = /^export \{(?<names>[^}]*)\};$/gm;

function bodyOf(code: string): string {
  const names: string[] = [];
  const body = code
    .replaceAll(IMPORT_STATEMENT, (...found) => {
      const { bound, from } = found.at(-1) as { bound?: string; from: string };
      return imported(bound, `await ${IMPORT}(${from})`);
    })
    .replaceAll(EXPORT_STATEMENT, (...found) => {
      const groups = found.at(-1) as { names: string };
      for (const [, local, exported = local] of groups.names.matchAll(/([^\s,]+)(?: as ([^\s,]+))?/g))
        names.push(`${JSON.stringify(exported)}: ${local}`);
      return '';
    });
  return `return (async () => {\n${body}\nreturn { ${names.join(', ')} };\n})();`;
}

/** `a, { b as c }`, `* as d` or nothing. */
function imported(bound: string | undefined, value: string): string {
  if (bound === undefined) return `${value};`;
  const [, first, named, all] =
    /^(?:([\w$]+)(?:, )?)?(?:\{(.*)\})?(?:\* as ([\w$]+))?$/.exec(bound.trim()) ?? [];
  const parts = [
    ...(first ? [`default: ${first}`] : []),
    ...(named ? [named.replaceAll(/ as /g, ': ')] : []),
  ];
  if (all)
    return first ? `const ${all} = ${value}, { default: ${first} } = ${all};` : `const ${all} = ${value};`;
  return `const { ${parts.join(', ')} } = ${value};`;
}
