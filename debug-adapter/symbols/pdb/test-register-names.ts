/** CodeView's numbers by LLVM's names, for what the corpus names. */
const ROWS: readonly (readonly [number, string])[] = [
  [1, 'AL CL DL BL AH CH DH BH AX CX DX BX SP BP SI DI EAX ECX EDX EBX ESP EBP ESI EDI'],
  [154, 'XMM0 XMM1 XMM2 XMM3 XMM4 XMM5 XMM6 XMM7'],
  [162, Array.from({ length: 32 }, (_, index) => `XMM${index >> 2}_${index & 3}`).join(' ')],
  [194, 'XMM0L XMM1L XMM2L XMM3L XMM4L XMM5L XMM6L XMM7L'],
  [252, 'XMM8 XMM9 XMM10 XMM11 XMM12 XMM13 XMM14 XMM15'],
  [324, 'SIL DIL BPL SPL RAX RBX RCX RDX RSI RDI RBP RSP'],
  [336, 'R8 R9 R10 R11 R12 R13 R14 R15 R8B R9B R10B R11B R12B R13B R14B R15B'],
  [352, 'R8W R9W R10W R11W R12W R13W R14W R15W R8D R9D R10D R11D R12D R13D R14D R15D'],
  [30006, 'VFRAME'],
];

export function registerNumber(name: string): number {
  for (const [first, names] of ROWS) {
    const index = names.split(' ').indexOf(name);
    if (index >= 0) return first + index;
  }
  return -1;
}
