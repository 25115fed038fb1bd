/** What names mean in one frame: locals, then globals of its module, then those of the others in its address space. */
import { EventscopeError } from '../../protocol/errors.js';
import type { Scope } from '../expression/evaluator.js';
import type { VariableLocation, VariableSymbol } from '../symbols/symbol-provider.js';
import type { DisplayContext } from '../variables/display.js';
import { basicType, type CType } from '../variables/types.js';
import type { MemoryAccess, Value, ValueLocation } from '../variables/value.js';
import type { Inventory, LoadedModule } from './inventory.js';
import { codeViewRegister, type FrameRegisters } from './registers.js';
import type { Frame } from './stacks.js';

export interface NamedVariable {
  readonly name: string;
  readonly value: Value;
  readonly isParameter: boolean;
}

const FUNCTION: CType = { kind: 'function', name: 'function', size: 0 };

export class FrameScope implements Scope, DisplayContext {
  constructor(
    readonly frame: Frame,
    readonly inventory: Inventory,
    readonly memory: MemoryAccess,
    readonly registers: FrameRegisters,
    readonly hex: boolean,
  ) {}

  /** Locals and parameters in scope. */
  async variables(): Promise<readonly NamedVariable[]> {
    const { module, source, rva } = this.frame;
    if (module === undefined || source === undefined) return [];
    const symbols = await module.symbols.variables(source.scope, rva);
    return Promise.all(
      symbols.map(async (symbol) => ({
        name: symbol.name,
        isParameter: symbol.isParameter,
        value: await this.#value(module, symbol),
      })),
    );
  }

  async variable(name: string): Promise<Value | undefined> {
    const { module, source, rva, thread } = this.frame;
    if (module !== undefined && source !== undefined) {
      // The last one of a name is of the innermost block.
      const local = (await module.symbols.variables(source.scope, rva)).filter((symbol) => symbol.name === name).at(-1);
      if (local !== undefined) return this.#value(module, local);
    }
    const others = this.inventory.modulesSeenFrom(thread.engine, thread.space).filter((each) => each !== module);
    for (const each of module === undefined ? others : [module, ...others]) {
      const found = await this.#symbolIn(each, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async symbol(moduleName: string, name: string): Promise<Value | undefined> {
    const { thread } = this.frame;
    const modules = this.inventory
      .modulesNamed(moduleName)
      .filter(({ engine, module }) => engine === thread.engine && module.space === thread.space);
    if (modules.length === 0) {
      throw new EventscopeError({ id: 'debug.noModule', what: `No module named ${moduleName} is loaded here` });
    }
    for (const module of modules) {
      const found = await this.#symbolIn(module, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  register(name: string): Promise<Value | undefined> {
    return Promise.resolve(this.registers.value(name));
  }

  async type(name: string): Promise<CType | undefined> {
    const plain = name.replace(/^(?:struct|union|enum|class) /, '');
    const { module, thread } = this.frame;
    const others = this.inventory.modulesSeenFrom(thread.engine, thread.space).filter((each) => each !== module);
    for (const each of module === undefined ? others : [module, ...others]) {
      const found = await each.types.named(plain);
      if (found !== undefined) return found;
    }
    return basicType(plain);
  }

  symbolize(address: bigint): Promise<string | undefined> {
    return this.inventory.symbolize(this.frame.thread.engine, this.frame.thread.space, address);
  }

  async #symbolIn(module: LoadedModule, name: string): Promise<Value | undefined> {
    // Exports alone do not tell data from code; what a person asks for by name is mostly code.
    const global = module.symbols.source === 'pdb' ? await module.symbols.globalVariable(name) : undefined;
    if (global !== undefined) return this.#value(module, global);
    const [found] = await module.symbols.functions(name);
    if (found === undefined) return undefined;
    return {
      type: { ...FUNCTION, name: found.name },
      location: { kind: 'memory', address: module.module.base + BigInt(found.rva) },
    };
  }

  async #value(module: LoadedModule, symbol: VariableSymbol): Promise<Value> {
    return { type: await module.types.type(symbol.type), location: this.#location(module, symbol.location) };
  }

  #location(module: LoadedModule, location: VariableLocation): ValueLocation {
    switch (location.kind) {
      case 'register': {
        const name = codeViewRegister(location.register);
        if (name === undefined) return { kind: 'unavailable', why: `in register ${location.register}, unknown here` };
        if (this.registers.read(name) === undefined) {
          return { kind: 'unavailable', why: `was in ${name}, which the callee may have changed` };
        }
        return { kind: 'register', name, offset: 0 };
      }
      case 'registerRelative': {
        const name = codeViewRegister(location.register);
        const data = name === undefined ? undefined : this.registers.read(name);
        if (data?.length !== 8) return { kind: 'unavailable', why: 'its base register is not known in this frame' };
        const base = new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0, true);
        return { kind: 'memory', address: BigInt.asUintN(64, base + BigInt(location.offset)) };
      }
      case 'static':
        return { kind: 'memory', address: module.module.base + BigInt(location.rva) };
      case 'constant': {
        const data = new Uint8Array(8);
        new DataView(data.buffer).setBigUint64(0, BigInt.asUintN(64, location.value), true);
        return { kind: 'bytes', data };
      }
      case 'parts':
        return {
          kind: 'parts',
          parts: location.parts.map((part) => ({ ...part, location: this.#location(module, part.location) })),
        };
      case 'threadLocal':
        return { kind: 'unavailable', why: 'thread-local: not supported' };
      case 'unavailable':
        return location;
    }
  }
}
