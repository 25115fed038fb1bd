/**
 * Access masks of the object manager's types, in words.
 * Sources: Microsoft's pages on synchronization object security and access rights, and winnt.h.
 */

interface Right {
  readonly mask: number;
  readonly words: string;
}

const DISPATCHER_WAIT: Right = { mask: 0x10_0000, words: 'wait' };
const QUERY_STATE: Right = { mask: 0x1, words: 'query its state' };

/** Rights of a type's own, by the kernel's type name. Ones that all types have are in STANDARD. */
const SPECIFIC: Readonly<Record<string, readonly Right[]>> = {
  Event: [QUERY_STATE, { mask: 0x2, words: 'signal and reset' }, DISPATCHER_WAIT],
  Mutant: [QUERY_STATE, DISPATCHER_WAIT],
  Semaphore: [QUERY_STATE, { mask: 0x2, words: 'release' }, DISPATCHER_WAIT],
  Timer: [QUERY_STATE, { mask: 0x2, words: 'set and cancel' }, DISPATCHER_WAIT],
  Section: [
    { mask: 0x1, words: 'query' },
    { mask: 0x2, words: 'map for writing' },
    { mask: 0x4, words: 'map for reading' },
    { mask: 0x8, words: 'map for execution' },
    { mask: 0x10, words: 'extend' },
  ],
  SymbolicLink: [
    { mask: 0x1, words: 'query its target' },
    { mask: 0x2, words: 'change its target' },
  ],
  Directory: [
    { mask: 0x1, words: 'list' },
    { mask: 0x2, words: 'traverse' },
    { mask: 0x4, words: 'create objects' },
    { mask: 0x8, words: 'create directories' },
  ],
};

/** What stands for everything a type has (its ..._ALL_ACCESS). */
const ALL_ACCESS: Readonly<Record<string, number>> = {
  Event: 0x1f_0003,
  Mutant: 0x1f_0001,
  Semaphore: 0x1f_0003,
  Timer: 0x1f_0003,
  Section: 0xf_001f,
  SymbolicLink: 0xf_0001,
  Directory: 0xf_000f,
};

const STANDARD: readonly Right[] = [
  { mask: 0x1_0000, words: 'delete' },
  { mask: 0x2_0000, words: 'read its security' },
  { mask: 0x4_0000, words: 'change its permissions' },
  { mask: 0x8_0000, words: 'take ownership' },
];

const GENERIC: readonly Right[] = [
  { mask: 0x8000_0000, words: 'generic read' },
  { mask: 0x4000_0000, words: 'generic write' },
  { mask: 0x2000_0000, words: 'generic execute' },
];
const GENERIC_ALL = 0x1000_0000;

const hex = (mask: number): string => `0x${mask.toString(16).padStart(8, '0')}`;

/** Such as "query its state, signal and reset, wait"; bits without a name as a number, "nothing" for 0. */
export function describeAccess(mask: number, typeName: string): string {
  const all = ALL_ACCESS[typeName];
  if ((mask & GENERIC_ALL) !== 0 || (all !== undefined && (mask & all) >>> 0 === all)) return 'full control';
  let left = mask >>> 0;
  const words: string[] = [];
  for (const right of [...(SPECIFIC[typeName] ?? []), ...STANDARD, ...GENERIC]) {
    if ((left & right.mask) >>> 0 !== right.mask) continue;
    words.push(right.words);
    left = (left & ~right.mask) >>> 0;
  }
  if (left !== 0) words.push(hex(left));
  return words.length === 0 ? 'nothing' : words.join(', ');
}

/** Whether a handle with this access can signal the object: who could end a wait for it. */
export const canSignal = (mask: number, typeName: string): boolean =>
  (typeName === 'Event' || typeName === 'Semaphore' || typeName === 'Timer') && (mask & 0x2) !== 0;
