/**
 * What happens when the target stops at a signal or wait point: which object it is, whether what was wished for holds, and how the stop is
 * told in one line. Where Wine's kernel knows an object by a pointer alone, the thread goes on to the native call beneath, in which the
 * object has a handle; the signal has not happened there either.
 */
import { enteredBy, type Point } from '../../../machine/points.js';
import type { X64Context } from '../../../machine/x64-context.js';
import type { BreakpointId, Engine, SpaceId } from '../../engine.js';
import type { MemoryAccess } from '../../variables/value.js';
import type { Inspector } from '../inspector.js';
import type { Inventory, SessionThread } from '../inventory.js';
import { type Frame, frameName } from '../stacks.js';
import type { DispatcherObjects } from './dispatcher-objects.js';
import { tellsByAddress, threadLabel, type SessionObject, type Sighting } from './dispatcher-objects.js';
import { ownFrame } from './own-code.js';
import { argument, backingOf, objectsOfCall, word } from './point-call.js';
import { conditionHolds, factsOf, isOfAnotherProcess, type CallFacts } from './point-condition.js';
import { reasonOf, type PointAspect } from './point-filters.js';
import { describePoint } from './point-text.js';
import { nativeCall, type PointSite, type PointWish, type PointWishes } from './point-wishes.js';
import { SIGNAL_STATE, writerOf } from './state-watches.js';
import { scanWaiters } from './waiters.js';

/** A stop at a point, as flow commands look at it. */
export interface PointStop {
  readonly aspect: PointAspect;
  readonly point: Point;
  readonly thread: SessionThread;
  readonly objects: readonly SessionObject[];
  /** The stack at that moment, innermost first. */
  readonly frames: readonly Frame[];
  readonly description: string;
}

export interface ToldPoint {
  readonly reason: string;
  readonly description: string;
  readonly text: string;
}

/** On the way from the kernel's export to the native call beneath. */
interface Descent {
  readonly hits: readonly Hit[];
  readonly pointer: bigint;
  readonly breakpoints: readonly BreakpointId[];
  readonly engine: Engine;
  readonly facts: CallFacts;
}

interface Hit {
  readonly wish: PointWish;
  readonly site: PointSite;
}

/** What a stop means to the points: told to the user, of ours but passed by, or nothing of ours (undefined). */
export type PointVerdict = ToldPoint | 'passBy' | undefined;

export interface PointStopParts {
  readonly inventory: Inventory;
  readonly inspector: Inspector;
  readonly wishes: PointWishes;
  readonly objects: DispatcherObjects;
  /** From a PDB's file name to the file on this machine. */
  readonly host: (file: string) => string | undefined;
  /** Whether a hit is of the object that a flow command waits for; undefined: the wish is of no flow command. */
  readonly isWanted: (wish: PointWish, objects: readonly SessionObject[]) => boolean;
}

export class PointStops {
  readonly #parts: PointStopParts;
  readonly #descents = new Map<string, Descent>();
  /** The last call that each thread stopped at. */
  readonly #calls = new WeakMap<SessionThread, { rsp: bigint; back: bigint | undefined; hits: readonly Hit[] }>();
  /** Calls that will return a pointer to an object. */
  readonly #references = new WeakMap<SessionThread, { breakpoint: BreakpointId; handle: bigint; place: bigint }>();
  #current: PointStop | undefined;

  constructor(parts: PointStopParts) {
    this.#parts = parts;
  }

  /** The point at which the target stands now. */
  get current(): PointStop | undefined {
    return this.#current;
  }

  /** The target goes on. */
  resumed(): void {
    this.#current = undefined;
  }

