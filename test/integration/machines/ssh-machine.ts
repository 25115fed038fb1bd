/**
 * A test machine with an OpenSSH server, for the run: a real sshd on loopback with keys, settings and a Wine prefix of
 * its own behind it. Commands run as OpenSSH for Windows runs them (windows-shell.c), files are those of the prefix.
 * Everything lies in one folder that {@link SshMachine.close} removes; it is also removed when the process ends in any
 * other way but SIGKILL.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync, rmdirSync, rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { SshTargetSettings } from '../../../target/ssh/settings.js';
import { Link } from './link.js';

const run = promisify(execFile);

const SSHD = '/usr/sbin/sshd';
const SFTP_SERVERS = ['/usr/lib/openssh/sftp-server', '/usr/libexec/openssh/sftp-server', '/usr/lib/ssh/sftp-server'];
/** sshd run by root wants this folder, and only the system's own start script makes it. */
const PRIVILEGE_SEPARATION_FOLDER = '/run/sshd';
const CROSS_COMPILER = 'x86_64-w64-mingw32-gcc';
/** A client may lose the race for a free port to another process; another port is tried then. */
const PORT_ATTEMPTS = 5;
const READY_TIMEOUT_MS = 10_000;
const SESSION_END_TIMEOUT_MS = 20_000;

export type LoginShell = 'cmd' | 'posix';

