/** Dispatcher objects as a kernel keeps them: what signals, waits and resets do to their state, and who took what. */
import { Flag, ObjectType } from '../model/records.js';
import type { Random } from '../ring-writer.js';
import type { RecordKey, SimThread } from './sources.js';

export type SimType = 'event' | 'semaphore' | 'mutant' | 'timer';

/** One signaling call, whose record may or may not have been written. */
export interface Call {
  key: RecordKey | undefined;
  taken: boolean;
  fate: 'taken' | 'coalesced' | 'wiped' | 'missed' | 'pending';
}

export const newCall = (): Call => ({ key: undefined, taken: false, fate: 'pending' });

export interface SimObject {
  readonly id: number;
  readonly type: SimType;
  readonly notification: boolean;
  /** What is there to take, by who put it there (undefined: the creation). Signaled while there is any. */
  readonly units: (Call | undefined)[];
  /** The thread that has the mutant, and how often. */
  owner: SimThread | undefined;
  depth: number;
  /** Of a timer: the setting that is to expire. */
  armed: Call | undefined;
  readonly waiters: SimWait[];
  handles: number;
  references: number;
  address: bigint;
  readonly name: string | undefined;
}

export interface SimWait {
  readonly thread: SimThread;
  readonly objects: readonly SimObject[];
  readonly all: boolean;
  readonly begin: number;
  readonly words: readonly bigint[];
  done: boolean;
}

/** What a wait took from one object. */
export interface Taken {
  readonly object: number;
  readonly by: Call | undefined;
  readonly blocked: boolean;
}

/** A wait that was satisfied: its index in the list, and what it took. */
export type OnSatisfied = (wait: SimWait, index: number, taken: readonly Taken[], blocked: boolean) => void;

export const recordedType: Readonly<Record<SimType, number>> = {
  event: ObjectType.Event,
  semaphore: ObjectType.Semaphore,
  mutant: ObjectType.Mutant,
  timer: ObjectType.Timer,
};

/** Flags of a Create that asks for such an object. */
export const creationFlags = (type: SimType, notification: boolean, units: number): number =>
  ((type === 'event' || type === 'timer') && !notification ? Flag.Synchronization : 0) |
  (units > 0 ? Flag.InitiallySet : 0);

export class Dispatcher {
  readonly #random: Random;
  readonly #onSatisfied: OnSatisfied;

  constructor(random: Random, onSatisfied: OnSatisfied) {
    this.#random = random;
    this.#onSatisfied = onSatisfied;
  }

  /** SetEvent. Returns the state before. */
  set(object: SimObject, call: Call): number {
    if (object.units.length > 0) {
      call.fate = 'coalesced';
      return 1;
    }
    object.units.push(call);
    this.#serve(object);
    return 0;
  }

  /** PulseEvent. Returns the state before. */
  pulse(object: SimObject, call: Call): number {
    if (object.units.length > 0) {
      this.reset(object);
      call.fate = 'coalesced';
      return 1;
    }
    object.units.push(call);
    this.#serve(object);
    object.units.length = 0;
    if (!call.taken) call.fate = 'missed';
    return 0;
  }

  /** ResetEvent. Returns the state before. */
  reset(object: SimObject): number {
    const before = object.units.length;
    for (const unit of object.units) if (unit !== undefined && !unit.taken) unit.fate = 'wiped';
    object.units.length = 0;
    return before > 0 ? 1 : 0;
  }

  /** ReleaseSemaphore. Returns the count before. */
  releaseSemaphore(object: SimObject, call: Call, count: number): number {
    const before = object.units.length;
    for (let unit = 0; unit < count; unit += 1) object.units.push(call);
    this.#serve(object);
    return before;
  }

  /** ReleaseMutant, by its owner. */
  releaseMutant(object: SimObject, call: Call): void {
    object.depth -= 1;
    if (object.depth > 0) return;
    object.owner = undefined;
    object.units.push(call);
    this.#serve(object);
  }

  /** The expiry of a timer that `call` set, if it was not set again meanwhile. */
  expire(object: SimObject, call: Call): void {
    if (object.armed !== call) return;
    object.armed = undefined;
    this.set(object, call);
  }

  /** Satisfies the wait if its objects let it. `blocked`: it was waiting already when a signal came. */
  trySatisfy(wait: SimWait, blocked: boolean): boolean {
    const free = (object: SimObject): boolean => object.units.length > 0 || object.owner === wait.thread;
    const index = wait.objects.findIndex(free);
    const first = wait.objects[index];
    if (first === undefined || (wait.all && !wait.objects.every(free))) return false;
    const taken = (wait.all ? wait.objects : [first]).flatMap((object) => this.#take(object, wait.thread, blocked));
    this.#onSatisfied(wait, wait.all ? 0 : index, taken, blocked);
    return true;
  }

  /** Nothing for a mutant that its owner takes once more: no signal did that. */
  #take(object: SimObject, thread: SimThread, blocked: boolean): Taken[] {
    if (object.owner === thread) {
      object.depth += 1;
      return [];
    }
    const at = this.#random.between(0, object.units.length - 1);
    const by = object.units[at];
    if (!object.notification) object.units.splice(at, 1);
    if (object.type === 'mutant') {
      object.owner = thread;
      object.depth = 1;
    }
    if (by !== undefined) {
      by.taken = true;
      by.fate = 'taken';
    }
    return [{ object: object.id, by, blocked }];
  }

  /** Gives what there is to waiters, in random order. */
  #serve(object: SimObject): void {
    for (const wait of this.#random.shuffled(object.waiters)) {
      if (object.units.length === 0) return;
      if (wait.begin >= 0 && !wait.done) this.trySatisfy(wait, true);
    }
  }
}
