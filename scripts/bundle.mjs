/**
 * Makes the bundles: dist/cli.cjs, dist/agent.cjs, dist/dap.cjs, dist/extension.cjs and their like. A bundle whose inputs have not changed since it
 * was made is left alone.
 *
 *   node scripts/bundle.mjs [--force] [cli] [agent] [dap] [extension] [symbol-worker] [webview]
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { makeTracepointRecorder } from './tracepoint-recorder.mjs';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const DIST = path.join(ROOT, 'dist');

/** In a CommonJS bundle, import.meta.url is where the bundle lies. */
const IMPORT_META_URL = {
  define: { 'import.meta.url': 'bundleUrl' },
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
};

const BUNDLES = {
  cli: {
    entryPoints: ['cli/main.ts'],
    outfile: 'dist/cli.cjs',
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // ssh2 does without its two native parts when they cannot be loaded; they are never installed with us.
    external: ['cpu-features', 'serialport', '*.node'],
    // jsonc-parser's CommonJS build loads its parts in a way that no bundler sees; its ES modules are seen.
    mainFields: ['module', 'main'],
    define: IMPORT_META_URL.define,
    banner: { js: `#!/usr/bin/env node\n${IMPORT_META_URL.banner.js}` },
  },
  agent: {
    entryPoints: ['agent/main.ts'],
    outfile: 'dist/agent.cjs',
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    external: ['koffi'],
    // What tracepoints run in a traced process; tracepoint-recorder.mjs makes it.
    loader: { '.dll': 'binary' },
    ...IMPORT_META_URL,
  },
  // In pieces: a window loads what registers, and the rest when it is asked for.
  extension: {
    entryPoints: { extension: 'extension/main.ts' },
    outfile: 'dist/extension.cjs',
    pieces: 'extension-piece',
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['vscode', 'cpu-features', 'serialport', '*.node'],
    mainFields: ['module', 'main'],
    minify: true,
    ...IMPORT_META_URL,
  },
  dap: {
    entryPoints: ['debug-adapter/dap-main.ts'],
    outfile: 'dist/dap.cjs',
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['cpu-features', 'serialport', '*.node'],
    mainFields: ['module', 'main'],
    define: IMPORT_META_URL.define,
    banner: { js: `#!/usr/bin/env node\n${IMPORT_META_URL.banner.js}` },
  },
  // What reads symbols, in a thread of its own beside the bundle that starts it.
  'symbol-worker': {
    entryPoints: ['debug-adapter/symbols/worker.ts'],
    outfile: 'dist/symbol-worker.cjs',
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minify: true,
    keepNames: true,
  },
  webview: {
    entryPoints: ['webview/main.ts'],
    outfile: 'dist/webview.js',
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    minify: true,
  },
};

/** What a bundle reads beside itself: the runtime and the grammars that sources are parsed with. */
const BESIDE = {
  dap: ['node_modules/iced-x86/iced_x86_bg.wasm'],
  extension: [
    'node_modules/iced-x86/iced_x86_bg.wasm',
    'node_modules/web-tree-sitter/web-tree-sitter.wasm',
    'node_modules/tree-sitter-c/tree-sitter-c.wasm',
    'node_modules/tree-sitter-cpp/tree-sitter-cpp.wasm',
  ],
};

async function copyBeside(name) {
  for (const file of BESIDE[name] ?? []) {
    const data = await readFile(path.join(ROOT, file));
    const copy = path.join(DIST, path.basename(file));
    const before = await readOrUndefined(copy);
    if (before === undefined || !before.equals(data)) await writeBeside(copy, data, 0o644);
  }
}

const sha256 = (data) => createHash('sha256').update(data).digest('hex');

async function readOrUndefined(file) {
  try {
    return await readFile(file);
  } catch {
    return undefined;
  }
}

/** What a bundle was made from: digest of each input by its path, of each file of the bundle, and of how it was made. */
async function isCurrent(made, name, esbuildVersion) {
  if (made === undefined || made.how !== how(name, esbuildVersion)) return false;
  for (const [file, digest] of [...Object.entries(made.outputs ?? {}), ...Object.entries(made.inputs)]) {
    const data = await readOrUndefined(path.join(ROOT, file));
    if (data === undefined || sha256(data) !== digest) return false;
  }
  return true;
}

const how = (name, esbuildVersion) => sha256(JSON.stringify([BUNDLES[name], esbuildVersion]));

async function writeBeside(file, data, mode) {
  const beside = `${file}.${process.pid}.tmp`;
  await writeFile(beside, data, { mode });
  await rename(beside, file);
}

/** Of every bundle. */
const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  write: false,
  metafile: true,
  logLevel: 'warning',
  legalComments: 'none',
};

