/** A call of a point, read from its first instruction: the objects that it is about, and its timeout. Runs on the debug thread. */
import { FILETIME_OF_1970 } from '../machine/filetime.js';
import { INFINITE_TIMEOUT } from '../machine/conditions.js';
import { argumentPlace, parameterBits, parameterPosition, type Point, type PointParameter } from '../machine/points.js';
import type { X64Context } from '../machine/x64-context.js';
import type { DebuggedProcess } from './debug-process.js';

const MAXIMUM_WAIT_OBJECTS = 64;
const INFINITE_MILLISECONDS = 0xffff_ffffn;
const TICKS_PER_MS = 10_000n;
/** Of OBJECT_ATTRIBUTES: RootDirectory, ObjectName. */
const ROOT_DIRECTORY = 8n;
const OBJECT_NAME = 0x10n;

/** KPROCESSOR_MODE, and NtCurrentProcess(). */
const USER_MODE = 1n;
const CURRENT_PROCESS = 0xffff_ffff_ffff_ffffn;

const HANDLES = ['handle', 'waitHandle', 'signalHandle', 'sourceHandle'] as const;

export type CallObject =
  | { readonly kind: 'handle'; readonly handle: bigint }
  | { readonly kind: 'address'; readonly address: bigint }
  /** Of a call that creates or opens: what it will be called. root: handle of the folder, 0 for none. */
  | { readonly kind: 'name'; readonly root: bigint; readonly name: string };

export class PointCall {
  constructor(
    readonly point: Point,
    readonly process: DebuggedProcess,
    readonly registers: X64Context,
  ) {}

  /** undefined: the function has no such argument, or the stack cannot be read. */
  #argument(parameter: PointParameter): bigint | undefined {
    const position = parameterPosition(this.point, parameter);
    if (position < 0) {
      return undefined;
    }
    const place = argumentPlace(position);
    const value =
      place.kind === 'register'
        ? this.registers.get(place.register)
        : this.#pointerAt(this.registers.rsp + BigInt(place.offset));
    return value === undefined ? undefined : BigInt.asUintN(parameterBits(this.point, parameter), value);
  }

  #pointerAt(address: bigint): bigint | undefined {
    return this.#view(address, 8)?.getBigUint64(0, true);
  }

  #view(address: bigint, length: number): DataView | undefined {
    const data = this.process.read(address, length);
    return data?.length === length ? new DataView(data.buffer, data.byteOffset, length) : undefined;
  }

  /** Empty: the point is about none, or its list cannot be read. */
  objects(): CallObject[] {
    const found: CallObject[] = HANDLES.flatMap((parameter) => {
      const handle = this.#isOfAnotherProcess() ? undefined : this.#argument(parameter);
      return handle === undefined ? [] : [{ kind: 'handle', handle }];
    });
    const address = this.#argument('object');
    if (address !== undefined) {
      found.push({ kind: 'address', address });
    }
    found.push(...this.#list('handles').map((handle) => ({ kind: 'handle', handle }) as const));
    found.push(...this.#list('objects').map((at) => ({ kind: 'address', address: at }) as const));
    const name = this.#name();
    if (name !== undefined) {
      found.push(name);
    }
    return found;
  }

  /** A driver passes the requestor's handle, or one of the process that it duplicates from: in its host they mean something else. */
  #isOfAnotherProcess(): boolean {
    if (this.point.side !== 'kernel') {
      return false;
    }
    const source = this.#argument('sourceProcess');
    return this.#argument('accessMode') === USER_MODE || (source !== undefined && source !== CURRENT_PROCESS);
  }

  #list(parameter: 'handles' | 'objects'): bigint[] {
    const list = this.#argument(parameter);
    const count = Number(this.#argument('count') ?? 0n);
    if (list === undefined || count === 0 || count > MAXIMUM_WAIT_OBJECTS) {
      return [];
    }
    const view = this.#view(list, count * 8);
    return view === undefined ? [] : Array.from({ length: count }, (_, index) => view.getBigUint64(index * 8, true));
  }

  #name(): CallObject | undefined {
    const attributes = this.#argument('attributes') ?? 0n;
    const text = attributes === 0n ? undefined : this.#pointerAt(attributes + OBJECT_NAME);
    const view = text === undefined || text === 0n ? undefined : this.#view(text, 16);
    const data =
      view === undefined ? undefined : this.process.read(view.getBigUint64(8, true), view.getUint16(0, true));
    if (data === undefined) {
      return undefined;
    }
    const root = this.#pointerAt(attributes + ROOT_DIRECTORY) ?? 0n;
    return { kind: 'name', root, name: Buffer.from(data).toString('utf16le') };
  }

  /** Of a wait, in ms; undefined: it has none that could be read. */
  timeout(): bigint | undefined {
    const milliseconds = this.#argument('milliseconds');
    if (milliseconds !== undefined) {
      return milliseconds === INFINITE_MILLISECONDS ? INFINITE_TIMEOUT : milliseconds;
    }
    const pointer = this.#argument('timeout');
    if (pointer === undefined || pointer === 0n) {
      return pointer === undefined ? undefined : INFINITE_TIMEOUT;
    }
    const time = this.#view(pointer, 8)?.getBigInt64(0, true);
    if (time === undefined || time <= 0n) {
      return time === undefined ? undefined : -time / TICKS_PER_MS;
    }
    const now = BigInt(Date.now()) * TICKS_PER_MS + FILETIME_OF_1970;
    return time <= now ? 0n : (time - now) / TICKS_PER_MS;
  }
}
