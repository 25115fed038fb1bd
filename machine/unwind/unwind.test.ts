/** Unwinding, one code at a time, over images and stacks made here. */
import assert from 'node:assert/strict';
import { BufferSource } from '../pe/byte-source.js';
import { PeImage } from '../pe/pe-image.js';
import { makePe } from '../pe/test-image.js';
import { decodeEpilogue } from './epilogue.js';
import type { FrameRegisters } from './registers.js';
import { walkStack } from './stack-walk.js';
import { UnreadableStack, unwindFrame, type UnwindMemory, type UnwoundFrame } from './unwind.js';

const BASE = 0x7ff6_0000_0000n;
const STACK = 0x1000_0000n;
const RETURN = BASE + 0x9999n;
const CODE = 0x1000;
const FUNCTION_SIZE = 0x100;

/** slot: offset in the prologue, operation, its operand. */
const slot = (offset: number, op: number, info: number): number => offset | (op << 8) | (info << 12);

interface Unwind {
  readonly version?: number;
  readonly flags?: number;
  readonly prolog?: number;
  readonly frame?: number;
  readonly slots: readonly number[];
  /** RUNTIME_FUNCTION of the fragment that it is chained to. */
  readonly chain?: readonly [number, number, number];
}

function unwindBytes({ version = 1, flags = 0, prolog = 0x20, frame = 0, slots, chain }: Unwind): Buffer {
  const words = slots.length % 2 === 0 ? slots : [...slots, 0];
  const bytes = Buffer.alloc(4 + words.length * 2 + (chain ? 12 : 0));
  bytes.set([version | (((chain ? 4 : 0) | flags) << 3), prolog, slots.length, frame]);
  words.forEach((word, index) => bytes.writeUInt16LE(word, 4 + index * 2));
  chain?.forEach((word, index) => bytes.writeUInt32LE(word, 4 + words.length * 2 + index * 4));
  return bytes;
}

/** An image of functions of FUNCTION_SIZE bytes each from CODE on, with unwind data each; unwind data n is at 0x3000 + n * 0x100. */
async function image(unwinds: readonly Unwind[], code: readonly number[] = []): Promise<PeImage> {
  const info = Buffer.alloc(unwinds.length * 0x100);
  const table = Buffer.alloc(unwinds.length * 12);
  unwinds.forEach((unwind, index) => {
    unwindBytes(unwind).copy(info, index * 0x100);
    table.writeUInt32LE(CODE + index * FUNCTION_SIZE, index * 12);
    table.writeUInt32LE(CODE + (index + 1) * FUNCTION_SIZE, index * 12 + 4);
    table.writeUInt32LE(0x3000 + index * 0x100, index * 12 + 8);
  });
  const text = Buffer.alloc(0x1000, 0x90);
  Buffer.from(code).copy(text, 0x80);
  const bytes = makePe({
    sections: [
      { rva: CODE, bytes: text },
      { rva: 0x3000, bytes: info },
      { rva: 0x4000, bytes: table },
    ],
    directories: { 3: { rva: 0x4000, size: table.length } },
  });
  return PeImage.open(new BufferSource(bytes), 'file');
}

/** A stack of these quadwords from STACK on; nothing else can be read. */
const stackOf = (...words: readonly bigint[]): UnwindMemory => ({
  read: (address, length) => {
    const bytes = Buffer.alloc(words.length * 8);
    words.forEach((word, index) => bytes.writeBigUInt64LE(word, index * 8));
    const at = Number(address - STACK);
    return Promise.resolve(at < 0 ? bytes.subarray(0, 0) : bytes.subarray(at, at + length));
  },
});

const BODY = 0x80;

function registers(offset: number, more: Partial<FrameRegisters> = {}): FrameRegisters {
  return { rip: BASE + BigInt(CODE + offset), rsp: STACK, xmm: new Map(), ...more };
}

const unwind = async (
  unwinds: readonly Unwind[],
  from: FrameRegisters,
  memory: UnwindMemory,
  code: readonly number[] = [],
): Promise<UnwoundFrame> => unwindFrame(from, { base: BASE, image: await image(unwinds, code) }, memory, true);