export class SshMachine {
  readonly link: Link;
  #sshd: ChildProcess | undefined;
  #closed = false;
  readonly #atExit = (): void => this.#closeNow();
  readonly #atSignal = (signal: NodeJS.Signals): void => {
    this.#closeNow();
    process.kill(process.pid, signal);
  };

  private constructor(
    /** Everything of this machine. */
    readonly folder: string,
    /** Its Wine prefix: drive X: of the machine is `drive_x` in it. */
    readonly prefix: string,
    link: Link,
    readonly settings: SshTargetSettings,
    private readonly sshdPort: number,
    private readonly madeRunFolder: boolean,
  ) {
    this.link = link;
  }

  /**
   * @param makePrefix Makes a Wine prefix, with Windows 10 as its version, at the path given.
   * @param name The target's name in its settings.
   */
  static async start(makePrefix: (path: string) => Promise<void>, name = 'ssh'): Promise<SshMachine> {
    const sftpServer = requiredPrograms();
    const folder = await mkdtemp(join(tmpdir(), 'eventscope-ssh-machine-'));
    const prefix = join(folder, 'prefix');
    let machine: SshMachine | undefined;
    try {
      await makePrefix(prefix);
      await makeKeys(folder);
      await makeShell(folder, prefix, sftpServer);
      const sshdPort = await freePort();
      const link = await Link.open(sshdPort);
      const settings = settingsOf(name, folder, prefix, link.port);
      machine = new SshMachine(folder, prefix, link, settings, sshdPort, await makeRunFolder());
      process.once('exit', machine.#atExit);
      process.once('SIGINT', machine.#atSignal);
      process.once('SIGTERM', machine.#atSignal);
      await machine.#boot();
      await machine.trustHostKey();
      await machine.#startSshd();
      return machine;
    } catch (error) {
      if (machine === undefined) await rm(folder, { recursive: true, force: true });
      else await machine.close();
      throw error;
    }
  }

  /** Path on this host of a Windows path on the machine, to look at it from outside. */
  hostPath(windowsPath: string): string {
    const [drive = '', ...rest] = windowsPath.split('\\');
    return join(this.prefix, `drive_${drive.slice(0, 1).toLowerCase()}`, ...rest);
  }

  /** The prefix's own lines of debug output, complete, beside what any of our code makes of them. */
  async dbgPrintText(): Promise<string> {
    return await readFile(join(this.folder, 'dbgprint.log'), 'utf8');
  }

  get environment(): NodeJS.ProcessEnv {
    return wineEnvironment(this.prefix);
  }

  /** known_hosts holds the machine's present host key, and nothing else. */
  async trustHostKey(): Promise<void> {
    const key = await readFile(join(this.folder, 'host_key.pub'), 'utf8');
    await writeFile(this.settings.knownHosts, `[127.0.0.1]:${this.settings.port} ${key}`);
  }

  /** Another machine answers at the same address: a new host key, the same known_hosts. */
  async changeHostKey(): Promise<void> {
    await this.#stopSshd();
    await rm(join(this.folder, 'host_key'), { force: true });
    await rm(join(this.folder, 'host_key.pub'), { force: true });
    await makeKey(join(this.folder, 'host_key'));
    await this.#startSshd();
  }

  /** Off and on again, as after a bugcheck: every process of Windows ends, the disk stays. */
  async reboot(): Promise<void> {
    await wineserver(['-k'], this.environment);
    await wineserver(['-w'], this.environment);
    await this.#boot();
  }

  /** What commands of clients run in from now on. */
  async setShell(shell: LoginShell): Promise<void> {
    await writeFile(join(this.folder, 'login-shell'), shell);
  }

  /** Files that an SFTP session of from now on writes end after so many KiB, as on a disk with a quota. 0: no limit. */
  async limitFileSize(kib: number): Promise<void> {
    await writeFile(join(this.folder, 'file-limit'), kib === 0 ? '' : String(kib));
  }

  /** Waits until no client's session runs on the machine any more: a cut one first works off what it has received. */
  async sessionsEnded(): Promise<void> {
    const pid = this.#sshd?.pid;
    const end = Date.now() + SESSION_END_TIMEOUT_MS;
    while (pid !== undefined && (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim() !== '') {
      if (Date.now() > end) throw new Error('a session on the test machine does not end');
      await delay(50);
    }
  }

  /** Ends everything, and removes the folder. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    process.off('exit', this.#atExit);
    process.off('SIGINT', this.#atSignal);
    process.off('SIGTERM', this.#atSignal);
    await this.link.close();
    await this.#stopSshd();
    await wineserver(['-k'], this.environment);
    await wineserver(['-w'], this.environment);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    this.#removeRunFolder();
  }

  #closeNow(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.link.closeNow();
    this.#sshd?.kill('SIGKILL');
    spawnSync('wineserver', ['-k'], { env: this.environment, stdio: 'ignore', timeout: 10_000 });
    spawnSync('wineserver', ['-w'], { env: this.environment, stdio: 'ignore', timeout: 10_000 });
    rmSync(this.folder, { recursive: true, force: true });
    this.#removeRunFolder();
  }

  #removeRunFolder(): void {
    if (!this.madeRunFolder) return;
    try {
      rmdirSync(PRIVILEGE_SEPARATION_FOLDER);
    } catch {
      // Somebody else's sshd uses it by now, or has removed it.
    }
  }

  /**
   * Starts Windows on it, as a machine that is on: services stay when the last program ends (wineserver -p), and the
   * kernel's debug output goes to a file, the first process's standard error.
   */
  async #boot(): Promise<void> {
    const env = this.environment;
    await wineserver(['-p'], env);
    const log = await open(join(this.folder, 'dbgprint.log'), 'a');
    try {
      const boot = spawn('taskset', ['-c', '0', 'wineboot'], {
        env: { ...env, WINEDEBUG: '-all,warn+debugstr' },
        stdio: ['ignore', 'ignore', log.fd],
      });
      const code = await new Promise<number | null>((resolve, reject) => {
        boot.once('error', reject);
        boot.once('exit', resolve);
      });
      if (code !== 0) {
        throw new Error(`wineboot of the test machine ended with ${code}: ${await this.dbgPrintText()}`);
      }
    } finally {
      await log.close();
    }
  }

  async #startSshd(): Promise<void> {
    const config = join(this.folder, 'sshd_config');
    await writeFile(config, sshdConfig(this.folder, this.sshdPort, sftpServerPath()));
    const log = await open(join(this.folder, 'sshd.log'), 'a');
    try {
      const sshd = spawn(SSHD, ['-D', '-e', '-f', config], { stdio: ['ignore', log.fd, log.fd] });
      this.#sshd = sshd;
      await waitForPort(this.sshdPort, sshd);
    } catch (error) {
      const text = await readFile(join(this.folder, 'sshd.log'), 'utf8');
      throw new Error(`sshd of the test machine did not start: ${text}`, { cause: error });
    } finally {
      await log.close();
    }
  }

  async #stopSshd(): Promise<void> {
    const sshd = this.#sshd;
    this.#sshd = undefined;
    if (sshd?.exitCode !== null || sshd.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => sshd.once('exit', () => resolve()));
    sshd.kill('SIGTERM');
    await ended;
  }
}

