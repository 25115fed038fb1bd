/** What was read of a stopped target: exactly the bytes that were asked for, never their neighbours. */
const PAGE_BYTES = 4096;
const MAX_PAGES = 8_192;

interface CachedPage {
  readonly bytes: Uint8Array;
  /** 1 where a byte is known. */
  readonly known: Uint8Array;
}

export class MemoryCache {
  readonly #pages = new Map<bigint, CachedPage>();

  clear(): void {
    this.#pages.clear();
  }

  /** Inside one page. How many bytes from `address` are known are copied to `into`; their count. */
  take(address: bigint, into: Uint8Array): number {
    const page = this.#pages.get(address / BigInt(PAGE_BYTES));
    if (page === undefined) return 0;
    const offset = Number(address % BigInt(PAGE_BYTES));
    let count = 0;
    while (count < into.length && page.known[offset + count] === 1) count++;
    into.set(page.bytes.subarray(offset, offset + count));
    return count;
  }

  /** Inside one page. */
  put(address: bigint, bytes: Uint8Array): void {
    const key = address / BigInt(PAGE_BYTES);
    let page = this.#pages.get(key);
    if (page === undefined) {
      if (this.#pages.size >= MAX_PAGES) this.#pages.clear();
      page = { bytes: new Uint8Array(PAGE_BYTES), known: new Uint8Array(PAGE_BYTES) };
      this.#pages.set(key, page);
    }
    const offset = Number(address % BigInt(PAGE_BYTES));
    page.bytes.set(bytes, offset);
    page.known.fill(1, offset, offset + bytes.length);
  }
}

/** Bytes from the address to the end of its page of 4 KiB. */
export const leftInPage = (address: bigint): number => PAGE_BYTES - Number(address % BigInt(PAGE_BYTES));
