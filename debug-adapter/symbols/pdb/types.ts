/** Types by index: what they are, their members, their names as a C programmer writes them (cvinfo.h leaves). */
import type { Field, TypeInfo } from '../symbol-provider.js';
import { basicType, FIRST_RECORD } from './basic-types.js';
import type { Cursor } from './cursor.js';
import { readFieldList } from './field-list.js';
import { Leaf } from './leaves.js';
import { hashName } from './string-hash.js';
import type { TypeStream } from './type-stream.js';

const MAX_NAME = 512;
/** Types nest a few levels deep; a hostile PDB may nest them in a circle. */
const MAX_DEPTH = 32;
/** Types looked at to make one name: a hostile PDB can make each mention two others. */
const NAME_BUDGET = 500;
const FORWARD = 0x80;
const SCOPED = 0x100;
const HAS_UNIQUE_NAME = 0x200;

interface Tagged {
  readonly leaf: number;
  readonly properties: number;
  readonly fieldList: number;
  readonly size: number;
  readonly name: string;
  readonly uniqueName: string | undefined;
  /** Of an enumeration. */
  readonly underlying: number;
}

/** One naming: how much of it is left. */
interface Budget {
  left: number;
}

export class TypeTable {
  readonly #definitions = new Map<number, number>();
  #byName: ReadonlyMap<string, number> | undefined;

  constructor(
    private readonly types: TypeStream,
    /** Bytes of a pointer where a record does not say. */
    private readonly pointerSize: number,
  ) {}

  type(id: number): TypeInfo {
    return this.#type(id, 0, { left: NAME_BUDGET });
  }

  name(id: number): string {
    return this.#name(id, 0, { left: NAME_BUDGET });
  }

  fields(id: number): readonly Field[] {
    const tagged = this.#tagged(this.#definitionOf(this.#bare(id)));
    if (tagged === undefined || tagged.leaf === Leaf.Enum) return [];
    const fields = readFieldList(this.types, tagged.fieldList).members.map((member) => {
      const bits = this.#bitField(member.type);
      return bits === undefined ? member : { ...member, ...bits };
    });
    return fields.sort(
      (one, other) => one.offset - other.offset || (one.bits?.position ?? 0) - (other.bits?.position ?? 0),
    );
  }

  enumerators(id: number): readonly { readonly name: string; readonly value: bigint }[] {
    const tagged = this.#tagged(this.#definitionOf(this.#bare(id)));
    if (tagged?.leaf !== Leaf.Enum) return [];
    const underlying = this.type(tagged.underlying);
    const enumerators = readFieldList(this.types, tagged.fieldList).enumerators;
    if (underlying.kind !== 'integer' || !underlying.signed) return enumerators;
    // clang writes negative values as large ones.
    return enumerators.map(({ name, value }) => ({ name, value: BigInt.asIntN(underlying.size * 8, value) }));
  }

  /** A structure, union, class or enumeration of this name; its definition, when there is one. */
  byName(name: string): number | undefined {
    let forward: number | undefined;
    for (const index of this.types.withHash(hashName(name))) {
      const tagged = this.#tagged(index);
      if (tagged?.name !== name) continue;
      if ((tagged.properties & FORWARD) === 0) return index;
      forward ??= index;
    }
    return this.#definitionsByName().get(name) ?? forward;
  }

  /** Parameters of a function type. */
  parameters(id: number): readonly number[] {
    const record = this.types.record(id);
    if (record === undefined) return [];
    if (record.leaf === Leaf.Procedure) return this.#arguments(record.fields.skip(8).u32());
    if (record.leaf === Leaf.MemberFunction) return this.#arguments(record.fields.skip(16).u32());
    return [];
  }