  async decide(
    engine: Engine,
    thread: SessionThread | undefined,
    ids: readonly BreakpointId[],
    signal: AbortSignal,
  ): Promise<PointVerdict> {
    if (thread === undefined) return undefined;
    const key = `${engine.kind}/${thread.thread}`;
    const descent = this.#descents.get(key);
    if (descent?.breakpoints.some((id) => ids.includes(id)) === true) {
      this.#descents.delete(key);
      await engine.removeBreakpoints(descent.breakpoints);
      return this.#arrived(thread, descent, signal);
    }
    const isLearnt = await this.#referenced(thread, ids, signal);
    const hits = this.#parts.wishes.hitBy(engine, ids);
    const [first] = hits;
    if (first === undefined) return isLearnt ? 'passBy' : undefined;
    const registers = await this.#parts.inspector.stacks.registers(thread);
    const memory = this.#parts.inspector.memory(engine).access(thread.space, signal);
    const { point, at } = first.site;
    if (at === 'entry' && (await this.#isSameCall(thread, hits, registers, memory))) return 'passBy';
    if (at === 'state') return this.#decideState(thread, hits, signal);
    if (tellsByAddress(engine)) return this.#decideByAddress(thread, hits, registers, memory, signal);
    const [pointer] = at === 'entry' ? (await objectsOfCall(point, registers, memory)).pointers : [];
    if (pointer !== undefined) {
      const handle = await this.#descend(thread, hits, pointer, memory, signal);
      if (handle === 'passBy') return 'passBy';
      const sighting = { engine, space: thread.space, handle, keepsHandle: false, pointer };
      return this.#judge(thread, hits, await this.#identify(engine, [sighting], signal), signal);
    }
    if (at === 'result') return this.#judge(thread, hits, await this.#ofResult(thread, memory, signal), signal);
    const called = at === 'inner' ? (nativeCall(point) ?? point) : point;
    const isForeign = await isOfAnotherProcess(called, registers, memory);
    const handles = isForeign ? [] : (await objectsOfCall(called, registers, memory)).handles;
    await this.#learnReference(thread, first.site, handles[0], registers, memory);
    const keepsHandle = at === 'entry';
    const sightings = handles.map((handle) => ({ engine, space: thread.space, handle, keepsHandle }));
    return this.#judge(thread, hits, await this.#identify(engine, sightings, signal), signal);
  }

  /** An export that only jumps to another one is the same call once more, which these wishes have been asked about. */
  async #isSameCall(
    thread: SessionThread,
    hits: readonly Hit[],
    { rsp }: X64Context,
    memory: MemoryAccess,
  ): Promise<boolean> {
    const call = { rsp, back: await word(memory, rsp), hits };
    const before = this.#calls.get(thread);
    const isSame =
      before?.rsp === rsp &&
      before.back === call.back &&
      hits.every(({ wish, site }) =>
        before.hits.some((each) => each.wish === wish && each.site.point.name !== site.point.name),
      );
    if (!isSame) this.#calls.set(thread, call);
    return isSame;
  }

  /** Handles and pointers of the call are asked for as they are: the engine reads the objects themselves. */
  async #decideByAddress(
    thread: SessionThread,
    hits: readonly Hit[],
    registers: X64Context,
    memory: MemoryAccess,
    signal: AbortSignal,
  ): Promise<PointVerdict> {
    const { engine, space } = thread;
    const [hit] = hits;
    if (hit === undefined) return undefined;
    const { point, at } = hit.site;
    if (at === 'result') {
      const waited = this.#parts.objects.all().filter(({ waiters }) => waiters.includes(thread));
      return this.#judge(thread, hits, waited, signal);
    }
    const threadId = await argument(point, 'threadId', registers, memory);
    if (threadId !== undefined) {
      const waiting = await engine.threadWaitingForAlert?.(space, Number(threadId));
      const waiter = waiting === undefined ? undefined : this.#parts.inventory.threadOf(engine, waiting);
      return this.#judge(thread, hits, [this.#parts.objects.alertOf(thread, Number(threadId), waiter)], signal);
    }
    const { handles, pointers } = await objectsOfCall(point, registers, memory);
    const sightings = [
      ...handles.map((handle) => ({ engine, space, handle, keepsHandle: point.side === 'user' })),
      ...pointers.map((pointer) => sightingOf(engine, space, pointer)),
    ];
    const objects = await this.#identify(engine, sightings, signal);
    return this.#judge(thread, hits, objects, signal);
  }

