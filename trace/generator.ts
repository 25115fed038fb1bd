/**
 * Recordings made up from a seed, with the right answer known: a small simulation of processes, a driver, handles,
 * addresses and dispatcher objects writes the records that the real recorders would, and keeps what really happened.
 * For tests and benchmarks.
 */
import {
  Dispatcher,
  creationFlags,
  newCall,
  recordedType,
  type Call,
  type SimObject,
  type SimType,
  type SimWait,
  type Taken,
} from './generator/dispatcher.js';
import { ObjectTable } from './generator/object-table.js';
import { Schedule } from './generator/schedule.js';
import { Sources, type CallFields, type RecordKey, type SimSource, type SimThread } from './generator/sources.js';
import { Flag, Kind } from './model/records.js';
import type { Recording } from './recording.js';
import { Random } from './ring-writer.js';

export { recordKey, type RecordKey } from './generator/sources.js';

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
  /** Applications record the state before a set, a pulse and a reset (Win32 does not tell it). */
  readonly userPrevious?: boolean;
  /** Batches arrive in disorder. */
  readonly shuffled?: boolean;
  /** Mean pause between two actions of a thread, ns. Default 60,000. */
  readonly pause?: number;
  /** Share of waits that signal an event in the same call (SignalObjectAndWait), where there is another. Default: none. */
  readonly signalAndWait?: number;
  /** Types of the objects made. Default: events alone. */
  readonly types?: readonly SimType[];
}

/** What really happened. */
export interface Truth {
  /** By the key of a WaitEnd: what satisfied the wait, one entry per object that it took. */
  readonly wakes: ReadonlyMap<RecordKey, readonly TrueWake[]>;
  /** True object of each record that names one. */
  readonly objects: ReadonlyMap<RecordKey, number>;
  /** True type by object. */
  readonly types: readonly SimType[];
  /** Of sets, pulses and releases. */
  readonly fates: ReadonlyMap<RecordKey, Call['fate']>;
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

const PATIENCE = 400_000;
const DEFAULT_TYPES: readonly SimType[] = ['event'];

class Simulation {
  readonly #random: Random;
  readonly #options: Required<GeneratorOptions>;
  readonly #schedule = new Schedule();
  readonly #sources: Sources;
  readonly #dispatcher: Dispatcher;
  readonly #objects: ObjectTable;
  readonly #wakes = new Map<RecordKey, readonly Taken[]>();
  readonly #signals: Call[] = [];

