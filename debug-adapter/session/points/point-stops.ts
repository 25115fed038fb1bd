/**
 * What happens when the target stops at a signal or wait point: which object it is, whether what was wished for holds, and how the stop is
 * told in one line. Where Wine's kernel knows an object by a pointer alone, the thread goes on to the native call beneath, in which the
 * object has a handle; the signal has not happened there either.
 */
import { evaluateCondition } from '../../../machine/conditions.js';
import { enteredBy, type Point } from '../../../machine/points.js';
import type { BreakpointId, Engine } from '../../engine.js';
import type { MemoryAccess } from '../../variables/value.js';
import type { Inspector } from '../inspector.js';
import type { Inventory, SessionThread } from '../inventory.js';
import type { Frame } from '../stacks.js';
import type { DispatcherObjects } from './dispatcher-objects.js';
import { objectLabel, threadLabel, type SessionObject, type Sighting } from './dispatcher-objects.js';
import { ownFrame } from './own-code.js';
import { backingOf, nameOfCall, objectsOfCall, timeoutOf, word } from './point-call.js';
import { reasonOf, type PointAspect } from './point-filters.js';
import { nativeCall, type PointSite, type PointWish, type PointWishes } from './point-wishes.js';
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
  readonly timeout: string | undefined;
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
    const hits = this.#parts.wishes.hitBy(engine, ids);
    const [first] = hits;
    if (first === undefined) return undefined;
    const registers = await this.#parts.inspector.stacks.registers(thread);
    const memory = this.#parts.inspector.memory(engine).access(thread.space, signal);
    const { point, at } = first.site;
    const [pointer] = at === 'entry' ? (await objectsOfCall(point, registers, memory)).pointers : [];
    if (pointer !== undefined) {
      const handle = await this.#descend(thread, hits, pointer, memory, signal);
      if (handle === 'passBy') return 'passBy';
      const sighting = { engine, space: thread.space, handle, keepsHandle: false, pointer };
      return this.#judge(thread, hits, await this.#identify(engine, [sighting], signal), signal);
    }
    if (at === 'result') return this.#judge(thread, hits, await this.#ofResult(thread, memory, signal), signal);
    const called = at === 'inner' ? (nativeCall(point) ?? point) : point;
    const { handles } = await objectsOfCall(called, registers, memory);
    const keepsHandle = at === 'entry';
    const sightings = handles.map((handle) => ({ engine, space: thread.space, handle, keepsHandle }));
    return this.#judge(thread, hits, await this.#identify(engine, sightings, signal), signal);
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
    const timeout = await timeoutOf(point, registers, memory);
    // Where the call returns, for the one that never comes to the native layer.
    const stops = [...addresses, ...(back === undefined ? [] : [back])];
    const own = { space, kind: 'software', thread: thread.thread } as const;
    const answers = await engine.setBreakpoints(
      stops.map((address) => ({ ...own, address })),
      { signal },
    );
    const breakpoints = answers.filter((answer) => typeof answer === 'number');
    this.#descents.set(`${engine.kind}/${thread.thread}`, { hits, pointer, breakpoints, engine, timeout });
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
    return this.#judge(thread, hits, await this.#identify(engine, [sighting], signal), signal, descent.timeout);
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
    timeoutBefore?: string,
  ): Promise<PointVerdict> {
    const wanted: Hit[] = [];
    for (const hit of hits) {
      const { wish } = hit;
      if (!(await this.#holds(hit, thread, objects, signal))) {
        wish.filtered += 1;
        continue;
      }
      wish.hits += 1;
      if (wish.stopsAt?.(wish.hits) !== false) wanted.push(hit);
    }
    const [first] = wanted;
    const isSignal = hits.some(({ wish }) => wish.aspect === 'signal');
    if (first === undefined && !isSignal) return 'passBy';
    const { inspector } = this.#parts;
    const frames = await inspector.stacks.frames(thread, signal);
    const point = (first ?? hits[0])?.site.point;
    if (point === undefined) return 'passBy';
    if (isSignal) this.#remember(thread, point, objects, frames);
    if (first === undefined) return 'passBy';
    const { aspect } = first.wish;
    const description = await this.#describe(aspect, first, thread, objects, signal, timeoutBefore);
    this.#current = { aspect, point, thread, objects, frames, description };
    return { reason: reasonOf(aspect), description, text: description };
  }

  /** What the target could not decide is decided here, with what is known now. */
  async #holds(
    { wish, site }: Hit,
    thread: SessionThread,
    objects: readonly SessionObject[],
    signal: AbortSignal,
  ): Promise<boolean> {
    if (!this.#parts.isWanted(wish, objects)) return false;
    if (wish.place !== undefined && !(await this.#isCalledFrom(wish.place, thread, signal))) return false;
    if (wish.filter === undefined) return true;
    const process = this.#parts.inventory.processOf(thread.engine, thread.space);
    const verdicts = (objects.length === 0 ? [undefined] : objects).map((object) =>
      evaluateCondition(wish.filter?.condition ?? { kind: 'and', operands: [] }, (field) => {
        switch (field) {
          case 'event':
          case 'object':
            // A name that is known to be none is not the one that is asked for.
            return object === undefined ? undefined : (object.name ?? '');
          case 'side':
            return site.point.side;
          case 'point':
            return site.point.name;
          case 'process.name':
            return process?.name;
          case 'process.id':
            return process?.processId;
          case 'thread.id':
            return thread.threadId;
          // The target has decided these.
          case 'address':
          case 'handle':
          case 'caller.module':
          case 'hits':
          case 'previous':
          case 'status':
          case 'thread.name':
          case 'timeout':
            return undefined;
        }
      }),
    );
    return verdicts.some((verdict) => verdict !== false);
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

  #remember(thread: SessionThread, point: Point, objects: readonly SessionObject[], frames: readonly Frame[]): void {
    const caller = ownFrame(frames) ?? frames[1];
    const source = caller?.source?.source;
    const path = source === undefined ? undefined : this.#parts.host(source.file);
    const name = `${caller?.module?.module.name.replace(/\.[^.]*$/, '') ?? '?'}!${caller?.source?.functionName ?? '?'}`;
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

  async #describe(
    aspect: PointAspect,
    { site: { point, at } }: Hit,
    thread: SessionThread,
    objects: readonly SessionObject[],
    signal: AbortSignal,
    timeoutBefore: string | undefined,
  ): Promise<string> {
    const label =
      objects.length === 0 ? 'an object that is not known' : objects.slice(0, 4).map(objectLabel).join(', ');
    const waiting = (): string => waitersText(this.#parts.inventory, objects);
    const state = objects[0]?.isSignaled;
    const was = state === undefined ? 'its state is not known' : `was ${state ? 'signaled' : 'not signaled'}`;
    switch (aspect) {
      case 'signal':
        return `${point.name} on ${label}: ${was}; ${waiting()}`;
      case 'reset':
        return `${point.name} on ${label}: ${was}`;
      case 'wait': {
        const registers = await this.#parts.inspector.stacks.registers(thread);
        const memory = this.#parts.inspector.memory(thread.engine).access(thread.space, signal);
        const timeout = timeoutBefore ?? (at === 'entry' ? await timeoutOf(point, registers, memory) : undefined);
        const now = objects.length > 1 ? '' : `: ${state === true ? 'signaled' : state === false ? 'not signaled' : 'its state is not known'}`; // prettier-ignore
        return `${point.name} on ${label}${now}${timeout === undefined ? '' : `; waits ${timeout}`}`;
      }
      case 'waitSatisfied':
        return `The wait of ${threadLabel(this.#parts.inventory, thread)} for ${label} was satisfied`;
      case 'waitTimedOut':
        return `The wait of ${threadLabel(this.#parts.inventory, thread)} for ${label} timed out`;
      case 'lifecycle': {
        const registers = await this.#parts.inspector.stacks.registers(thread);
        const memory = this.#parts.inspector.memory(thread.engine).access(thread.space, signal);
        const name = at === 'entry' ? await nameOfCall(point, registers, memory) : undefined;
        return `${point.name} of ${objects.length > 0 ? label : (name ?? 'an object without a name')}`;
      }
    }
  }
}

/** "1 waiter: eventapp thread 36". */
export function waitersText(inventory: Inventory, objects: readonly SessionObject[]): string {
  const waiters = [...new Set(objects.flatMap((object) => object.waiters))];
  if (waiters.length === 0) return 'nobody waits';
  const names = waiters.slice(0, 4).map((thread) => threadLabel(inventory, thread));
  const more = waiters.length > names.length ? `, and ${waiters.length - names.length} more` : '';
  return `${waiters.length} ${waiters.length === 1 ? 'waiter' : 'waiters'}: ${names.join(', ')}${more}`;
}
