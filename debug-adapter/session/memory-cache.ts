/** Memory of a stopped target, read once: pages of what was asked for, and what came along with the stop. */
import { EventscopeError } from '../../protocol/errors.js';
import type { Engine, SpaceId } from '../engine.js';
import type { MemoryAccess } from '../variables/value.js';

const PAGE = 4_096n;
/** Pages of one stop: 64 MiB. Beyond that the oldest are forgotten. */
const MAX_PAGES = 16_384;
const MAX_READ = 16 * 1024 * 1024;

/** The readable beginning of a page. */
type Page = Promise<Uint8Array>;

export class MemoryCache {
  readonly #engine: Engine;
  readonly #pages = new Map<string, Page>();
  readonly #pieces = new Map<SpaceId, { readonly address: bigint; readonly data: Uint8Array }[]>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Memory that came along with a stop. */
  put(space: SpaceId, address: bigint, data: Uint8Array): void {
    const pieces = this.#pieces.get(space) ?? [];
    pieces.push({ address, data });
    this.#pieces.set(space, pieces);
  }

  /** Everything may have changed. */
  clear(): void {
    this.#pages.clear();
    this.#pieces.clear();
  }

  access(space: SpaceId, signal: AbortSignal): MemoryAccess {
    return {
      read: (address, length) => this.#read(space, address, length, signal),
      write: async (address, data) => {
        await this.#engine.writeMemory(space, address, data, { signal });
        this.clear();
      },
    };
  }

  async #read(space: SpaceId, address: bigint, length: number, signal: AbortSignal): Promise<Uint8Array> {
    if (length <= 0) return new Uint8Array();
    if (length > MAX_READ) {
      throw new EventscopeError({
        id: 'debug.memory',
        what: `${length} bytes of memory cannot be read at once`,
        why: `at most ${MAX_READ} can`,
      });
    }
    const piece = this.#pieces
      .get(space)
      ?.find((each) => each.address <= address && address + BigInt(length) <= each.address + BigInt(each.data.length));
    if (piece !== undefined) {
      const offset = Number(address - piece.address);
      return piece.data.subarray(offset, offset + length);
    }
    const first = address / PAGE;
    const last = (address + BigInt(length) - 1n) / PAGE;
    this.#fetch(space, first, last, signal);
    const whole = new Uint8Array(length);
    let filled = 0;
    for (let page = first; page <= last; page += 1n) {
      const data = await this.#page(space, page, signal);
      const from = page === first ? Number(address % PAGE) : 0;
      const part = data.subarray(Math.min(from, data.length), Math.min(data.length, from + length - filled));
      whole.set(part, filled);
      filled += part.length;
      if (data.length < Number(PAGE) && filled < length) return whole.subarray(0, filled);
    }
    return whole;
  }

  /** Asks for all missing pages of a range in one request. */
  #fetch(space: SpaceId, first: bigint, last: bigint, signal: AbortSignal): void {
    const missing: bigint[] = [];
    for (let page = first; page <= last; page += 1n) if (!this.#pages.has(`${space}/${page}`)) missing.push(page);
    if (missing.length === 0) return;
    const ranges = missing.map((page) => ({ address: page * PAGE, length: Number(PAGE) }));
    const answer = this.#engine.readMemory(space, ranges, { signal });
    missing.forEach((page, index) => {
      const key = `${space}/${page}`;
      const data = answer.then((all) => all[index] ?? new Uint8Array());
      this.#pages.set(key, data);
      data.catch(() => {
        if (this.#pages.get(key) === data) this.#pages.delete(key);
      });
    });
    for (const key of this.#pages.keys()) {
      if (this.#pages.size <= MAX_PAGES) break;
      this.#pages.delete(key);
    }
  }

  #page(space: SpaceId, page: bigint, signal: AbortSignal): Page {
    const key = `${space}/${page}`;
    if (!this.#pages.has(key)) this.#fetch(space, page, page, signal);
    return this.#pages.get(key) ?? Promise.resolve(new Uint8Array());
  }
}
