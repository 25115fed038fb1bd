/** Processes and drivers of a simulation as sources of records: their rings, their clocks, and what gets lost. */
import { Flag, Kind } from '../model/records.js';
import { RecordingBuilder, SLOT_BYTES, type Recording, type RecordingMetadata, type Side } from '../recording.js';
import { RingWriter, type Random, type RecordFields } from '../ring-writer.js';
import type { SimObject } from './dispatcher.js';

export type RecordKey = `${number}:${number}:${number}`;
export const recordKey = (source: number, ring: number, slot: number): RecordKey => `${source}:${ring}:${slot}`;

export interface SimSource {
  readonly id: number;
  readonly side: Side;
  readonly process: number;
  readonly rings: readonly RingWriter[];
  /** Per ring: until when records are lost. */
  readonly blind: number[];
  readonly offset: bigint;
  /** Ticks of a ns. */
  readonly rate: number;
  /** User: handle table; kernel: addresses referenced. What threads may use: a call's result only after its return. */
  readonly handles: Map<bigint, SimObject>;
  readonly reserved: Set<bigint>;
}

export interface SimThread {
  readonly source: SimSource;
  readonly id: number;
  readonly ring: number;
}

export interface SourceOptions {
  readonly skewed: boolean;
  readonly lost: number;
  readonly pause: number;
  readonly shuffled: boolean;
}

/** A call's record as the caller gives it; time, place and process come from the thread. */
export type CallFields = Omit<RecordFields, 'tsc' | 'process' | 'thread' | 'duration'> & { readonly process?: number };

export class Sources {
  readonly all: SimSource[] = [];
  /** True object of each record that names one. */
  readonly objectOf = new Map<RecordKey, number>();
  lost = 0;
  written = 0;
  readonly #random: Random;
  readonly #options: SourceOptions;

  constructor(random: Random, options: SourceOptions) {
    this.#random = random;
    this.#options = options;
  }

  add(side: Side, process: number, ringCount: number): SimSource {
    const skew = this.#options.skewed && this.all.length > 0;
    const source: SimSource = {
      ...{ id: this.all.length, side, process },
      rings: Array.from({ length: ringCount }, () => new RingWriter()),
      blind: new Array<number>(ringCount).fill(-1),
      offset: 5_000_000_000_000n + (skew ? BigInt(this.#random.between(-100_000_000, 100_000_000)) : 0n),
      rate: skew ? 3 + this.#random.between(-300, 300) / 1e6 : 3,
      handles: new Map(),
      reserved: new Set(),
    };
    this.all.push(source);
    return source;
  }

  calibrate(source: SimSource, now: number): void {
    const qpc = BigInt(Math.floor((now + 7e9) / 100));
    source.rings[0]?.write({
      ...{ kind: Kind.Calibration, tsc: ticks(source, now + this.#random.between(-100, 100)) },
      ...{ object: 133_000_000_000_000_000n + qpc, caller: 10_000_000n, argument: qpc },
      ...{ process: source.process, thread: 1 },
    });
  }

  /** Writes the record of a call that began at `from` and returns now; undefined when it is lost. */
  record(thread: SimThread, from: number, now: number, fields: CallFields, object?: SimObject): RecordKey | undefined {
    const { source } = thread;
    const ring = source.side === 'kernel' && this.#random.chance(0.2) ? this.#random.between(0, 1) : thread.ring;
    const writer = source.rings[ring];
    if (writer === undefined) throw new RangeError('no such ring');
    if ((source.blind[ring] ?? -1) < now && this.#random.chance(this.#options.lost / 8)) {
      source.blind[ring] = now + this.#options.pause * 8;
    }
    if ((source.blind[ring] ?? -1) >= now) {
      writer.lost += 1;
      this.lost += 1;
      return undefined;
    }
    const begin = ticks(source, from);
    const end = ticks(source, now);
    const slot = writer.write({
      ...{ process: source.process, thread: thread.id, ...fields },
      tsc: fields.kind === Kind.WaitEnd ? end : begin,
      duration: fields.kind === Kind.WaitBegin ? 0 : Number(end - begin),
      flags: (fields.flags ?? 0) | (source.side === 'kernel' ? Flag.Kernel : 0),
    });
    this.written += 1;
    const key = recordKey(source.id, ring, slot);
    if (object !== undefined) this.objectOf.set(key, object.id);
    return key;
  }

  recording(metadata: RecordingMetadata): Recording {
    const builder = new RecordingBuilder(metadata);
    const batches: (() => void)[] = [];
    for (const { id, side, process, rings } of this.all) {
      builder.addSource({
        ...{ id, side, process, session: 1, ringCount: rings.length, slotsPerRing: 65_536 },
        description: side === 'kernel' ? 'eventsys.sys' : `eventapp.exe ${process}`,
      });
      rings.forEach((ring, number) => {
        for (let first = 0; first < ring.slots;) {
          const count = Math.min(ring.slots - first, this.#random.between(16, 4_000));
          const bytes = ring.bytes.subarray(first * SLOT_BYTES, (first + count) * SLOT_BYTES);
          const at = BigInt(first);
          batches.push(() => builder.slots(id, number, at, BigInt(ring.lost), bytes));
          first += count;
        }
        if (ring.slots === 0) batches.push(() => builder.slots(id, number, 0n, BigInt(ring.lost), new Uint8Array(0)));
      });
    }
    for (const batch of this.#options.shuffled ? this.#random.shuffled(batches) : batches) batch();
    return builder.finish(metadata.endUtcMs);
  }
}

const ticks = (source: SimSource, time: number): bigint => source.offset + BigInt(Math.round(time * source.rate));
