/** Types of one module's PDB as C types. Each is read once. */
import type { ModuleSymbols, TypeId, TypeInfo } from '../symbols/symbol-provider.js';
import { plainTypeName, pointerTo, VOID, type CField, type CType } from './types.js';

/** A chain of modifiers and array dimensions longer than this is no honest PDB. */
const MAX_DEPTH = 64;

export class SymbolTypes {
  readonly #symbols: ModuleSymbols;
  readonly #types = new Map<TypeId, Promise<CType>>();
  readonly #named = new Map<string, Promise<CType | undefined>>();

  constructor(symbols: ModuleSymbols) {
    this.#symbols = symbols;
  }

  type(id: TypeId, depth = 0): Promise<CType> {
    let type = this.#types.get(id);
    if (type === undefined) {
      type = this.#make(id, depth);
      this.#types.set(id, type);
      // What failed (a cancelled read) may be asked for again.
      type.catch(() => this.#types.delete(id));
    }
    return type;
  }

  /** By its name, with or without the underscore that Windows headers put before a tag; PX is a pointer to X. */
  named(name: string): Promise<CType | undefined> {
    let type = this.#named.get(name);
    if (type === undefined) {
      type = this.#find(name);
      this.#named.set(name, type);
      type.catch(() => this.#named.delete(name));
    }
    return type;
  }

  async #find(name: string): Promise<CType | undefined> {
    const plain = plainTypeName(name);
    for (const candidate of new Set([name, `_${plain}`, plain])) {
      const id = await this.#symbols.typeByName(candidate);
      if (id !== undefined) return this.type(id);
    }
    if (/^P[A-Z]/.test(plain)) {
      for (const candidate of [`_${plain.slice(1)}`, plain.slice(1)]) {
        const id = await this.#symbols.typeByName(candidate);
        if (id !== undefined) return pointerTo(await this.type(id));
      }
    }
    return undefined;
  }

  async #make(id: TypeId, depth: number): Promise<CType> {
    if (depth > MAX_DEPTH) return { kind: 'unknown', name: '(nested too deeply)', size: 0 };
    const info = await this.#symbols.type(id);
    switch (info.kind) {
      case 'void':
        return VOID;
      case 'integer':
      case 'boolean':
      case 'character':
      case 'float':
        return { kind: info.kind, name: info.name, size: info.size, signed: info.signed ?? info.kind === 'float' };
      case 'pointer':
        return { kind: 'pointer', name: info.name, size: info.size, target: () => this.type(info.target) };
      case 'array':
        return {
          kind: 'array',
          name: info.name,
          size: info.size,
          count: info.count,
          element: await this.type(info.element, depth + 1),
        };
      case 'enum':
        return {
          kind: 'enum',
          name: info.name,
          size: info.size,
          signed: await this.#isSigned(info),
          enumerators: () => this.#symbols.enumerators(id),
        };
      case 'structure':
      case 'union':
      case 'class':
        return { kind: 'record', name: info.name, size: info.size, fields: () => this.#fields(id) };
      case 'function':
        return { kind: 'function', name: info.name, size: 0 };
      case 'unknown':
        return { kind: 'unknown', name: info.name, size: info.size };
    }
  }

  async #isSigned(info: Extract<TypeInfo, { kind: 'enum' }>): Promise<boolean> {
    const underlying = await this.#symbols.type(info.underlying);
    return 'signed' in underlying && (underlying.signed ?? false);
  }

  async #fields(id: TypeId): Promise<CField[]> {
    const fields = await this.#symbols.fields(id);
    return Promise.all(fields.map(async (field) => ({ ...field, type: await this.type(field.type) })));
  }
}
