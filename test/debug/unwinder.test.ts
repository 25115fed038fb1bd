/**
 * The unwinder against the target's own RtlVirtualUnwind: every frame of every thread at random moments of programs and of the driver's host,
 * and one thread at every instruction that it executes, prologues and epilogues included. Wine's, that is: no other was at hand.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SpaceId, Stop } from '../../debug-adapter/engine.js';
import { FrameWalker } from '../../debug-adapter/session/frame-walker.js';
import { MemoryCache } from '../../debug-adapter/session/memory-cache.js';
import { attachDriver } from '../../debug-adapter/win32/driver-start.js';
import { FileSource } from '../../machine/pe/file-source.js';
import { PeImage } from '../../machine/pe/pe-image.js';
import { registersOfContext } from '../../machine/unwind/registers.js';
import { walkStack } from '../../machine/unwind/stack-walk.js';
import { X64Context } from '../../machine/x64-context.js';
import type { AgentClient } from '../../target/agent-client.js';
import { toHostPath } from '../../target/wine/paths.js';
import { WineTarget } from '../../target/wine/wine-target.js';
import { APPLICATION, connectAgent, debugMachine, DebugSession, operation } from './debug-machine.js';
import { assertSameWalk, contextOf, FRAME_BYTES, MAX_FRAMES, type Place, readFrames } from './stack-walks.js';

const run = promisify(execFile);

const UNWINDING = 'C:\\eventscope\\bin\\unwinding.exe';
const WALKER = 'C:\\eventscope\\bin\\stack_walker.dll';
const STEPS = 'C:\\eventscope\\tmp\\steps.bin';
const SEED = 20_260_401;
const WALK_HEADER_BYTES = 16;
const WALK_BYTES = WALK_HEADER_BYTES + MAX_FRAMES * FRAME_BYTES;
/** Of each of three processes: 210 in all. */
const STOPS = 70;

async function installPrograms(): Promise<void> {
  const { folder, target } = await debugMachine();
  const programs = join(import.meta.dirname, 'programs');
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-municode'];
  const made = [
    { remote: UNWINDING, args: [join(programs, 'unwinding.c'), '-lpsapi'] },
    // At an address of its own in every process, so that it is found by the same numbers.
    { remote: WALKER, args: [join(programs, 'stack_walker.c'), '-shared', '-Wl,--image-base,0x6a000000'] },
  ];
  for (const { remote, args } of made) {
    const file = join(folder, remote.slice(remote.lastIndexOf('\\') + 1));
    await run('x86_64-w64-mingw32-gcc', [...flags, ...args, '-o', file]);
    await target.upload(file, remote, operation);
  }
}

/** Runs a program of the target to its end, outside of the debugger. */
async function runThere(client: AgentClient, program: string, args: readonly string[]): Promise<void> {
  const exits = new Map<number, number>();
  let wake = (): void => {};
  const quiet = client.onNotification('process/exited', ({ process, exitCode }) => {
    exits.set(process, exitCode);
    wake();
  });
  const { process } = await client.request('process/start', { program, arguments: [...args], endWithAgent: true });
  while (!exits.has(process)) await new Promise<void>((next) => (wake = next));
  quiet();
  assert.equal(exits.get(process), 0, `${program} ${args.join(' ')}`);
}

/** A thread in a debugged process that walks the others at random moments, and stops so that we can look. */
class Walker {
  readonly #unwinder = new FrameWalker();

  private constructor(
    readonly session: DebugSession,
    readonly space: SpaceId,
    private readonly at: { readonly seed: bigint; readonly count: bigint; readonly walks: bigint },
  ) {}

  static async load(session: DebugSession, outside: AgentClient, space: SpaceId): Promise<Walker> {
    const process = session.engine.processes().find((each) => each.space === space)?.processId;
    await runThere(outside, UNWINDING, ['load', String(process), WALKER]);
    const addressOf = async (name: string): Promise<bigint> =>
      (await session.exportOf('stack_walker.dll', name)).address;
    return new Walker(session, space, {
      seed: await addressOf('WalkerSeed'),
      count: await addressOf('WalkCount'),
      walks: await addressOf('Walks'),
    });
  }

  async seed(value: number): Promise<void> {
    await this.session.engine.writeMemory(this.space, this.at.seed, new Uint8Array(new Uint32Array([value]).buffer));
  }

