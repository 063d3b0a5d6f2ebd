/** The page's files, bundled by esbuild at the first request. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

interface Asset {
  readonly type: string;
  readonly body: string;
}

const CLIENT = path.join(__dirname, 'client');
let assets: Promise<ReadonlyMap<string, Asset>> | undefined;

/** Assets by path, e.g. `/page.js`. */
export function readAssets(): Promise<ReadonlyMap<string, Asset>> {
  assets ??= make();
  return assets;
}

async function make(): Promise<ReadonlyMap<string, Asset>> {
  const [html, css, js] = await Promise.all([
    readFile(path.join(CLIENT, 'index.html'), 'utf8'),
    readFile(path.join(CLIENT, 'style.css'), 'utf8'),
    bundle('main.tsx'),
  ]);
  return new Map([
    ['/index.html', { type: 'text/html; charset=utf-8', body: html }],
    ['/style.css', { type: 'text/css; charset=utf-8', body: css }],
    ['/page.js', { type: 'text/javascript; charset=utf-8', body: js }],
  ]);
}

/** @returns one minified script */
async function bundle(entry: string): Promise<string> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [path.join(CLIENT, entry)],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
  });
  return outputFiles[0]?.text ?? '';
}