  /** The state of one object was written: by which function, and whether a driver called that, the stack tells. */
  async #decideState(thread: SessionThread, hits: readonly Hit[], signal: AbortSignal): Promise<PointVerdict> {
    const { engine, space } = thread;
    const frames = await this.#parts.inspector.stacks.frames(thread, signal);
    const wanted: Hit[] = [];
    for (const hit of hits) {
      const writer = writerOf(frames, hit.wish.aspect);
      const isOurs = writer === undefined || (/\.sys$/i.test(writer.caller?.module?.module.name ?? '') && hit.wish.points.includes(writer.point)); // prettier-ignore
      if (!isOurs) hit.wish.filtered += 1;
      else wanted.push(writer === undefined ? hit : { ...hit, site: { ...hit.site, point: writer.point } });
    }
    const [first] = wanted;
    if (first === undefined) return 'passBy';
    const sighting = sightingOf(engine, space, first.site.address - SIGNAL_STATE);
    return this.#judge(thread, wanted, await this.#identify(engine, [sighting], signal), signal);
  }

  /** Which object a pointer is of tells the call that gives it: where it returns, beside the handle that it was given for. */
  async #learnReference(
    thread: SessionThread,
    { point, at }: PointSite,
    handle: bigint | undefined,
    registers: X64Context,
    memory: MemoryAccess,
  ): Promise<void> {
    const { engine, space } = thread;
    const place = await argument(point, 'newObject', registers, memory);
    const back = await word(memory, registers.rsp);
    if (at !== 'entry' || handle === undefined || place === undefined || place === 0n || back === undefined) return;
    const request = { space, address: back, kind: 'software', thread: thread.thread } as const;
    const [breakpoint] = await engine.setBreakpoints([request]);
    if (typeof breakpoint === 'number') this.#references.set(thread, { breakpoint, handle, place });
  }

  /** @returns whether the stop is of such a call's return */
  async #referenced(thread: SessionThread, ids: readonly BreakpointId[], signal: AbortSignal): Promise<boolean> {
    const { engine, space } = thread;
    const reference = this.#references.get(thread);
    if (reference === undefined || !ids.includes(reference.breakpoint)) return false;
    this.#references.delete(thread);
    await engine.removeBreakpoints([reference.breakpoint]);
    const { inspector, objects } = this.#parts;
    const { handle, place } = reference;
    const status = (await inspector.stacks.registers(thread)).get('rax') & 0xffff_ffffn;
    const pointer = await word(inspector.memory(engine).access(space, signal), place);
    if (status !== 0n || pointer === undefined || pointer === 0n) return true;
    await objects.identify(engine, [{ engine, space, handle, keepsHandle: false, pointer }]);
    return true;
  }

  /** @returns the handle when it is known at once, `passBy` when the thread has to go on to where it is, undefined when there is none */
  async #descend(
    thread: SessionThread,
    hits: readonly Hit[],
    pointer: bigint,
    memory: MemoryAccess,
    signal: AbortSignal,
  ): Promise<bigint | 'passBy' | undefined> {
    const { engine, space } = thread;
    const [hit] = hits;
    const backing = await backingOf(pointer, memory);
    if (engine.queryHandles === undefined || hit === undefined || backing === undefined) return undefined;
    if (hit.site.point.role === 'lifecycle') return undefined;
    if (backing.kind === 'handle') return backing.handle;
    const { point } = hit.site;
    const isWait = point.role === 'wait';
    if (!isWait && backing.kind === 'memory') return undefined;
    const addresses: bigint[] = [];
    for (const { module, symbols } of this.#parts.inventory.modulesOf(engine, space)) {
      if (module.name.toLowerCase() !== 'ntdll.dll') continue;
      for (const name of enteredBy(point, true)) {
        for (const { rva } of await symbols.functions(name)) addresses.push(module.base + BigInt(rva));
      }
    }
    if (addresses.length === 0) return undefined;
    const registers = await this.#parts.inspector.stacks.registers(thread);
    const back = await word(memory, registers.rsp);
    const facts = await factsOf(hit.site, thread, this.#parts.inventory, registers, memory);
    // Where the call returns, for the one that never comes to the native layer.
    const stops = [...addresses, ...(back === undefined ? [] : [back])];
    const own = { space, kind: 'software', thread: thread.thread } as const;
    const answers = await engine.setBreakpoints(
      stops.map((address) => ({ ...own, address })),
      { signal },
    );
    const breakpoints = answers.filter((answer) => typeof answer === 'number');
    this.#descents.set(`${engine.kind}/${thread.thread}`, { hits, pointer, breakpoints, engine, facts });
    return 'passBy';
  }

  async #arrived(thread: SessionThread, descent: Descent, signal: AbortSignal): Promise<PointVerdict> {
    const { engine, hits, pointer } = descent;
    const { inspector, inventory } = this.#parts;
    const registers = await inspector.stacks.registers(thread);
    const memory = inspector.memory(engine).access(thread.space, signal);
    const isNative = inventory.moduleAt(engine, thread.space, registers.rip)?.module.name.toLowerCase() === 'ntdll.dll';
    const isWait = hits[0]?.site.point.role === 'wait';
    const handle = !isNative ? undefined : isWait ? await word(memory, registers.get('rdx')) : registers.get('rcx');
    const sighting = { engine, space: thread.space, handle, keepsHandle: false, pointer };
    return this.#judge(thread, hits, await this.#identify(engine, [sighting], signal), signal, descent.facts);
  }

  /**
   * The object whose wait returns now. The registers of the call are gone; a function that waits for one object has kept its handle where
   * the calling convention puts its first argument (verified with kernelbase.dll of Wine 8). Else what it was seen waiting for.
   */
  async #ofResult(thread: SessionThread, memory: MemoryAccess, signal: AbortSignal): Promise<readonly SessionObject[]> {
    const { engine, space } = thread;
    const waited = this.#parts.objects.all().filter(({ waiters }) => waiters.includes(thread));
    const frames = await this.#parts.inspector.stacks.frames(thread, signal);
    const index = frames.findLastIndex(({ source }) => /^WaitForSingleObject(Ex)?$/.test(source?.functionName ?? ''));
    const caller = index < 0 ? undefined : frames[index + 1];
    const handle = caller === undefined ? undefined : await word(memory, caller.context.rsp);
    if (handle === undefined || handle === 0n) return waited;
    const found = await this.#identify(engine, [{ engine, space, handle, keepsHandle: true }], signal);
    return found.length === 0 ? waited : found;
  }

  /** Who waits is looked at first: a handle of a waiter is what an object is known again by. */
  async #identify(
    engine: Engine,
    sightings: readonly Sighting[],
    signal: AbortSignal,
  ): Promise<readonly SessionObject[]> {
    const { inventory, inspector, objects } = this.#parts;
    await scanWaiters(inventory, inspector, objects, signal);
    const found = await this.#parts.objects.identify(engine, sightings);
    return [...new Set(found.filter((object) => object !== undefined))];
  }

  async #judge(
    thread: SessionThread,
    hits: readonly Hit[],
    objects: readonly SessionObject[],
    signal: AbortSignal,
    factsBefore?: CallFacts,
  ): Promise<PointVerdict> {
    const { inspector, inventory } = this.#parts;
    const registers = await inspector.stacks.registers(thread);
    const memory = inspector.memory(thread.engine).access(thread.space, signal);
    const [one] = hits;
    if (one === undefined) return undefined;
    const facts = factsBefore ?? (await factsOf(one.site, thread, inventory, registers, memory));
    const wanted: Hit[] = [];
    let undecided = '';
    for (const hit of hits) {
      const { wish } = hit;
      const holds = await this.#holds(hit, thread, objects, facts, signal);
      if (holds === false) {
        wish.filtered += 1;
        continue;
      }
      // What cannot be decided is shown, never passed over, and never without a word.
      if (holds === undefined) undecided = `; whether ${wish.filter?.text ?? ''} cannot be decided here`;
      wish.hits += 1;
      if (wish.stopsAt?.(wish.hits) !== false) wanted.push(hit);
    }
    const [first] = wanted;
    const isSignal = hits.some(({ wish }) => wish.aspect === 'signal');
    if (first === undefined && !isSignal) return 'passBy';
    const frames = await inspector.stacks.frames(thread, signal);
    const { point } = (first ?? one).site;
    if (isSignal) await this.#remember(thread, point, objects, frames);
    if (first === undefined) return 'passBy';
    const { aspect } = first.wish;
    const { site } = first;
    const stop = { aspect, site, thread, objects, facts, inventory, registers, memory };
    const description = `${await describePoint(stop)}${undecided}`;
    this.#current = { aspect, point, thread, objects, frames, description };
    return { reason: reasonOf(aspect), description, text: description };
  }

  /** What the target could not decide is decided here, with what is known now; undefined: it cannot be. */
  async #holds(
    { wish, site }: Hit,
    thread: SessionThread,
    objects: readonly SessionObject[],
    facts: CallFacts,
    signal: AbortSignal,
  ): Promise<boolean | undefined> {
    if (!this.#parts.isWanted(wish, objects)) return false;
    if (wish.place !== undefined && !(await this.#isCalledFrom(wish.place, thread, signal))) return false;
    const { filter } = wish;
    if (filter === undefined) return true;
    const hits = wish.hits + wish.filtered + this.#parts.wishes.filteredOnTarget(wish) + 1;
    return conditionHolds({ filter, site, thread, inventory: this.#parts.inventory, objects, facts, hits });
  }

  async #isCalledFrom(
    place: { readonly path: string; readonly line: number },
    thread: SessionThread,
    signal: AbortSignal,
  ): Promise<boolean> {
    const frames = await this.#parts.inspector.stacks.frames(thread, signal);
    const caller = ownFrame(frames)?.source?.source;
    return caller?.line === place.line && this.#parts.host(caller.file) === place.path;
  }

  async #remember(
    thread: SessionThread,
    point: Point,
    objects: readonly SessionObject[],
    frames: readonly Frame[],
  ): Promise<void> {
    const caller = ownFrame(frames) ?? frames[1];
    const source = caller?.source?.source;
    const path = source === undefined ? undefined : this.#parts.host(source.file);
    const name = caller === undefined ? 'a caller that is not known' : await frameName(this.#parts.inventory, caller);
    const where = source === undefined ? name : `${name}, ${source.file.replace(/^.*[\\/]/, '')}:${source.line}`;
    for (const object of objects) {
      this.#parts.objects.signaled(object, {
        ...{ point: point.name, side: point.side, caller: where },
        thread: threadLabel(this.#parts.inventory, thread),
        frames,
        place: source === undefined || path === undefined ? undefined : { path, line: source.line },
      });
    }
  }
}

/** An object in the kernel, which is the same for every process. */
const sightingOf = (engine: Engine, space: SpaceId, pointer: bigint): Sighting => ({
  ...{ engine, space: engine.capabilities.sharedSpace ?? space, handle: pointer, keepsHandle: false, pointer },
});
