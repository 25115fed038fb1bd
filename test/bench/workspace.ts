/**
 * What benchmarks share: a workspace of their own under out/bench with its own prefix, so that they neither disturb nor
 * measure what a developer has deployed; programs compiled for the target; the command line as a user starts it.
 */
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { AgentClient } from '../../target/agent-client.js';
import { loadProject, type Project } from '../../target/project.js';
import type { Operation, Target } from '../../target/target.js';
import { openTarget } from '../../target/targets.js';
import { findLinuxToolchain } from '../../target/toolchain/find-linux.js';
import { WineTarget } from '../../target/wine/wine-target.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const COMMAND_LIMIT_MS = 300_000;

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Connected {
  readonly target: Target;
  readonly client: AgentClient;
}

/** The sample, built from its place in this repository. */
const settings = (root: string): unknown => {
  const includes = [path.join(root, 'driver', 'include')];
  const defines = { EVENTSCOPE_TRACE: '1' };
  return {
    'eventscope.project': {
      driver: {
        sources: [path.join(root, 'driver', 'sys')],
        includes,
        name: 'eventsys',
        service: 'eventsys',
        device: '\\\\.\\EventSys',
        defines,
      },
      application: { sources: [path.join(root, 'driver', 'app')], includes, name: 'eventapp', defines },
    },
  };
};

export class Bench {
  private constructor(
    readonly project: Project,
    readonly operation: Operation,
  ) {}

  static async open(operation: Operation): Promise<Bench> {
    const folder = path.join(ROOT, 'out', 'bench');
    await mkdir(path.join(folder, '.vscode'), { recursive: true });
    await writeFile(path.join(folder, '.vscode', 'settings.json'), JSON.stringify(settings(ROOT), null, 2));
    return new Bench(await loadProject(folder), operation);
  }

  /** Host path of a file of this repository. */
  file(...parts: string[]): string {
    return path.join(ROOT, ...parts);
  }

  /** Runs a program of the host to its end; throws with its output when it fails. */
  async run(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Finished> {
    const finished = await new Promise<Finished>((resolve, reject) => {
      const child = spawn(program, args, {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
        signal: this.operation.signal,
        timeout: COMMAND_LIMIT_MS,
      });
      const output = { stdout: '', stderr: '' };
      child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString('utf8')));
      child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString('utf8')));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, ...output }));
    });
    if (finished.code !== 0) {
      throw new Error(
        `${[program, ...args].join(' ')} ended with ${finished.code}\n${finished.stdout}${finished.stderr}`,
      );
    }
    return finished;
  }

  /** `eventscope` as a user starts it, in the benchmarks' workspace. */
  eventscope(args: readonly string[]): Promise<Finished> {
    return this.run(process.execPath, [this.file('dist', 'cli.cjs'), ...args]);
  }

  /** Compiles a console program for the target with the toolchain that builds the sample; returns its host path. */
  async compileForTarget(name: string, sources: readonly string[], options: readonly string[] = []): Promise<string> {
    this.operation.progress(`Compiling ${name}`);
    const { clang } = await findLinuxToolchain();
    const exe = this.file('out', 'bench', `${name}.exe`);
    await this.run(clang, [
      '--target=x86_64-w64-mingw32',
      '-std=gnu11',
      '-O2',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-fuse-ld=lld',
      `-I${this.file('driver', 'include')}`,
      ...options,
      ...sources,
      '-o',
      exe,
    ]);
    return exe;
  }

  /** Runs a program in the prefix on all processors, as the target itself never does while it records. */
  async runOnAllProcessors(exe: string, args: readonly string[]): Promise<Finished> {
    const target = await openTarget(this.project);
    if (!(target instanceof WineTarget)) throw new TypeError('Benchmarks run on the embedded target');
    await target.start(this.operation);
    return this.run('wine', [exe, ...args], {
      WINEPREFIX: target.prefix.folder,
      WINEDEBUG: '-all',
    });
  }

  async connected<T>(work: (connected: Connected) => Promise<T>): Promise<T> {
    const target = await openTarget(this.project);
    await target.start(this.operation);
    const client = await target.connect(this.operation);
    try {
      return await work({ target, client });
    } finally {
      await client.close();
    }
  }

  /** Ends what runs in the prefix; the prefix stays for the next time. */
  async close(): Promise<void> {
    const target = await openTarget(this.project);
    await target.stop({ signal: AbortSignal.timeout(30_000), progress: () => undefined });
  }
}