  /** Compares every thread's walk of this stop with ours. @returns frames compared */
  async compare(): Promise<number> {
    const { engine } = this.session;
    const memory = new MemoryCache(engine).access(this.space, new AbortController().signal);
    const modules = engine.modules(this.space);
    const place: Omit<Place, 'name'> = {
      isInModule: (address) => modules.some(({ base, size }) => address >= base && address < base + BigInt(size)),
      read: (address, length) => memory.read(address, length),
    };
    const count = viewOf(await memory.read(this.at.count, 4)).getUint32(0, true);
    const walks = viewOf(await memory.read(this.at.walks, count * WALK_BYTES));
    let frames = 0;
    for (let index = 0; index < count; index++) {
      const at = index * WALK_BYTES;
      const id = walks.getUint32(at, true);
      const theirs = readFrames(walks, at + WALK_HEADER_BYTES, walks.getUint32(at + 4, true));
      const thread = engine.threads().find(({ space, threadId }) => space === this.space && threadId === id)?.thread;
      // One that has just begun is told to the debugger when the stop is over.
      if (thread === undefined) continue;
      const registers = new X64Context(Uint8Array.from(await engine.readRegisters(thread)));
      const signal = new AbortController().signal;
      const callers = await this.#unwinder.callers(this.space, registers, modules, memory, MAX_FRAMES - 1, signal);
      const ours = [registers, ...callers.map(({ context }) => context)];
      await assertSameWalk({ ours, theirs }, { name: `thread ${id}`, ...place });
      frames += theirs.length;
    }
    return frames;
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

describe("the unwinder against the target's own", function () {
  this.timeout(120_000);
  let outside: AgentClient;

  before(async function () {
    this.timeout(240_000);
    await installPrograms();
    outside = await connectAgent();
  });
  after(() => outside.close());

  describe('at random moments', () => {
    let session: DebugSession;

    beforeEach(async () => {
      session = await DebugSession.start();
    });
    afterEach(() => session.close());

    /** @returns frames compared in each walker's process */
    async function compareAtStops(walkers: readonly Walker[]): Promise<readonly number[]> {
      const stops = walkers.map(() => 0);
      const frames = walkers.map(() => 0);
      const walkerOf = (stop: Stop): number => {
        const space = session.engine.threads().find(({ thread }) => thread === stop.thread)?.space;
        return walkers.findIndex((walker) => walker.space === space);
      };
      for (const [index, walker] of walkers.entries()) await walker.seed(SEED + index);
      while (stops.some((count) => count < STOPS)) {
        const stop = await session.stop();
        assert.equal(stop.reason.kind, 'foreignBreakpoint');
        const index = walkerOf(stop);
        const walker = walkers[index];
        assert.ok(walker !== undefined);
        frames[index] = (frames[index] ?? 0) + (await walker.compare());
        stops[index] = (stops[index] ?? 0) + 1;
        if (stops[index] === STOPS) await walker.seed(0);
        await session.engine.resume();
      }
      return frames;
    }

    it('agrees in each frame of 16 threads in code of many shapes', async () => {
      const space = await session.engine.launch({ program: UNWINDING, arguments: ['threads', '16'] });
      assert.equal((await session.stop()).reason.kind, 'entry');
      await session.engine.resume();
      const [frames] = await compareAtStops([await Walker.load(session, outside, space)]);
      assert.ok((frames ?? 0) > STOPS * 16 * 3, `${frames} frames`);
    });

    it("agrees in each frame of the application's threads and of the driver host's", async () => {
      const driver = await attachDriver(session.engine, session.client, 'eventsys');
      const application = await session.engine.launch({
        program: APPLICATION,
        arguments: ['app-handle', '--count', '100000', '--period', '5'],
      });
      assert.equal((await session.stop()).reason.kind, 'entry');
      await session.engine.resume();
      const walkers = [await Walker.load(session, outside, application), await Walker.load(session, outside, driver)];
      const frames = await compareAtStops(walkers);
      assert.ok(
        frames.every((count) => count > STOPS * 5),
        `${frames.join(' and ')} frames`,
      );
    });
  });

  describe('at each instruction of a thread', () => {
    const files: FileHandle[] = [];
    afterEach(async () => {
      for (const file of files.splice(0)) await file.close();
    });

    it('agrees in each frame, in prologues, bodies and epilogues, of the program and of the system', async () => {
      const { target } = await debugMachine();
      assert.ok(target instanceof WineTarget);
      const hostPath = (remote: string): Promise<string> => toHostPath(target.prefix.folder, remote);
      await runThere(outside, UNWINDING, ['steps', STEPS]);
      const bytes = await readFile(await hostPath(STEPS));
      const view = viewOf(bytes);
      const modules: { readonly base: bigint; readonly image: PeImage }[] = [];
      let at = 4;
      for (const end = at + view.getUint32(0, true) * 528; at < end; at += 528) {
        const [path = ''] = bytes.toString('utf16le', at + 8, at + 528).split('\0');
        const file = await open(await hostPath(path));
        files.push(file);
        modules.push({ base: view.getBigUint64(at, true), image: await PeImage.open(new FileSource(file), 'file') });
      }
      const moduleAt = (address: bigint): (typeof modules)[number] | undefined =>
        modules.find(({ base, image }) => address >= base && address < base + BigInt(image.headers.sizeOfImage));
      const seen = new Set<string>();
      let walks = 0;
      while (at < bytes.length) {
        const count = view.getUint32(at, true);
        const stackBytes = view.getUint32(at + 4, true);
        const theirs = readFrames(view, at + 8, count);
        const stackAt = at + 8 + count * FRAME_BYTES;
        at = stackAt + stackBytes;
        const first = theirs[0] ?? new X64Context();
        const read = async (address: bigint, length: number): Promise<Uint8Array> => {
          const offset = Number(address - first.rsp);
          if (offset >= 0 && offset < stackBytes) {
            return bytes.subarray(stackAt + offset, Math.min(stackAt + offset + length, stackAt + stackBytes));
          }
          const module = moduleAt(address);
          return module === undefined ? new Uint8Array() : module.image.readUpTo(Number(address - module.base), length);
        };
        const { frames } = await walkStack(registersOfContext(first.bytes), {
          moduleAt: (address) => Promise.resolve(moduleAt(address)),
          memory: { read },
          limit: MAX_FRAMES,
        });
        const ours = frames.map(({ registers }) => contextOf(registers));
        const name = `at 0x${first.rip.toString(16)}`;
        await assertSameWalk(
          { ours, theirs },
          { name, isInModule: (address) => moduleAt(address) !== undefined, read },
        );
        seen.add(String(moduleAt(first.rip)?.base));
        walks++;
      }
      assert.ok(walks > 1_500, `${walks} instructions`);
      assert.ok(seen.size >= 4, `of ${seen.size} modules`);
    });
  });
});
