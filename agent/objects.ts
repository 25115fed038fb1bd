/** Single objects of the namespace: opened by name, asked about themselves, changed. Runs in a call worker. */
import type { ObjectInfo, ObjectState, Unavailable } from '../protocol/agent-rpc.js';
import { describeNtstatus, describeWin32Error } from '../machine/status.js';
import { CancelledError } from '../protocol/errors.js';
import type { CallContext } from './call-context.js';
import { GetLastError, LocalFree } from './native/common-native.js';
import { OBJECT_BASIC_INFORMATION, SECURITY_DESCRIPTOR_RELATIVE, UNICODE_STRING } from './native/layouts.js';
import { NativeMemory, ObjectAttributes, viewMemory, type Handle } from './native/memory.js';
import { ntstatusError, plainError } from './native/native-error.js';
import { eventState, mutantState, semaphoreState, timerState } from './object-states.js';
import {
  ConvertSecurityDescriptorToStringSecurityDescriptorW,
  NtClose,
  NtMakeTemporaryObject,
  NtOpenDirectoryObject,
  NtOpenEvent,
  NtOpenMutant,
  NtOpenSection,
  NtOpenSemaphore,
  NtOpenSymbolicLinkObject,
  NtOpenTimer,
  NtPulseEvent,
  NtQueryObject,
  NtQuerySecurityObject,
  NtQuerySymbolicLinkObject,
  NtResetEvent,
  NtSetEvent,
} from './objects-native.js';

const STATUS_SUCCESS = 0;
const STATUS_ACCESS_DENIED = 0xc0000022;
const STATUS_BUFFER_TOO_SMALL = 0xc0000023;

const DELETE = 0x10000;
const READ_CONTROL = 0x20000;
const EVENT_MODIFY_STATE = 2;

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

/** A permanent symbolic link's name goes with its last handle, which is ours when nobody else has one. */
export function removeLink(path: string): void {
  const { status, handle } = openObject(path, 'SymbolicLink', DELETE);
  if (status !== STATUS_SUCCESS) {
    throw ntstatusError('NtOpenSymbolicLinkObject', status, path);
  }
  try {
    const made = NtMakeTemporaryObject(handle) >>> 0;
    if (made !== STATUS_SUCCESS) {
      throw ntstatusError('NtMakeTemporaryObject', made, path);
    }
  } finally {
    NtClose(handle);
  }
}