  constructor(options: GeneratorOptions) {
    this.#options = {
      ...{ span: 20e6, processes: 2, threadsPerProcess: 3, driverThreads: 2, lost: 0, pause: 60_000 },
      ...{ skewed: false, userPrevious: true, shuffled: false, signalAndWait: 0, types: DEFAULT_TYPES },
      ...options,
    };
    this.#random = new Random(options.seed);
    this.#objects = new ObjectTable(this.#random);
    this.#sources = new Sources(this.#random, this.#options);
    this.#dispatcher = new Dispatcher(this.#random, (wait, index, taken, blocked) =>
      this.#finish(wait, wait.all ? 0 : index, taken, this.#random.between(300, blocked ? 40_000 : 2_000)),
    );
  }

  run(): Generated {
    const { processes, threadsPerProcess, driverThreads, span, seed } = this.#options;
    const kernel = this.#sources.add('kernel', 4, 2);
    const threads: SimThread[] = [];
    for (let index = 0; index < driverThreads; index += 1) {
      threads.push({ source: kernel, id: 8_000 + index * 4, ring: index % 2 });
    }
    for (let index = 0; index < processes; index += 1) {
      const source = this.#sources.add('user', 1_000 + index * 4, threadsPerProcess);
      for (let ring = 0; ring < threadsPerProcess; ring += 1) {
        threads.push({ source, id: 2_000 + index * 400 + ring * 4, ring });
      }
    }
    for (const source of this.#sources.all) this.#calibrateNowAndThen(source);
    for (const thread of threads) this.#after(this.#random.between(2_000, 50_000), () => this.#act(thread));
    // Nothing new begins after the span, and what runs then comes to its end.
    this.#schedule.runAll();
    this.#schedule.now = Math.max(this.#now, span);
    for (const source of this.#sources.all) this.#sources.calibrate(source, this.#now);
    const recording = this.#sources.recording({
      ...{ target: 'generated', host: 'generator', versions: {}, title: `seed ${seed}` },
      ...{ startUtcMs: 0, endUtcMs: span / 1e6 },
    });
    return { recording, truth: this.#truth() };
  }

  get #now(): number {
    return this.#schedule.now;
  }

  #after(ns: number, run: () => void): void {
    this.#schedule.at(this.#now + ns, run);
  }

  #calibrateNowAndThen(source: SimSource): void {
    this.#sources.calibrate(source, this.#now);
    if (this.#now < this.#options.span) this.#after(3e6, () => this.#calibrateNowAndThen(source));
  }

  #record(thread: SimThread, from: number, fields: CallFields, object?: SimObject): RecordKey | undefined {
    return this.#sources.record(thread, from, this.#now, fields, object);
  }

  // ---- what threads do

  #act(thread: SimThread): void {
    const random = this.#random;
    const open = [...thread.source.handles.keys()];
    const choice = random.next();
    if (open.length === 0 || (choice < 0.08 && open.length < 6)) this.#obtain(thread);
    else if (choice < 0.14) this.#letGo(thread, random.pick(open));
    else if (choice < 0.5) this.#signal(thread, random.pick(open), open);
    else if (choice < 0.58) this.#reset(thread, random.pick(open), open);
    else this.#wait(thread, open);
  }

  #continue(thread: SimThread): void {
    const { pause, span } = this.#options;
    if (this.#now < span) this.#after(this.#random.between(pause / 10, pause * 2), () => this.#act(thread));
  }

  /** Runs `effect` inside the call and `after` at its return, which continues the thread. */
  #call(thread: SimThread, effect: () => void, after: (from: number) => void): void {
    const from = this.#now;
    this.#after(this.#random.between(100, 1_500), () => {
      effect();
      this.#after(this.#random.between(100, 1_500), () => {
        after(from);
        this.#continue(thread);
      });
    });
  }

  // ---- handles and references

  #obtain(thread: SimThread): void {
    const { source } = thread;
    const type = this.#random.pick(this.#options.types);
    if (source.side === 'kernel') this.#reference(thread);
    else
      this.#create(thread, type, this.#random.chance(0.5) ? `Global\\${type}${this.#random.between(0, 3)}` : undefined);
  }

  #create(thread: SimThread, type: SimType, name: string | undefined): void {
    const { source } = thread;
    const notification = (type === 'event' || type === 'timer') && this.#random.chance(0.4);
    const units = this.#objects.firstUnits(type);
    let object: SimObject | undefined;
    let existed = false;
    let handle = 0n;
    this.#call(
      thread,
      () => {
        object = name === undefined ? undefined : this.#objects.named.get(name);
        existed = object !== undefined;
        object ??= this.#objects.make(thread, { type, notification, units, name });
        handle = this.#objects.newHandle(source);
        source.reserved.add(handle);
        object.handles += 1;
      },
      (from) => {
        source.reserved.delete(handle);
        if (object !== undefined) source.handles.set(handle, object);
        const flags = creationFlags(type, notification, units) | (existed ? Flag.Existed : 0);
        const fields = { kind: Kind.Create, object: handle, argument: BigInt(recordedType[type]), flags };
        this.#record(thread, from, { ...fields, ...(name === undefined ? {} : { text: name }) }, object);
      },
    );
  }

  /** The driver references a handle of some process, as an IOCTL hands it over. */
  #reference(thread: SimThread): void {
    const owners = this.#sources.all.filter(({ side, handles }) => side === 'user' && handles.size > 0);
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
      () => this.#objects.release(object, kernel),
      (from) => this.#record(thread, from, { kind, object: word }, object),
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

  // ---- signals

  #signal(thread: SimThread, word: bigint, open: readonly bigint[]): void {
    const object = thread.source.handles.get(word);
    if (object === undefined) return;
    const dispatcher = this.#dispatcher;
    const known = thread.source.side === 'kernel' || this.#options.userPrevious;
    const told = (previous: number): Partial<CallFields> => (known ? { previous } : {});
    switch (object.type) {
      case 'event': {
        const pulse = this.#random.chance(0.06);
        this.#operate(thread, word, object, pulse ? Kind.Pulse : Kind.Set, (call) =>
          told(pulse ? dispatcher.pulse(object, call) : dispatcher.set(object, call)),
        );
        return;
      }
      case 'semaphore': {
        const count = this.#random.chance(0.7) ? 1 : this.#random.between(2, 3);
        const argument = BigInt(count);
        this.#operate(thread, word, object, Kind.Release, (call) => ({
          ...{ argument, previous: dispatcher.releaseSemaphore(object, call, count) },
        }));
        return;
      }
      case 'mutant':
        if (object.owner !== thread) {
          this.#wait(thread, open);
          return;
        }
        this.#operate(thread, word, object, Kind.Release, (call) => {
          dispatcher.releaseMutant(object, call);
          return { argument: 1n };
        });
        return;
      case 'timer':
        this.#operate(thread, word, object, Kind.TimerSet, (call) => this.#setTimer(object, call));
    }
  }

  #setTimer(object: SimObject, call: Call): Partial<CallFields> {
    const due = this.#random.between(1_000, PATIENCE);
    this.#dispatcher.reset(object);
    object.armed = call;
    this.#after(due, () => this.#dispatcher.expire(object, call));
    return { argument: BigInt(-Math.round(due / 100)) };
  }

  /** One signaling call; `effect` makes it and tells what else its record holds. */
  #operate(
    thread: SimThread,
    word: bigint,
    object: SimObject,
    kind: number,
    effect: (call: Call) => Partial<CallFields>,
  ): void {
    const call = newCall();
    // What became of a timer's setting, or of a release by an owner who keeps the mutant, is not said by the model.
    if (kind !== Kind.TimerSet && object.depth < 2) this.#signals.push(call);
    let told: Partial<CallFields> = {};
    this.#hold(object, thread);
    this.#call(
      thread,
      () => (told = effect(call)),
      (from) => {
        call.key = this.#record(thread, from, { kind, object: word, ...told }, object);
        this.#unhold(object, thread);
      },
    );
  }

  #reset(thread: SimThread, word: bigint, open: readonly bigint[]): void {
    const object = thread.source.handles.get(word);
    if (object?.type !== 'event') {
      this.#wait(thread, open);
      return;
    }
    let previous = 0;
    const tells = this.#random.chance(0.5);
    this.#hold(object, thread);
    this.#call(
      thread,
      () => (previous = this.#dispatcher.reset(object)),
      (from) => {
        this.#record(thread, from, { kind: Kind.Reset, object: word, ...(tells ? { previous } : {}) }, object);
        this.#unhold(object, thread);
      },
    );
  }

  // ---- waits

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
    const signal = objects.length === 1 ? this.#signalFirst(thread, words, open) : undefined;
    for (const object of objects) this.#hold(object, thread);
    const patience = this.#random.chance(0.1) ? 0 : this.#random.between(PATIENCE / 4, PATIENCE);
    this.#after(this.#random.between(100, 3_000), () => {
      for (const object of objects) this.#unhold(object, thread);
      signal?.();
      for (const object of objects) object.waiters.push(wait);
      if (this.#dispatcher.trySatisfy(wait, false)) return;
      this.#after(patience, () => {
        if (!wait.done) this.#finish(wait, 0x102, [], this.#random.between(300, 2_000));
      });
    });
  }

  /** SignalObjectAndWait: the record of its signal comes right behind that of its wait. Returns what it does. */
  #signalFirst(thread: SimThread, waited: readonly bigint[], open: readonly bigint[]): (() => void) | undefined {
    const { signalAndWait } = this.#options;
    if (signalAndWait === 0 || thread.source.side === 'kernel' || !this.#random.chance(signalAndWait)) return undefined;
    const others = open.filter((word) => thread.source.handles.get(word)?.type === 'event' && !waited.includes(word));
    if (others.length === 0) return undefined;
    const word = this.#random.pick(others);
    const object = thread.source.handles.get(word);
    if (object === undefined) return undefined;
    const call = newCall();
    this.#signals.push(call);
    call.key = this.#record(thread, this.#now, { kind: Kind.Set, object: word }, object);
    this.#hold(object, thread);
    return () => {
      this.#dispatcher.set(object, call);
      this.#unhold(object, thread);
    };
  }

  #finish(wait: SimWait, status: number, taken: readonly Taken[], latency: number): void {
    const { thread } = wait;
    wait.done = true;
    for (const object of wait.objects) object.waiters.splice(object.waiters.indexOf(wait), 1);
    for (const object of wait.objects) this.#hold(object, thread);
    this.#after(latency, () => {
      const index = status < 64 ? status : 0;
      const fields = { kind: Kind.WaitEnd, object: wait.words[index] ?? 0n, status };
      const key = this.#record(thread, wait.begin, fields, wait.all ? undefined : wait.objects[index]);
      if (key !== undefined) this.#wakes.set(key, taken);
      for (const object of wait.objects) this.#unhold(object, thread);
      this.#continue(thread);
    });
  }

  #truth(): Truth {
    const wakes = new Map<RecordKey, TrueWake[]>();
    for (const [key, taken] of this.#wakes) {
      wakes.set(
        key,
        taken.map(({ object, by, blocked }) => ({
          ...{ object, blocked },
          signal: by === undefined ? 'initial' : (by.key ?? 'lost'),
        })),
      );
    }
    const fates = new Map(
      this.#signals.flatMap(({ key, fate }): [RecordKey, Call['fate']][] => (key === undefined ? [] : [[key, fate]])),
    );
    return {
      ...{ wakes, fates, objects: this.#sources.objectOf, types: this.#objects.all.map(({ type }) => type) },
      ...{ objectCount: this.#objects.all.length, lost: this.#sources.lost, written: this.#sources.written },
    };
  }
}
