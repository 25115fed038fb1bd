/**
 * Tracepoints of the kernel engine: breakpoints whose hits the adapter records and goes on from. The state before a signal is read at its
 * entry, so that it needs no stop at its return; a wait has one where it returns to, for its status.
 */
import { objectsOfCall, timeoutTicks, word } from '../session/points/point-call.js';
import { type FunctionExit, functionExits } from '../symbols/function-exits.js';
import { PeImage } from '../../machine/pe/pe-image.js';
import { readExports } from '../../machine/pe/exports.js';
import { type Point, POINTS, recordKind } from '../../machine/points.js';
import type { X64Context } from '../../machine/x64-context.js';
import { ES_TRACE_NO_TIMEOUT, TRACE_FLAG, TraceKind } from '../../protocol/trace-layout.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { RunTotal } from '../../target/run.js';
import type {
  BreakpointId,
  BreakpointRequest,
  EngineModule,
  RunningTracepoints,
  ServedTracepoint,
  TracepointOptions,
  TracepointRequest,
} from '../engine.js';
import { KERNEL_SPACE, type KernelInventory } from './kernel-inventory.js';
import { readStructure } from './nt/records.js';
import type { StateChange } from './protocol/state-change.js';
import type { KernelObjects } from './kernel-objects.js';
import { RecordedObjects } from './recorded-objects.js';
import { type BegunCall, RecordedReturns } from './recorded-returns.js';
import { type HostRecord, hostTime, TraceSlots } from './trace-slots.js';

const SYSTEM_PROCESS_ID = 4;
const SIGNAL_STATE_OFFSET = 4n;
/** Return address, home space, and three arguments. */
const CALL_BYTES = 0x40;

const NOT_SERVED: ServedTracepoint = { mechanism: 'none', why: 'It is no point of the catalogue' };

/** A hit of a breakpoint that records. */
export type RecordHit = (stop: StateChange) => Promise<void>;

export interface KdTracepointsOptions {
  readonly inventory: KernelInventory;
  readonly objects: KernelObjects;
  readonly registers: (processor: number) => Promise<X64Context>;
  readonly add: (request: BreakpointRequest, record: RecordHit) => Promise<BreakpointId | Error>;
  /** Before the first place to return to. */
  readonly expectReturns: () => void;
  readonly addReturn: (request: BreakpointRequest, record: RecordHit) => Promise<BreakpointId | Error>;
  /** Whether a thread is to come there. */
  readonly expectReturn: (id: BreakpointId, isExpected: boolean) => void;
  readonly remove: (ids: readonly BreakpointId[]) => Promise<void>;
}

/** Where a point's calls go. */
interface RecordedInto {
  readonly own: TraceSlots;
  /** Of the kernel, which knows the objects; undefined: none of its points is recorded. */
  readonly kernel: TraceSlots | undefined;
  readonly objects: RecordedObjects;
}

/** All of it while the target is stopped. */
export class KdTracepoints {
  readonly #parts: KdTracepointsOptions;

  constructor(parts: KdTracepointsOptions) {
    this.#parts = parts;
  }

