/** Stops at the first line of the application and of the driver, as the launch configuration asks for them. */
import { PeImage } from '../../machine/pe/pe-image.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { BreakpointId, Engine, EngineModule, ThreadId } from '../engine.js';
import type { Inventory, LoadedModule } from './inventory.js';

interface EntryBreakpoint {
  readonly engine: Engine;
  readonly breakpoint: BreakpointId;
  readonly description: string;
}

export interface EntryWishes {
  /** File name, lower case, of the program whose main function stops. */
  readonly application: string | undefined;
  /** File name, lower case, of the driver whose DriverEntry stops. */
  readonly driver: string | undefined;
}

/** By what C calls the first function of a program. */
const MAIN_FUNCTIONS = ['wmain', 'main', 'wWinMain', 'WinMain'];

export class EntryStops {
  readonly #wishes: EntryWishes;
  readonly #set: EntryBreakpoint[] = [];

  constructor(wishes: EntryWishes) {
    this.#wishes = wishes;
  }

  /** A program was launched and has run nothing yet; its modules are known. */
  async reached(engine: Engine, thread: ThreadId, inventory: Inventory): Promise<void> {
    const space = inventory.threadOf(engine, thread)?.space;
    const program = inventory
      .modules()
      .find(({ module }) => module.space === space && module.name.toLowerCase() === this.#wishes.application);
    if (program !== undefined) await this.#stopAt(program, MAIN_FUNCTIONS);
  }

  /** A module was loaded and has run nothing yet. */
  async loaded(engine: Engine, module: EngineModule, inventory: Inventory): Promise<void> {
    if (module.name.toLowerCase() !== this.#wishes.driver) return;
    const driver = inventory.moduleAt(engine, module.space, module.base);
    if (driver !== undefined) await this.#stopAt(driver, ['DriverEntry']);
  }

  /** "Stopped at DriverEntry of eventsys.sys" when the stop is one of these, which is then over. */
  async hit(engine: Engine, ids: readonly BreakpointId[]): Promise<string | undefined> {
    const index = this.#set.findIndex((each) => each.engine === engine && ids.includes(each.breakpoint));
    const [found] = index < 0 ? [] : this.#set.splice(index, 1);
    if (found === undefined) return undefined;
    await engine.removeBreakpoints([found.breakpoint]);
    return found.description;
  }

  async #stopAt({ engine, module, symbols }: LoadedModule, names: readonly string[]): Promise<void> {
    for (const name of names) {
      const [found] = await symbols.functions(name);
      if (found === undefined) continue;
      const address = module.base + BigInt(found.bodyRva);
      const [answer] = await engine.setBreakpoints([{ space: module.space, address, kind: 'software' }]);
      if (typeof answer === 'number') {
        this.#set.push({ engine, breakpoint: answer, description: `Stopped at ${name} of ${module.name}` });
      }
      return;
    }
    await this.#stopAtEntryPoint(engine, module);
  }

  /** Without symbols that name its first function: where the image says that it begins. */
  async #stopAtEntryPoint(engine: Engine, { space, base, name }: EngineModule): Promise<void> {
    const source = {
      read: async (offset: number, length: number) => {
        const [bytes] = await engine.readMemory(space, [{ address: base + BigInt(offset), length }]);
        return bytes ?? new Uint8Array(0);
      },
    };
    try {
      const { entryPoint } = (await PeImage.open(source, 'memory')).headers;
      if (entryPoint === 0) return;
      const [answer] = await engine.setBreakpoints([{ space, address: base + BigInt(entryPoint), kind: 'software' }]);
      const description = `Stopped at the entry point of ${name}`;
      if (typeof answer === 'number') this.#set.push({ engine, breakpoint: answer, description });
    } catch (error) {
      // Headers that cannot be read tell no entry point.
      if (!(error instanceof EventscopeError)) throw error;
    }
  }
}
