/** Stacks of stopped threads: physical frames from the unwinder, with the inlined functions in each. */
import type { X64Context } from '../../machine/x64-context.js';
import { X64Context as Context } from '../../machine/x64-context.js';
import type { Engine, Stop, ThreadId } from '../engine.js';
import type { SourceFrame } from '../symbols/symbol-provider.js';
import type { CallerFrame, StackUnwinder } from './debuggee.js';
import type { Inventory, LoadedModule, SessionThread } from './inventory.js';
import type { MemoryCache } from './memory-cache.js';

export interface Frame {
  readonly thread: SessionThread;
  /** Of the physical frame: 0 is the innermost. */
  readonly depth: number;
  /** Of the inlined function in it: 0 is the innermost; the function itself comes last. */
  readonly inlineDepth: number;
  readonly context: X64Context;
  readonly module: LoadedModule | undefined;
  /** Where variables and lines are looked up: before the return address in a caller's frame. */
  readonly rva: number;
  readonly source: SourceFrame | undefined;
  /** Of an earlier moment: where it was is known, what its variables were is not. */
  readonly isPast?: boolean;
}

/** "eventsys!TickDpc"; the nearest export before it need not be the function that it is in, and its offset says so. */
export async function frameName(inventory: Inventory, { source, module, context, thread }: Frame): Promise<string> {
  const isExact = source !== undefined && (source.source !== undefined || module?.symbols.source === 'pdb');
  if (isExact) return `${module?.module.name.replace(/\.[^.]*$/, '') ?? '?'}!${source.functionName}`;
  const symbol = await inventory.symbolize(thread.engine, thread.space, context.rip);
  return symbol ?? `0x${context.rip.toString(16)}`;
}

const MAX_FRAMES = 512;

export class Stacks {
  readonly #inventory: Inventory;
  readonly #unwinder: StackUnwinder;
  readonly #memory: (engine: Engine) => MemoryCache;
  /** Registers as they are at this stop. */
  readonly #registers = new Map<string, Promise<X64Context>>();
  readonly #frames = new Map<string, Promise<readonly Frame[]>>();

  constructor(inventory: Inventory, unwinder: StackUnwinder, memory: (engine: Engine) => MemoryCache) {
    this.#inventory = inventory;
    this.#unwinder = unwinder;
    this.#memory = memory;
  }

  /** What came with a stop needs no request. */
  stopped(engine: Engine, stop: Stop): void {
    this.#registers.set(key(engine, stop.thread), Promise.resolve(new Context(stop.registers.slice())));
  }

  clear(): void {
    this.#registers.clear();
    this.#frames.clear();
  }

  registers({ engine, thread }: Pick<SessionThread, 'engine' | 'thread'>): Promise<X64Context> {
    const name = key(engine, thread);
    let registers = this.#registers.get(name);
    if (registers === undefined) {
      registers = engine.readRegisters(thread).then((bytes) => new Context(bytes.slice()));
      this.#registers.set(name, registers);
      registers.catch(() => this.#registers.delete(name));
    }
    return registers;
  }

  /** All frames of a thread, innermost first. */
  frames(thread: SessionThread, signal: AbortSignal): Promise<readonly Frame[]> {
    const name = key(thread.engine, thread.thread);
    let frames = this.#frames.get(name);
    if (frames === undefined) {
      frames = this.#walk(thread, signal);
      this.#frames.set(name, frames);
      frames.catch(() => this.#frames.delete(name));
    }
    return frames;
  }

  /** The innermost physical frame alone: needs no unwinding. */
  async top(thread: SessionThread): Promise<readonly Frame[]> {
    return this.at(thread, { context: await this.registers(thread), isExact: true }, 0);
  }

  /** Registers of the callers, innermost first. */
  async callers(thread: SessionThread, limit: number, signal: AbortSignal): Promise<readonly CallerFrame[]> {
    const context = await this.registers(thread);
    const modules = this.#inventory.modulesSeenFrom(thread.engine, thread.space).map(({ module }) => module);
    const memory = this.#memory(thread.engine).access(thread.space, signal);
    return this.#unwinder.callers(thread.space, context, modules, memory, limit, signal);
  }

  async #walk(thread: SessionThread, signal: AbortSignal): Promise<readonly Frame[]> {
    const callers = await this.callers(thread, MAX_FRAMES, signal);
    const found = [...(await this.top(thread))];
    for (const [index, caller] of callers.entries()) found.push(...(await this.at(thread, caller, index + 1)));
    return found;
  }

  /** The frames that one set of registers stands for: inlined functions first. */
  async at(thread: SessionThread, { context, isExact }: CallerFrame, depth: number): Promise<Frame[]> {
    const module = this.#inventory.moduleAt(thread.engine, thread.space, context.rip);
    const rva = module === undefined ? 0 : Number(context.rip - module.module.base) - (isExact ? 0 : 1);
    const sources = module === undefined ? [] : await module.symbols.framesAt(rva);
    const frame = { thread, depth, context, module, rva };
    if (sources.length === 0) return [{ ...frame, inlineDepth: 0, source: undefined }];
    return sources.map((source, inlineDepth) => ({ ...frame, inlineDepth, source }));
  }
}

const key = (engine: Engine, thread: ThreadId): string => `${engine.kind}/${thread}`;
