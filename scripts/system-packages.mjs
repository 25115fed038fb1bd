/**
 * The Debian packages that Eventscope uses, which of them are missing, and how they are installed. Plain Node: it runs
 * before any npm package is there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Asked by Debian's maintainer scripts before they start a service; 101 says no. */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d';

/** Newest first; one version serves all packages whose name holds {llvm}. */
const LLVM_VERSIONS = [19, 18, 17, 16, 15, 14];
const EVERYTHING = ['demo', 'test', 'bench'];

/** service: what Debian would start with the package, and we do not want started. */
const PACKAGES = [
  { name: 'wine', for: EVERYTHING, why: 'runs Windows programs: the embedded target' },
  { name: 'wine64', for: EVERYTHING, why: "Wine's 64-bit half, which loads the driver" },
  { name: 'clang-{llvm}', for: EVERYTHING, why: 'compiles the driver and the application' },
  { name: 'lld-{llvm}', for: EVERYTHING, why: 'links them and writes their PDBs' },
  {
    name: 'llvm-{llvm}',
    for: ['test', 'bench'],
    why: 'symbols in sanitizer reports, the peer of our own reader of PDBs',
  },
  { name: 'mingw-w64', for: EVERYTHING, why: 'Windows headers and import libraries' },
  { name: 'osslsigncode', for: EVERYTHING, why: 'signs the driver with a test certificate' },
  { name: 'openssl', for: EVERYTHING, why: 'makes that certificate' },
  {
    name: 'util-linux',
    for: EVERYTHING,
    why: 'taskset and setarch: the prefix on one processor, at addresses that are not random',
  },
  {
    name: 'openssh-server',
    for: ['test'],
    service: 'ssh',
    why: 'sshd for the tests of the ssh target, on loopback only',
  },
  { name: 'libclang-rt-{llvm}-dev', for: ['test'], why: "sanitizers and libFuzzer for the driver's host harness" },
  { name: 'libc6-dev', for: ['test', 'bench'], why: 'C headers of the host, for the harness' },
  { name: 'chromium', for: ['test', 'bench'], why: 'shows the timeline and VS Code in their tests' },
  {
    name: 'lttng-tools',
    for: ['bench'],
    service: 'lttng-sessiond',
    why: 'session daemon of LTTng, the peer of the ring benchmark',
  },
  { name: 'liblttng-ust-dev', for: ['bench'], why: 'LTTng-UST tracepoints for the same' },
  { name: 'gcc', for: ['bench'], why: 'compiles the LTTng peer' },
  { name: 'gdb', for: ['bench'], why: 'the peer of stopping tracepoints, through winedbg' },
  { name: 'time', for: ['bench'], why: 'tells the peak memory of a program' },
  { name: 'socat', for: ['test'], why: 'a pair of terminals: a serial line for the kernel engine' },
  { name: 'cabextract', for: ['test'], why: 'expands the cabinets that our own expander is tested with' },
];

/** A problem of the machine that a person can solve; printed without a stack. */
export class SetupError extends Error {}

const read = (command, args) => spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });

export const hasDpkg = () => read('dpkg-query', ['--version']).status === 0;

