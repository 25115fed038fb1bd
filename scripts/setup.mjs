/**
 * Makes a Debian 12 machine with Node and npm ready: system packages, npm packages, Node for Windows, bundles. What is
 * there already is left alone. Plain Node: it runs before any npm package is there.
 *
 *   node scripts/setup.mjs [demo|test|bench]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { installMissingPackages, SetupError } from './system-packages.mjs';
import { installVscodeHost } from './vscode-host.mjs';

export { SetupError };

const ROOT = path.dirname(import.meta.dirname);
const NEEDED_NODE = [20, 19];
const PURPOSES = ['demo', 'test', 'bench'];

export const say = (line) => process.stderr.write(`${line}\n`);

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NEEDED_NODE[0] || (major === NEEDED_NODE[0] && minor >= NEEDED_NODE[1])) return;
  throw new SetupError(`Node ${NEEDED_NODE.join('.')} or newer is needed; this is ${process.versions.node}`);
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Whether node_modules in `folder` is what its lock file asks for: npm notes there what it installed. Packages that the
 * lock file calls optional may be missing (they are for other systems), but not of another version.
 */
export function npmPackagesAreCurrent(folder) {
  const wanted = readJson(path.join(folder, 'package-lock.json'))?.packages;
  const found = readJson(path.join(folder, 'node_modules', '.package-lock.json'))?.packages;
  if (wanted === undefined || found === undefined) return false;
  return Object.entries(wanted).every(([place, entry]) => {
    if (place === '') return true;
    const installed = found[place];
    if (installed === undefined) return entry.optional === true;
    return installed.integrity === entry.integrity && existsSync(path.join(folder, place, 'package.json'));
  });
}

function npmInstall(folder, extra, what) {
  if (npmPackagesAreCurrent(folder)) return;
  say(`Installing ${what}`);
  // No package needs its install script here: ssh2's would compile native parts that it does without.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...extra];
  const result = spawnSync('npm', args, { cwd: folder, stdio: ['ignore', process.stderr, process.stderr] });
  if (result.error !== undefined) throw new SetupError(`npm did not start: ${result.error.message}`);
  if (result.status !== 0) throw new SetupError(`npm could not install ${what}: see its messages above`);
}

async function makeBundles() {
  const { bundle } = await import('./bundle.mjs');
  try {
    return await bundle();
  } catch (error) {
    // esbuild has printed its messages.
    if ('errors' in Object(error)) throw new SetupError('The bundles could not be made: see the messages above');
    throw error;
  }
}

/**
 * Everything that `purpose` needs.
 * @param {'demo'|'test'|'bench'} purpose
 */
export async function setup(purpose) {
  checkNode();
  installMissingPackages(purpose, say);
  npmInstall(ROOT, [], 'npm packages');
  // npm refuses another system's root dependency without --force.
  const forWindows = ['--os=win32', '--cpu=x64', '--force'];
  npmInstall(path.join(ROOT, 'agent', 'runtime'), forWindows, 'Node for Windows, on which the agent runs');
  const made = await makeBundles();
  if (made.length > 0) say(`Bundled ${made.join(', ')}`);
  // What the tests in VS Code run in; the benchmark of the extension too.
  if (purpose !== 'demo') installVscodeHost(say);
}

/** Runs a script's main function; problems of the machine are printed as they are. */
export async function runScript(main) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript(async ([purpose = 'demo']) => {
    if (!PURPOSES.includes(purpose)) throw new SetupError(`Set up for what? One of: ${PURPOSES.join(', ')}`);
    await setup(purpose);
    say(`Ready for ${purpose}`);
    return 0;
  });
}
