/** The suite that runs inside the extension host, as one bundle. */
import { readdir, writeFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';

const OUT = path.resolve(import.meta.dirname, '..', '..', 'out', 'vscode');

export interface SuiteReport {
  readonly tests: readonly { readonly title: string; readonly error?: string; readonly ms: number }[];
  /** Written when the last test is over. */
  readonly ended: boolean;
}

/**
 * What the suite is told by its environment.
 * @param report file that it writes its results to
 * @param other an empty folder that no window has open
 */
export const suiteEnvironment = (report: string, other: string): Record<string, string> => ({
  EVENTSCOPE_TEST_REPORT: report,
  EVENTSCOPE_TEST_FOLDER: other,
  EVENTSCOPE_TEST_CORPUS: path.resolve(import.meta.dirname, '..', 'corpus'),
});

/** @returns path of the module that exports run(), the contract of @vscode/test-electron too */
export async function bundleSuite(): Promise<string> {
  const folder = path.join(import.meta.dirname, 'suite');
  const only = process.env['EVENTSCOPE_SUITES']?.split(',');
  const names = (await readdir(folder))
    .filter((name) => name.endsWith('.suite.ts') && (only?.includes(name.replace('.suite.ts', '')) ?? true))
    .sort();
  const outfile = path.join(OUT, 'suite', 'index.cjs');
  await mkdir(path.dirname(outfile), { recursive: true });
  const entry = path.join(OUT, 'suite', 'entry.ts');
  const suites = names.map((name) => `() => import(${JSON.stringify(path.join(folder, name))})`);
  await writeFile(
    entry,
    `import { runSuites } from ${JSON.stringify(path.join(folder, 'run.ts'))};\n` +
      `export const run = () => runSuites([${suites.join(', ')}]);\n`,
  );
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    sourcemap: 'inline',
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
  });
  return outfile;
}
