/** Epilogues of version 1 functions are not described anywhere: they have one legal shape, and are told by their instructions. */

export interface Epilogue {
  /** What is done to RSP before the pops. */
  readonly free:
    | { readonly kind: 'none' }
    | { readonly kind: 'add'; readonly size: number }
    | { readonly kind: 'lea'; readonly register: number; readonly displacement: number };
  /** Registers in the order in which they are popped, numbered as instructions do. */
  readonly pops: readonly number[];
  /** Of a jump to a known place, relative to the first byte: a tail call when it leads out of the function. */
  readonly jumpTo: number | undefined;
}

/** Long enough for every epilogue: the frame's release, 16 pops of two bytes, a jump. */
export const EPILOGUE_BYTES = 48;

const RSP = 4;

/** @param code bytes from the instruction pointer on. @returns undefined when what follows is no epilogue. */
export function decodeEpilogue(code: Uint8Array, frameRegister: number): Epilogue | undefined {
  const byte = (at: number): number => code[at] ?? -1;
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const has = (end: number): boolean => end <= code.length;
  let at = 0;
  let free: Epilogue['free'] = { kind: 'none' };
  if (byte(0) === 0x48 && byte(1) === 0x83 && byte(2) === 0xc4 && has(4)) {
    free = { kind: 'add', size: view.getInt8(3) };
    at = 4;
  } else if (byte(0) === 0x48 && byte(1) === 0x81 && byte(2) === 0xc4 && has(7)) {
    free = { kind: 'add', size: view.getInt32(3, true) };
    at = 7;
  } else if ((byte(0) & 0xfe) === 0x48 && byte(1) === 0x8d && frameRegister !== 0) {
    const lea = decodeLea(view, frameRegister);
    if (lea === undefined) return undefined;
    ({ free, at } = lea);
  }
  const pops: number[] = [];
  for (;;) {
    if (byte(at) >= 0x58 && byte(at) <= 0x5f) pops.push(byte(at++) - 0x58);
    else if (byte(at) === 0x41 && byte(at + 1) >= 0x58 && byte(at + 1) <= 0x5f) {
      pops.push(byte(at + 1) - 0x58 + 8);
      at += 2;
    } else break;
  }
  const end = decodeEnd(view, at);
  return end === undefined ? undefined : { free, pops, jumpTo: end.jumpTo };
}

/** lea rsp, [frame register + displacement] */
function decodeLea(view: DataView, frameRegister: number): { free: Epilogue['free']; at: number } | undefined {
  if (view.byteLength < 8) return undefined;
  const modrm = view.getUint8(2);
  const base = (modrm & 7) + (view.getUint8(0) & 1) * 8;
  if (((modrm >>> 3) & 7) !== RSP || base !== frameRegister) return undefined;
  // A base of R12 needs a SIB byte, which names it again.
  const sib = (modrm & 7) === RSP ? 1 : 0;
  if (modrm >>> 6 === 1) {
    return { free: { kind: 'lea', register: base, displacement: view.getInt8(3 + sib) }, at: 4 + sib };
  }
  if (modrm >>> 6 === 2) {
    return { free: { kind: 'lea', register: base, displacement: view.getInt32(3 + sib, true) }, at: 7 + sib };
  }
  return modrm >>> 6 === 0 && base !== 5 && base !== 13
    ? { free: { kind: 'lea', register: base, displacement: 0 }, at: 3 + sib }
    : undefined;
}

/** A return, or a jump that ends the function. */
function decodeEnd(view: DataView, from: number): { readonly jumpTo: number | undefined } | undefined {
  const byte = (at: number): number => (at < view.byteLength ? view.getUint8(at) : -1);
  const first = byte(from);
  if (first === 0xc3 || first === 0xc2 || (first === 0xf3 && byte(from + 1) === 0xc3)) return { jumpTo: undefined };
  if (first === 0xeb && from + 2 <= view.byteLength) return { jumpTo: from + 2 + view.getInt8(from + 1) };
  if (first === 0xe9 && from + 5 <= view.byteLength) return { jumpTo: from + 5 + view.getInt32(from + 1, true) };
  const hasRex = (first & 0xf0) === 0x40;
  const at = hasRex ? from + 1 : from;
  if (byte(at) !== 0xff) return undefined;
  // jmp [rip+x]; jmp register only with REX.W, which compilers give to a tail call and not to a switch.
  const modrm = byte(at + 1);
  const isTailCall = modrm === 0x25 || (hasRex && (first & 8) !== 0 && modrm >= 0xe0 && modrm <= 0xe7);
  return isTailCall ? { jumpTo: undefined } : undefined;
}
