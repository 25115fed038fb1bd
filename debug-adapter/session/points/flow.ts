/**
 * Following the flow: from a signal to where the wait that it satisfies returns, to the next signal or wait of an object, and from a woken
 * thread back to the stack that signaled.
 */
import { waitOutcome } from '../../../machine/points.js';
import { EventscopeError } from '../../../protocol/errors.js';
import type { BreakpointId, Engine } from '../../engine.js';
import type { FlowBody, Signaler } from '../../../protocol/debug-requests.js';
import type { Inspector } from '../inspector.js';
import type { Inventory, SessionThread } from '../inventory.js';
import type { Frame } from '../stacks.js';
import { objectLabel, threadLabel, type DispatcherObjects, type SessionObject } from './dispatcher-objects.js';
import { ownFrame } from './own-code.js';
import { POINT_FILTERS } from './point-filters.js';
import { type PointStop, type ToldPoint } from './point-stops.js';
import { waitersText } from './point-text.js';
import { makeWish, type PointWish, type PointWishes } from './point-wishes.js';

/** Where the wait of a thread returns to its program. */
interface Landing {
  readonly engine: Engine;
  readonly breakpoint: BreakpointId;
  readonly thread: SessionThread;
  readonly object: SessionObject;
  readonly signal: PointStop;
}

/** The signaler's stack at the time of the signal. */
export interface WokenBy {
  /** "woken by KeSetEvent on \BaseNamedObjects\X, winedevice thread 52". */
  readonly label: string;
  readonly frames: readonly Frame[];
}

export interface FlowParts {
  readonly inventory: Inventory;
  readonly inspector: Inspector;
  readonly wishes: PointWishes;
  readonly objects: DispatcherObjects;
}

/** A frame of these is no program's own code. */
const SYSTEM_MODULES = /^(ntdll|kernel32|kernelbase|ntoskrnl|user32|win32u)\./i;
const GROUP = 'flow.';

export class Flow {
  readonly #parts: FlowParts;
  #landings: Landing[] = [];
  #wanted: SessionObject | undefined;
  #landedOn: SessionObject | undefined;
  readonly #wokenBy = new Map<string, WokenBy>();

  constructor(parts: FlowParts) {
    this.#parts = parts;
  }

  /** Prepares to stop where the waits that a signal satisfies return; `following`: the caller lets the target go on. */
  async followSignal(stop: PointStop | undefined, signal: AbortSignal): Promise<FlowBody> {
    if (stop?.aspect !== 'signal' || stop.objects.length === 0) {
      return { outcome: 'noPoint', message: 'The thread does not stand at a signal point whose object is known' };
    }
    await this.end();
    const waits = stop.objects.flatMap((object) => object.waiters.map((thread) => ({ object, thread })));
    if (waits.length === 0) {
      const fate = stop.point.action === 'pulse' ? 'the signal is lost' : 'the object stays signaled until a wait or a reset takes it'; // prettier-ignore
      const label = stop.objects.map(objectLabel).join(', ');
      return { outcome: 'nobodyWaits', message: `Nobody waits for ${label}: ${fate}` };
    }
    for (const { object, thread } of waits) {
      const address = await this.#returnsTo(thread, signal);
      if (address === undefined) continue;
      const { engine, space } = thread;
      const [answer] = await engine.setBreakpoints([{ space, address, kind: 'software', thread: thread.thread }]);
      if (answer instanceof Error) throw answer;
      if (answer !== undefined) this.#landings.push({ engine, breakpoint: answer, thread, object, signal: stop });
    }
    const message = `Following ${stop.point.name} on ${stop.objects.map(objectLabel).join(', ')} to ${waitersText(this.#parts.inventory, stop.objects)}`;
    return { outcome: 'following', message };
  }

  /** Prepares to stop at the next signal or wait of an object, wherever it is. */
  async runToNext(aspect: 'signal' | 'wait', object: SessionObject | undefined): Promise<FlowBody> {
    if (object === undefined) {
      return { outcome: 'noPoint', message: 'The thread does not stand at a point whose object is known' };
    }
    await this.end();
    this.#wanted = object;
    const filters = POINT_FILTERS.filter((filter) => filter.aspect === aspect);
    const condition = nameCondition(object);
    const wishes = filters.map(({ side, points }) =>
      makeWish({ id: `${GROUP}${aspect}.${side}`, aspect, points, ...(condition === undefined ? {} : { condition }) }),
    );
    await this.#parts.wishes.replace(GROUP, wishes);
    return { outcome: 'following', message: `Running to the next ${aspect} of ${objectLabel(object)}` };
  }

  signalersOf(object: SessionObject): Signaler[] {
    return object.signals.map(({ point, side, caller, place, times }) => ({
      origin: 'seen' as const,
      ...{ point, side, caller, times },
      ...(place === undefined ? {} : { place }),
    }));
  }