describe('unwinding', () => {
  it('takes a function without unwind data for a leaf', async () => {
    const { caller, cfa } = await unwind([], registers(0), stackOf(RETURN));
    assert.deepEqual([caller.rip, caller.rsp, cfa], [RETURN, STACK + 8n, STACK + 8n]);
  });

  it('pops what was pushed, and says where it lay', async () => {
    const slots = [slot(3, 0, 12), slot(1, 0, 3)];
    const { caller, savedAt } = await unwind([{ slots }], registers(BODY), stackOf(12n, 3n, RETURN));
    assert.deepEqual([caller.r12, caller.rbx, caller.rip], [12n, 3n, RETURN]);
    assert.deepEqual([savedAt.get('r12'), savedAt.get('rbx')], [STACK, STACK + 8n]);
  });

  it('frees small, large and very large frames', async () => {
    for (const [slots, words] of [
      [[slot(4, 2, 3)], 4],
      [[slot(7, 1, 0), 16], 16],
      [[slot(7, 1, 1), 0x80, 0], 16],
    ] as const) {
      const { caller } = await unwind([{ slots }], registers(BODY), stackOf(...Array<bigint>(words).fill(0n), RETURN));
      assert.equal(caller.rip, RETURN, String(slots));
    }
  });

  it('finds a frame by its register when RSP has moved', async () => {
    // push rbp; sub rsp, 0x20; lea rbp, [rsp+0x10]; RSP is lower by now.
    const slots = [slot(9, 3, 0), slot(5, 2, 3), slot(1, 0, 5)];
    const from = registers(BODY, { rsp: STACK, rbp: STACK + 0x20n + 0x10n });
    const memory = stackOf(0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0x55n, RETURN);
    const { caller } = await unwind([{ slots, frame: 5 | (1 << 4) }], from, memory);
    assert.deepEqual([caller.rip, caller.rbp], [RETURN, 0x55n]);
  });

  it('restores general and XMM registers that were saved by moves, near and far', async () => {
    const slots = [
      slot(30, 9, 8),
      0x30,
      0, // movaps [rsp+0x30], xmm8
      slot(24, 8, 6),
      2, // movaps [rsp+0x20], xmm6
      slot(18, 5, 6),
      0x10,
      0, // mov [rsp+0x10], rsi
      slot(12, 4, 7),
      1, // mov [rsp+8], rdi
      slot(4, 2, 7), // sub rsp, 0x40
    ];
    const memory = stackOf(0n, 7n, 6n, 0n, 0x66n, 0x67n, 0x88n, 0x89n, RETURN);
    const { caller, savedAt } = await unwind([{ slots }], registers(BODY), memory);
    assert.deepEqual([caller.rdi, caller.rsi, caller.rip], [7n, 6n, RETURN]);
    assert.equal(caller.xmm.get(6), (0x67n << 64n) | 0x66n);
    assert.equal(caller.xmm.get(8), (0x89n << 64n) | 0x88n);
    assert.equal(savedAt.get('xmm8'), STACK + 0x30n);
  });

  it('undoes in a prologue only what has been done', async () => {
    // push rbx (1); sub rsp, 0x20 (5)
    const slots = [slot(5, 2, 3), slot(1, 0, 3)];
    const at0 = await unwind([{ slots, prolog: 5 }], registers(0), stackOf(RETURN));
    const at1 = await unwind([{ slots, prolog: 5 }], registers(1), stackOf(3n, RETURN));
    const at5 = await unwind([{ slots, prolog: 5 }], registers(5), stackOf(0n, 0n, 0n, 0n, 3n, RETURN));
    assert.deepEqual(
      [at0, at1, at5].map(({ caller }) => caller.rip),
      [RETURN, RETURN, RETURN],
    );
  });

  it('goes on with the fragment that it is chained to', async () => {
    const parent = { slots: [slot(4, 2, 3), slot(1, 0, 3)] };
    const child = { slots: [slot(0, 4, 6), 1], prolog: 0, chain: [CODE, CODE + FUNCTION_SIZE, 0x3000] as const };
    const memory = stackOf(0n, 6n, 0n, 0n, 3n, RETURN);
    const { caller } = await unwind([parent, child], registers(FUNCTION_SIZE + BODY), memory);
    assert.deepEqual([caller.rip, caller.rbx, caller.rsi], [RETURN, 3n, 6n]);
  });

  it('refuses a chain in a circle', async () => {
    const circle = { slots: [], chain: [CODE, CODE + FUNCTION_SIZE, 0x3000] as const };
    await assert.rejects(unwind([circle], registers(BODY), stackOf(RETURN)), { id: 'pe.corrupt' });
  });

  it('goes through a machine frame to what was interrupted', async () => {
    for (const [info, words] of [
      [0, []],
      [1, [0xen]],
    ] as const) {
      const memory = stackOf(...words, RETURN, 0x10n, 0x246n, STACK + 0x1000n, 0x18n);
      const { caller, interrupted } = await unwind([{ slots: [slot(0, 10, info)] }], registers(BODY), memory);
      assert.deepEqual([caller.rip, caller.rsp, interrupted], [RETURN, STACK + 0x1000n, true]);
    }
  });

  it('knows the registers that a call preserves, and no others', async () => {
    const from = registers(BODY, {
      rbx: 1n,
      rax: 2n,
      r10: 3n,
      xmm: new Map([
        [0, 4n],
        [6, 5n],
      ]),
    });
    const { caller } = await unwind([{ slots: [] }], from, stackOf(RETURN));
    assert.deepEqual([caller.rbx, caller.rax, caller.r10], [1n, undefined, undefined]);
    assert.deepEqual([...caller.xmm], [[6, 5n]]);
  });

  it('does the rest of an epilogue', async () => {
    const unwinds = [{ slots: [slot(6, 2, 3), slot(2, 0, 12), slot(1, 0, 3)] }];
    const epilogue = [0x48, 0x83, 0xc4, 0x20, 0x41, 0x5c, 0x5b, 0xc3];
    const stack = [0n, 0n, 0n, 0n, 12n, 3n, RETURN];
    for (const [done, words] of [
      [0, 0],
      [4, 4],
      [6, 5],
      [7, 6],
    ] as const) {
      const { caller } = await unwind(unwinds, registers(BODY + done), stackOf(...stack.slice(words)), epilogue);
      assert.deepEqual([caller.rip, caller.rbx], [RETURN, words < 6 ? 3n : undefined], `${done} bytes into it`);
    }
  });

  it('tells a jump within the function from a tail call', async () => {
    const unwinds = [{ slots: [slot(4, 2, 0)] }];
    const within = await unwind(unwinds, registers(BODY), stackOf(0n, RETURN), [0xeb, 0x10]);
    assert.equal(within.caller.rip, RETURN, 'the frame is still there');
    const out = await unwind(unwinds, registers(BODY), stackOf(RETURN), [0xe9, 0x00, 0x10, 0x00, 0x00]);
    assert.equal(out.caller.rip, RETURN, 'the frame is freed already');
  });

  it('reads epilogues of version 2 from the unwind data', async () => {
    // push rbx; push r12; sub rsp, 0x20; one epilogue of 4 bytes (pop r12; pop rbx; ret) at the end, another 0x80 before it.
    const slots = [slot(4, 6, 1), slot(0x80, 6, 0), slot(7, 2, 3), slot(3, 0, 12), slot(1, 0, 3)];
    const unwinds = [{ version: 2, slots }];
    for (const begin of [FUNCTION_SIZE - 4, FUNCTION_SIZE - 0x80]) {
      for (const [done, stack] of [
        [0, [12n, 3n, RETURN]],
        [2, [3n, RETURN]],
        [3, [RETURN]],
      ] as const) {
        const { caller } = await unwind(unwinds, registers(begin + done), stackOf(...stack));
        assert.equal(caller.rip, RETURN, `${done} bytes into the one at ${begin}`);
      }
    }
    const body = await unwind(unwinds, registers(0x40), stackOf(0n, 0n, 0n, 0n, 12n, 3n, RETURN));
    assert.deepEqual([body.caller.rip, body.caller.rbx], [RETURN, 3n]);
  });

  it('refuses unwind data of version 3', async () => {
    await assert.rejects(unwind([{ version: 3, slots: [] }], registers(BODY), stackOf(RETURN)), { id: 'pe.corrupt' });
  });

  it('says that the stack cannot be read', async () => {
    await assert.rejects(unwind([{ slots: [slot(4, 2, 3)] }], registers(BODY), stackOf(0n)), UnreadableStack);
  });

  it('knows the shapes of epilogues', () => {
    const decode = (...code: number[]): unknown => decodeEpilogue(Uint8Array.from(code), 5);
    const none = { kind: 'none' };
    assert.deepEqual(decode(0xc3), { free: none, pops: [], jumpTo: undefined });
    assert.deepEqual(decode(0xf3, 0xc3), { free: none, pops: [], jumpTo: undefined });
    assert.deepEqual(decode(0x48, 0x81, 0xc4, 0, 1, 0, 0, 0xc3), {
      free: { kind: 'add', size: 256 },
      pops: [],
      jumpTo: undefined,
    });
    const lea = { kind: 'lea', register: 5, displacement: 16 };
    assert.deepEqual(decode(0x48, 0x8d, 0x65, 0x10, 0x5d, 0xc3, 0, 0), { free: lea, pops: [5], jumpTo: undefined });
    assert.deepEqual(decode(0xff, 0x25, 0, 0, 0, 0), { free: none, pops: [], jumpTo: undefined });
    assert.deepEqual(decode(0x48, 0xff, 0xe0), { free: none, pops: [], jumpTo: undefined });
    assert.equal(decode(0xff, 0xe0), undefined, 'a switch');
    assert.equal(decode(0x48, 0x83, 0xc4, 0x20, 0x90), undefined, 'something else before the return');
  });
});

describe('a stack walk', () => {
  const walk = async (memory: UnwindMemory, limit = 16): Promise<string> => {
    const module = { base: BASE, image: await image([{ slots: [slot(4, 2, 0)] }]) };
    const inModule = (address: bigint): boolean => address >= BASE && address < BASE + 0x1_0000n;
    const moduleAt = (address: bigint): Promise<typeof module | undefined> =>
      Promise.resolve(inModule(address) ? module : undefined);
    const { frames, end } = await walkStack(registers(BODY), { moduleAt, memory, limit });
    return `${frames.length} ${end.kind}`;
  };
  const CALL = BASE + BigInt(CODE + BODY);

  it('ends where a return address is 0, at its limit, and where something cannot be read', async () => {
    assert.equal(await walk(stackOf(0n, CALL, 0n, 0n)), '2 bottom');
    assert.equal(await walk(stackOf(...Array<bigint>(100).fill(CALL))), '16 limit');
    assert.equal(await walk(stackOf(0n, CALL, 0n)), '2 broken');
    assert.equal(await walk(stackOf(0n, 0x1234n, 0n, 0n)), '2 broken');
  });
});
