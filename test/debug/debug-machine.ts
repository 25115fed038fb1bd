/**
 * What the suites of the debugger share: a workspace with the sample, a Wine prefix of its own with the driver deployed. Made when a test
 * first asks for it, removed when the run ends.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Engine, EngineEvent, EngineModule, SpaceId, Stop } from '../../debug-adapter/engine.js';
import { Win32Engine } from '../../debug-adapter/win32/win32-engine.js';
import { X64Context } from '../../machine/x64-context.js';
import type { AgentClient } from '../../target/agent-client.js';
import { build } from '../../target/build.js';
import { deploy } from '../../target/deploy.js';
import { loadProject, type Project } from '../../target/project.js';
import type { Target } from '../../target/target.js';
import { openTarget } from '../../target/targets.js';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '..', '..');

export const APPLICATION = 'C:\\eventscope\\bin\\eventapp.exe';
export const HOT_THREADS = 'C:\\eventscope\\bin\\hot_threads.exe';
export const STEPPING = 'C:\\eventscope\\bin\\stepping.exe';
export const STOP_POINTS = 'C:\\eventscope\\bin\\stop_points.exe';

export const operation = { signal: new AbortController().signal, progress: (): void => {} };

export interface DebugMachine {
  readonly folder: string;
  readonly project: Project;
  readonly target: Target;
}

let made: Promise<DebugMachine> | undefined;
let folder: string | undefined;
const clients = new Set<AgentClient>();

process.once('exit', () => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});
if (typeof after === 'function') {
  after("the debugger's machine is ended and removed", async function () {
    this.timeout(60_000);
    if (made === undefined) return;
    const { target } = await made;
    for (const client of [...clients]) await client.close();
    await target.reset(operation);
  });
}

/** Takes half a minute the first time. */
export function debugMachine(): Promise<DebugMachine> {
  return (made ??= makeMachine());
}

async function makeMachine(): Promise<DebugMachine> {
  await run(process.execPath, [join(ROOT, 'scripts', 'bundle.mjs'), 'agent'], { cwd: ROOT });
  folder = await mkdtemp(join(tmpdir(), 'eventscope-debug-'));
  await mkdir(join(folder, '.vscode'));
  const includes = [join(ROOT, 'driver/include')];
  const settings = {
    'eventscope.project': {
      driver: {
        sources: [join(ROOT, 'driver/sys')],
        includes,
        name: 'eventsys',
        service: 'eventsys',
        device: '\\\\.\\EventSys',
      },
      application: { sources: [join(ROOT, 'driver/app')], includes, name: 'eventapp' },
    },
  };
  await writeFile(join(folder, '.vscode', 'settings.json'), JSON.stringify(settings));
  const project = await loadProject(folder);
  const target = await openTarget(project, 'wine');
  const built = await build(project, operation);
  await target.start(operation);
  const client = await target.connect(operation);
  try {
    await deploy(target, client, project, built, operation);
  } finally {
    await client.close();
  }
  const options = ['-O1', '-Wall', '-Wextra', '-Werror', '-municode', '-Wl,--export-all-symbols'];
  for (const remote of [HOT_THREADS, STEPPING, STOP_POINTS]) {
    const program = join(folder, remote.slice(remote.lastIndexOf('\\') + 1));
    const source = join(import.meta.dirname, 'programs', `${basename(program, '.exe')}.c`);
    await run('x86_64-w64-mingw32-gcc', [...options, source, '-o', program]);
    await target.upload(program, remote, operation);
  }
  return { folder, project, target };
}

/** An agent of the caller's own, ended with the run at the latest. */
export async function connectAgent(): Promise<AgentClient> {
  const { target } = await debugMachine();
  const client = await target.connect(operation);
  clients.add(client);
  void client.closed.then(() => clients.delete(client));
  return client;
}

/** An engine, and everything that it said. */
export class DebugSession {
  readonly engine: Win32Engine;
  readonly events: EngineEvent[] = [];
  #unread: Stop[] = [];
  #wake: (() => void)[] = [];

