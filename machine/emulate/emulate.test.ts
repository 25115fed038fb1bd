/** Each emulated instruction against registers, flags and memory as Intel's manual has them. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EFLAGS, X64Context } from '../x64-context.js';
import { callLength, emulate } from './emulate.js';

const RIP = 0x1_4000_1000n;
const STACK = 0x2_0000n;
const DATA = 0x3_0000n;
const { carry: C, parity: P, adjust: A, zero: Z, sign: S, overflow: O } = EFLAGS;
const STATUS = C | P | A | Z | S | O;

/** Two readable pages; everything else is not there. */
class Pages {
  readonly pages = new Map([STACK, DATA].map((at) => [at, Buffer.alloc(0x1000)]));

  #find(address: bigint, length: number): Buffer | undefined {
    const page = this.pages.get(address & ~0xfffn);
    const offset = Number(address & 0xfffn);
    return page === undefined || offset + length > 0x1000 ? undefined : page.subarray(offset, offset + length);
  }
  read(address: bigint, length: number): Uint8Array | undefined {
    return this.#find(address, length);
  }
  write(address: bigint, data: Uint8Array): boolean {
    const place = this.#find(address, data.length);
    place?.set(data);
    return place !== undefined;
  }
  qword(address: bigint): bigint {
    return this.#find(address, 8)?.readBigUInt64LE() ?? -1n;
  }
  setQword(address: bigint, value: bigint): void {
    this.#find(address, 8)?.writeBigUInt64LE(value);
  }
}

type Name = 'rax' | 'rcx' | 'rdx' | 'rbx' | 'rsp' | 'rbp' | 'r8' | 'r12' | 'r13';
type Registers = Partial<Record<Name, bigint>>;

function start(registers: Registers, flags = 0): { readonly context: X64Context; readonly memory: Pages } {
  const context = new X64Context();
  const memory = new Pages();
  context.rip = RIP;
  context.rsp = STACK + 0x800n;
  context.eflags = 0x202 | flags;
  for (const [name, value] of Object.entries(registers)) context.set(name, value);
  return { context, memory };
}

const code = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');

interface Case {
  readonly text: string;
  readonly bytes: string;
  readonly before: Registers;
  readonly flags?: number;
  readonly after: Registers;
  /** Status flags after it; undefined: as before. */
  readonly set?: number;
  /** RIP after it, counted from its first byte; the length unless said. */
  readonly to?: number;
}

