/** The object namespace: directories, and what single objects tell about themselves. Runs in a call worker. */
import type { ObjectInfo, ObjectState, Unavailable } from '../protocol/agent-rpc.js';
import { encodePacked } from '../protocol/agent-codec.js';
import { describeNtstatus, describeWin32Error } from '../machine/status.js';
import { CancelledError } from '../protocol/errors.js';
import type { CallContext } from './call-context.js';
import { GetLastError, LocalFree } from './native/common-native.js';
import {
  EVENT_BASIC_INFORMATION,
  MUTANT_BASIC_INFORMATION,
  MUTANT_OWNER_INFORMATION,
  OBJECT_BASIC_INFORMATION,
  OBJECT_DIRECTORY_INFORMATION,
  SECURITY_DESCRIPTOR_RELATIVE,
  SEMAPHORE_BASIC_INFORMATION,
  TIMER_BASIC_INFORMATION,
  UNICODE_STRING,
} from './native/layouts.js';
import { NativeMemory, ObjectAttributes, viewMemory, type Handle } from './native/memory.js';
import { ntstatusError, plainError } from './native/native-error.js';
import {
  ConvertSecurityDescriptorToStringSecurityDescriptorW,
  NtClose,
  NtOpenDirectoryObject,
  NtOpenEvent,
  NtOpenMutant,
  NtOpenSection,
  NtOpenSemaphore,
  NtOpenSymbolicLinkObject,
  NtOpenTimer,
  NtPulseEvent,
  NtQueryDirectoryObject,
  NtQueryEvent,
  NtQueryMutant,
  NtQueryObject,
  NtQuerySecurityObject,
  NtQuerySemaphore,
  NtQuerySymbolicLinkObject,
  NtQueryTimer,
  NtResetEvent,
  NtSetEvent,
} from './objects-native.js';

const STATUS_SUCCESS = 0;
const STATUS_MORE_ENTRIES = 0x105;
const STATUS_NO_MORE_ENTRIES = 0x8000001a;
const STATUS_NOT_IMPLEMENTED = 0xc0000002;
const STATUS_INVALID_INFO_CLASS = 0xc0000003;
const STATUS_ACCESS_DENIED = 0xc0000022;
const STATUS_BUFFER_TOO_SMALL = 0xc0000023;

const READ_CONTROL = 0x20000;
const EVENT_MODIFY_STATE = 2;
const DIRECTORY_QUERY_AND_TRAVERSE = 3;

/** Entries of the first part, sent at once so that a person sees something, and of those that follow. */
const FIRST_PART = 100;
const LATER_PART = 1_000;
/** The first part goes after this long even when it is not full: a slow directory shows what it has. */
const FIRST_PART_MS = 30;

const attributes = new ObjectAttributes();
const handleOut = new BigInt64Array(1);

type Open = (handle: BigInt64Array, access: number, attributes: bigint) => number;

/** How objects of a type are opened and asked, by the kernel's own type name. The least right first: 1 is QUERY everywhere. */
const TYPES: Readonly<Record<string, { readonly open: Open; readonly state?: (handle: Handle) => ObjectState }>> = {
  Event: { open: NtOpenEvent, state: eventState },
  Mutant: { open: NtOpenMutant, state: mutantState },
  Semaphore: { open: NtOpenSemaphore, state: semaphoreState },
  Timer: { open: NtOpenTimer, state: timerState },
  Section: { open: NtOpenSection },
  Directory: { open: NtOpenDirectoryObject },
  SymbolicLink: { open: NtOpenSymbolicLinkObject },
};

/** Opens with the rights asked for. A status, not an exception: access denied is an everyday answer. */
export function openObject(path: string, typeName: string, access: number): { status: number; handle: Handle } {
  const type = TYPES[typeName];
  if (type === undefined) {
    throw plainError(`Objects of type ${typeName} cannot be opened by name without side effects`);
  }
  const status = type.open(handleOut, access, attributes.named(path)) >>> 0;
  return { status, handle: status === STATUS_SUCCESS ? (handleOut[0] ?? 0n) : 0 };
}

export const isOpenableType = (typeName: string): boolean => Object.hasOwn(TYPES, typeName);

