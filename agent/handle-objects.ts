/** What handles of other processes stand for: type, name, state, and which of them are of one object. Runs in a call worker. */
import type { HandleObject, ObjectState } from '../protocol/agent-rpc.js';
import { CancelledError } from '../protocol/errors.js';
import type { CallContext } from './call-context.js';
import { GetCurrentProcess, OpenProcess } from './native/common-native.js';
import { NativeMemory, type Handle } from './native/memory.js';
import { eventState, mutantState, semaphoreState, timerState } from './object-states.js';
import { NtClose, NtCompareObjects, NtDuplicateObject, NtQueryObject } from './objects-native.js';

const PROCESS_DUP_HANDLE = 0x40;
const DUPLICATE_SAME_ACCESS = 2;
/** The right to query the state of each of the types below. */
const QUERY_STATE = 1;
const SYNCHRONIZE = 0x10_0000;
const OBJECT_NAME_INFORMATION = 1;
const OBJECT_TYPE_INFORMATION = 2;
/** UNICODE_STRING with the longest text that it can name. */
const NAME_BYTES = 16 + 0xfffe;

const STATES: Readonly<Record<string, (handle: Handle) => ObjectState>> = {
  Event: eventState,
  Semaphore: semaphoreState,
  Mutant: mutantState,
  Timer: timerState,
};
/** Types whose name may be asked for: of a pipe or a device the question itself may wait. */
const NAMED: ReadonlySet<string> = new Set([...Object.keys(STATES), 'Process', 'Thread']);

const copyOut = new BigInt64Array(1);

/** One answer each, in order; null: no such handle, or its process lets nobody see it. */
export function objectsOfHandles(
  handles: readonly { readonly process: number; readonly handle: bigint }[],
  context: Pick<CallContext, 'cancelled'>,
): (HandleObject | null)[] {
  const processes = new Map<number, Handle>();
  /** Our own handle of each object met so far; its place is the object's number in the answer. */
  const own: bigint[] = [];
  const memory = new NativeMemory(NAME_BYTES);
  try {
    return handles.map(({ process, handle }) => {
      if (context.cancelled()) {
        throw new CancelledError();
      }
      let source = processes.get(process);
      if (source === undefined) {
        source = OpenProcess(PROCESS_DUP_HANDLE, 0, process);
        processes.set(process, source);
      }
      const copy = source === 0 ? undefined : duplicate(source, handle);
      if (copy === undefined) {
        return null;
      }
      let object = own.findIndex((each) => NtCompareObjects?.(each, copy) === 0);
      if (object < 0) {
        object = own.push(copy) - 1;
      } else {
        NtClose(copy);
      }
      return { object, ...describe(own[object] ?? copy, memory) };
    });
  } finally {
    memory.free();
    for (const each of own) {
      NtClose(each);
    }
    for (const source of processes.values()) {
      if (source !== 0) {
        NtClose(source);
      }
    }
  }
}

/** What handles of one process stand for, asked one by one. */
export class HandleReader {
  readonly #process: Handle;
  readonly #memory = new NativeMemory(NAME_BYTES);

  private constructor(process: Handle) {
    this.#process = process;
  }

  /** undefined: the process lets nobody see its handles. */
  static open(process: number): HandleReader | undefined {
    const handle = OpenProcess(PROCESS_DUP_HANDLE, 0, process);
    return handle === 0 ? undefined : new HandleReader(handle);
  }

  /** undefined: no such handle. */
  describe(handle: bigint): Omit<HandleObject, 'object'> | undefined {
    const copy = duplicate(this.#process, handle);
    if (copy === undefined) {
      return undefined;
    }
    try {
      return describe(copy, this.#memory);
    } finally {
      NtClose(copy);
    }
  }

  close(): void {
    this.#memory.free();
    NtClose(this.#process);
  }
}

function duplicate(source: Handle, handle: bigint): bigint | undefined {
  const self = GetCurrentProcess();
  for (const [access, options] of [
    [QUERY_STATE | SYNCHRONIZE, 0],
    [0, DUPLICATE_SAME_ACCESS],
  ] as const) {
    if (NtDuplicateObject(source, handle, self, copyOut, access, 0, options) === 0) {
      return copyOut[0];
    }
  }
  return undefined;
}

function describe(handle: bigint, memory: NativeMemory): Omit<HandleObject, 'object'> {
  const typeName = textOf(handle, OBJECT_TYPE_INFORMATION, memory) ?? '';
  const name = NAMED.has(typeName) ? textOf(handle, OBJECT_NAME_INFORMATION, memory) : undefined;
  return { typeName, ...(name === undefined ? {} : { name }), ...stateOf(typeName, handle) };
}

function stateOf(typeName: string, handle: bigint): Pick<HandleObject, 'state'> {
  const query = STATES[typeName];
  if (query === undefined) {
    return {};
  }
  try {
    return { state: query(handle) };
  } catch (error) {
    return { state: { unavailable: error instanceof Error ? error.message : String(error) } };
  }
}

/** The UNICODE_STRING that both classes begin with; undefined when it is empty. */
function textOf(handle: bigint, informationClass: number, memory: NativeMemory): string | undefined {
  const status = NtQueryObject(handle, informationClass, memory.bytes, memory.bytes.length, null);
  const text = status === 0 ? memory.unicodeString(0) : '';
  return text === '' ? undefined : text;
}
