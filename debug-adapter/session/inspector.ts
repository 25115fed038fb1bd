/** The stopped target as requests look at it: caches of this stop, frames by their DAP numbers, variables by theirs. */
import { X64Context } from '../../machine/x64-context.js';
import type { Engine, Stop } from '../engine.js';
import type { Value } from '../variables/value.js';
import type { StackUnwinder } from './debuggee.js';
import { FrameScope } from './frame-scope.js';
import { HandleTree } from './handle-tree.js';
import type { Inventory, SessionThread } from './inventory.js';
import { MemoryCache } from './memory-cache.js';
import { pastError, staleError } from './protocol-error.js';
import { FrameRegisters } from './registers.js';
import { Stacks, type Frame } from './stacks.js';

/** What a variablesReference leads to. */
export type Container =
  | { readonly kind: 'locals' | 'arguments' | 'registers' | 'objects'; readonly frame: Frame }
  | { readonly kind: 'registerGroup'; readonly frame: Frame; readonly registers: readonly string[] }
  | { readonly kind: 'value'; readonly frame: Frame; readonly value: Value; readonly expression: string | undefined };

export class Inspector {
  readonly frames = new HandleTree<Frame>();
  readonly containers = new HandleTree<Container>();
  readonly stacks: Stacks;
  readonly #inventory: Inventory;
  readonly #memory = new Map<Engine, MemoryCache>();

  constructor(inventory: Inventory, unwinder: StackUnwinder) {
    this.#inventory = inventory;
    this.stacks = new Stacks(inventory, unwinder, (engine) => this.memory(engine));
  }

  memory(engine: Engine): MemoryCache {
    let memory = this.#memory.get(engine);
    if (memory === undefined) {
      memory = new MemoryCache(engine);
      this.#memory.set(engine, memory);
    }
    return memory;
  }

  /** Takes what came along with a stop. */
  stopped(engine: Engine, thread: SessionThread | undefined, stop: Stop): void {
    this.stacks.stopped(engine, stop);
    if (thread !== undefined) {
      for (const { address, data } of stop.memory) this.memory(engine).put(thread.space, address, data);
    }
  }

  /** The client is told of a stop: numbers of the last one hold for the same places alone. */
  renumber(): void {
    this.frames.reset();
    this.containers.reset();
  }

  /** Memory or registers were written: what was read is read anew; numbers stay. */
  changed(): void {
    this.stacks.clear();
    for (const memory of this.#memory.values()) memory.clear();
  }

  frameId(frame: Frame): number {
    const name = `${frame.isPast === true ? 'past/' : ''}${frame.thread.id}/${frame.depth}/${frame.inlineDepth}/${frame.source?.functionName ?? ''}`;
    return this.frames.add(0, name, frame);
  }

  /** @throws EventscopeError `debug.stale` */
  frame(id: unknown): Frame {
    const frame = typeof id === 'number' ? this.frames.get(id) : undefined;
    if (frame === undefined) throw staleError();
    return frame;
  }

  /** @throws EventscopeError `debug.past` */
  scope(frame: Frame, signal: AbortSignal, hex = false): FrameScope {
    if (frame.isPast === true) throw pastError();
    const { engine, thread, space } = frame.thread;
    const save =
      frame.depth === 0
        ? async (context: X64Context): Promise<void> => {
            await engine.writeRegisters(thread, context.bytes, { signal });
            this.changed();
          }
        : undefined;
    const registers = new FrameRegisters(new X64Context(frame.context.bytes), frame.depth === 0, save);
    return new FrameScope(frame, this.#inventory, this.memory(engine).access(space, signal), registers, hex);
  }
}
