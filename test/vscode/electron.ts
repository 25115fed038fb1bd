/**
 * The suite of the extension host in the desktop build of VS Code, for machines that can download it. On Linux without a
 * display run it under `xvfb-run -a`. VSCODE_EXE names one that is there already.
 *
 *   npm run test:electron
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runTests } from '@vscode/test-electron';
import { bundle } from '../../scripts/bundle.mjs';
import { PACKAGED_BUNDLES } from '../../scripts/package.mjs';
import { writeSampleProject } from '../../extension/project-template.js';
import { NODE_FOR_WINDOWS } from './node-for-windows.js';
import { bundleSuite, suiteEnvironment, type SuiteReport } from './suite-bundle.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const VERSION = '1.100.0';

await bundle(PACKAGED_BUNDLES);
const root = await mkdtemp(path.join(tmpdir(), 'ev-'));
try {
  const [workspace, other, user] = ['sample', 'other', 'user'].map((name) => path.join(root, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [workspace, other, path.join(user, 'User')]) await mkdir(folder, { recursive: true });
  await writeSampleProject(ROOT, workspace);
  const settings = { 'eventscope.setup.nodeForWindows': NODE_FOR_WINDOWS, 'telemetry.telemetryLevel': 'off' };
  await writeFile(path.join(user, 'User', 'settings.json'), JSON.stringify(settings));
  const report = path.join(root, 'report.json');
  const executable = process.env['VSCODE_EXE'];
  const code = await runTests({
    ...(executable === undefined ? { version: VERSION } : { vscodeExecutablePath: executable }),
    cachePath: path.join(ROOT, '.vscode-test'),
    extensionDevelopmentPath: ROOT,
    extensionTestsPath: await bundleSuite(),
    extensionTestsEnv: suiteEnvironment(report, other),
    launchArgs: [workspace, '--disable-extensions', '--disable-workspace-trust', '--user-data-dir', user],
  }).catch(() => 1);
  const { tests } = JSON.parse(await readFile(report, 'utf8')) as SuiteReport;
  const failed = tests.filter((test) => test.error !== undefined);
  for (const { title, error } of tests) {
    process.stdout.write(error === undefined ? `  ok ${title}\n` : `  FAILED ${title}\n    ${error}\n`);
  }
  process.stdout.write(`${tests.length - failed.length} passed, ${failed.length} failed\n`);
  process.exitCode = code === 0 && failed.length === 0 && tests.length > 0 ? 0 : 1;
} finally {
  await rm(root, { recursive: true, force: true });
}
