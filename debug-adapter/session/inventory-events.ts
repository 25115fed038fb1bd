/** Keeps the inventory as the engines tell it: modules with their symbols and what is set in them, threads; and tells the client. */
import type { Engine, EngineModule, SpaceId, ThreadId } from '../engine.js';
import type { Breakpoints } from './breakpoints.js';
import type { SymbolLoader } from './debuggee.js';
import type { Inspector } from './inspector.js';
import { dapModule, type Inventory, type SessionThread } from './inventory.js';
import type { SessionPoints } from './points/session-points.js';

export interface InventoryEventsParts {
  readonly inventory: Inventory;
  readonly inspector: Inspector;
  readonly breakpoints: Breakpoints;
  readonly points: SessionPoints;
  readonly symbols: SymbolLoader;
}

export class InventoryEvents {
  readonly #parts: InventoryEventsParts;
  readonly #tell: (name: string, body: object) => void;
  readonly #signal: AbortSignal;
  readonly #loading = new Map<string, Promise<void>>();

  /** @param signal the session's end: symbols are not looked for any more */
  constructor(parts: InventoryEventsParts, tell: (name: string, body: object) => void, signal: AbortSignal) {
    this.#parts = parts;
    this.#tell = tell;
    this.#signal = signal;
  }

  /** Begins to look for its symbols; who needs them waits for {@link loaded}. */
  moduleLoaded(engine: Engine, module: EngineModule): void {
    const loading = this.#load(engine, module);
    // Whoever waits for it is told; a session that ends meanwhile has nobody who does.
    loading.catch(() => undefined);
    this.#loading.set(moduleKey(engine, module), loading);
  }

  /** Its symbols are there, and what was wished for is set in it. */
  async loaded(engine: Engine, module: EngineModule): Promise<void> {
    await this.#loading.get(moduleKey(engine, module));
  }

  async moduleUnloaded(engine: Engine, module: EngineModule): Promise<void> {
    this.#loading.delete(moduleKey(engine, module));
    await this.#forgetModule(engine, module.space, module.base);
  }

  threadStarted(engine: Engine, thread: ThreadId): void {
    this.#tellThread(this.#parts.inventory.threadOf(engine, thread), 'started');
  }

  threadExited(engine: Engine, thread: ThreadId): void {
    this.#tellThread(this.#parts.inventory.removeThread(engine, thread), 'exited');
  }

  async processGone(engine: Engine, space: SpaceId): Promise<void> {
    const { inventory, points } = this.#parts;
    points.spaceGone(engine, space);
    for (const thread of inventory.threads()) {
      if (thread.engine === engine && thread.space === space) this.threadExited(engine, thread.thread);
    }
    for (const { module } of [...inventory.modulesOf(engine, space)]) {
      await this.#forgetModule(engine, space, module.base);
    }
  }

  /** All that is known of any process. */
  async allGone(): Promise<void> {
    const { inventory } = this.#parts;
    const known = [...inventory.threads(), ...inventory.modules().map(({ engine, module }) => ({ engine, ...module }))];
    for (const { engine, space } of known) await this.processGone(engine, space);
    for (const { symbols } of inventory.clear()) await symbols.close();
  }

  async #load(engine: Engine, module: EngineModule): Promise<void> {
    const { inventory, symbols, breakpoints, points, inspector } = this.#parts;
    const memory = inspector.memory(engine).access(module.space, this.#signal);
    const found = await symbols.load(module, memory, this.#signal);
    const loaded = inventory.addModule(engine, module, found);
    this.#tell('module', { reason: 'new', module: dapModule(loaded) });
    await breakpoints.bind(loaded);
    await points.bind(loaded);
  }

  async #forgetModule(engine: Engine, space: SpaceId, base: bigint): Promise<void> {
    const { inventory, breakpoints, points } = this.#parts;
    const gone = inventory.removeModule(engine, space, base);
    if (gone === undefined) return;
    await breakpoints.unbind(gone);
    points.unbind(gone);
    this.#tell('module', { reason: 'removed', module: dapModule(gone) });
    await gone.symbols.close();
  }

  #tellThread(thread: SessionThread | undefined, reason: 'started' | 'exited'): void {
    if (thread !== undefined) this.#tell('thread', { reason, threadId: thread.id });
  }
}

const moduleKey = (engine: Engine, module: EngineModule): string => `${engine.kind}/${module.space}/${module.base}`;
