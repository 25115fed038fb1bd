/**
 * Memory of the test target: sparse frames of 4 KiB, and page tables of four levels that lie in those frames, as the processor
 * and a debugger that walks them find them (bits: the public x64 manuals; reference section 10.4).
 */
export const PAGE_BYTES = 4096;
const PRESENT = 1n;
const WRITABLE = 2n;
const USER = 4n;
const LARGE = 0x80n;
const FRAME_MASK = 0x000f_ffff_ffff_f000n;

export class PhysicalMemory {
  readonly #frames = new Map<number, Uint8Array>();
  #next = 1;
  /** Counts what may have changed a page table. */
  changes = 0;

  /** A fresh frame of zeros; its physical address. */
  allocateFrame(): bigint {
    const number = this.#next++;
    this.#frames.set(number, new Uint8Array(PAGE_BYTES));
    return BigInt(number) * BigInt(PAGE_BYTES);
  }

  frame(address: bigint): Uint8Array | undefined {
    return this.#frames.get(Number(address / BigInt(PAGE_BYTES)));
  }

  /** The readable beginning of the range. */
  read(address: bigint, length: number): Uint8Array {
    return gather(length, (done) => {
      const at = address + BigInt(done);
      return { frame: this.frame(at), offset: Number(at % BigInt(PAGE_BYTES)) };
    });
  }

  /** Bytes written. */
  write(address: bigint, data: Uint8Array): number {
    this.changes++;
    return scatter(data, (done) => {
      const at = address + BigInt(done);
      return { frame: this.frame(at), offset: Number(at % BigInt(PAGE_BYTES)) };
    });
  }
}

type Piece = { readonly frame: Uint8Array | undefined; readonly offset: number };

function gather(length: number, pieceAt: (done: number) => Piece): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { frame, offset } = pieceAt(done);
    if (frame === undefined) break;
    const part = frame.subarray(offset, Math.min(PAGE_BYTES, offset + length - done));
    bytes.set(part, done);
    done += part.length;
  }
  return bytes.subarray(0, done);
}

function scatter(data: Uint8Array, pieceAt: (done: number) => Piece): number {
  let done = 0;
  while (done < data.length) {
    const { frame, offset } = pieceAt(done);
    if (frame === undefined) break;
    const part = data.subarray(done, done + PAGE_BYTES - offset);
    frame.set(part, offset);
    done += part.length;
  }
  return done;
}

/** A page fault of the processor, or of who asked for memory that must be there. */
export class PageFault extends Error {
  constructor(readonly address: bigint) {
    super(`no page at ${address.toString(16)}`);
  }
}

const canonical = (address: bigint): bigint => BigInt.asUintN(64, address);
const indexAt = (address: bigint, level: number): bigint => (address >> BigInt(12 + 9 * level)) & 511n;

/** One set of page tables. Spaces made from another share its upper (kernel) half. */
export class AddressSpace {
  /** Physical address of the top table: what CR3 holds. */
  readonly cr3: bigint;
  /** Pages to their frames, as a processor's translation buffer has them. Tables that nobody writes through a mapping of theirs. */
  readonly #translated = new Map<bigint, Uint8Array>();
  #translatedAt = 0;

  constructor(
    readonly physical: PhysicalMemory,
    shared?: AddressSpace,
  ) {
    this.cr3 = physical.allocateFrame();
    for (let index = 256n; index < 512n; index++) {
      const entry =
        shared === undefined ? physical.allocateFrame() | PRESENT | WRITABLE : shared.#entry(shared.cr3, index);
      this.#setEntry(this.cr3, index, entry);
    }
  }

  /** Makes pages of zeros from address on, which is rounded down. Pages that are there stay. */
  map(address: bigint, bytes: number): void {
    const last = address + BigInt(bytes) - 1n;
    for (let page = address & ~0xfffn; page <= last; page += BigInt(PAGE_BYTES)) {
      if (this.translate(page) === undefined) this.mapFrame(page, this.physical.allocateFrame());
    }
  }

