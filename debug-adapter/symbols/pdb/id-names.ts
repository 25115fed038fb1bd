import type { Cursor } from './cursor.js';
import { Leaf } from './leaves.js';
import type { TypeStream } from './type-stream.js';
import type { TypeTable } from './types.js';

/** Name of a function by its id in the IPI stream, with its class or namespace; undefined when there is no such id. */
export function functionNameOfId(
  ids: TypeStream | undefined,
  types: TypeTable | undefined,
  id: number,
): string | undefined {
  const record = ids?.record(id);
  if (ids === undefined || record === undefined) return undefined;
  const { leaf, fields } = record;
  if (leaf === Leaf.FunctionId) {
    const scope = fields.u32();
    const name = fields.skip(4).string();
    const outer = scope === 0 ? undefined : stringOf(ids.record(scope));
    return outer === undefined ? name : `${outer}::${name}`;
  }
  if (leaf === Leaf.MemberFunctionId) {
    const type = fields.u32();
    const name = fields.skip(4).string();
    return types === undefined ? name : `${types.name(type)}::${name}`;
  }
  return undefined;
}

/** The type of a function by its id. */
export function typeOfId(ids: TypeStream | undefined, id: number): number {
  const record = ids?.record(id);
  if (record?.leaf !== Leaf.FunctionId && record?.leaf !== Leaf.MemberFunctionId) return 0;
  return record.fields.skip(4).u32();
}

function stringOf(record: { readonly leaf: number; readonly fields: Cursor } | undefined): string | undefined {
  return record?.leaf === Leaf.StringId ? record.fields.skip(4).string() : undefined;
}