  async start(requests: readonly TracepointRequest[], options: TracepointOptions): Promise<RunningTracepoints> {
    const { inventory } = this.#parts;
    const spaces = [...new Set(requests.map(({ space }) => space))];
    options.onSources(
      spaces.map((space, source) => {
        const process = inventory.processes().find((each) => each.space === space);
        const side = space === KERNEL_SPACE ? ('kernel' as const) : ('user' as const);
        return {
          ...{ source, side, description: process?.name ?? space, process: process?.processId ?? SYSTEM_PROCESS_ID },
          ...{ ringCount: 1, slotsPerRing: options.slotsPerRing ?? 0 },
        };
      }),
      1_000_000_000n,
    );
    const slots = spaces.map((_, source) => new TraceSlots(source, options.sink));
    for (const each of slots) each.calibrate();
    const objects = new RecordedObjects(inventory, this.#parts.objects);
    await objects.begin();
    const kernel = slots[spaces.indexOf(KERNEL_SPACE)];
    this.#parts.expectReturns();
    const set: BreakpointId[] = [];
    const points: ServedTracepoint[] = [];
    for (const request of requests) {
      const target = slots[spaces.indexOf(request.space)];
      points.push(
        target === undefined ? NOT_SERVED : await this.#serve(request, { own: target, kernel, objects }, set),
      );
    }
    const stop = async (): Promise<readonly RunTotal[]> => {
      await this.#parts.remove(set);
      for (const each of slots) each.calibrate();
      return slots.map(({ source, written }) => ({ source, slots: written, lost: 0n }));
    };
    return { points, stop };
  }

  async #serve(request: TracepointRequest, into: RecordedInto, set: BreakpointId[]): Promise<ServedTracepoint> {
    const { inventory } = this.#parts;
    const point = POINTS[request.point];
    if (point === undefined) return NOT_SERVED;
    if (request.mechanism === 'import') return { mechanism: 'none', why: 'Over a kernel link each call costs a stop: choose the point' }; // prettier-ignore
    const module = inventory.modules(request.space).find(({ name }) => point.modules.includes(name.toLowerCase()));
    if (module === undefined) return { mechanism: 'none', why: `No module that has ${point.name} is loaded` };
    const code = { read: (at: bigint, length: number) => inventory.read(request.space, at, length, {}) };
    let entry = request.address;
    try {
      entry ??= await exportedBy(module, point.name, code);
    } catch (error) {
      // An image whose headers or exports cannot be read.
      if (!(error instanceof EventscopeError)) throw error;
      return { mechanism: 'none', why: error.message };
    }
    if (entry === undefined) return { mechanism: 'none', why: `${module.name} does not export ${point.name}` };
    const exits = (): Promise<readonly FunctionExit[]> => functionExits(module.base, entry, code);
    const recorder = new PointRecorder(this.#parts, { space: request.space, point, exits, set }, into);
    const about = { space: request.space, kind: 'software', point: point.index } as const;
    const filter = request.filter === undefined ? {} : { filter: request.filter };
    const id = await this.#parts.add({ ...about, ...filter, address: entry }, recorder.entered);
    if (id instanceof Error) return { mechanism: 'none', why: id.message };
    set.push(id);
    return { mechanism: 'stopping', breakpoint: id };
  }
}

/** The function in the module that has it, read from the image's export directory in memory. */
async function exportedBy(
  { base }: EngineModule,
  name: string,
  code: { read(address: bigint, length: number): Promise<Uint8Array> },
): Promise<bigint | undefined> {
  const image = await PeImage.open({ read: (offset, length) => code.read(base + BigInt(offset), length) }, 'memory');
  const found = (await readExports(image)).find((each) => each.name === name && each.forwarder === undefined);
  return found === undefined ? undefined : base + BigInt(found.rva);
}

interface RecordedPoint {
  readonly space: string;
  readonly point: Point;
  /** Where its function ends. */
  readonly exits: () => Promise<readonly FunctionExit[]>;
  /** Takes up the breakpoints that become necessary on the way. */
  readonly set: BreakpointId[];
}

/** What one point's calls are recorded as. Kernel exports count when a driver calls them, native calls when the program does. */
class PointRecorder {
  readonly #parts: KdTracepointsOptions;
  readonly #recorded: RecordedPoint;
  readonly #space: string;
  readonly #point: Point;
  readonly #into: RecordedInto;
  readonly #returns: RecordedReturns;

