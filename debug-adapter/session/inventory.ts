/**
 * Processes, threads and modules of all engines of a session in one list each, with the small numbers that DAP knows them by.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Engine, EngineModule, EngineProcess, EngineThread, SpaceId, ThreadId } from '../engine.js';
import type { ModuleSymbols } from '../symbols/symbol-provider.js';
import { SymbolTypes } from '../variables/symbol-types.js';
import { hexAddress } from '../variables/value.js';

export interface SessionThread {
  readonly id: number;
  readonly engine: Engine;
  readonly thread: ThreadId;
  readonly space: SpaceId;
  readonly threadId: number;
  readonly name: string | undefined;
}

export interface LoadedModule {
  readonly id: number;
  readonly engine: Engine;
  readonly module: EngineModule;
  readonly symbols: ModuleSymbols;
  readonly types: SymbolTypes;
}

export class Inventory {
  readonly #threads = new Map<string, SessionThread>();
  readonly #modules: LoadedModule[] = [];
  /** By thread: the function that it began in, of those that have no name. */
  readonly #beginnings = new Map<SessionThread, string>();
  #nextThread = 1;
  #nextModule = 1;

  addThread(engine: Engine, { thread, space, threadId, name }: EngineThread): SessionThread {
    const key = `${engine.kind}/${thread}`;
    const id = this.#threads.get(key)?.id ?? this.#nextThread++;
    const added = { id, engine, thread, space, threadId, name };
    this.#threads.set(key, added);
    return added;
  }

  removeThread(engine: Engine, thread: ThreadId): SessionThread | undefined {
    const key = `${engine.kind}/${thread}`;
    const removed = this.#threads.get(key);
    this.#threads.delete(key);
    if (removed !== undefined) this.#beginnings.delete(removed);
    return removed;
  }

  threads(): readonly SessionThread[] {
    return [...this.#threads.values()];
  }

  threadById(id: number): SessionThread | undefined {
    return this.threads().find((thread) => thread.id === id);
  }

  threadOf(engine: Engine, thread: ThreadId): SessionThread | undefined {
    return this.#threads.get(`${engine.kind}/${thread}`);
  }

  processOf(engine: Engine, space: SpaceId): EngineProcess | undefined {
    return engine.processes().find((process) => process.space === space);
  }

  /** Has threads that nobody named called by the functions that they began in. */
  async learnBeginnings(): Promise<void> {
    const nameless = this.threads().filter((thread) => !this.#beginnings.has(thread));
    for (const thread of nameless) {
      const { startAddress, name } = thread.engine.threads().find((each) => each.thread === thread.thread) ?? {};
      if (startAddress === undefined || name !== undefined) continue;
      const symbol = await this.symbolize(thread.engine, thread.space, startAddress);
      if (symbol !== undefined) this.#beginnings.set(thread, symbol);
    }
  }

  /** "kernel: timer DPC (winedevice.exe 52)": side first, so that the two worlds are told apart in one list. */
  threadName(thread: SessionThread): string {
    const process = this.processOf(thread.engine, thread.space);
    const side = process?.side ?? (thread.engine.kind === 'kd' ? 'kernel' : 'user');
    const where = `${process?.name ?? 'process'} ${thread.threadId}`;
    const current = thread.engine.threads().find((each) => each.thread === thread.thread);
    const name = current?.name ?? thread.name ?? this.#beginnings.get(thread);
    return name === undefined ? `${side}: ${where}` : `${side}: ${name} (${where})`;
  }

  addModule(engine: Engine, module: EngineModule, symbols: ModuleSymbols): LoadedModule {
    const loaded = { id: this.#nextModule++, engine, module, symbols, types: new SymbolTypes(symbols) };
    this.#modules.push(loaded);
    return loaded;
  }

  removeModule(engine: Engine, space: SpaceId, base: bigint): LoadedModule | undefined {
    const index = this.#modules.findIndex(
      (each) => each.engine === engine && each.module.space === space && each.module.base === base,
    );
    return index < 0 ? undefined : this.#modules.splice(index, 1)[0];
  }

  modules(): readonly LoadedModule[] {
    return this.#modules;
  }

  modulesOf(engine: Engine, space: SpaceId): readonly LoadedModule[] {
    return this.#modules.filter((each) => each.engine === engine && each.module.space === space);
  }

  /** With those of the kernel where it is part of every space. */
  modulesSeenFrom(engine: Engine, space: SpaceId): readonly LoadedModule[] {
    return this.#modules.filter(({ engine: owner, module }) => owner === engine && isSeen(engine, module, space));
  }

  moduleAt(engine: Engine, space: SpaceId, address: bigint): LoadedModule | undefined {
    return this.#modules.find(
      ({ engine: owner, module }) =>
        owner === engine &&
        isSeen(engine, module, space) &&
        address >= module.base &&
        address < module.base + BigInt(module.size),
    );
  }

  /** Modules by a debugger's name: file name with or without its ending; `nt` is the kernel. */
  modulesNamed(name: string): readonly LoadedModule[] {
    const wanted = name.toLowerCase();
    return this.#modules.filter(({ module }) => isNamed(module.name, wanted));
  }

  async symbolize(engine: Engine, space: SpaceId, address: bigint): Promise<string | undefined> {
    const loaded = this.moduleAt(engine, space, address);
    if (loaded === undefined) return undefined;
    const rva = Number(address - loaded.module.base);
    const symbol = await loaded.symbols.functionAt(rva);
    const name = loaded.module.name.replace(/\.[^.]*$/, '');
    if (symbol === undefined) return `${name}+${hexAddress(BigInt(rva))}`;
    const offset = rva - symbol.rva;
    return `${name}!${symbol.name}${offset === 0 ? '' : `+${hexAddress(BigInt(offset))}`}`;
  }

  clear(): readonly LoadedModule[] {
    this.#threads.clear();
    this.#beginnings.clear();
    return this.#modules.splice(0);
  }
}

const isSeen = (engine: Engine, module: EngineModule, space: SpaceId): boolean =>
  module.space === space || module.space === engine.capabilities.sharedSpace;

const KERNEL_NAMES = ['ntoskrnl.exe', 'ntkrnlmp.exe'];

function isNamed(file: string, wanted: string): boolean {
  const lower = file.toLowerCase();
  if (wanted === 'nt' && KERNEL_NAMES.includes(lower)) return true;
  return lower === wanted || lower.replace(/\.[^.]*$/, '') === wanted;
}

/** A module as DAP tells it. */
export function dapModule({ id, module, symbols }: LoadedModule): DebugProtocol.Module {
  const end = module.base + BigInt(module.size);
  return {
    id,
    name: module.name,
    ...(module.path === undefined ? {} : { path: module.path }),
    symbolStatus: symbolStatus(symbols),
    ...(symbols.pdbPath === undefined ? {} : { symbolFilePath: symbols.pdbPath }),
    ...(module.timeDateStamp === undefined ? {} : { dateTimeStamp: `0x${module.timeDateStamp.toString(16)}` }),
    addressRange: `${hexAddress(module.base)}-${hexAddress(end)}`,
  };
}

/** "symbols loaded", or where they were looked for and what was wrong there. */
export function symbolStatus(symbols: ModuleSymbols): string {
  if (symbols.source === 'pdb') return 'symbols loaded';
  const tried = symbols.searched.map(({ place, result }) => `${place}: ${result}`).join('; ');
  const status = symbols.source === 'exports' ? 'exports only' : 'no symbols';
  return tried === '' ? status : `${status} (${tried})`;
}