  #type(id: number, depth: number, budget: Budget): TypeInfo {
    if (id < FIRST_RECORD) return basicType(id);
    const record = this.types.record(id);
    if (record === undefined || depth > MAX_DEPTH) return { kind: 'unknown', name: '<unknown type>', size: 0 };
    const { leaf, fields } = record;
    switch (leaf) {
      case Leaf.Modifier: {
        const target = fields.u32();
        const of = this.#type(target, depth + 1, budget);
        return { ...of, name: modified(of.name, fields.u16()) };
      }
      case Leaf.Pointer:
        return this.#pointer(fields, depth, budget);
      case Leaf.BitField:
        return this.#type(fields.u32(), depth + 1, budget);
      case Leaf.Alias:
        return this.#type(fields.u32(), depth + 1, budget);
      case Leaf.Array: {
        const element = fields.u32();
        const size = fields.skip(4).size();
        const of = this.#type(element, depth + 1, budget);
        const count = of.size === 0 ? 0 : Math.floor(size / of.size);
        return { kind: 'array', name: arrayName(of.name, count), size, element, count };
      }
      case Leaf.Procedure:
      case Leaf.MemberFunction: {
        const returns = fields.u32();
        const parameters = this.parameters(id);
        return { kind: 'function', name: this.#name(id, depth, budget), size: 0, returns, parameters };
      }
      default:
        return this.#taggedType(id, depth, budget);
    }
  }

  #taggedType(id: number, depth: number, budget: Budget): TypeInfo {
    const definition = this.#definitionOf(id);
    const tagged = this.#tagged(definition);
    if (tagged === undefined) return { kind: 'unknown', name: '<unknown type>', size: 0 };
    const { name, size, underlying } = tagged;
    switch (tagged.leaf) {
      case Leaf.Enum:
        return { kind: 'enum', name, size: this.#type(underlying, depth + 1, budget).size, underlying };
      case Leaf.Union:
        return { kind: 'union', name, size, isForward: (tagged.properties & FORWARD) !== 0 };
      case Leaf.Class:
        return { kind: 'class', name, size, isForward: (tagged.properties & FORWARD) !== 0 };
      default:
        return { kind: 'structure', name, size, isForward: (tagged.properties & FORWARD) !== 0 };
    }
  }

  #pointer(fields: Cursor, depth: number, budget: Budget): TypeInfo {
    const target = fields.u32();
    const attributes = fields.u32();
    const mode = (attributes >>> 5) & 7;
    const sign = mode === 1 ? '&' : mode === 4 ? '&&' : mode === 2 || mode === 3 ? '::*' : '*';
    const qualifiers = `${(attributes & 0x400) === 0 ? '' : ' const'}${(attributes & 0x200) === 0 ? '' : ' volatile'}`;
    const restrict = (attributes & 0x1000) === 0 ? '' : ' __restrict';
    const name = clip(`${this.#name(target, depth + 1, budget)}${sign}${qualifiers}${restrict}`);
    const size = (attributes >>> 13) & 0x3f || this.pointerSize;
    return { kind: 'pointer', name, size, target, ...(mode === 1 || mode === 4 ? { isReference: true } : {}) };
  }

  #name(id: number, depth: number, budget: Budget): string {
    if (id < FIRST_RECORD) return basicType(id).name;
    if (depth > MAX_DEPTH || budget.left-- <= 0) return '...';
    const record = this.types.record(id);
    if (record === undefined) return '<unknown type>';
    if (record.leaf !== Leaf.Procedure && record.leaf !== Leaf.MemberFunction) {
      // Its own name without looking for its definition: only the size differs.
      return this.#tagged(id)?.name ?? this.#type(id, depth, budget).name;
    }
    const returns = this.#name(record.fields.u32(), depth + 1, budget);
    const parameters: string[] = [];
    const list = this.parameters(id);
    for (const [index, parameter] of list.entries()) {
      if (parameters.join().length > MAX_NAME) break;
      const varying = parameter === 0 && index === list.length - 1 && list.length > 1;
      parameters.push(varying ? '...' : this.#name(parameter, depth + 1, budget));
    }
    return clip(`${returns} (${parameters.join(', ')})`);
  }

  #arguments(list: number): readonly number[] {
    const record = this.types.record(list);
    if (record === undefined || (record.leaf !== Leaf.ArgumentList && record.leaf !== Leaf.SubstringList)) return [];
    const count = Math.min(record.fields.u32(), Math.floor(record.fields.remaining / 4));
    return Array.from({ length: count }, () => record.fields.u32());
  }

  #bitField(id: number): Pick<Field, 'type' | 'bits'> | undefined {
    const record = this.types.record(id);
    if (record?.leaf !== Leaf.BitField) return undefined;
    const type = record.fields.u32();
    const width = record.fields.u8();
    return { type, bits: { position: record.fields.u8(), width } };
  }

  /** Without const and volatile, and behind an alias. */
  #bare(id: number): number {
    let bare = id;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const record = this.types.record(bare);
      if (record?.leaf !== Leaf.Modifier && record?.leaf !== Leaf.Alias) break;
      bare = record.fields.u32();
    }
    return bare;
  }

  #tagged(id: number): Tagged | undefined {
    const record = this.types.record(id);
    return record === undefined ? undefined : readTagged(record.leaf, record.fields);
  }

  /** The definition of a forward reference; itself when there is none. */
  #definitionOf(id: number): number {
    const tagged = this.#tagged(id);
    if (tagged === undefined || (tagged.properties & FORWARD) === 0) return id;
    const known = this.#definitions.get(id);
    if (known !== undefined) return known;
    const definition = this.#findDefinition(tagged) ?? id;
    this.#definitions.set(id, definition);
    return definition;
  }

  #findDefinition(forward: Tagged): number | undefined {
    const key = forward.uniqueName ?? forward.name;
    for (const hash of new Set([hashName(forward.name), hashName(key)])) {
      for (const index of this.types.withHash(hash)) {
        const candidate = this.#tagged(index);
        if (candidate === undefined || (candidate.properties & FORWARD) !== 0) continue;
        if ((candidate.uniqueName ?? candidate.name) === key && sameFamily(candidate.leaf, forward.leaf)) return index;
      }
    }
    const index = this.#definitionsByName().get(key);
    return index !== undefined && sameFamily(this.#tagged(index)?.leaf, forward.leaf) ? index : undefined;
  }

  /** For tables whose hashes do not lead there: every definition by its names, made at the first miss. */
  #definitionsByName(): ReadonlyMap<string, number> {
    if (this.#byName !== undefined) return this.#byName;
    const byName = new Map<string, number>();
    for (let index = this.types.begin; index < this.types.end; index++) {
      const tagged = this.#tagged(index);
      if (tagged === undefined || (tagged.properties & FORWARD) !== 0) continue;
      if (!byName.has(tagged.name)) byName.set(tagged.name, index);
      if (tagged.uniqueName !== undefined && !byName.has(tagged.uniqueName)) byName.set(tagged.uniqueName, index);
    }
    this.#byName = byName;
    return byName;
  }
}