/** The whole of a module of the host, imported by us: a plain require gives it without copying its some hundred exports for each importer. */
const HOST_MODULE = /\bimport\s*(?:\*\s*as\s+)?([\w$]+)\s*from\s*("(?:vscode|node:[a-z_/]+)");/g;

/** esbuild divides ES modules alone into pieces: they are made first, then each becomes CommonJS, as VS Code loads extensions. */
async function buildInPieces(esbuild, { pieces, outfile, format, banner, ...options }) {
  const outdir = path.join(ROOT, path.dirname(outfile));
  const asModules = await esbuild.build({
    ...COMMON,
    ...options,
    outdir,
    format: 'esm',
    splitting: true,
    chunkNames: `${pieces}-[hash]`,
    outExtension: { '.js': '.cjs' },
    sourcemap: 'inline',
  });
  const outputFiles = [];
  for (const { path: file, text } of asModules.outputFiles) {
    const { code, map } = await esbuild.transform(text.replaceAll(HOST_MODULE, 'var $1=require($2);'), {
      format,
      banner: banner.js,
      target: options.target,
      platform: options.platform,
      minify: options.minify,
      sourcemap: 'external',
      sourcefile: path.basename(file),
      // What is to be said of the sources was said by the first pass.
      logLevel: 'error',
    });
    const name = path.basename(file);
    outputFiles.push({ path: file, contents: Buffer.from(`${code}//# sourceMappingURL=${name}.map\n`) });
    outputFiles.push({ path: `${file}.map`, contents: Buffer.from(map) });
  }
  const wanted = new Set(outputFiles.map((output) => output.path));
  const stale = (await readdir(outdir)).filter((name) => name.startsWith(`${pieces}-`));
  await Promise.all(
    stale
      .map((name) => path.join(outdir, name))
      .filter((file) => !wanted.has(file))
      .map((file) => rm(file)),
  );
  return { outputFiles, metafile: asModules.metafile };
}

function build(esbuild, name) {
  const options = BUNDLES[name];
  if ('pieces' in options) return buildInPieces(esbuild, options);
  return esbuild.build({ ...COMMON, ...options, sourcemap: name === 'webview' ? false : 'linked' });
}

async function make(esbuild, name) {
  const result = await build(esbuild, name);
  const outputs = {};
  for (const output of result.outputFiles) {
    await writeBeside(output.path, output.contents, /(?:cli|dap)\.cjs$/.test(output.path) ? 0o755 : 0o644);
    if (!output.path.endsWith('.map')) outputs[path.relative(ROOT, output.path)] = sha256(output.contents);
  }
  const inputs = {};
  for (const file of Object.keys(result.metafile.inputs)) {
    const data = await readOrUndefined(path.join(ROOT, file));
    if (data !== undefined) inputs[file] = sha256(data);
  }
  return { how: how(name, esbuild.version), inputs, outputs };
}

/**
 * Makes what is not current. Returns the names of the bundles that were made.
 * @param {string[]} names of BUNDLES
 * @param {{force?: boolean}} options
 */
export async function bundle(names = Object.keys(BUNDLES), { force = false } = {}) {
  const unknown = names.filter((name) => !(name in BUNDLES));
  if (unknown.length > 0) throw new Error(`No bundle named ${unknown.join(', ')}: ${Object.keys(BUNDLES).join(', ')}`);
  const esbuildPackage = JSON.parse(await readFile(path.join(ROOT, 'node_modules/esbuild/package.json'), 'utf8'));
  await mkdir(DIST, { recursive: true });
  if (names.includes('agent')) await makeTracepointRecorder();
  const made = [];
  for (const name of names) {
    await copyBeside(name);
    const stamp = path.join(DIST, `.${name}.json`);
    const text = await readOrUndefined(stamp);
    let before;
    try {
      before = text === undefined ? undefined : JSON.parse(text.toString('utf8'));
    } catch {
      before = undefined;
    }
    if (!force && (await isCurrent(before, name, esbuildPackage.version))) continue;
    const esbuild = await import('esbuild');
    const now = await make(esbuild, name);
    await writeBeside(stamp, JSON.stringify(now), 0o644);
    made.push(name);
  }
  return made;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const given = process.argv.slice(2);
  const names = given.filter((argument) => !argument.startsWith('-'));
  try {
    const made = await bundle(names.length > 0 ? names : undefined, { force: given.includes('--force') });
    process.stderr.write(made.length > 0 ? `bundled: ${made.join(', ')}\n` : 'bundles: nothing changed\n');
  } catch (error) {
    // esbuild has printed its own messages; its error repeats them.
    if (!('errors' in Object(error))) process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  }
}
