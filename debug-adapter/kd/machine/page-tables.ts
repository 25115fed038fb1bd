/** Page tables of x64: from a virtual address to the frame that holds it. Four levels, five with CR4.LA57; pages of 4 KiB, 2 MiB, 1 GiB. */

const VALID = 1n;
const WRITABLE = 2n;
const USER = 4n;
const LARGE = 0x80n;
const NO_EXECUTE = 1n << 63n;
/** Software bits of an entry that is not valid. */
const PROTOTYPE = 0x400n;
const TRANSITION = 0x800n;
const FRAME = 0x000f_ffff_ffff_f000n;
const ENTRIES_MASK = 0x1ffn;
export const CR4_LA57 = 1n << 12n;
const PAGE_SHIFT = 12n;
/** Bits that the last level of a walk leaves as the offset, by how many levels are left. */
const LARGE_PAGE_BITS: readonly bigint[] = [12n, 21n, 30n];

export interface Translation {
  readonly physical: bigint;
  /** Bytes from here to the end of the page. */
  readonly left: number;
  readonly writable: boolean;
  readonly user: boolean;
  readonly executable: boolean;
  /** The page is on its way out or in; its frame still holds it. */
  readonly transition: boolean;
}

export interface AddressSpaceRoot {
  /** KPROCESS.DirectoryTableBase or CR3: low bits that are no address are ignored. */
  readonly directoryTableBase: bigint;
  readonly la57: boolean;
}

/** Undefined when the page is not in memory. */
export async function translate(
  readEntry: (physical: bigint) => Promise<bigint | undefined>,
  root: AddressSpaceRoot,
  address: bigint,
): Promise<Translation | undefined> {
  let table = root.directoryTableBase & FRAME;
  let writable = true;
  let user = true;
  let executable = true;
  for (let level = root.la57 ? 4 : 3; level >= 0; level--) {
    const index = (address >> (PAGE_SHIFT + 9n * BigInt(level))) & ENTRIES_MASK;
    const entry = await readEntry(table + index * 8n);
    if (entry === undefined) return undefined;
    const valid = (entry & VALID) !== 0n;
    const transition = !valid && level === 0 && (entry & TRANSITION) !== 0n && (entry & PROTOTYPE) === 0n;
    if (!valid && !transition) return undefined;
    writable &&= (entry & WRITABLE) !== 0n;
    user &&= (entry & USER) !== 0n;
    executable &&= (entry & NO_EXECUTE) === 0n;
    const bits = LARGE_PAGE_BITS[level];
    if (level === 0 || (bits !== undefined && (entry & LARGE) !== 0n)) {
      const offsetMask = (1n << (bits ?? PAGE_SHIFT)) - 1n;
      const physical = (entry & FRAME & ~offsetMask) | (address & offsetMask);
      const left = Number(offsetMask + 1n - (address & offsetMask));
      return { physical, left, writable, user, executable, transition };
    }
    table = entry & FRAME;
  }
  return undefined;
}