/** Of these names, those that dpkg has fully installed. */
function installedOf(names) {
  const answer = read('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...names]);
  const lines = answer.stdout.split('\n').map((line) => line.split(' '));
  return new Set(lines.filter(([, status]) => status === 'installed').map(([name]) => name));
}

/** Of these names, those that apt could install now. */
function offeredOf(names) {
  const answer = read('apt-cache', ['policy', ...names]);
  const offered = new Set();
  let name;
  for (const line of answer.stdout.split('\n')) {
    if (/^\S.*:$/.test(line)) name = line.slice(0, -1).replace(/:.*$/, '');
    else if (name !== undefined && /^ {2}Candidate: (?!\(none\))/.test(line)) offered.add(name);
  }
  return offered;
}

/**
 * Packages that `purpose` needs and that are not installed. One LLVM version serves all LLVM packages: the newest of
 * which all are installed, else the newest of which all are installed or offered.
 * @param {'demo'|'test'|'bench'} purpose
 * @returns {{name: string, why: string, service?: string}[]}
 */
export function missingPackages(purpose) {
  const needed = PACKAGES.filter((entry) => entry.for.includes(purpose));
  const named = (version) => needed.map((entry) => ({ ...entry, name: entry.name.replace('{llvm}', String(version)) }));
  const all = [...new Set(LLVM_VERSIONS.flatMap((version) => named(version).map((entry) => entry.name)))];
  const installed = installedOf(all);
  const lacking = (version) => named(version).filter((entry) => !installed.has(entry.name));
  for (const version of LLVM_VERSIONS) {
    if (lacking(version).every((entry) => !entry.name.includes(String(version)))) return lacking(version);
  }
  const offered = offeredOf(all);
  const version = LLVM_VERSIONS.find((candidate) => lacking(candidate).every((entry) => offered.has(entry.name)));
  return lacking(version ?? LLVM_VERSIONS[0]);
}

const aptListsAreThere = () => {
  try {
    return readdirSync('/var/lib/apt/lists').some((name) => name.endsWith('_Packages') || name.includes('_Packages.'));
  } catch {
    return false;
  }
};

/** How this process becomes root: nothing in front, or sudo. Undefined: it cannot. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return read('sudo', ['--version']).status === 0 ? ['sudo'] : undefined;
}

export const installCommand = (names) =>
  `${process.getuid?.() === 0 ? '' : 'sudo '}apt-get install --no-install-recommends ${names.join(' ')}`;

function asRoot(prefix, command, args, environment = {}) {
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const words = [...prefix, 'env', ...assignments, command, ...args];
  // Standard output belongs to our caller's results: apt's chatter goes to standard error.
  return spawnSync(words[0], words.slice(1), { stdio: ['inherit', process.stderr, process.stderr] }).status;
}

/**
 * Runs `work` while services of freshly installed packages are not started, and leaves them disabled after: we need
 * sshd and the LTTng daemon as programs, and a machine should not begin to answer on port 22 because it ran our tests.
 */
function withoutStartingServices(prefix, services, work) {
  const systemd = existsSync('/run/systemd/system');
  const ours = systemd && services.length > 0 && !existsSync(SERVICE_POLICY);
  if (ours) {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'eventscope-setup-'));
    const policy = path.join(folder, 'policy-rc.d');
    writeFileSync(policy, '#!/bin/sh\nexit 101\n');
    asRoot(prefix, 'install', ['-m', '0755', policy, SERVICE_POLICY]);
    rmSync(folder, { recursive: true });
  }
  try {
    return work();
  } finally {
    if (ours) asRoot(prefix, 'rm', ['-f', SERVICE_POLICY]);
    if (systemd && services.length > 0) asRoot(prefix, 'systemctl', ['disable', ...services]);
  }
}

/**
 * Installs what is missing for `purpose` through apt, says first what and why. Returns the packages installed.
 * @param {'demo'|'test'|'bench'} purpose
 * @param {(line: string) => void} say
 */
export function installMissingPackages(purpose, say) {
  if (!hasDpkg()) {
    const names = PACKAGES.filter((entry) => entry.for.includes(purpose));
    say(
      `This is not Debian: the tools of these packages must be there already: ${names.map((p) => p.name).join(', ')}`,
    );
    return [];
  }
  let missing = missingPackages(purpose);
  if (missing.length === 0) return [];
  const prefix = rootPrefix();
  if (prefix === undefined) {
    const names = missing.map((entry) => entry.name);
    throw new SetupError(
      `System packages are missing: ${names.join(', ')}. This user is not root and there is no sudo: as root, run\n` +
        `  apt-get install --no-install-recommends ${names.join(' ')}`,
    );
  }
  const environment = { DEBIAN_FRONTEND: 'noninteractive' };
  if (!aptListsAreThere()) {
    say('Reading the package lists (apt-get update)');
    asRoot(prefix, 'apt-get', ['-q', 'update'], environment);
    missing = missingPackages(purpose);
  }
  say('Installing system packages:');
  for (const { name, why } of missing) say(`  ${name.padEnd(22)} ${why}`);
  const names = missing.map((entry) => entry.name);
  const install = () =>
    asRoot(prefix, 'apt-get', ['-q', '-y', 'install', '--no-install-recommends', ...names], environment);
  const services = missing.flatMap((entry) => entry.service ?? []);
  const status = withoutStartingServices(prefix, services, () => {
    const first = install();
    if (first === 0) return first;
    say('apt-get failed: once more with fresh package lists');
    asRoot(prefix, 'apt-get', ['-q', 'update'], environment);
    return install();
  });
  if (status !== 0) throw new SetupError(`apt-get could not install ${names.join(', ')}: see its messages above`);
  return names;
}