  isWanted(wish: PointWish, objects: readonly SessionObject[]): boolean {
    return !wish.id.startsWith(GROUP) || (this.#wanted !== undefined && objects.includes(this.#wanted));
  }

  /** Whose signal was followed to where the thread stands: the object in focus until it goes on freely. */
  get landedOn(): SessionObject | undefined {
    return this.#landedOn;
  }

  /** A wait that was followed has returned. */
  async landed(
    engine: Engine,
    thread: SessionThread,
    ids: readonly BreakpointId[],
  ): Promise<(ToldPoint & { readonly isMidLine: boolean }) | undefined> {
    const landing = this.#landings.find((each) => each.engine === engine && ids.includes(each.breakpoint));
    if (landing === undefined) return undefined;
    const { inspector, inventory } = this.#parts;
    const registers = await inspector.stacks.registers(thread);
    const outcome = waitOutcome(Number(registers.get('rax') & 0xffff_ffffn));
    const { object, signal } = landing;
    const label = objectLabel(object);
    const who = threadLabel(inventory, thread);
    const by = `${signal.point.name} of ${threadLabel(inventory, signal.thread)}`;
    const isOver = outcome.kind === 'timedOut';
    const description = isOver
      ? `The wait of ${who} for ${label} timed out before ${by} could satisfy it`
      : `The wait of ${who} for ${label} has returned: ${by} satisfied it`;
    await this.end();
    this.#landedOn = object;
    if (!isOver) {
      const frames = signal.frames.map((frame) => ({ ...frame, isPast: true }));
      this.#setWokenBy(thread, { label: `woken by ${signal.point.name} on ${label}, ${threadLabel(inventory, signal.thread)}`, frames }); // prettier-ignore
    }
    const [top] = await inspector.stacks.top(thread);
    const line = top === undefined ? undefined : await top.module?.symbols.lineRangeAt(top.rva);
    const isMidLine = line !== undefined && top !== undefined && line.from !== top.rva;
    return { reason: 'follow signal', description, text: description, isMidLine };
  }

  /** A wait has returned satisfied, and its signal was seen: its stack is told with the thread's own. */
  woken(thread: SessionThread, object: SessionObject | undefined): void {
    const last = object?.signals.at(-1);
    if (object === undefined || last === undefined) return;
    const label = `woken by ${last.point} on ${objectLabel(object)}, ${last.thread}`;
    this.#setWokenBy(thread, { label, frames: last.frames.map((frame) => ({ ...frame, isPast: true })) });
  }

  wokenBy(thread: SessionThread): WokenBy | undefined {
    return this.#wokenBy.get(key(thread));
  }

  /** What woke a thread is of the past as soon as it goes on freely. */
  continued(): void {
    this.#landedOn = undefined;
    this.#wokenBy.clear();
  }

  /** The target has stopped for the user, here or elsewhere: what was run to is given up. */
  async end(): Promise<void> {
    const landings = this.#landings.splice(0);
    this.#wanted = undefined;
    for (const engine of new Set(landings.map((each) => each.engine))) {
      await engine.removeBreakpoints(
        landings.filter((each) => each.engine === engine).map(({ breakpoint }) => breakpoint),
      );
    }
    if (this.#parts.wishes.all().some(({ id }) => id.startsWith(GROUP))) await this.#parts.wishes.replace(GROUP, []);
  }

  #setWokenBy(thread: SessionThread, by: WokenBy): void {
    this.#wokenBy.set(key(thread), by);
  }

  /** The innermost frame of the program's own code, with source where there is one. */
  async #returnsTo(thread: SessionThread, signal: AbortSignal): Promise<bigint | undefined> {
    const frames = (await this.#parts.inspector.stacks.frames(thread, signal)).filter(({ depth }) => depth > 0);
    const own =
      ownFrame(frames) ?? frames.find(({ module }) => module !== undefined && !SYSTEM_MODULES.test(module.module.name));
    return own?.context.rip;
  }
}

/** With its name the target decides; without one each signal is compared here. */
function nameCondition({ name }: SessionObject): string | undefined {
  return name === undefined || /["*?]/.test(name) ? undefined : `event == "${name.replaceAll('\\', '\\\\')}"`;
}

const key = (thread: SessionThread): string => `${thread.engine.kind}/${thread.thread}`;

/** @throws EventscopeError `debug.object` */
export function objectOf(
  objects: DispatcherObjects,
  stop: PointStop | undefined,
  id: number | undefined,
): SessionObject | undefined {
  if (id === undefined) return stop?.objects[0];
  const object = objects.get(id);
  if (object === undefined) {
    throw new EventscopeError({ id: 'debug.object', what: `There is no dispatcher object ${id} in this session` });
  }
  return object;
}
