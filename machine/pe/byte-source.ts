/**
 * Where an image's bytes come from: a file, a buffer, or the memory of a target. One read may give fewer bytes than were asked for: as
 * many as are readable from the offset on, none when the first is not.
 */
export interface ByteSource {
  /** @param offset bytes from the begin of the file, or from the image's base in memory. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export class BufferSource implements ByteSource {
  constructor(private readonly bytes: Uint8Array) {}

  read(offset: number, length: number): Promise<Uint8Array> {
    return Promise.resolve(this.bytes.subarray(offset, offset + length));
  }
}

const PAGE = 4096;
/** 4 MiB at most: export and exception directories of a kernel fit. */
const MAX_PAGES = 1024;

/**
 * Reads whole pages and keeps them, the least recently used go first: a directory of a thousand names is a few requests to the target
 * instead of a thousand.
 */
export class PagedSource implements ByteSource {
  readonly #pages = new Map<number, Uint8Array>();

  constructor(private readonly source: ByteSource) {}

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (length <= 0 || offset < 0) return new Uint8Array(0);
    const first = Math.floor(offset / PAGE);
    const last = Math.floor((offset + length - 1) / PAGE);
    // More than the cache holds is passed on: it would push out its own begin.
    if (last - first >= MAX_PAGES) return this.source.read(offset, length);
    await this.#fetch(first, last);
    const result = new Uint8Array(length);
    let filled = 0;
    for (let page = first; page <= last; page++) {
      const bytes = this.#pages.get(page) ?? new Uint8Array(0);
      const from = page === first ? offset - page * PAGE : 0;
      const piece = bytes.subarray(from, Math.min(PAGE, from + length - filled));
      result.set(piece, filled);
      filled += piece.length;
      if (from + piece.length < PAGE) break;
    }
    return result.subarray(0, filled);
  }

  async #fetch(first: number, last: number): Promise<void> {
    for (let page = first; page <= last; page++) {
      const known = this.#pages.get(page);
      if (known !== undefined) {
        this.#keep(page, known);
        continue;
      }
      let end = page + 1;
      while (end <= last && !this.#pages.has(end)) end++;
      const bytes = await this.source.read(page * PAGE, (end - page) * PAGE);
      for (let at = page; at < end; at++) {
        this.#keep(at, bytes.slice((at - page) * PAGE, (at - page + 1) * PAGE));
      }
      page = end - 1;
    }
  }

  #keep(page: number, bytes: Uint8Array): void {
    this.#pages.delete(page);
    this.#pages.set(page, bytes);
    if (this.#pages.size <= MAX_PAGES) return;
    const oldest = this.#pages.keys().next();
    if (oldest.done !== true) this.#pages.delete(oldest.value);
  }
}
