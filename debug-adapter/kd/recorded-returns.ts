/**
 * Recorded calls that have begun, and breakpoints at what they return to: a place in the caller, where calls of others never come. It stays
 * when a call has returned, since the same caller calls again.
 */
import type { X64Context } from '../../machine/x64-context.js';
import type { BreakpointId } from '../engine.js';
import type { StateChange } from './protocol/state-change.js';

export interface BegunCall {
  readonly time: bigint;
  readonly object: bigint;
  readonly isHandle: boolean;
  /** Return address. */
  readonly caller: bigint;
  /** Where the return address is. */
  readonly stackPointer: bigint;
}

/** What it says is done when the stop that it is told in has been handled. */
export interface ReturnPlaces {
  /** undefined: no breakpoint can be there. */
  add(address: bigint): Promise<BreakpointId | undefined>;
  /** Whether a thread is to come there. */
  expect(id: BreakpointId, isExpected: boolean): void;
  /** Where the function itself ends, for callers in whom no breakpoint can be. */
  addExits(): Promise<void>;
}

interface Place {
  readonly id: BreakpointId;
  expected: number;
}

/** Calls of one thread within each other, of one that never returned: the oldest is forgotten. */
const MAX_NESTED = 16;
/** Calls of a function from more places than these end where the function does. */
const MAX_PLACES = 1_024;
const POINTER_BYTES = 8n;

export class RecordedReturns {
  readonly #places: ReturnPlaces;
  /** By return address; undefined: there can be none. */
  readonly #known = new Map<bigint, Place | undefined>();
  /** By thread, the innermost last. */
  readonly #begun = new Map<bigint, BegunCall[]>();
  #hasExits = false;

  constructor(places: ReturnPlaces) {
    this.#places = places;
  }

  async begin(thread: bigint, call: BegunCall): Promise<void> {
    const calls = this.#begun.get(thread) ?? [];
    // What began on the very same piece of stack has not returned, and never will.
    const abandoned = calls.findIndex(({ stackPointer }) => stackPointer === call.stackPointer);
    if (abandoned >= 0) this.#end(calls, abandoned);
    if (calls.length === MAX_NESTED) this.#left(calls.shift());
    calls.push(call);
    this.#begun.set(thread, calls);
    const place = await this.#placeOf(call.caller);
    if (place !== undefined && place.expected++ === 0) this.#places.expect(place.id, true);
  }

  /** At a place of a caller. Registers are asked for if a call of this thread may have returned. */
  async returned(
    { thread, programCounter }: StateChange,
    registers: () => Promise<X64Context>,
  ): Promise<BegunCall | undefined> {
    const calls = this.#begun.get(thread);
    if (calls?.some(({ caller }) => caller === programCounter) !== true) return undefined;
    const { rsp } = await registers();
    const index = calls.findLastIndex(
      ({ caller, stackPointer }) => caller === programCounter && stackPointer + POINTER_BYTES === rsp,
    );
    return index < 0 ? undefined : this.#take(thread, calls, index);
  }

  /** At the end of the function. */
  exited({ thread }: StateChange): BegunCall | undefined {
    const calls = this.#begun.get(thread);
    return calls === undefined ? undefined : this.#take(thread, calls, calls.length - 1);
  }

  #take(thread: bigint, calls: BegunCall[], index: number): BegunCall | undefined {
    const call = calls[index];
    this.#end(calls, index);
    if (calls.length === 0) this.#begun.delete(thread);
    return call;
  }

  /** A call has ended, and with it those that it had made. */
  #end(calls: BegunCall[], index: number): void {
    for (const call of calls.splice(index)) this.#left(call);
  }

  #left(call: BegunCall | undefined): void {
    const place = call === undefined ? undefined : this.#known.get(call.caller);
    if (place !== undefined && --place.expected === 0) this.#places.expect(place.id, false);
  }

  async #placeOf(address: bigint): Promise<Place | undefined> {
    if (this.#known.has(address)) return this.#known.get(address);
    const hasRoom = this.#known.size < MAX_PLACES;
    const id = hasRoom ? await this.#places.add(address) : undefined;
    const place = id === undefined ? undefined : { id, expected: 0 };
    if (hasRoom) this.#known.set(address, place);
    if (place === undefined && !this.#hasExits) {
      this.#hasExits = true;
      await this.#places.addExits();
    }
    return place;
  }
}
