/** What the agent has told of processes, threads and modules, under the engine's own keys. */
import type { DebugModule } from '../../protocol/agent-debug.js';
import type { EngineModule, EngineProcess, EngineThread, SpaceId, ThreadId } from '../engine.js';

/** Wine's driver host: what runs there stands for the kernel. */
const DRIVER_HOST = 'winedevice.exe';

export const spaceId = (space: number): SpaceId => `process-${space}`;
export const threadKey = (thread: number): ThreadId => `thread-${thread}`;

export class Inventory {
  readonly #processes = new Map<SpaceId, EngineProcess>();
  readonly #threads = new Map<ThreadId, EngineThread>();
  readonly #modules = new Map<SpaceId, Map<bigint, EngineModule>>();
  readonly #spaceNumbers = new Map<SpaceId, number>();
  readonly #threadNumbers = new Map<ThreadId, number>();

  processes(): readonly EngineProcess[] {
    return [...this.#processes.values()];
  }
  threads(): readonly EngineThread[] {
    return [...this.#threads.values()];
  }
  modules(space: SpaceId): readonly EngineModule[] {
    return [...(this.#modules.get(space)?.values() ?? [])];
  }

  spaceNumber(space: SpaceId): number | undefined {
    return this.#spaceNumbers.get(space);
  }
  threadNumber(thread: ThreadId): number | undefined {
    return this.#threadNumbers.get(thread);
  }

  addProcess(space: number, processId: number, name: string): EngineProcess {
    const key = spaceId(space);
    const side = name.toLowerCase() === DRIVER_HOST ? 'kernel' : 'user';
    const process: EngineProcess = { space: key, processId, name, side };
    this.#processes.set(key, process);
    this.#modules.set(key, new Map());
    this.#spaceNumbers.set(key, space);
    return process;
  }

  /** Also forgets its modules. Its threads have gone before. */
  removeProcess(space: number): EngineProcess | undefined {
    const key = spaceId(space);
    const process = this.#processes.get(key);
    this.#processes.delete(key);
    this.#modules.delete(key);
    this.#spaceNumbers.delete(key);
    return process;
  }

  addThread(thread: {
    readonly space: number;
    readonly thread: number;
    readonly threadId: number;
    readonly startAddress: bigint;
    readonly name?: string | undefined;
  }): EngineThread {
    const { space, threadId, startAddress, name } = thread;
    const key = threadKey(thread.thread);
    const made: EngineThread = {
      thread: key,
      space: spaceId(space),
      threadId,
      startAddress,
      ...(name === undefined ? {} : { name }),
    };
    this.#threads.set(key, made);
    this.#threadNumbers.set(key, thread.thread);
    return made;
  }

  nameThread(thread: number, name: string): void {
    const key = threadKey(thread);
    const known = this.#threads.get(key);
    if (known !== undefined) this.#threads.set(key, { ...known, name });
  }

  removeThread(thread: number): EngineThread | undefined {
    const key = threadKey(thread);
    const known = this.#threads.get(key);
    this.#threads.delete(key);
    this.#threadNumbers.delete(key);
    return known;
  }

  removeThreadsOf(space: number): EngineThread[] {
    const gone = this.threads().filter((thread) => thread.space === spaceId(space));
    for (const { thread } of gone) {
      this.#threads.delete(thread);
      this.#threadNumbers.delete(thread);
    }
    return gone;
  }

  addModule(module: DebugModule): EngineModule {
    const { space, ...rest } = module;
    const made: EngineModule = {
      space: spaceId(space),
      base: rest.base,
      size: rest.size,
      name: rest.name,
      ...(rest.path === undefined ? {} : { path: rest.path }),
      ...(rest.timeDateStamp === undefined ? {} : { timeDateStamp: rest.timeDateStamp }),
    };
    this.#modules.get(made.space)?.set(made.base, made);
    return made;
  }

  removeModule(space: number, base: bigint): EngineModule | undefined {
    const modules = this.#modules.get(spaceId(space));
    const module = modules?.get(base);
    modules?.delete(base);
    return module;
  }
}
