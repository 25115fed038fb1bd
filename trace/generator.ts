/**
 * Recordings made up from a seed, with the right answer known: a small simulation of processes, a driver, handles,
 * addresses and dispatcher objects writes the records that the real recorders would, and keeps what really happened.
 * For tests and benchmarks.
 */
import { Flag, Kind } from './model/records.js';
import { RecordingBuilder, SLOT_BYTES, type Recording, type Side } from './recording.js';
import { Random, RingWriter, type RecordFields } from './ring-writer.js';

export interface GeneratorOptions {
  readonly seed: number;
  /** Simulated time, ns. Default 20 ms. */
  readonly span?: number;
  readonly processes?: number;
  readonly threadsPerProcess?: number;
  /** System threads of the driver. */
  readonly driverThreads?: number;
  /** Share of records that are lost, in stretches. */
  readonly lost?: number;
  /** Each source counts a TSC of its own, with offset and rate. */
  readonly skewed?: boolean;
  /** Applications record the state before a signal (Win32 does not tell it). */
  readonly userPrevious?: boolean;
  /** Batches arrive in disorder. */
  readonly shuffled?: boolean;
  /** Mean pause between two actions of a thread, ns. Default 60,000. */
  readonly pause?: number;
}

export type RecordKey = `${number}:${number}:${number}`;
export const recordKey = (source: number, ring: number, slot: number): RecordKey => `${source}:${ring}:${slot}`;

/** What really happened. */
export interface Truth {
  /** By the key of a WaitEnd: what satisfied the wait, one entry per object that it took. */
  readonly wakes: ReadonlyMap<RecordKey, readonly TrueWake[]>;
  /** True object of each record that names one. */
  readonly objects: ReadonlyMap<RecordKey, number>;
  readonly fates: ReadonlyMap<RecordKey, 'taken' | 'coalesced' | 'wiped' | 'missed' | 'pending'>;
  readonly objectCount: number;
  readonly lost: number;
  readonly written: number;
}

export interface TrueWake {
  readonly object: number;
  /** Key of the signal's record; 'initial': created signaled; 'lost': its record was lost. */
  readonly signal: RecordKey | 'initial' | 'lost';
  /** The thread was waiting when the signal came. */
  readonly blocked: boolean;
}

export interface Generated {
  readonly recording: Recording;
  readonly truth: Truth;
}

export function generate(options: GeneratorOptions): Generated {
  return new Simulation(options).run();
}

// ------------------------------------------------------------------------------------------------------- simulation

/** One call whose record may or may not have been written. */
interface Call {
  key: RecordKey | undefined;
  taken: boolean;
  fate: 'taken' | 'coalesced' | 'wiped' | 'missed' | 'pending';
}

interface SimObject {
  readonly id: number;
  readonly notification: boolean;
  signaled: boolean;
  /** What made it signaled; undefined: it was created so. */
  by: Call | undefined;
  readonly waiters: SimWait[];
  handles: number;
  references: number;
  address: bigint;
  readonly name: string | undefined;
}

interface SimWait {
  readonly thread: SimThread;
  readonly objects: readonly SimObject[];
  readonly all: boolean;
  readonly begin: number;
  readonly words: readonly bigint[];
  done: boolean;
}

interface SimSource {
  readonly id: number;
  readonly side: Side;
  readonly process: number;
  readonly rings: readonly RingWriter[];
  /** Per ring: until when records are lost. */
  readonly blind: number[];
  readonly offset: bigint;
  readonly rate: number;
  /** User: handle table; kernel: addresses referenced. What threads may use: a call's result only after its return. */
  readonly handles: Map<bigint, SimObject>;
  readonly reserved: Set<bigint>;
}

interface SimThread {
  readonly source: SimSource;
  readonly id: number;
  readonly ring: number;
}

interface Due {
  readonly at: number;
  readonly run: () => void;
}

const PATIENCE = 400_000;

class Simulation {
  readonly #random: Random;
  readonly #options: Required<GeneratorOptions>;
  readonly #due: Due[] = [];
  readonly #sources: SimSource[] = [];
  readonly #objects: SimObject[] = [];
  readonly #named = new Map<string, SimObject>();
  readonly #freeAddresses: bigint[] = [];
  #nextAddress = 0xffff_8000_1000_0000n;
  #now = 0;
  #lost = 0;
  #written = 0;
  readonly #wakes = new Map<RecordKey, TrueWakeDraft[]>();
  readonly #objectOf = new Map<RecordKey, number>();
  readonly #signals: Call[] = [];