const sameFamily = (one: number | undefined, other: number): boolean =>
  one === other || (one !== undefined && isRecord(one) && isRecord(other));
const isRecord = (leaf: number): boolean => leaf === Leaf.Class || leaf === Leaf.Structure || leaf === Leaf.Interface;

function readTagged(leaf: number, fields: Cursor): Tagged | undefined {
  if (!isRecord(leaf) && leaf !== Leaf.Union && leaf !== Leaf.Enum) return undefined;
  const properties = fields.skip(2).u16();
  const underlying = leaf === Leaf.Enum ? fields.u32() : 0;
  const fieldList = fields.u32();
  if (isRecord(leaf)) fields.skip(8);
  const size = leaf === Leaf.Enum ? 0 : fields.size();
  const name = fields.string();
  const uniqueName = (properties & HAS_UNIQUE_NAME) === 0 ? undefined : fields.string();
  // A scoped type (inside a function) shares its plain name with others: only its unique name tells it apart.
  const scoped = (properties & SCOPED) !== 0;
  return {
    leaf,
    properties,
    fieldList,
    size,
    name,
    uniqueName: scoped ? uniqueName : (uniqueName ?? undefined),
    underlying,
  };
}

const clip = (name: string): string => (name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}...` : name);

function modified(name: string, flags: number): string {
  const words = [flags & 1 ? 'const' : '', flags & 2 ? 'volatile' : '', flags & 4 ? '__unaligned' : ''];
  return clip([...words.filter((word) => word !== ''), name].join(' '));
}

/** The first dimension comes first: an array of 2 of int[3] is int[2][3]. */
function arrayName(element: string, count: number): string {
  const bracket = element.endsWith(']') ? element.indexOf('[') : -1;
  return clip(bracket < 0 ? `${element}[${count}]` : `${element.slice(0, bracket)}[${count}]${element.slice(bracket)}`);
}
