/** Debug events of Windows, read into values, and the debug object that they come from. Everything here runs on the one debug thread. */
import { FILETIME_OF_1970 } from '../machine/filetime.js';
import { LocalFree } from './native/common-native.js';
import { DEBUG_EVENT } from './native/layouts.js';
import { NativeMemory, viewMemory, type Handle } from './native/memory.js';
import { ntstatusError, win32Error } from './native/native-error.js';
import { CloseHandle, GetLastError } from './native/common-native.js';
import {
  ContinueDebugEvent,
  DBG_CONTINUE,
  DBG_EXCEPTION_NOT_HANDLED,
  DbgUiConnectToDbg,
  DbgUiGetThreadDebugObject,
  DbgUiSetThreadDebugObject,
  DebugSetProcessKillOnExit,
  GetSystemTimePreciseAsFileTime,
  GetThreadDescription,
  WaitForDebugEvent,
} from './debug-native.js';

export interface ExceptionRecord {
  readonly code: number;
  readonly address: bigint;
  readonly firstChance: boolean;
  readonly parameters: readonly bigint[];
}

interface EventHead {
  /** Process and thread ids of the system. */
  readonly processId: number;
  readonly threadId: number;
}

export type NativeDebugEvent = EventHead &
  (
    | { readonly kind: 'exception'; readonly exception: ExceptionRecord }
    | { readonly kind: 'createThread'; readonly thread: Handle; readonly start: bigint }
    | {
        readonly kind: 'createProcess';
        readonly file: Handle;
        readonly process: Handle;
        readonly thread: Handle;
        readonly base: bigint;
        readonly start: bigint;
      }
    | { readonly kind: 'exitThread'; readonly exitCode: number }
    | { readonly kind: 'exitProcess'; readonly exitCode: number }
    | { readonly kind: 'loadModule'; readonly file: Handle; readonly base: bigint }
    | { readonly kind: 'unloadModule'; readonly base: bigint }
    | { readonly kind: 'debugString'; readonly address: bigint; readonly wide: boolean; readonly bytes: number }
    | { readonly kind: 'other' }
  );

export type ExceptionEvent = Extract<NativeDebugEvent, { kind: 'exception' }>;

export const STATUS_BREAKPOINT = 0x8000_0003;
export const STATUS_SINGLE_STEP = 0x8000_0004;

/** An exception of the program's own, that its handlers may be given. */
export const isFault = ({ exception }: ExceptionEvent): boolean =>
  exception.code !== STATUS_BREAKPOINT && exception.code !== STATUS_SINGLE_STEP;

/** The debug object of the calling thread, which alone may use it. */
export class DebugObject {
  readonly #event = new NativeMemory(DEBUG_EVENT.size);
  /** Can be waited on: signaled while an event waits. */
  readonly handle: Handle;

  /** handle: of another process's object that this one is to use; undefined: one of its own. */
  constructor(handle?: Handle) {
    if (handle !== undefined) {
      DbgUiSetThreadDebugObject(handle);
      this.handle = handle;
      return;
    }
    const status = DbgUiConnectToDbg();
    if (status < 0) {
      throw ntstatusError('DbgUiConnectToDbg', status);
    }
    this.handle = DbgUiGetThreadDebugObject();
    // When the agent dies, what it debugs goes on.
    if (DebugSetProcessKillOnExit(0) === 0) {
      throw win32Error('DebugSetProcessKillOnExit', GetLastError());
    }
  }

  /** Undefined when none waits now. */
  next(): NativeDebugEvent | undefined {
    if (WaitForDebugEvent(this.#event.address, 0) === 0) {
      return undefined;
    }
    return readEvent(this.#event.bytes);
  }

  /** handled: an exception is swallowed; else the program's own handlers see it. */
  continue({ processId, threadId }: EventHead, handled = true): void {
    // It fails when the process was ended meanwhile, which its own event tells.
    ContinueDebugEvent(processId, threadId, handled ? DBG_CONTINUE : DBG_EXCEPTION_NOT_HANDLED);
  }
}

function readEvent(bytes: Buffer): NativeDebugEvent {
  const head = {
    processId: bytes.readUInt32LE(DEBUG_EVENT.dwProcessId),
    threadId: bytes.readUInt32LE(DEBUG_EVENT.dwThreadId),
  };
  const at = DEBUG_EVENT.u;
  switch (bytes.readUInt32LE(DEBUG_EVENT.dwDebugEventCode)) {
    case 1:
      return { ...head, kind: 'exception', exception: readException(bytes, at) };
    case 2:
      return { ...head, kind: 'createThread', thread: handleAt(bytes, at), start: bytes.readBigUInt64LE(at + 16) };
    case 3:
      return {
        ...head,
        kind: 'createProcess',
        file: handleAt(bytes, at),
        process: handleAt(bytes, at + 8),
        thread: handleAt(bytes, at + 16),
        base: bytes.readBigUInt64LE(at + 24),
        start: bytes.readBigUInt64LE(at + 48),
      };
    case 4:
      return { ...head, kind: 'exitThread', exitCode: bytes.readUInt32LE(at) };
    case 5:
      return { ...head, kind: 'exitProcess', exitCode: bytes.readUInt32LE(at) };
    case 6:
      return { ...head, kind: 'loadModule', file: handleAt(bytes, at), base: bytes.readBigUInt64LE(at + 8) };
    case 7:
      return { ...head, kind: 'unloadModule', base: bytes.readBigUInt64LE(at) };
    case 8:
      return {
        ...head,
        kind: 'debugString',
        address: bytes.readBigUInt64LE(at),
        wide: bytes.readUInt16LE(at + 8) !== 0,
        bytes: bytes.readUInt16LE(at + 10),
      };
    default:
      return { ...head, kind: 'other' };
  }
}

function readException(bytes: Buffer, at: number): ExceptionRecord {
  const count = Math.min(bytes.readUInt32LE(at + 24), 15);
  return {
    code: bytes.readUInt32LE(at),
    address: bytes.readBigUInt64LE(at + 16),
    parameters: Array.from({ length: count }, (_, index) => bytes.readBigUInt64LE(at + 32 + index * 8)),
    firstChance: bytes.readUInt32LE(at + 152) !== 0,
  };
}

const handleAt = (bytes: Buffer, offset: number): Handle => bytes.readBigInt64LE(offset);

export function closeHandle(handle: Handle): void {
  if (BigInt(handle) !== 0n && BigInt(handle) !== -1n) {
    CloseHandle(handle);
  }
}

const fileTime = new BigUint64Array(1);
/** ms since 1970 with their fractions, on the clock that trace records are calibrated with. */
export function systemUtcMs(): number {
  GetSystemTimePreciseAsFileTime(fileTime);
  return Number((fileTime[0] ?? 0n) - FILETIME_OF_1970) / 10_000;
}

const MAX_DESCRIPTION_BYTES = 512;
const description = new BigUint64Array(1);
/** The name that SetThreadDescription gave; undefined when none. */
export function threadDescription(thread: Handle): string | undefined {
  if (GetThreadDescription(thread, description) < 0) {
    return undefined;
  }
  const address = description[0] ?? 0n;
  if (address === 0n) {
    return undefined;
  }
  try {
    let text = '';
    for (let offset = 0n; text.length * 2 < MAX_DESCRIPTION_BYTES; offset += 2n) {
      const unit = viewMemory(address + offset, 2).readUInt16LE(0);
      if (unit === 0) {
        break;
      }
      text += String.fromCharCode(unit);
    }
    return text === '' ? undefined : text;
  } finally {
    LocalFree(address);
  }
}