  /** The page leads to this frame: image pages that several processes share. */
  mapFrame(page: bigint, frame: bigint): void {
    let table = this.cr3;
    for (let level = 3; level > 0; level--) {
      const index = indexAt(page, level);
      let entry = this.#entry(table, index);
      if ((entry & PRESENT) === 0n) {
        entry = this.physical.allocateFrame() | PRESENT | WRITABLE | USER;
        this.#setEntry(table, index, entry);
      }
      table = entry & FRAME_MASK;
    }
    this.#setEntry(table, indexAt(page, 0), frame | PRESENT | WRITABLE | USER);
  }

  /** Takes the page away: it is "paged out". transition keeps its frame readable for who knows that state. */
  unmap(address: bigint, transition = false): void {
    let table = this.cr3;
    for (let level = 3; level > 0; level--) table = this.#entry(table, indexAt(address, level)) & FRAME_MASK;
    const index = indexAt(address, 0);
    const entry = this.#entry(table, index);
    this.#setEntry(table, index, transition ? (entry & FRAME_MASK) | 0x800n : 0n);
  }

  translate(address: bigint): bigint | undefined {
    let table = this.cr3;
    for (let level = 3; level >= 0; level--) {
      const entry = this.#entry(table, indexAt(address, level));
      if ((entry & PRESENT) === 0n) return undefined;
      const reach = (1n << BigInt(12 + 9 * level)) - 1n;
      if (level === 0 || (entry & LARGE) !== 0n) return (entry & FRAME_MASK & ~reach) | (address & reach);
      table = entry & FRAME_MASK;
    }
    return undefined;
  }

  read(address: bigint, length: number): Uint8Array {
    return gather(length, (done) => this.#piece(address + BigInt(done)));
  }

  write(address: bigint, data: Uint8Array): number {
    return scatter(data, (done) => this.#piece(address + BigInt(done)));
  }

  #piece(address: bigint): Piece {
    return { frame: this.#frameOf(address), offset: Number(address & 0xfffn) };
  }

  #frameOf(address: bigint): Uint8Array | undefined {
    const { physical } = this;
    if (this.#translatedAt !== physical.changes) {
      this.#translated.clear();
      this.#translatedAt = physical.changes;
    }
    const page = canonical(address) >> 12n;
    const known = this.#translated.get(page);
    if (known !== undefined) return known;
    const at = this.translate(page << 12n);
    const frame = at === undefined ? undefined : physical.frame(at);
    if (frame !== undefined) this.#translated.set(page, frame);
    return frame;
  }

  /** @throws PageFault */
  unsigned(address: bigint, bytes: number): bigint {
    const offset = Number(address & 0xfffn);
    const frame = offset + bytes > PAGE_BYTES ? undefined : this.#frameOf(address);
    if (frame !== undefined && bytes === 1) return BigInt(frame[offset] ?? 0);
    if (frame !== undefined && bytes === 8) return new DataView(frame.buffer).getBigUint64(offset, true);
    const data = this.read(address, bytes);
    if (data.length < bytes) throw new PageFault(canonical(address + BigInt(data.length)));
    let value = 0n;
    for (let index = bytes - 1; index >= 0; index--) value = (value << 8n) | BigInt(data[index] ?? 0);
    return value;
  }

  /** @throws PageFault */
  setUnsigned(address: bigint, bytes: number, value: bigint): void {
    const data = new Uint8Array(bytes);
    for (let index = 0; index < bytes; index++) data[index] = Number((value >> BigInt(8 * index)) & 0xffn);
    const written = this.write(address, data);
    if (written < bytes) throw new PageFault(canonical(address + BigInt(written)));
  }

  #entry(table: bigint, index: bigint): bigint {
    const frame = this.physical.frame(table);
    if (frame === undefined) return 0n;
    return new DataView(frame.buffer).getBigUint64(Number(index) * 8, true);
  }

  #setEntry(table: bigint, index: bigint, entry: bigint): void {
    this.physical.changes++;
    const frame = this.physical.frame(table);
    if (frame !== undefined) new DataView(frame.buffer).setBigUint64(Number(index) * 8, entry, true);
  }
}