const MAX = (1n << 64n) - 1n;
const CASES: readonly Case[] = [
  { text: 'mov rax, rcx', bytes: '4889c8', before: { rcx: 7n, rax: 1n }, after: { rax: 7n } },
  {
    text: 'mov eax, ecx clears the upper half',
    bytes: '89c8',
    before: { rcx: MAX, rax: MAX },
    after: { rax: 0xffff_ffffn },
  },
  {
    text: 'mov ax, cx keeps the rest',
    bytes: '6689c8',
    before: { rcx: 0x1234n, rax: MAX },
    after: { rax: MAX - 0xffffn + 0x1234n },
  },
  { text: 'mov ah, cl', bytes: '88cc', before: { rcx: 0x55n, rax: 0x1111n }, after: { rax: 0x5511n } },
  { text: 'mov spl, cl (REX)', bytes: '4088cc', before: { rcx: 0x55n }, after: { rsp: STACK + 0x855n } },
  { text: 'mov r8, rdx', bytes: '4989d0', before: { rdx: 9n }, after: { r8: 9n } },
  { text: 'mov eax, imm32', bytes: 'b878563412', before: { rax: MAX }, after: { rax: 0x1234_5678n } },
  { text: 'mov rax, imm64', bytes: '48b8f0debc9a78563412', before: {}, after: { rax: 0x1234_5678_9abc_def0n } },
  { text: 'mov rax, sign-extended imm32', bytes: '48c7c0ffffffff', before: {}, after: { rax: MAX } },
  { text: 'lea rax, [rcx+rdx*4+8]', bytes: '488d449108', before: { rcx: 0x100n, rdx: 3n }, after: { rax: 0x114n } },
  { text: 'lea rax, [rip+0x10]', bytes: '488d0510000000', before: {}, after: { rax: RIP + 7n + 0x10n } },
  { text: 'lea rax, [r12+8] (SIB)', bytes: '498d442408', before: { r12: 0x40n }, after: { rax: 0x48n } },
  { text: 'lea rax, [r13+0]', bytes: '498d4500', before: { r13: 0x41n }, after: { rax: 0x41n } },
  { text: 'lea rax, [rdx*8+0x20] (no base)', bytes: '488d04d520000000', before: { rdx: 2n }, after: { rax: 0x30n } },
  { text: 'add al, 1 overflows', bytes: '0401', before: { rax: 0x7fn }, after: { rax: 0x80n }, set: O | S | A },
  {
    text: 'add rax, rcx carries',
    bytes: '4801c8',
    before: { rax: MAX, rcx: 1n },
    after: { rax: 0n },
    set: C | Z | P | A,
  },
  { text: 'adc rax, rcx', bytes: '4811c8', before: { rax: 1n, rcx: 1n }, flags: C, after: { rax: 3n }, set: P },
  { text: 'sub rsp, 0x28', bytes: '4883ec28', before: {}, after: { rsp: STACK + 0x7d8n }, set: P | A },
  {
    text: 'sbb eax, eax with carry',
    bytes: '19c0',
    before: { rax: 5n },
    flags: C,
    after: { rax: 0xffff_ffffn },
    set: C | S | P | A,
  },
  { text: 'cmp eax, -1', bytes: '83f8ff', before: { rax: 0n }, after: { rax: 0n }, set: C | A },
  {
    text: 'cmp al, 0x80 (signed overflow)',
    bytes: '3c80',
    before: { rax: 1n },
    after: { rax: 1n },
    set: C | S | O | P,
  },
  { text: 'xor eax, eax', bytes: '31c0', before: { rax: MAX }, flags: C | O, after: { rax: 0n }, set: Z | P },
  { text: 'and eax, 0xf0', bytes: '25f0000000', before: { rax: 0x1ffn }, after: { rax: 0xf0n }, set: P },
  { text: 'or eax, ecx', bytes: '09c8', before: { rax: 1n, rcx: 2n }, after: { rax: 3n }, set: P },
  { text: 'test rcx, rcx', bytes: '4885c9', before: { rcx: 1n << 63n }, after: {}, set: S | P },
  { text: 'test al, 1', bytes: 'a801', before: { rax: 2n }, after: {}, set: Z | P },
  {
    text: 'inc eax keeps the carry',
    bytes: 'ffc0',
    before: { rax: 0xffff_ffffn },
    flags: C,
    after: { rax: 0n },
    set: C | Z | P | A,
  },
  { text: 'dec rcx', bytes: '48ffc9', before: { rcx: 0n }, after: { rcx: MAX }, set: S | P | A },
  { text: 'movzx eax, cl', bytes: '0fb6c1', before: { rcx: 0x1ffn, rax: MAX }, after: { rax: 0xffn } },
  { text: 'movsx eax, cl', bytes: '0fbec1', before: { rcx: 0x80n }, after: { rax: 0xffff_ff80n } },
  { text: 'movsxd rax, ecx', bytes: '4863c1', before: { rcx: 0x8000_0000n }, after: { rax: 0xffff_ffff_8000_0000n } },
  {
    text: 'cmove eax, ecx not taken clears the upper half',
    bytes: '0f44c1',
    before: { rax: MAX, rcx: 1n },
    after: { rax: 0xffff_ffffn },
  },
  { text: 'cmovne rax, rcx taken', bytes: '480f45c1', before: { rax: 0n, rcx: 5n }, after: { rax: 5n } },
  { text: 'setb al', bytes: '0f92c0', before: { rax: 0x100n }, flags: C, after: { rax: 0x101n } },
  { text: 'je taken', bytes: '7410', before: {}, flags: Z, after: {}, to: 0x12 },
  { text: 'je not taken', bytes: '7410', before: {}, after: {} },
  { text: 'jg needs equal sign and overflow', bytes: '7f10', before: {}, flags: S | O, after: {}, to: 0x12 },
  { text: 'jl backwards, near', bytes: '0f8cfaffffff', before: {}, flags: S, after: {}, to: 0 },
  { text: 'jmp short', bytes: 'ebfe', before: {}, after: {}, to: 0 },
  { text: 'jmp near', bytes: 'e9fb000000', before: {}, after: {}, to: 0x100 },
  { text: 'jmp rax', bytes: 'ffe0', before: { rax: RIP + 0x40n }, after: {}, to: 0x40 },
  { text: 'nop', bytes: '90', before: {}, after: {} },
  { text: 'nop with operand', bytes: '0f1f440000', before: {}, after: {} },
  { text: 'endbr64', bytes: 'f30f1efa', before: {}, after: {} },
];