  constructor(parts: KdTracepointsOptions, recorded: RecordedPoint, into: RecordedInto) {
    this.#parts = parts;
    this.#recorded = recorded;
    this.#space = recorded.space;
    this.#point = recorded.point;
    this.#into = into;
    this.#returns = new RecordedReturns({
      add: (address) => this.#addReturn(address),
      expect: parts.expectReturn,
      addExits: () => this.#addExits(),
    });
  }

  /** Registers and the return address; of a signal the state before it too. */
  readonly entered: RecordHit = async (stop) => {
    const { inventory } = this.#parts;
    const point = this.#point;
    const kind = recordKind(point);
    const registers = await this.#parts.registers(stop.processor);
    // In one request with what of the arguments lies on the stack, which is then at hand.
    await inventory.reader.read(registers.rsp, CALL_BYTES);
    const caller = await word(inventory.reader, registers.rsp);
    const module = caller === undefined ? undefined : inventory.moduleAt(this.#space, caller)?.name.toLowerCase();
    const counts = point.side === 'kernel' ? module?.endsWith('.sys') === true : module !== 'ntdll.dll';
    if (kind === undefined || caller === undefined || !counts) return;
    const { handles, pointers } = await objectsOfCall(point, registers, inventory.reader);
    const object = pointers[0] ?? handles[0] ?? 0n;
    const isHandle = pointers.length === 0 && handles.length > 0;
    const begun: BegunCall = { time: hostTime(), object, isHandle, caller, stackPointer: registers.rsp };
    const isWait = point.role === 'wait';
    await this.#tellObject(stop, begun);
    await this.#write(stop, begun, {
      kind: isWait ? TraceKind.WaitBegin : kind,
      argument: isWait ? await this.#timeout(registers) : 0n,
      previous: isWait || isHandle ? undefined : await this.#state(object),
    });
    if (isWait) await this.#returns.begin(stop.thread, begun);
  };

  /** Where a caller goes on. */
  readonly #returned: RecordHit = async (stop) => {
    const registers = (): Promise<X64Context> => this.#parts.registers(stop.processor);
    const begun = await this.#returns.returned(stop, registers);
    if (begun !== undefined) await this.#recordEnd(stop, begun);
  };

  /** At the end of the function. */
  readonly #exited: RecordHit = async (stop) => {
    const begun = this.#returns.exited(stop);
    if (begun !== undefined) await this.#recordEnd(stop, begun);
  };

  async #recordEnd(stop: StateChange, begun: BegunCall): Promise<void> {
    const registers = await this.#parts.registers(stop.processor);
    const time = hostTime();
    const status = Number(BigInt.asIntN(32, registers.get('rax')));
    await this.#write(stop, { ...begun, time }, { kind: TraceKind.WaitEnd, status, duration: time - begun.time });
  }

  async #addReturn(address: bigint): Promise<BreakpointId | undefined> {
    const id = await this.#parts.addReturn(this.#atReturn(address), this.#returned);
    if (id instanceof Error) return undefined;
    this.#recorded.set.push(id);
    return id;
  }

  async #addExits(): Promise<void> {
    try {
      for (const { ret, beforeRet } of await this.#recorded.exits()) {
        // Before it frees its stack RAX is the result already, and that instruction is done without reading memory.
        const id = await this.#parts.add(this.#atReturn(beforeRet ?? ret), this.#exited);
        if (typeof id === 'number') this.#recorded.set.push(id);
      }
    } catch (error) {
      // Code that cannot be read: those calls are recorded without their end.
      if (!(error instanceof EventscopeError)) throw error;
    }
  }

  #atReturn(address: bigint): BreakpointRequest {
    return { space: this.#space, kind: 'software', point: this.#point.index, address, atReturn: true };
  }

  async #write(
    stop: StateChange,
    { object, isHandle, caller, time }: BegunCall,
    rest: Pick<HostRecord, 'kind'> &
      Partial<Pick<HostRecord, 'argument' | 'previous' | 'status' | 'duration' | 'text' | 'process'>>,
    slots = this.#into.own,
  ): Promise<void> {
    const { threadId = 0, process } = await this.#parts.inventory.whoStopped(stop);
    const isKernel = slots === this.#into.kernel;
    const flags = (isKernel ? TRACE_FLAG.KERNEL : 0) | (isHandle ? TRACE_FLAG.OBJECT_IS_HANDLE : 0);
    slots.write({
      ...{ argument: 0n, previous: undefined, status: 0, duration: 0n, process: process?.processId ?? 0, ...rest },
      ...{ time, object, caller, flags, thread: threadId, processor: stop.processor },
    });
  }

  /** What is new of its object comes before the first call that is about it. */
  async #tellObject(stop: StateChange, about: BegunCall): Promise<void> {
    const { object, isHandle } = about;
    if (object === 0n) return;
    const { objects, kernel } = this.#into;
    const { process } = await this.#parts.inventory.whoStopped(stop);
    const facts = isHandle
      ? await objects.ofHandle(this.#space, object, process?.processId ?? 0)
      : await objects.ofAddress(object);
    for (const fact of facts) {
      if (fact.kind === TraceKind.Close) await this.#write(stop, about, { kind: fact.kind });
      else if (kernel !== undefined) {
        const ofHandle = fact.kind === TraceKind.Reference ? { argument: fact.handle, process: fact.processId } : {};
        const text = fact.kind === TraceKind.Name ? { text: fact.name } : {};
        const place = { ...about, object: fact.address, isHandle: false };
        await this.#write(stop, place, { kind: fact.kind, ...ofHandle, ...text }, kernel);
      }
    }
  }

  async #timeout(registers: X64Context): Promise<bigint> {
    const ticks = await timeoutTicks(this.#point, registers, this.#parts.inventory.reader);
    return ticks === undefined || ticks === 'infinite' ? ES_TRACE_NO_TIMEOUT : ticks;
  }

  async #state(object: bigint): Promise<number | undefined> {
    const state = await readStructure(this.#parts.inventory.reader, object + SIGNAL_STATE_OFFSET, 4);
    return state === undefined ? undefined : Math.max(0, state.i32(0));
  }
}