/** Sends the entries of a directory as parts; returns their number. */
export function listDirectory(path: string, context: CallContext): number {
  const status = NtOpenDirectoryObject(handleOut, DIRECTORY_QUERY_AND_TRAVERSE, attributes.named(path)) >>> 0;
  if (status !== STATUS_SUCCESS) {
    throw ntstatusError('NtOpenDirectoryObject', status, path);
  }
  const handle = handleOut[0] ?? 0n;
  try {
    const parts = new EntryParts(context);
    walkDirectory(handle, path, context, parts);
    // Windows has \?? per logon and does not list it; Wine does.
    if (path === '\\' && !parts.sawDosDevices) {
      parts.add('??', 'Directory');
    }
    return parts.finish();
  } finally {
    NtClose(handle);
  }
}

class EntryParts {
  #entries: [string, string][] = [];
  #count = 0;
  #sent = 0;
  readonly #began = performance.now();
  sawDosDevices = false;

  constructor(readonly context: CallContext) {}

  add(name: string, typeName: string): void {
    this.sawDosDevices ||= name === '??';
    this.#entries.push([name, typeName]);
    this.#count++;
    const full = this.#sent === 0 ? FIRST_PART : LATER_PART;
    if (
      this.#entries.length >= full ||
      (this.#sent === 0 && this.#count % 16 === 0 && performance.now() - this.#began > FIRST_PART_MS)
    ) {
      this.#send();
    }
  }

  finish(): number {
    if (this.#entries.length > 0) {
      this.#send();
    }
    return this.#count;
  }

  #send(): void {
    this.context.emit(encodePacked(this.#entries), this.#entries.length);
    this.#sent++;
    this.#entries = [];
  }
}

function walkDirectory(handle: Handle, path: string, context: CallContext, parts: EntryParts): void {
  const contextOffset = 0;
  const bufferOffset = 16;
  // An entry takes at most 32 bytes of head and two strings of 64 KiB.
  const memory = new NativeMemory(bufferOffset + 256 * 1024);
  try {
    const buffer = memory.address + BigInt(bufferOffset);
    // Wine 8 answers single entries only, and says so.
    let single = 0;
    for (let restart = 1; ; restart = 0) {
      if (context.cancelled()) {
        throw new CancelledError();
      }
      const query = (): number =>
        NtQueryDirectoryObject(
          handle,
          buffer,
          memory.size - bufferOffset,
          single,
          restart,
          memory.address + BigInt(contextOffset),
          memory.address + 8n,
        ) >>> 0;
      let status = query();
      if (status === STATUS_NOT_IMPLEMENTED && single === 0) {
        single = 1;
        status = query();
      }
      if (status === STATUS_NO_MORE_ENTRIES) {
        return;
      }
      if (status !== STATUS_SUCCESS && status !== STATUS_MORE_ENTRIES) {
        throw ntstatusError('NtQueryDirectoryObject', status, path);
      }
      for (let at = bufferOffset; ; at += OBJECT_DIRECTORY_INFORMATION.size) {
        const name = memory.unicodeString(at + OBJECT_DIRECTORY_INFORMATION.Name);
        if (name === '') {
          break;
        }
        parts.add(name, memory.unicodeString(at + OBJECT_DIRECTORY_INFORMATION.TypeName));
        if (single === 1) {
          break;
        }
      }
    }
  } finally {
    memory.free();
  }
}

/** What each of the objects tells; an entry that cannot be opened carries its NTSTATUS. */
export function queryObjects(
  items: readonly { readonly path: string; readonly typeName: string }[],
  context: CallContext,
): (ObjectInfo | { path: string; status: number })[] {
  return items.map(({ path, typeName }) => {
    if (context.cancelled()) {
      throw new CancelledError();
    }
    return isOpenableType(typeName) ? queryObject(path, typeName) : unopened(path, typeName);
  });
}

function unopened(path: string, typeName: string): ObjectInfo {
  const why = { unavailable: `Objects of type ${typeName} cannot be opened by name without side effects` };
  return { path, typeName, handleCount: why, pointerCount: why, sddl: why };
}

function queryObject(path: string, typeName: string): ObjectInfo | { path: string; status: number } {
  let access = 1 | READ_CONTROL;
  let { status, handle } = openObject(path, typeName, access);
  for (const less of [1, READ_CONTROL]) {
    if (status !== STATUS_ACCESS_DENIED) {
      break;
    }
    access = less;
    ({ status, handle } = openObject(path, typeName, access));
  }
  if (status !== STATUS_SUCCESS) {
    return { path, status };
  }
  try {
    const queryable = (access & 1) !== 0;
    const counts = objectCounts(handle);
    return {
      path,
      typeName,
      ...(TYPES[typeName]?.state === undefined
        ? {}
        : { state: queryable ? stateOf(typeName, handle) : denied('the right to query its state') }),
      handleCount: counts.handles,
      pointerCount: counts.pointers,
      sddl: (access & READ_CONTROL) === 0 ? denied('READ_CONTROL') : securityOf(handle),
      ...(typeName === 'SymbolicLink'
        ? { linkTarget: queryable ? linkTargetOf(handle) : denied('the right to query it') }
        : {}),
    };
  } finally {
    NtClose(handle);
  }
}

const denied = (right: string): Unavailable => ({
  unavailable: `${describeNtstatus(STATUS_ACCESS_DENIED)}: ${right} was refused`,
});

function stateOf(typeName: string, handle: Handle): ObjectState | Unavailable {
  try {
    return TYPES[typeName]?.state?.(handle) ?? { unavailable: `${typeName} objects have no state` };
  } catch (error) {
    return { unavailable: error instanceof Error ? error.message : String(error) };
  }
}

function query(
  call: string,
  native: (handle: Handle, informationClass: number, buffer: Buffer, length: number, returned: null) => number,
  handle: Handle,
  size: number,
): Buffer {
  const buffer = Buffer.alloc(size);
  const status = native(handle, 0, buffer, size, null) >>> 0;
  if (status !== STATUS_SUCCESS) {
    throw ntstatusError(call, status);
  }
  return buffer;
}

function eventState(handle: Handle): ObjectState {
  const information = query('NtQueryEvent', NtQueryEvent, handle, EVENT_BASIC_INFORMATION.size);
  return {
    type: 'Event',
    kind: information.readInt32LE(EVENT_BASIC_INFORMATION.EventType) === 0 ? 'notification' : 'synchronization',
    signaled: information.readInt32LE(EVENT_BASIC_INFORMATION.EventState) !== 0,
  };
}

function semaphoreState(handle: Handle): ObjectState {
  const information = query('NtQuerySemaphore', NtQuerySemaphore, handle, SEMAPHORE_BASIC_INFORMATION.size);
  return {
    type: 'Semaphore',
    count: information.readInt32LE(SEMAPHORE_BASIC_INFORMATION.CurrentCount),
    maximum: information.readInt32LE(SEMAPHORE_BASIC_INFORMATION.MaximumCount),
  };
}

function timerState(handle: Handle): ObjectState {
  const information = query('NtQueryTimer', NtQueryTimer, handle, TIMER_BASIC_INFORMATION.size);
  return {
    type: 'Timer',
    signaled: information.readUInt8(TIMER_BASIC_INFORMATION.TimerState) !== 0,
    remaining: information.readBigInt64LE(TIMER_BASIC_INFORMATION.RemainingTime),
  };
}

function mutantState(handle: Handle): ObjectState {
  const information = query('NtQueryMutant', NtQueryMutant, handle, MUTANT_BASIC_INFORMATION.size);
  const owner = Buffer.alloc(MUTANT_OWNER_INFORMATION.size);
  const ownerClass = 1;
  const status = NtQueryMutant(handle, ownerClass, owner, owner.length, null) >>> 0;
  return {
    type: 'Mutant',
    count: information.readInt32LE(MUTANT_BASIC_INFORMATION.CurrentCount),
    abandoned: information.readUInt8(MUTANT_BASIC_INFORMATION.AbandonedState) !== 0,
    owner:
      status === STATUS_SUCCESS
        ? {
            process: owner.readUInt32LE(MUTANT_OWNER_INFORMATION.UniqueProcess),
            thread: owner.readUInt32LE(MUTANT_OWNER_INFORMATION.UniqueThread),
          }
        : {
            unavailable:
              status === STATUS_INVALID_INFO_CLASS
                ? 'This target does not tell the owner of a mutant'
                : describeNtstatus(status),
          },
  };
}

function objectCounts(handle: Handle): { handles: number | Unavailable; pointers: number | Unavailable } {
  const information = Buffer.alloc(OBJECT_BASIC_INFORMATION.size);
  const status = NtQueryObject(handle, 0, information, information.length, null) >>> 0;
  if (status !== STATUS_SUCCESS) {
    const why = { unavailable: describeNtstatus(status) };
    return { handles: why, pointers: why };
  }
  // Our own handle is one of each.
  return {
    handles: Math.max(0, information.readUInt32LE(OBJECT_BASIC_INFORMATION.HandleCount) - 1),
    pointers: Math.max(0, information.readUInt32LE(OBJECT_BASIC_INFORMATION.PointerCount) - 1),
  };
}

const OWNER_GROUP_DACL = 7;
const needed = new Uint32Array(1);

function securityOf(handle: Handle): string | Unavailable {
  let descriptor = Buffer.alloc(1_024);
  let status = 0;
  // The descriptor may grow between two calls.
  for (let attempt = 0; attempt < 4; attempt++) {
    status = NtQuerySecurityObject(handle, OWNER_GROUP_DACL, descriptor, descriptor.length, needed) >>> 0;
    if (status !== STATUS_BUFFER_TOO_SMALL) {
      break;
    }
    descriptor = Buffer.alloc(Math.min((needed[0] ?? 0) + 256, 1 << 20));
  }
  if (status !== STATUS_SUCCESS) {
    return { unavailable: describeNtstatus(status) };
  }
  const { Owner, Group, Dacl } = SECURITY_DESCRIPTOR_RELATIVE;
  if ([Owner, Group, Dacl].every((offset) => descriptor.readUInt32LE(offset) === 0)) {
    return { unavailable: 'This target keeps no security descriptor of such objects' };
  }
  const text = new BigUint64Array(1);
  const length = new Uint32Array(1);
  if (
    ConvertSecurityDescriptorToStringSecurityDescriptorW(descriptor, 1, OWNER_GROUP_DACL, text, length) === 0 ||
    text[0] === undefined
  ) {
    return { unavailable: describeWin32Error(GetLastError()) };
  }
  const sddl = viewMemory(text[0], (length[0] ?? 0) * 2).toString('utf16le');
  LocalFree(text[0]);
  return sddl.replace(/\0+$/, '');
}

function linkTargetOf(handle: Handle): string | Unavailable {
  const maximum = 0xfffe;
  const memory = new NativeMemory(UNICODE_STRING.size + maximum);
  try {
    memory.bytes.writeUInt16LE(maximum, UNICODE_STRING.MaximumLength);
    memory.bytes.writeBigUInt64LE(memory.address + BigInt(UNICODE_STRING.size), UNICODE_STRING.Buffer);
    const status = NtQuerySymbolicLinkObject(handle, memory.address, null) >>> 0;
    return status === STATUS_SUCCESS ? memory.unicodeString(0) : { unavailable: describeNtstatus(status) };
  } finally {
    memory.free();
  }
}

const CHANGES = {
  set: { call: 'NtSetEvent', native: NtSetEvent },
  reset: { call: 'NtResetEvent', native: NtResetEvent },
  pulse: { call: 'NtPulseEvent', native: NtPulseEvent },
} as const;

/** Sets, resets or pulses an event by its path; returns the signal state before. */
export function changeEvent(path: string, action: keyof typeof CHANGES): number {
  const { status, handle } = openObject(path, 'Event', EVENT_MODIFY_STATE);
  if (status !== STATUS_SUCCESS) {
    throw ntstatusError('NtOpenEvent', status, path);
  }
  try {
    const { call, native } = CHANGES[action];
    const previous = new Int32Array(1);
    const changed = native(handle, previous) >>> 0;
    if (changed !== STATUS_SUCCESS) {
      throw ntstatusError(call, changed, path);
    }
    return previous[0] ?? 0;
  } finally {
    NtClose(handle);
  }
}
