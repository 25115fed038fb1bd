import assert from 'node:assert/strict';
import { CONTEXT_BYTES, REGISTERS, X64Context } from './x64-context.js';

describe('CONTEXT of x64 by name', () => {
  it('has each register where winnt.h puts it', () => {
    // Of Windows' own header: offsetof(CONTEXT, ...).
    const offsets: Record<string, number> = {
      mxcsr: 0x34,
      cs: 0x38,
      ss: 0x42,
      eflags: 0x44,
      dr0: 0x48,
      dr7: 0x70,
      rax: 0x78,
      rcx: 0x80,
      rsp: 0x98,
      rdi: 0xb0,
      r8: 0xb8,
      r15: 0xf0,
      rip: 0xf8,
      st0: 0x120,
      xmm0: 0x1a0,
      xmm15: 0x290,
    };
    for (const [name, offset] of Object.entries(offsets)) assert.equal(REGISTERS.get(name)?.offset, offset, name);
    assert.equal(CONTEXT_BYTES, 0x4d0);
  });

  it('reads and writes parts as the processor does: 32 bits clear the upper half, smaller parts leave the rest', () => {
    const context = new X64Context();
    context.set('rax', 0x1122_3344_5566_7788n);
    assert.deepEqual(
      ['eax', 'ax', 'al', 'ah'].map((name) => context.get(name)),
      [0x5566_7788n, 0x7788n, 0x88n, 0x77n],
    );
    context.set('ah', 0xaan);
    context.set('al', 0xbbn);
    assert.equal(context.get('rax'), 0x1122_3344_5566_aabbn);
    context.set('r9', -1n);
    context.set('r9d', 5n);
    assert.equal(context.get('R9'), 5n);
    context.set('xmm3', (7n << 64n) | 9n);
    assert.equal(context.get('xmm3'), (7n << 64n) | 9n);
    assert.throws(() => context.get('rzz'), RangeError);
  });

  it('refuses bytes that are cut, and works on the bytes that it was given', () => {
    assert.throws(() => new X64Context(new Uint8Array(CONTEXT_BYTES - 1)), RangeError);
    const bytes = new Uint8Array(CONTEXT_BYTES + 16).subarray(16);
    const context = new X64Context(bytes);
    context.rip = 0xffff_8000_1234_5678n;
    assert.equal(new DataView(bytes.buffer, 16).getBigUint64(0xf8, true), 0xffff_8000_1234_5678n);
    const copy = context.copy();
    copy.rip = 1n;
    assert.equal(context.rip, 0xffff_8000_1234_5678n);
    context.setGeneral(4, 0x100n);
    assert.equal(context.rsp, 0x100n);
  });
});
