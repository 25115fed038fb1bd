/**
 * A raw recording of any size, as it comes out of trace rings: 8 pairs of threads, in each of which one sets a synchronization
 * event that the other waits for. A ring per thread; what is drained comes in pieces of all rings in turn.
 */
import { Flag, Kind, ObjectType } from '../../trace/model/records.js';
import { RingWriter } from '../../trace/ring-writer.js';
import { SLOT_BYTES, type Recording, type RecordingSource, type SlotChunk } from '../../trace/recording.js';

const PAIRS = 8;
const PROCESS = 100;
const FIRST_THREAD = 1_000;
/** Ticks of the TSC, 3 to a ns: from one signal of a pair to its next, and the TSC's value at the beginning. */
const PERIOD = 6_000;
const BASE = 1_000_000;
const SLOTS_PER_PIECE = 4_096;
const MODULE_BASE = 0x1_4000_0000n;

const source: RecordingSource = {
  ...{ id: 0, side: 'user', description: 'eventapp.exe', process: PROCESS, session: 1 },
  ...{ ringCount: 2 * PAIRS, slotsPerRing: 65_536, end: { lost: 0n } },
};

/** `transitions`: half of them sets, half takes; each take is two slots (a wait's beginning and its end). */
export function manyRecords(transitions: number): Recording {
  const rounds = Math.floor(transitions / PAIRS / 2);
  const rings = Array.from({ length: 2 * PAIRS }, (_, thread) => ringOf(thread, rounds));
  const chunks: SlotChunk[] = [];
  for (let at = 0, more = true; more; at += SLOTS_PER_PIECE) {
    more = false;
    for (const [ring, bytes] of rings.entries()) {
      const piece = bytes.subarray(at * SLOT_BYTES, (at + SLOTS_PER_PIECE) * SLOT_BYTES);
      if (piece.length === 0) continue;
      more = true;
      chunks.push({ source: 0, ring, firstSlot: BigInt(at), lost: 0n, bytes: piece });
    }
  }
  const metadata = { title: `${rounds * 2 * PAIRS} transitions`, target: 'generated', host: '', versions: {} };
  return {
    metadata: { ...metadata, startUtcMs: 0 },
    ...{ sources: [source], chunks, log: [], dropped: { slots: 0, lines: 0 } },
  };
}

/** Thread 2p sets event p, thread 2p + 1 waits for it. */
function ringOf(thread: number, rounds: number): Uint8Array {
  const pair = thread >> 1;
  const waits = thread % 2 === 1;
  const head = headOf(thread, pair, rounds);
  const bytes = new Uint8Array(head.length + rounds * (waits ? 2 : 1) * SLOT_BYTES);
  bytes.set(head);
  const slot = new SlotWriter(bytes, head.length, FIRST_THREAD + thread, 0x40 + pair * 4);
  for (let round = 0; round < rounds; round += 1) {
    const at = BASE + (round + 1) * PERIOD + pair * 111 + ((round * 7_919) % 1_200);
    const latency = 900 + ((round * 104_729) % 1_500);
    if (!waits) slot.write(Kind.Set, at, 360, 0, 0x1000);
    else {
      slot.write(Kind.WaitBegin, at - 2_100, 0, 0xff, 0x2000);
      slot.write(Kind.WaitEnd, at + latency, latency + 2_100, 0xff, 0x2000);
    }
  }
  return bytes;
}

/** What comes before: the clock, in the first ring the module and the objects. */
function headOf(thread: number, pair: number, rounds: number): Uint8Array {
  const ring = new RingWriter();
  const base = { process: PROCESS, thread: FIRST_THREAD + thread };
  for (const tsc of [BASE, BASE + (rounds + 2) * PERIOD]) {
    const qpc = BigInt(Math.round((tsc - BASE) / 300));
    const utc = 133_000_000_000_000_000n + qpc;
    ring.write({ kind: Kind.Calibration, tsc: BigInt(tsc), object: utc, caller: 10_000_000n, argument: qpc, ...base });
  }
  const tsc = BigInt(BASE + 10);
  if (thread === 0)
    ring.write({
      ...{ kind: Kind.Module, tsc, object: MODULE_BASE, argument: 0x10_0000n, text: 'C:\\eventapp.exe', ...base },
    });
  if (thread % 2 === 0) {
    const flags = Flag.Synchronization | Flag.ObjectIsHandle;
    const made = { object: BigInt(0x40 + pair * 4), argument: BigInt(ObjectType.Event), duration: 300, flags };
    ring.write({ kind: Kind.Create, tsc, text: `\\BaseNamedObjects\\Event${pair}`, ...made, ...base });
  }
  return ring.bytes;
}

/** Slots of one thread, without a bigint for each. */
class SlotWriter {
  readonly #view: DataView;
  #at: number;

  constructor(
    bytes: Uint8Array,
    at: number,
    readonly thread: number,
    readonly handle: number,
  ) {
    this.#view = new DataView(bytes.buffer);
    this.#at = at;
  }

  write(kind: number, tsc: number, duration: number, previous: number, caller: number): void {
    const [view, at] = [this.#view, this.#at];
    view.setUint32(at, tsc % 0x1_0000_0000, true);
    view.setUint32(at + 4, Math.floor(tsc / 0x1_0000_0000), true);
    view.setUint32(at + 8, this.handle, true);
    view.setUint32(at + 16, Number(MODULE_BASE & 0xffff_ffffn) + caller, true);
    view.setUint32(at + 20, Number(MODULE_BASE >> 32n), true);
    view.setUint32(at + 32, PROCESS, true);
    view.setUint32(at + 36, this.thread, true);
    view.setUint32(at + 44, duration, true);
    view.setUint16(at + 52, kind, true);
    view.setUint16(at + 54, 0xffff, true);
    view.setUint8(at + 56, 0xff);
    view.setUint8(at + 57, previous);
    view.setUint8(at + 58, 1);
    view.setUint8(at + 59, Flag.ObjectIsHandle);
    view.setUint32(at + 60, (at / SLOT_BYTES + 1) % 0x1_0000_0000, true);
    this.#at = at + SLOT_BYTES;
  }
}
