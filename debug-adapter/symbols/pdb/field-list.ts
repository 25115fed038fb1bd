import type { Field } from '../symbol-provider.js';
import type { Cursor } from './cursor.js';
import { FieldLeaf, Leaf } from './leaves.js';
import type { TypeStream } from './type-stream.js';

export interface FieldList {
  readonly members: readonly Field[];
  readonly enumerators: readonly { readonly name: string; readonly value: bigint }[];
}

/** A list is a u16 of bytes; longer ones go on in another. Real ones go on a few times, a hostile one in a circle. */
const MAX_LISTS = 1000;
/** Bits 2 to 4 of a method's attributes: it introduces a virtual function, and has an offset in the table more. */
const introducesVirtual = (attributes: number): boolean => [4, 6].includes((attributes >>> 2) & 7);

/** Members with a place in the object, and enumerators. What follows a leaf that is not known is left out. */
export function readFieldList(types: TypeStream, first: number): FieldList {
  const members: Field[] = [];
  const enumerators: { name: string; value: bigint }[] = [];
  const seen = new Set<number>();
  let list: number | undefined = first;
  while (list !== undefined && seen.size < MAX_LISTS && !seen.has(list)) {
    seen.add(list);
    const record = types.record(list);
    if (record?.leaf !== Leaf.FieldList) break;
    list = readList(record.fields, members, enumerators);
  }
  return { members, enumerators };
}

/** Returns the list that it goes on in. */
function readList(
  fields: Cursor,
  members: Field[],
  enumerators: { name: string; value: bigint }[],
): number | undefined {
  while (fields.remaining >= 2) {
    const padding = fields.bytes.readUInt8(fields.at);
    if (padding >= 0xf0) {
      fields.skip(Math.min(Math.max(padding & 0xf, 1), fields.remaining));
      continue;
    }
    const leaf = fields.u16();
    switch (leaf) {
      case FieldLeaf.Member: {
        const type = fields.skip(2).u32();
        const offset = fields.size();
        members.push({ name: fields.string(), type, offset });
        break;
      }
      case FieldLeaf.BaseClass:
      case FieldLeaf.BaseInterface: {
        const type = fields.skip(2).u32();
        members.push({ name: '', type, offset: fields.size(), isBase: true });
        break;
      }
      case FieldLeaf.Enumerate: {
        const value = fields.skip(2).numeric();
        enumerators.push({ name: fields.string(), value });
        break;
      }
      case FieldLeaf.Index:
        return fields.skip(2).u32();
      default:
        if (!skipMember(leaf, fields)) return undefined;
    }
  }
  return undefined;
}

/** Members without a place of their own in the object. false: an unknown leaf, whose length nobody knows. */
function skipMember(leaf: number, fields: Cursor): boolean {
  switch (leaf) {
    case FieldLeaf.VirtualBaseClass:
    case FieldLeaf.IndirectVirtualBaseClass:
      fields.skip(10).numeric();
      fields.numeric();
      return true;
    case FieldLeaf.VirtualFunctionTable:
    case FieldLeaf.FriendClass:
      fields.skip(6);
      return true;
    case FieldLeaf.VirtualFunctionOffset:
      fields.skip(10);
      return true;
    case FieldLeaf.StaticMember:
    case FieldLeaf.Method:
    case FieldLeaf.NestedType:
    case FieldLeaf.NestedTypeEx:
    case FieldLeaf.FriendFunction:
      fields.skip(6).string();
      return true;
    case FieldLeaf.OneMethod: {
      const attributes = fields.u16();
      fields.skip(introducesVirtual(attributes) ? 8 : 4).string();
      return true;
    }
    default:
      return false;
  }
}
