/** Walks slots of one ring, record by record, and finds those that were never written. */
import { SLOT_BYTES } from '../recording.js';

/** Slots of the longest record. */
export const MAX_RECORD_SLOTS = 12;
const PAYLOAD_BYTES = 60;

/** Slots of one ring that follow one another. */
export interface SlotRun {
  readonly first: number;
  readonly view: DataView;
  readonly slots: number;
}

/** A place in slots that are all there; they may lie in several pieces. */
export class RingCursor {
  /** The `lost` field of the record last read. */
  lost = 0;
  slot: number;
  readonly #runs: readonly SlotRun[];
  #run = 0;

  constructor(runs: readonly SlotRun[]) {
    this.#runs = runs;
    this.slot = runs[0]?.first ?? 0;
  }

  get done(): boolean {
    return this.#run >= this.#runs.length;
  }

  get #current(): SlotRun {
    const run = this.#runs[this.#run];
    if (run === undefined) throw new RangeError('past the last slot');
    return run;
  }

  get view(): DataView {
    return this.#current.view;
  }

  /** Byte offset of the current slot in `view`. */
  get at(): number {
    return (this.slot - this.#current.first) * SLOT_BYTES;
  }

  /** The run from the current slot on; undefined when nothing is left. */
  rest(): { readonly view: DataView; readonly slot: number; readonly at: number } | undefined {
    return this.done ? undefined : { view: this.view, slot: this.slot, at: this.at };
  }

  /** A whole record begins here. */
  get whole(): boolean {
    return !this.done && this.#wholeRecord();
  }

  /** The bytes of what is left. */
  leftBytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.left * SLOT_BYTES);
    for (let index = 0; index * SLOT_BYTES < bytes.length; index += 1) {
      const place = this.#find(this.slot + index);
      if (place === undefined) break;
      const { buffer, byteOffset } = place.view;
      bytes.set(new Uint8Array(buffer, byteOffset + place.at, SLOT_BYTES), index * SLOT_BYTES);
    }
    return bytes;
  }

  advance(slots: number): void {
    this.slot += slots;
    this.#settle();
  }

  /** Slots up to the end of what is here. */
  get left(): number {
    const last = this.#runs.at(-1);
    return last === undefined ? 0 : last.first + last.slots - this.slot;
  }

  /** Passes over slots that are no beginning of a whole record, as long as at least `least` are left. */
  skipUnwritten(least: number): number {
    let skipped = 0;
    while (!this.done && this.left >= least && !this.#wholeRecord()) {
      skipped += 1;
      this.advance(1);
    }
    return skipped;
  }

  /** The payload of the current record's continuation slots. */
  payload(slots: number): Uint8Array | undefined {
    const bytes = new Uint8Array((slots - 1) * PAYLOAD_BYTES);
    for (let index = 1; index < slots; index += 1) {
      const place = this.#find(this.slot + index);
      if (place === undefined) return undefined;
      const { view, at } = place;
      bytes.set(new Uint8Array(view.buffer, view.byteOffset + at, PAYLOAD_BYTES), (index - 1) * PAYLOAD_BYTES);
    }
    return bytes;
  }

  #wholeRecord(): boolean {
    const { view, at } = this;
    const slots = view.getUint8(at + 58);
    if (slots < 1 || slots > MAX_RECORD_SLOTS) return false;
    for (let index = 0; index < slots; index += 1) {
      const place = index === 0 ? { view, at } : this.#find(this.slot + index);
      if (place === undefined) return false;
      if (place.view.getUint32(place.at + 60, true) !== (this.slot + index + 1) >>> 0) return false;
    }
    return view.getUint16(at + 52, true) !== 0;
  }

  #find(slot: number): { view: DataView; at: number } | undefined {
    for (let index = this.#run; index < this.#runs.length; index += 1) {
      const run = this.#runs[index];
      if (run === undefined || run.first > slot) return undefined;
      if (slot < run.first + run.slots) return { view: run.view, at: (slot - run.first) * SLOT_BYTES };
    }
    return undefined;
  }

  /** Moves to the run that holds `slot`, or to the next one behind it. */
  #settle(): void {
    for (;;) {
      const run = this.#runs[this.#run];
      if (run === undefined || this.slot < run.first + run.slots) return;
      this.#run += 1;
    }
  }
}