function requiredPrograms(): string {
  if (!existsSync(SSHD)) throw new Error(`${SSHD} is missing: apt-get install openssh-server`);
  const compiler = spawnSync(CROSS_COMPILER, ['--version']);
  if (compiler.error !== undefined) throw new Error(`${CROSS_COMPILER} is missing: apt-get install mingw-w64`);
  return sftpServerPath();
}

function sftpServerPath(): string {
  const path = SFTP_SERVERS.find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error('sftp-server is missing: apt-get install openssh-sftp-server');
  return path;
}

function settingsOf(name: string, folder: string, prefix: string, port: number): SshTargetSettings {
  return {
    name,
    kind: 'ssh',
    host: '127.0.0.1',
    port,
    user: userInfo().username,
    privateKey: join(folder, 'client_key'),
    knownHosts: join(folder, 'known_hosts'),
    folder: 'C:\\eventscope',
    sftpDrives: `${prefix}/drive_{drive}`,
    dbgPrintLog: `Z:${join(folder, 'dbgprint.log').replaceAll('/', '\\')}`,
  };
}

function wineEnvironment(prefix: string): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C.UTF-8', WINEPREFIX: prefix, WINEARCH: 'win64', WINEDEBUG: '-all' };
}

/** The server puts itself in the background and keeps its standard handles: no pipe of ours may be among them. */
async function wineserver(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const child = spawn('wineserver', args, { env, stdio: 'ignore', timeout: 20_000 });
    child.once('error', reject);
    child.once('exit', () => resolve());
  });
}

async function makeKeys(folder: string): Promise<void> {
  await makeKey(join(folder, 'host_key'));
  await makeKey(join(folder, 'client_key'));
  await writeFile(join(folder, 'authorized_keys'), await readFile(join(folder, 'client_key.pub')), { mode: 0o600 });
}

async function makeKey(path: string): Promise<void> {
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'eventscope-test', '-f', path]);
}

async function makeShell(folder: string, prefix: string, sftpServer: string): Promise<void> {
  const source = join(import.meta.dirname, 'windows-shell.c');
  const program = join(folder, 'windows-shell.exe');
  await run(CROSS_COMPILER, ['-O1', '-Wall', '-Wextra', '-Werror', '-o', program, source]);
  const script = `#!/bin/sh
# What sshd runs for every session (ForceCommand): SFTP as it is, any other command as Windows would run it.
case "$SSH_ORIGINAL_COMMAND" in
*sftp-server*)
  limit=$(cat '${folder}/file-limit' 2>/dev/null)
  if [ -n "$limit" ]; then trap '' XFSZ; ulimit -f $((limit * 2)); fi
  cd '${prefix}/drive_c' && exec '${sftpServer}' ;;
esac
if [ "$(cat '${folder}/login-shell' 2>/dev/null)" = posix ]; then exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"; fi
export LC_ALL=C.UTF-8 WINEPREFIX='${prefix}' WINEARCH=win64 WINEDEBUG=-all
exec taskset -c 0 wine '${program}'
`;
  await writeFile(join(folder, 'shell.sh'), script);
  await chmod(join(folder, 'shell.sh'), 0o755);
}

async function makeRunFolder(): Promise<boolean> {
  if (process.getuid?.() !== 0 || existsSync(PRIVILEGE_SEPARATION_FOLDER)) return false;
  await mkdir(PRIVILEGE_SEPARATION_FOLDER, { mode: 0o755 });
  return true;
}

function sshdConfig(folder: string, port: number, sftpServer: string): string {
  return [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${folder}/host_key`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    `AuthorizedKeysFile ${folder}/authorized_keys`,
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'AllowTcpForwarding local',
    'X11Forwarding no',
    `Subsystem sftp ${sftpServer}`,
    `ForceCommand ${folder}/shell.sh`,
    '',
  ].join('\n');
}

async function freePort(): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await new Promise<number>((resolve, reject) => {
        const server = createServer();
        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => {
          const { port } = server.address() as AddressInfo;
          server.close(() => resolve(port));
        });
      });
    } catch (error) {
      if (attempt >= PORT_ATTEMPTS) throw error;
    }
  }
}

async function waitForPort(port: number, sshd: ChildProcess): Promise<void> {
  const end = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    if (sshd.exitCode !== null) throw new Error(`it ended with ${sshd.exitCode}`);
    const answered = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (answered) return;
    if (Date.now() > end) throw new Error(`nothing listens on port ${port}`);
    await delay(50);
  }
}
