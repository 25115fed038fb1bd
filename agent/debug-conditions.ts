/** What a condition may ask of a thread that stands before a breakpoint. */
import { type ConditionField, type FieldValue, fieldsOf, passes } from '../machine/conditions.js';
import { type Point, POINTS } from '../machine/points.js';
import type { X64Context } from '../machine/x64-context.js';
import { objectPath } from '../machine/object-names.js';
import type { HandleObject } from '../protocol/agent-rpc.js';
import { isRecorderReturn, RECORDER_CALLER, RECORDER_RETURN } from '../protocol/tracepoint-layout.js';
import { type CallObject, PointCall } from './debug-call.js';
import type { Breakpoint } from './debug-breakpoints.js';
import { threadDescription } from './debug-events.js';
import type { DebuggedProcess, DebuggedThread } from './debug-process.js';
import { objectsOfHandles } from './handle-objects.js';

const DRIVER_HOST = 'winedevice.exe';
const OF_OBJECTS: readonly ConditionField[] = ['event', 'object', 'handle', 'address', 'previous'];

/**
 * Whether a hit passes the breakpoint's condition. A call about several objects passes when it would for one of them. Of a breakpoint at
 * the first instruction of a point's function all is read from the call; without a point RCX is taken for the object, and the
 * rest is undecided, which stops.
 */
export function hitPasses(breakpoint: Breakpoint, thread: DebuggedThread, registers: X64Context): boolean {
  const { filter } = breakpoint;
  if (filter === undefined) {
    return true;
  }
  const hit = new Hit(breakpoint, thread, registers);
  const asked = fieldsOf(filter.condition);
  const objects = OF_OBJECTS.some((field) => asked.has(field)) ? hit.objects() : [];
  if (objects.length === 0) {
    return passes(filter, (field) => hit.field(field, undefined));
  }
  return objects.some((object) => passes(filter, (field) => hit.field(field, object)));
}

class Hit {
  readonly #breakpoint: Breakpoint;
  readonly #thread: DebuggedThread;
  readonly #registers: X64Context;
  readonly #point: Point | undefined;
  readonly #side: 'kernel' | 'user';
  /** undefined: at a return, where the arguments are gone. */
  readonly #call: PointCall | undefined;
  /** Handles that were asked for already. */
  readonly #known = new Map<bigint, HandleObject | undefined>();

  constructor(breakpoint: Breakpoint, thread: DebuggedThread, registers: X64Context) {
    this.#breakpoint = breakpoint;
    this.#thread = thread;
    this.#registers = registers;
    this.#side = thread.process.name.toLowerCase() === DRIVER_HOST ? 'kernel' : 'user';
    const { point, atReturn } = breakpoint.request;
    this.#point = point === undefined ? undefined : POINTS[point];
    this.#call =
      this.#point === undefined || atReturn === true
        ? undefined
        : new PointCall(this.#point, thread.process, registers);
  }

  get #atReturn(): boolean {
    return this.#breakpoint.request.atReturn === true;
  }

  objects(): CallObject[] {
    if (this.#call !== undefined) {
      return this.#call.objects();
    }
    if (this.#atReturn || this.#point !== undefined) {
      return [];
    }
    const first = this.#registers.get('rcx');
    return [this.#side === 'kernel' ? { kind: 'address', address: first } : { kind: 'handle', handle: first }];
  }

  field(field: ConditionField, object: CallObject | undefined): FieldValue | undefined {
    const { process } = this.#thread;
    switch (field) {
      case 'side':
        return this.#side;
      case 'thread.id':
        return this.#thread.threadId;
      case 'thread.name':
        // A name may have been given since the thread was last looked at.
        return threadDescription(this.#thread.handle) ?? this.#thread.name;
      case 'process.name':
        return process.name;
      case 'process.id':
        return process.processId;
      case 'hits':
        return this.#breakpoint.hits + this.#breakpoint.filtered + 1n;
      case 'address':
        return object?.kind === 'address' ? object.address : undefined;
      case 'handle':
        return object?.kind === 'handle' ? object.handle : undefined;
      case 'caller.module':
        return callerModule(this.#thread, this.#registers);
      case 'event':
      case 'object':
        return this.#nameOf(object);
      case 'point':
        return this.#point?.name;
      case 'timeout':
        return this.#call?.timeout();
      case 'status':
        return this.#atReturn ? this.#registers.get('rax') & 0xffff_ffffn : undefined;
      case 'previous':
        return this.#previous(object);
    }
  }

  /** Only of calls whose point is known: what RCX is elsewhere is a guess. */
  #nameOf(object: CallObject | undefined): string | undefined {
    if (this.#call === undefined || object === undefined || object.kind === 'address') {
      return undefined;
    }
    if (object.kind === 'handle') {
      const known = this.#object(object.handle);
      // It has none: that is known, and no name equals it.
      return known === undefined ? undefined : (known.name ?? '');
    }
    if (object.root === 0n) {
      return object.name;
    }
    // Such a link is in each directory of the sessions.
    if (object.name.startsWith('Global\\')) {
      return objectPath(object.name, 'user', undefined);
    }
    const root = this.#object(object.root)?.name;
    return root === undefined ? undefined : `${root}\\${object.name}`;
  }

  /** At the call: the state now. At the return: what the function says of it. */
  #previous(object: CallObject | undefined): FieldValue | undefined {
    if (this.#atReturn) {
      return this.#point?.returns === 'previousState' ? this.#registers.get('rax') & 0xffff_ffffn : undefined;
    }
    const state =
      object?.kind === 'handle' && this.#call !== undefined ? this.#object(object.handle)?.state : undefined;
    if (state === undefined || 'unavailable' in state) {
      return undefined;
    }
    if ('signaled' in state) {
      return state.signaled ? 1 : 0;
    }
    return state.count;
  }

  #object(handle: bigint): HandleObject | undefined {
    if (!this.#known.has(handle)) {
      this.#known.set(handle, describeHandle(this.#thread.process, handle));
    }
    return this.#known.get(handle);
  }
}

function describeHandle(process: DebuggedProcess, handle: bigint): HandleObject | undefined {
  const [object] = objectsOfHandles([{ process: process.processId, handle }], { cancelled: () => false });
  return object ?? undefined;
}

function callerModule({ process }: DebuggedThread, { rsp }: X64Context): string | undefined {
  const back = word(process, rsp);
  if (back === undefined) {
    return undefined;
  }
  const module = process.moduleAt(back);
  if (module !== undefined) {
    return module.name;
  }
  const code = process.read(back, RECORDER_RETURN.length);
  const caller = code !== undefined && isRecorderReturn(code) ? word(process, rsp + RECORDER_CALLER) : undefined;
  return caller === undefined ? undefined : process.moduleAt(caller)?.name;
}

function word(process: DebuggedProcess, address: bigint): bigint | undefined {
  const data = process.read(address, 8);
  return data?.length === 8 ? new DataView(data.buffer, data.byteOffset).getBigUint64(0, true) : undefined;
}
