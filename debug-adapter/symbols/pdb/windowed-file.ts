import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const WINDOW = 32 * 1024;
/** 4 MiB in all. */
const MAX_WINDOWS = 128;

/**
 * A file read through a few windows, never as a whole. Reads are synchronous: PDBs are read in a worker, where waiting costs nobody, and
 * a parser of thousands of small records does not want a promise for each.
 */
export class WindowedFile {
  readonly #file: number;
  readonly size: number;
  readonly #windows = new Map<number, Buffer>();

  /** @throws the system's error when the file cannot be opened. */
  constructor(path: string) {
    this.#file = openSync(path, 'r');
    this.size = fstatSync(this.#file).size;
  }

  /** Fewer bytes than asked for only at the file's end. The result may be shared: not to be written to. */
  read(offset: number, length: number): Buffer {
    const first = Math.floor(offset / WINDOW);
    const last = Math.floor((offset + Math.max(length, 1) - 1) / WINDOW);
    if (first === last) return this.#window(first).subarray(offset - first * WINDOW, offset - first * WINDOW + length);
    const result = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - offset)));
    let filled = 0;
    // What spans several windows is read once and kept by who asked for it: windows are for the small reads around it.
    while (filled < result.length) {
      const read = readSync(this.#file, result, filled, result.length - filled, offset + filled);
      if (read === 0) return result.subarray(0, filled);
      filled += read;
    }
    return result;
  }

  close(): void {
    this.#windows.clear();
    closeSync(this.#file);
  }

  #window(index: number): Buffer {
    const known = this.#windows.get(index);
    if (known !== undefined) {
      this.#windows.delete(index);
      this.#windows.set(index, known);
      return known;
    }
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(WINDOW, this.size - index * WINDOW)));
    const read = bytes.length === 0 ? 0 : readSync(this.#file, bytes, 0, bytes.length, index * WINDOW);
    const window = bytes.subarray(0, read);
    this.#windows.set(index, window);
    if (this.#windows.size > MAX_WINDOWS) {
      const oldest = this.#windows.keys().next();
      if (oldest.done !== true) this.#windows.delete(oldest.value);
    }
    return window;
  }
}