describe('emulated instructions', () => {
  for (const { text, bytes, before, flags, after, set, to } of CASES) {
    it(text, () => {
      const { context, memory } = start(before, flags);
      const expected = context.copy();
      for (const [name, value] of Object.entries(after)) expected.set(name, value);
      expected.rip = RIP + BigInt(to ?? code(bytes).length);
      if (set !== undefined) expected.eflags = (expected.eflags & ~STATUS) | set;
      // What follows the instruction must not matter.
      assert.ok(emulate(context, Buffer.concat([code(bytes), Buffer.alloc(15, 0xcc)]).subarray(0, 15), memory));
      assert.deepEqual(context.bytes, expected.bytes);
    });
  }

  it('push, pop, call, ret and leave move values over the stack', () => {
    const { context, memory } = start({ rbx: 0x1122n, rcx: 0n });
    const top = context.rsp;
    assert.ok(emulate(context, code('53'), memory));
    assert.equal(memory.qword(top - 8n), 0x1122n);
    assert.ok(emulate(context, code('59'), memory));
    assert.deepEqual([context.get('rcx'), context.rsp, context.rip], [0x1122n, top, RIP + 2n]);
    assert.ok(emulate(context, code('6aff'), memory));
    assert.equal(memory.qword(top - 8n), MAX);
    context.rsp = top;
    assert.ok(emulate(context, code('e800010000'), memory));
    assert.deepEqual([memory.qword(top - 8n), context.rip], [RIP + 9n, RIP + 9n + 0x100n]);
    assert.ok(emulate(context, code('c21000'), memory));
    assert.deepEqual([context.rip, context.rsp], [RIP + 9n, top + 0x10n]);
    memory.setQword(top, 0x77n);
    context.set('rbp', top);
    assert.ok(emulate(context, code('c9'), memory));
    assert.deepEqual([context.get('rbp'), context.rsp], [0x77n, top + 8n]);
  });

  it('reads and writes memory operands of every size', () => {
    const { context, memory } = start({ rcx: DATA + 8n, rax: 0x1111_2222_3333_4444n });
    memory.setQword(DATA + 8n, MAX);
    assert.ok(emulate(context, code('6689 01'), memory));
    assert.equal(memory.qword(DATA + 8n), 0xffff_ffff_ffff_4444n);
    assert.ok(emulate(context, code('c74104 01000000'), memory));
    assert.equal(memory.qword(DATA + 8n), 0x1_ffff_4444n);
    assert.ok(emulate(context, code('480301'), memory));
    assert.equal(context.get('rax'), BigInt.asUintN(64, 0x1111_2222_3333_4444n + 0x1_ffff_4444n));
  });

  it('leaves to the processor what it does not know, and changes nothing', () => {
    const unknown = ['f048ff00', '65488b042560000000', '0fa2', '0f05', 'cc', 'f3a4', '660f6fc0', '8b', '', '67488b00'];
    for (const bytes of [...unknown, '488b00', 'ff10', '8f00']) {
      const { context, memory } = start({ rax: 0x9999n });
      const before = Uint8Array.from(context.bytes);
      assert.equal(emulate(context, code(bytes), memory), false, bytes);
      assert.deepEqual(context.bytes, before, bytes);
    }
  });

  it('changes nothing when the stack cannot be written', () => {
    const { context, memory } = start({ rsp: 0x10n });
    const before = Uint8Array.from(context.bytes);
    assert.equal(emulate(context, code('e800010000'), memory), false);
    assert.deepEqual(context.bytes, before);
  });

  it('knows calls by their length', () => {
    const { context } = start({});
    assert.equal(callLength(context, code('e800000000')), 5);
    assert.equal(callLength(context, code('ff1500000000')), 6);
    assert.equal(callLength(context, code('41ffd4')), 3);
    assert.equal(callLength(context, code('ffe0')), undefined);
    assert.equal(callLength(context, code('e8')), undefined);
  });

  it('is an instruction or nothing for any bytes: no error, no change outside of its memory', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 15 }), (bytes) => {
        const { context, memory } = start({ rcx: DATA, rax: DATA + 0x100n });
        const before = Uint8Array.from(context.bytes);
        if (!emulate(context, bytes, memory)) assert.deepEqual(context.bytes, before);
      }),
      { seed: 8086, numRuns: 5_000 },
    );
  });

  it('adds and compares as whole numbers do', () => {
    const bits64 = fc.bigInt({ min: 0n, max: MAX });
    fc.assert(
      fc.property(bits64, bits64, (left, right) => {
        const { context, memory } = start({ rax: left, rcx: right });
        assert.ok(emulate(context, code('4839c8'), memory));
        const has = (flag: number): boolean => (context.eflags & flag) !== 0;
        assert.equal(has(C), left < right);
        assert.equal(has(Z), left === right);
        assert.equal(has(S) !== has(O), BigInt.asIntN(64, left) < BigInt.asIntN(64, right));
        assert.ok(emulate(context, code('4801c8'), memory));
        assert.equal(context.get('rax'), BigInt.asUintN(64, left + right));
        assert.equal(has(C), left + right > MAX);
      }),
      { seed: 8086, numRuns: 500 },
    );
  });
});
