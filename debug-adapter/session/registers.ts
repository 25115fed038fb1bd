/** Registers of one frame: all of them in the innermost one, those that a call preserves in its callers. */
import { REGISTERS, type X64Context } from '../../machine/x64-context.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { RegisterAccess, Value } from '../variables/value.js';
import { basicType, type CType } from '../variables/types.js';

/** What the calling convention of x64 lets a callee not change. */
const PRESERVED = new Set([
  ...['rbx', 'rbp', 'rsp', 'rsi', 'rdi', 'r12', 'r13', 'r14', 'r15', 'rip'],
  ...Array.from({ length: 10 }, (_, index) => `xmm${index + 6}`),
]);

const ALIASES: Readonly<Record<string, string>> = { efl: 'eflags', rflags: 'eflags', ip: 'rip', sp: 'rsp', pc: 'rip' };

export class FrameRegisters implements RegisterAccess {
  /** @param save writes the thread's registers; undefined in a caller's frame, where they are memory of its callees */
  constructor(
    readonly context: X64Context,
    readonly isTop: boolean,
    readonly save: ((context: X64Context) => Promise<void>) | undefined,
  ) {}

  read(name: string): Uint8Array | undefined {
    const register = REGISTERS.get(ALIASES[name] ?? name);
    if (register === undefined) return undefined;
    if (!this.isTop && !PRESERVED.has(register.whole ?? register.name)) return undefined;
    return this.context.bytes.slice(register.offset, register.offset + register.size);
  }

  async write(name: string, data: Uint8Array): Promise<void> {
    if (this.save === undefined) {
      throw new EventscopeError({
        id: 'debug.notAssignable',
        what: `Register ${name} cannot be changed here`,
        why: "this frame is a caller's: its registers are saved on the stack",
      });
    }
    const changed = this.context.copy();
    let value = 0n;
    for (const byte of [...data].reverse()) value = (value << 8n) | BigInt(byte);
    changed.set(ALIASES[name] ?? name, value);
    await this.save(changed);
    this.context.bytes.set(changed.bytes);
  }

  /** `@name` in an expression. */
  value(name: string): Value | undefined {
    const register = REGISTERS.get(ALIASES[name] ?? name);
    if (register === undefined) return undefined;
    return { type: typeOfSize(register.size), location: { kind: 'register', name: register.name, offset: 0 } };
  }
}

function typeOfSize(size: number): CType {
  const name = { 1: 'UCHAR', 2: 'USHORT', 4: 'ULONG', 8: 'ULONG64' }[size];
  return (name === undefined ? undefined : basicType(name)) ?? { kind: 'unknown', name: `${size * 8} bits`, size };
}

/** Registers by the numbers of CodeView for AMD64 (cvconst.h, CV_AMD64_*). */
const CODEVIEW = new Map<number, string>();
function numbered(first: number, names: string): void {
  names.split(' ').forEach((name, index) => CODEVIEW.set(first + index, name));
}
numbered(1, 'al cl dl bl ah ch dh bh ax cx dx bx sp bp si di eax ecx edx ebx esp ebp esi edi');
numbered(154, 'xmm0 xmm1 xmm2 xmm3 xmm4 xmm5 xmm6 xmm7');
numbered(252, 'xmm8 xmm9 xmm10 xmm11 xmm12 xmm13 xmm14 xmm15');
numbered(324, 'sil dil bpl spl rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15');
numbered(344, 'r8b r9b r10b r11b r12b r13b r14b r15b r8w r9w r10w r11w r12w r13w r14w r15w');
numbered(360, 'r8d r9d r10d r11d r12d r13d r14d r15d');

export function codeViewRegister(number: number): string | undefined {
  return CODEVIEW.get(number);
}

/** Groups of the Registers scope, in the order in which they are shown. */
export const REGISTER_GROUPS: readonly { readonly name: string; readonly registers: readonly string[] }[] = [
  {
    name: 'General',
    registers: 'rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags'.split(' '),
  },
  { name: 'Segments', registers: ['cs', 'ss', 'ds', 'es', 'fs', 'gs'] },
  { name: 'SSE', registers: [...Array.from({ length: 16 }, (_, index) => `xmm${index}`), 'mxcsr'] },
  { name: 'Debug', registers: ['dr0', 'dr1', 'dr2', 'dr3', 'dr6', 'dr7'] },
];
