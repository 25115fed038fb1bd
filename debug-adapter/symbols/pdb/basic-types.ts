/** Types below 0x1000, which stand for themselves: a kind and, for pointers to it, a mode (cvinfo.h TYPE_ENUM_e). */
import type { TypeInfo } from '../symbol-provider.js';

export const FIRST_RECORD = 0x1000;
const POINTER_SIZES: Readonly<Record<number, number>> = { 1: 2, 2: 4, 3: 4, 4: 4, 5: 6, 6: 8, 7: 16 };

type Basic = readonly [
  kind: 'integer' | 'boolean' | 'character' | 'float',
  name: string,
  size: number,
  signed?: boolean,
];

const KINDS: ReadonlyMap<number, Basic> = new Map<number, Basic>([
  [0x08, ['integer', 'HRESULT', 4, true]],
  [0x10, ['character', 'signed char', 1, true]],
  [0x20, ['character', 'unsigned char', 1, false]],
  [0x11, ['integer', 'short', 2, true]],
  [0x21, ['integer', 'unsigned short', 2, false]],
  [0x12, ['integer', 'long', 4, true]],
  [0x22, ['integer', 'unsigned long', 4, false]],
  [0x13, ['integer', '__int64', 8, true]],
  [0x23, ['integer', 'unsigned __int64', 8, false]],
  [0x14, ['integer', '__int128', 16, true]],
  [0x24, ['integer', 'unsigned __int128', 16, false]],
  [0x30, ['boolean', 'bool', 1]],
  [0x31, ['boolean', '__bool16', 2]],
  [0x32, ['boolean', '__bool32', 4]],
  [0x33, ['boolean', '__bool64', 8]],
  [0x40, ['float', 'float', 4]],
  [0x41, ['float', 'double', 8]],
  [0x42, ['float', 'long double', 10]],
  [0x43, ['float', '__float128', 16]],
  [0x46, ['float', '__half', 2]],
  [0x68, ['integer', '__int8', 1, true]],
  [0x69, ['integer', 'unsigned __int8', 1, false]],
  [0x70, ['character', 'char', 1, true]],
  [0x71, ['character', 'wchar_t', 2, false]],
  [0x72, ['integer', '__int16', 2, true]],
  [0x73, ['integer', 'unsigned __int16', 2, false]],
  [0x74, ['integer', 'int', 4, true]],
  [0x75, ['integer', 'unsigned int', 4, false]],
  [0x76, ['integer', '__int64', 8, true]],
  [0x77, ['integer', 'unsigned __int64', 8, false]],
  [0x78, ['integer', '__int128', 16, true]],
  [0x79, ['integer', 'unsigned __int128', 16, false]],
  [0x7a, ['character', 'char16_t', 2, false]],
  [0x7b, ['character', 'char32_t', 4, false]],
  [0x7c, ['character', 'char8_t', 1, false]],
]);

export function basicType(id: number): TypeInfo {
  const mode = (id >>> 8) & 0xf;
  const target = id & 0xff;
  // Mode 1 of void is nullptr_t: a pointer that points at nothing.
  if (id === 0x0103) return { kind: 'pointer', name: 'std::nullptr_t', size: 8, target: 0x03 };
  if (mode !== 0) {
    return { kind: 'pointer', name: `${basicType(target).name}*`, size: POINTER_SIZES[mode] ?? 8, target };
  }
  if (target === 0x03) return { kind: 'void', name: 'void', size: 0 };
  const basic = KINDS.get(target);
  if (basic === undefined)
    return { kind: 'unknown', name: target === 0 ? '<no type>' : `<type 0x${id.toString(16)}>`, size: 0 };
  const [kind, name, size, signed] = basic;
  if (kind === 'integer') return { kind, name, size, signed: signed === true };
  return signed === undefined ? { kind, name, size } : { kind, name, size, signed };
}