  constructor(readonly client: AgentClient) {
    this.engine = new Win32Engine(client);
    this.engine.onEvent((event) => {
      this.events.push(event);
      if (event.type === 'stopped') this.#unread.push(event.stop);
      for (const wake of this.#wake.splice(0)) wake();
    });
  }

  static async start(): Promise<DebugSession> {
    return new DebugSession(await connectAgent());
  }

  /** The next stop that was not waited for yet. A test's own time-out bounds it. */
  async stop(): Promise<Stop> {
    for (;;) {
      const stop = this.#unread.shift();
      if (stop !== undefined) return stop;
      await this.until(() => this.hasUnreadStop);
    }
  }

  get hasUnreadStop(): boolean {
    return this.#unread.length > 0;
  }

  /** Settles at the next event of any kind. */
  event(): Promise<void> {
    return new Promise((wake) => this.#wake.push(wake));
  }

  /** Rejects when the engine has ended by itself: what is waited for will not come. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      const ended = this.events.find((event) => event.type === 'ended');
      if (ended?.error !== undefined) throw ended.error;
      await this.event();
    }
  }

  module(name: string): EngineModule {
    const all = this.engine.processes().flatMap(({ space }) => this.engine.modules(space));
    const found = all.find((module) => module.name.toLowerCase() === name);
    assert.ok(found !== undefined, `${name} is not loaded: ${all.map((module) => module.name).join(' ')}`);
    return found;
  }

  /** Address of an export, read from the target's memory. */
  async exportOf(moduleName: string, name: string): Promise<{ readonly space: SpaceId; readonly address: bigint }> {
    const { space, base } = this.module(moduleName);
    const rva = await exportRva(this.engine, space, base, name);
    return { space, address: base + BigInt(rva) };
  }

  async breakAt(space: SpaceId, address: bigint, rest: object = {}): Promise<number> {
    const [id] = await this.engine.setBreakpoints([{ space, address, kind: 'software', ...rest }]);
    assert.equal(typeof id, 'number', String(id));
    return id as number;
  }

  /** What standard output said so far. */
  output(category: 'stdout' | 'stderr'): string {
    return this.events
      .flatMap((event) => (event.type === 'output' && event.category === category ? [event.text] : []))
      .join('');
  }

  async close(): Promise<void> {
    await this.engine.terminate().catch(() => {});
    await this.client.close();
  }
}

export const registersOf = (stop: Stop): X64Context => new X64Context(Uint8Array.from(stop.registers));

async function readWhole(engine: Engine, space: SpaceId, address: bigint, length: number): Promise<DataView> {
  const [data] = await engine.readMemory(space, [{ address, length }]);
  assert.equal(data?.length, length);
  return new DataView(data.buffer, data.byteOffset, data.length);
}

async function exportRva(engine: Engine, space: SpaceId, base: bigint, name: string): Promise<number> {
  const header = await readWhole(engine, space, base, 4_096);
  const directory = header.getUint32(header.getUint32(0x3c, true) + 24 + 112, true);
  const table = await readWhole(engine, space, base + BigInt(directory), 40);
  const field = (offset: number): bigint => base + BigInt(table.getUint32(offset, true));
  const count = table.getUint32(24, true);
  const names = await readWhole(engine, space, field(32), count * 4);
  const ordinals = await readWhole(engine, space, field(36), count * 2);
  const first = names.getUint32(0, true);
  const texts = await readWhole(
    engine,
    space,
    base + BigInt(first),
    names.getUint32((count - 1) * 4, true) - first + 64,
  );
  for (let index = 0; index < count; index++) {
    const at = texts.byteOffset + names.getUint32(index * 4, true) - first;
    const text = Buffer.from(texts.buffer, at, name.length + 1).toString('latin1');
    if (text === `${name}\0`) {
      const slot = field(28) + BigInt(ordinals.getUint16(index * 2, true) * 4);
      return (await readWhole(engine, space, slot, 4)).getUint32(0, true);
    }
  }
  assert.fail(`there is no export ${name}`);
}

/** Code sections of an image: in memory as somebody else's process reads it, and as its file on the host has it. */
export interface CodeSection {
  readonly rva: number;
  readonly data: Uint8Array;
}
export async function codeSectionsOf(hostPath: string): Promise<CodeSection[]> {
  const file = await readFile(hostPath);
  const pe = file.readUInt32LE(0x3c);
  const first = pe + 24 + file.readUInt16LE(pe + 20);
  return Array.from({ length: file.readUInt16LE(pe + 6) }, (_, index) => first + index * 40)
    .filter((at) => (file.readUInt32LE(at + 36) & 0x20) !== 0)
    .map((at) => {
      const start = file.readUInt32LE(at + 20);
      const length = Math.min(file.readUInt32LE(at + 8), file.readUInt32LE(at + 16));
      return { rva: file.readUInt32LE(at + 12), data: file.subarray(start, start + length) };
    });
}