  constructor(options: GeneratorOptions) {
    this.#options = {
      ...{ span: 20e6, processes: 2, threadsPerProcess: 3, driverThreads: 2, lost: 0, pause: 60_000 },
      ...{ skewed: false, userPrevious: true, shuffled: false },
      ...options,
    };
    this.#random = new Random(options.seed);
  }

  run(): Generated {
    const { processes, threadsPerProcess, driverThreads, span } = this.#options;
    const kernel = this.#addSource('kernel', 4, 2);
    const threads: SimThread[] = [];
    for (let index = 0; index < driverThreads; index += 1) {
      threads.push({ source: kernel, id: 8_000 + index * 4, ring: index % 2 });
    }
    for (let index = 0; index < processes; index += 1) {
      const source = this.#addSource('user', 1_000 + index * 4, threadsPerProcess);
      for (let ring = 0; ring < threadsPerProcess; ring += 1) {
        threads.push({ source, id: 2_000 + index * 400 + ring * 4, ring });
      }
    }
    for (const source of this.#sources) this.#calibrateNowAndThen(source);
    for (const thread of threads) this.#at(this.#random.between(2_000, 50_000), () => this.#act(thread));
    // Nothing new begins after the span, and what runs then comes to its end.
    for (let due = this.#take(); due !== undefined; due = this.#take()) {
      this.#now = due.at;
      due.run();
    }
    this.#now = Math.max(this.#now, span);
    for (const source of this.#sources) this.#calibrate(source);
    return { recording: this.#recording(), truth: this.#truth() };
  }

  #addSource(side: Side, process: number, ringCount: number): SimSource {
    const skew = this.#options.skewed && this.#sources.length > 0;
    const source: SimSource = {
      ...{ id: this.#sources.length, side, process },
      rings: Array.from({ length: ringCount }, () => new RingWriter()),
      blind: new Array<number>(ringCount).fill(-1),
      offset: 5_000_000_000_000n + (skew ? BigInt(this.#random.between(-100_000_000, 100_000_000)) : 0n),
      rate: skew ? 3 + this.#random.between(-300, 300) / 1e6 : 3,
      handles: new Map(),
      reserved: new Set(),
    };
    this.#sources.push(source);
    return source;
  }

  // ---- time

  #at(time: number, run: () => void): void {
    const heap = this.#due;
    heap.push({ at: time, run });
    for (let at = heap.length - 1; at > 0;) {
      const parent = (at - 1) >> 1;
      if ((heap[parent]?.at ?? 0) <= (heap[at]?.at ?? 0)) return;
      swap(heap, at, parent);
      at = parent;
    }
  }

  #take(): Due | undefined {
    const heap = this.#due;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const small = (heap[right]?.at ?? Infinity) < (heap[left]?.at ?? Infinity) ? right : left;
      if ((heap[small]?.at ?? Infinity) >= (heap[at]?.at ?? 0)) return first;
      swap(heap, at, small);
      at = small;
    }
  }

  #ticks(source: SimSource, time: number): bigint {
    return source.offset + BigInt(Math.round(time * source.rate));
  }

  #calibrateNowAndThen(source: SimSource): void {
    this.#calibrate(source);
    if (this.#now < this.#options.span) this.#at(this.#now + 3e6, () => this.#calibrateNowAndThen(source));
  }

  #calibrate(source: SimSource): void {
    const qpc = BigInt(Math.floor((this.#now + 7e9) / 100));
    const fields: RecordFields = {
      ...{ kind: Kind.Calibration, tsc: this.#ticks(source, this.#now + this.#random.between(-100, 100)) },
      ...{ object: 133_000_000_000_000_000n + qpc, caller: 10_000_000n, argument: qpc },
      ...{ process: source.process, thread: 1 },
    };
    source.rings[0]?.write(fields);
  }

  // ---- records

  #record(
    thread: SimThread,
    from: number,
    fields: Omit<RecordFields, 'tsc' | 'process' | 'thread' | 'duration'> & { readonly process?: number },
    object?: SimObject,
  ): RecordKey | undefined {
    const { source } = thread;
    const ring = source.side === 'kernel' && this.#random.chance(0.2) ? this.#random.between(0, 1) : thread.ring;
    const writer = source.rings[ring];
    if (writer === undefined) throw new RangeError('no such ring');
    if ((source.blind[ring] ?? -1) < this.#now && this.#random.chance(this.#options.lost / 8)) {
      source.blind[ring] = this.#now + this.#options.pause * 8;
    }
    if ((source.blind[ring] ?? -1) >= this.#now) {
      writer.lost += 1;
      this.#lost += 1;
      return undefined;
    }
    const begin = this.#ticks(source, from);
    const duration = Number(this.#ticks(source, this.#now) - begin);
    const isEnd = fields.kind === Kind.WaitEnd;
    const slot = writer.write({
      ...{ process: source.process, thread: thread.id, ...fields },
      tsc: isEnd ? begin + BigInt(duration) : begin,
      duration: fields.kind === Kind.WaitBegin ? 0 : duration,
      flags: (fields.flags ?? 0) | (source.side === 'kernel' ? Flag.Kernel : 0),
    });
    this.#written += 1;
    const key = recordKey(source.id, ring, slot);
    if (object !== undefined) this.#objectOf.set(key, object.id);
    return key;
  }

  // ---- what threads do

  #act(thread: SimThread): void {
    const random = this.#random;
    const open = [...thread.source.handles.keys()];
    const choice = random.next();
    if (open.length === 0 || (choice < 0.08 && open.length < 6)) this.#obtain(thread);
    else if (choice < 0.14) this.#letGo(thread, random.pick(open));
    else if (choice < 0.5) this.#signal(thread, random.pick(open), random.chance(0.06));
    else if (choice < 0.58) this.#reset(thread, random.pick(open));
    else this.#wait(thread, open);
  }

  #continue(thread: SimThread): void {
    const { pause, span } = this.#options;
    if (this.#now < span) this.#at(this.#now + this.#random.between(pause / 10, pause * 2), () => this.#act(thread));
  }

  /** Runs `effect` inside the call and `after` at its return, which continues the thread. */
  #call(thread: SimThread, effect: () => void, after: (from: number) => void): void {
    const from = this.#now;
    this.#at(from + this.#random.between(100, 1_500), () => {
      effect();
      this.#at(this.#now + this.#random.between(100, 1_500), () => {
        after(from);
        this.#continue(thread);
      });
    });
  }

  #newHandle(source: SimSource): bigint {
    for (let handle = 4n; ; handle += 4n) {
      if (!source.handles.has(handle) && !source.reserved.has(handle)) return handle;
    }
  }

  #obtain(thread: SimThread): void {
    const { source } = thread;
    if (source.side === 'kernel') this.#reference(thread);
    else this.#create(thread, this.#random.chance(0.5) ? `Global\\Event${this.#random.between(0, 3)}` : undefined);
  }

  #create(thread: SimThread, name: string | undefined): void {
    const { source } = thread;
    const notification = this.#random.chance(0.4);
    const initial = this.#random.chance(0.15);
    let object: SimObject | undefined;
    let existed = false;
    let handle = 0n;
    this.#call(
      thread,
      () => {
        object = name === undefined ? undefined : this.#named.get(name);
        existed = object !== undefined;
        object ??= this.#newObject(notification, initial, name);
        handle = this.#newHandle(source);
        source.reserved.add(handle);
        object.handles += 1;
      },
      (from) => {
        source.reserved.delete(handle);
        if (object !== undefined) source.handles.set(handle, object);
        const flags =
          (notification ? 0 : Flag.Synchronization) | (initial ? Flag.InitiallySet : 0) | (existed ? Flag.Existed : 0);
        const fields = { kind: Kind.Create, object: handle, flags, ...(name === undefined ? {} : { text: name }) };
        this.#record(thread, from, fields, object);
      },
    );
  }

  #newObject(notification: boolean, initial: boolean, name: string | undefined): SimObject {
    const object: SimObject = {
      ...{ id: this.#objects.length, notification, signaled: initial, by: undefined, waiters: [] },
      ...{ handles: 0, references: 0, name },
      address: this.#freeAddresses.pop() ?? (this.#nextAddress += 0x80n),
    };
    this.#objects.push(object);
    if (name !== undefined) this.#named.set(name, object);
    return object;
  }

  /** The driver references a handle of some process, as an IOCTL hands it over. */
  #reference(thread: SimThread): void {
    const owners = this.#sources.filter(({ side, handles }) => side === 'user' && handles.size > 0);
    if (owners.length === 0) {
      this.#continue(thread);
      return;
    }
    const owner = this.#random.pick(owners);
    const handle = this.#random.pick([...owner.handles.keys()]);
    let object: SimObject | undefined;
    this.#call(
      thread,
      () => {
        object = owner.handles.get(handle);
        if (object === undefined) return;
        object.references += 1;
      },
      (from) => {
        if (object !== undefined) thread.source.handles.set(object.address, object);
        const status = object === undefined ? 0xc000_0008 : 0;
        const fields = { kind: Kind.Reference, object: object?.address ?? 0n, argument: handle, status };
        this.#record(thread, from, { ...fields, process: owner.process }, object);
      },
    );
  }

  #letGo(thread: SimThread, word: bigint): void {
    const { source } = thread;
    const object = source.handles.get(word);
    // A thread in a call, or waiting, may still use the value: programs do not close what others use.
    if (object === undefined || object.waiters.length > 0) {
      this.#continue(thread);
      return;
    }
    const kernel = source.side === 'kernel';
    if (!kernel || object.references === 1) source.handles.delete(word);
    const kind = kernel ? Kind.Dereference : Kind.Close;
    this.#call(
      thread,
      () => this.#release(object, kernel),
      (from) => this.#record(thread, from, { kind, object: word }, object),
    );
  }

  #release(object: SimObject, reference: boolean): void {
    if (reference) object.references -= 1;
    else object.handles -= 1;
    if (object.handles === 0 && object.name !== undefined && this.#named.get(object.name) === object) {
      this.#named.delete(object.name);
    }
    if (object.handles === 0 && object.references === 0) this.#freeAddresses.push(object.address);
  }

  #signal(thread: SimThread, word: bigint, pulse: boolean): void {
    const object = thread.source.handles.get(word);
    if (object === undefined) return;
    const call: Call = { key: undefined, taken: false, fate: 'pending' };
    this.#signals.push(call);
    let previous = 0;
    this.#hold(object, thread);
    this.#call(
      thread,
      () => {
        previous = object.signaled ? 1 : 0;
        if (pulse) this.#pulseNow(object, call);
        else this.#setNow(object, call);
      },
      (from) => {
        const known = thread.source.side === 'kernel' || this.#options.userPrevious;
        const kind = pulse ? Kind.Pulse : Kind.Set;
        const fields = { kind, object: word, ...(known ? { previous } : {}) };
        call.key = this.#record(thread, from, fields, object);
        this.#unhold(object, thread);
      },
    );
  }

  /** A program does not close a handle that one of its threads is just using. */
  #hold(object: SimObject, thread: SimThread): void {
    object.waiters.push({ thread, objects: [], all: false, begin: -1, words: [], done: true });
  }

  #unhold(object: SimObject, thread: SimThread): void {
    const at = object.waiters.findIndex((wait) => wait.thread === thread && wait.objects.length === 0);
    if (at >= 0) object.waiters.splice(at, 1);
  }

  #setNow(object: SimObject, call: Call): void {
    if (object.signaled) {
      call.fate = 'coalesced';
      return;
    }
    object.signaled = true;
    object.by = call;
    this.#serve(object);
  }

  #pulseNow(object: SimObject, call: Call): void {
    const before = object.by;
    if (object.signaled) {
      this.#wipe(object);
      call.fate = 'coalesced';
      object.by = before;
      return;
    }
    object.signaled = true;
    object.by = call;
    this.#serve(object);
    object.signaled = false;
    if (!call.taken) call.fate = 'missed';
  }

  #wipe(object: SimObject): void {
    if (object.signaled && object.by !== undefined && !object.by.taken) object.by.fate = 'wiped';
    object.signaled = false;
  }

  #reset(thread: SimThread, word: bigint): void {
    const object = thread.source.handles.get(word);
    if (object === undefined) return;
    let previous = 0;
    const tells = this.#random.chance(0.5);
    this.#hold(object, thread);
    this.#call(
      thread,
      () => {
        previous = object.signaled ? 1 : 0;
        this.#wipe(object);
      },
      (from) => {
        this.#record(thread, from, { kind: Kind.Reset, object: word, ...(tells ? { previous } : {}) }, object);
        this.#unhold(object, thread);
      },
    );
  }

  /** Gives the signal to waiters, in random order. */
  #serve(object: SimObject): void {
    for (const wait of this.#random.shuffled(object.waiters)) {
      if (!object.signaled) return;
      if (wait.begin >= 0 && !wait.done) this.#trySatisfy(wait, true);
    }
  }

  #trySatisfy(wait: SimWait, blocked: boolean): boolean {
    const ready = wait.objects.filter(({ signaled }) => signaled);
    const index = wait.objects.findIndex(({ signaled }) => signaled);
    const first = ready[0];
    if (first === undefined || (wait.all && ready.length < wait.objects.length)) return false;
    const taken = (wait.all ? wait.objects : [first]).map((object): TrueWakeDraft => {
      const { by } = object;
      if (by !== undefined) {
        by.taken = true;
        by.fate = 'taken';
      }
      if (!object.notification) object.signaled = false;
      return { object: object.id, by, blocked };
    });
    this.#finish(wait, wait.all ? 0 : index, taken, this.#random.between(300, blocked ? 40_000 : 2_000));
    return true;
  }

  #wait(thread: SimThread, open: readonly bigint[]): void {
    const wanted = this.#random.chance(0.75) ? 1 : Math.min(open.length, this.#random.between(2, 3));
    const words: bigint[] = [];
    const objects: SimObject[] = [];
    for (const word of this.#random.shuffled(open)) {
      const object = thread.source.handles.get(word);
      // NT refuses a wait for all that names an object twice.
      if (object === undefined || objects.includes(object) || words.length === wanted) continue;
      words.push(word);
      objects.push(object);
    }
    const all = words.length > 1 && this.#random.chance(0.4);
    const wait: SimWait = { thread, objects, all, begin: this.#now, words, done: false };
    this.#record(
      thread,
      this.#now,
      { kind: Kind.WaitBegin, object: words[0] ?? 0n, flags: all ? Flag.WaitAll : 0, list: words },
      objects.length === 1 ? objects[0] : undefined,
    );
    for (const object of objects) this.#hold(object, thread);
    const patience = this.#random.chance(0.1) ? 0 : this.#random.between(PATIENCE / 4, PATIENCE);
    this.#at(this.#now + this.#random.between(100, 3_000), () => {
      for (const object of objects) this.#unhold(object, thread);
      for (const object of objects) object.waiters.push(wait);
      if (this.#trySatisfy(wait, false)) return;
      this.#at(this.#now + patience, () => {
        if (!wait.done) this.#finish(wait, 0x102, [], this.#random.between(300, 2_000));
      });
    });
  }

  #finish(wait: SimWait, status: number, taken: readonly TrueWakeDraft[], latency: number): void {
    wait.done = true;
    for (const object of wait.objects) object.waiters.splice(object.waiters.indexOf(wait), 1);
    for (const object of wait.objects) this.#hold(object, wait.thread);
    this.#at(this.#now + latency, () => {
      const index = status < 64 ? status : 0;
      const fields = { kind: Kind.WaitEnd, object: wait.words[index] ?? 0n, status };
      const key = this.#record(wait.thread, wait.begin, fields, wait.all ? undefined : wait.objects[index]);
      if (key !== undefined) this.#wakes.set(key, [...taken]);
      for (const object of wait.objects) this.#unhold(object, wait.thread);
      this.#continue(wait.thread);
    });
  }

  // ---- results

  #recording(): Recording {
    const builder = new RecordingBuilder({
      ...{ target: 'generated', host: 'generator', versions: {}, title: `seed ${this.#options.seed}` },
      ...{ startUtcMs: 0, endUtcMs: this.#options.span / 1e6 },
    });
    const batches: (() => void)[] = [];
    for (const { id, side, process, rings } of this.#sources) {
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
    return builder.finish(this.#options.span / 1e6);
  }

  #truth(): Truth {
    const wakes = new Map<RecordKey, TrueWake[]>();
    for (const [key, drafts] of this.#wakes) {
      wakes.set(
        key,
        drafts.map(({ object, by, blocked }) => ({
          ...{ object, blocked },
          signal: by === undefined ? 'initial' : (by.key ?? 'lost'),
        })),
      );
    }
    const fates = new Map(
      this.#signals.flatMap(({ key, fate }): [RecordKey, Call['fate']][] => (key === undefined ? [] : [[key, fate]])),
    );
    const objects = this.#objectOf;
    return { wakes, objects, fates, objectCount: this.#objects.length, lost: this.#lost, written: this.#written };
  }
}

interface TrueWakeDraft {
  readonly object: number;
  readonly by: Call | undefined;
  readonly blocked: boolean;
}

function swap(items: Due[], a: number, b: number): void {
  const [one, other] = [items[a], items[b]];
  if (one === undefined || other === undefined) return;
  items[a] = other;
  items[b] = one;
}
