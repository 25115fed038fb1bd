/**
 * Stacks as the target's own RtlVirtualUnwind walked them (programs/stack_walks.h), and the comparison with ours: return addresses, stack
 * pointers, and every register that calls preserve, in each frame.
 */
import assert from 'node:assert/strict';
import type { FrameRegisters } from '../../machine/unwind/registers.js';
import { X64Context } from '../../machine/x64-context.js';

export const FRAME_BYTES = 240;
export const MAX_FRAMES = 64;
const GENERAL = ['rip', 'rsp', 'rbx', 'rbp', 'rsi', 'rdi', 'r12', 'r13', 'r14', 'r15'] as const;
const XMM = Array.from({ length: 10 }, (_, index) => index + 6);

/** Registers of one frame by name: what calls preserve. */
type Frame = ReadonlyMap<string, bigint>;

/** The first frame of each is the context that was walked from. */
export interface Walks {
  readonly ours: readonly X64Context[];
  readonly theirs: readonly X64Context[];
}

function readFrame(view: DataView, at: number): X64Context {
  const context = new X64Context();
  GENERAL.forEach((name, index) => context.set(name, view.getBigUint64(at + index * 8, true)));
  XMM.forEach((number, index) => {
    const low = at + GENERAL.length * 8 + index * 16;
    context.set(`xmm${number}`, (view.getBigUint64(low + 8, true) << 64n) | view.getBigUint64(low, true));
  });
  return context;
}

export const readFrames = (view: DataView, at: number, count: number): X64Context[] =>
  Array.from({ length: count }, (_, index) => readFrame(view, at + index * FRAME_BYTES));

const preserved = (context: X64Context): Frame =>
  new Map([...GENERAL, ...XMM.map((number) => `xmm${number}`)].map((name) => [name, context.get(name)]));

const hex = (value: bigint | undefined): string => (value === undefined ? 'nothing' : `0x${value.toString(16)}`);

/** What the comparison asks of the place where a walk was made. */
export interface Place {
  readonly name: string;
  isInModule(address: bigint): boolean;
  /** Bytes of the target. */
  read(address: bigint, length: number): Promise<Uint8Array>;
}

/**
 * A walk is compared up to its first frame in no module: a function without unwind data that has used the stack, such as MinGW's
 * __chkstk, leads there, and the system's loop then takes words of the stack for return addresses, as it has nothing else.
 * @throws AssertionError that names the frame and the register in which they differ first
 */
export async function assertSameWalk({ ours, theirs }: Walks, place: Place): Promise<void> {
  const [first] = theirs;
  assert.ok(first !== undefined, `${place.name}: no frame`);
  const wild = theirs.findIndex(({ rip }) => !place.isInModule(rip));
  const compared = wild < 0 ? Math.max(ours.length, theirs.length) : wild + 1;
  for (let index = 0; index < compared; index++) {
    const wanted = theirs[index];
    const own = ours[index];
    const difference = differs(own, wanted);
    if (difference === undefined) continue;
    // Wine does not know an epilogue that ends in a jump to another function, once the frame is freed: then only the pops are left.
    const pops = index === 1 ? await popsBeforeJump(first.rip, place) : undefined;
    if (pops !== undefined) {
      const top = await place.read(first.rsp + BigInt(pops * 8), 8);
      const back = new DataView(top.buffer, top.byteOffset, 8).getBigUint64(0, true);
      assert.equal(own?.rip, back, `${place.name}: before the jump at ${hex(first.rip)}`);
      return;
    }
    const stack = theirs.map(({ rip }) => hex(rip)).join(' ');
    assert.fail(`${place.name}: frame ${index}: ${difference}: ${stack}`);
  }
}

function differs(own: X64Context | undefined, wanted: X64Context | undefined): string | undefined {
  if (own === undefined || wanted === undefined) {
    return `ours is at ${hex(own?.rip)}, RtlVirtualUnwind's at ${hex(wanted?.rip)}`;
  }
  const owns = preserved(own);
  for (const [name, value] of preserved(wanted)) {
    if (owns.get(name) !== value) {
      return `ours has ${name} ${hex(owns.get(name))}, RtlVirtualUnwind's ${hex(value)}`;
    }
  }
  return undefined;
}

/** Pops that come before a jump, where nothing but them does. */
async function popsBeforeJump(address: bigint, place: Place): Promise<number | undefined> {
  const code = await place.read(address, 32);
  let pops = 0;
  for (let at = 0; at < code.length; at++) {
    if (code[at] === 0x41) at++;
    const byte = code[at] ?? 0;
    if (byte === 0xe9 || byte === 0xeb) return pops;
    if (byte < 0x58 || byte > 0x5f) return undefined;
    pops++;
  }
  return undefined;
}

export function contextOf(registers: FrameRegisters): X64Context {
  const context = new X64Context();
  for (const name of GENERAL) context.set(name, registers[name] ?? 0n);
  for (const number of XMM) context.set(`xmm${number}`, registers.xmm.get(number) ?? 0n);
  return context;
}
