import { corruptPdb } from './corrupt-pdb.js';
import { Cursor } from './cursor.js';
import type { MsfStream } from './msf.js';

const SIGNATURE = 0xeffeeffe;
const HEADER = 12;
const STEP = 1024;

/** The stream "/names": file names, by their offset in it. */
export class NameTable {
  readonly #stream: MsfStream | undefined;
  readonly #length: number;
  readonly #known = new Map<number, string>();

  constructor(stream: MsfStream | undefined) {
    this.#stream = stream;
    if (stream === undefined || stream.length < HEADER) {
      this.#length = 0;
      return;
    }
    const header = new Cursor(stream.read(0, HEADER));
    if (header.u32() !== SIGNATURE) throw corruptPdb('its table of names has no signature');
    this.#length = Math.min(header.skip(4).u32(), stream.length - HEADER);
  }

  /** Empty when there is none. */
  at(offset: number): string {
    if (this.#stream === undefined || offset >= this.#length) return '';
    let name = this.#known.get(offset);
    if (name === undefined) {
      name = new Cursor(this.#stream.read(HEADER + offset, Math.min(STEP, this.#length - offset))).string();
      this.#known.set(offset, name);
    }
    return name;
  }
}
