/** NtQuerySystemInformation: processes, and handles of every process. Runs in a call worker. */
import { CancelledError } from '../protocol/errors.js';
import type { CallContext } from './call-context.js';
import { GetCurrentProcess, GetCurrentProcessId, OpenProcess } from './native/common-native.js';
import {
  RTL_PROCESS_MODULE_INFORMATION,
  RTL_PROCESS_MODULES,
  SYSTEM_HANDLE_INFORMATION_EX,
  SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX,
  SYSTEM_PROCESS_INFORMATION,
} from './native/layouts.js';
import { NativeMemory } from './native/memory.js';
import { ntstatusError, plainError } from './native/native-error.js';
import { NtClose, NtCompareObjects, NtDuplicateObject, NtQuerySystemInformation } from './objects-native.js';
import { openObject } from './objects.js';

const SystemProcessInformation = 5;
const SystemModuleInformation = 11;
const SystemExtendedHandleInformation = 64;
const STATUS_INFO_LENGTH_MISMATCH = 0xc0000004;
const PROCESS_DUP_HANDLE = 0x40;
/** 400,000 processes or 26 million handles: over that something is wrong. */
const MAX_BYTES = 1 << 30;

/** Asks with a buffer that grows; the size that the system names may be stale by the next call. */
function withSystemInformation<T>(informationClass: number, read: (memory: NativeMemory) => T): T {
  const returned = new Uint32Array(1);
  let size = 256 * 1024;
  for (let attempt = 0; attempt < 8 && size <= MAX_BYTES; attempt++) {
    const memory = new NativeMemory(size);
    try {
      const status = NtQuerySystemInformation(informationClass, memory.address, size, returned) >>> 0;
      if (status === 0) {
        return read(memory);
      }
      if (status !== STATUS_INFO_LENGTH_MISMATCH) {
        throw ntstatusError('NtQuerySystemInformation', status);
      }
      size = Math.max(size * 2, Math.ceil((returned[0] ?? 0) * 1.25));
    } finally {
      memory.free();
    }
  }
  throw ntstatusError('NtQuerySystemInformation', STATUS_INFO_LENGTH_MISMATCH);
}

export interface ProcessEntry {
  readonly process: number;
  readonly parent: number;
  readonly name: string;
  readonly session: number;
  readonly threads: number;
  readonly handles: number;
}

export function listProcesses(): ProcessEntry[] {
  return withSystemInformation(SystemProcessInformation, (memory) => {
    const { bytes } = memory;
    const processes: ProcessEntry[] = [];
    for (let at = 0; ;) {
      const process = Number(bytes.readBigUInt64LE(at + SYSTEM_PROCESS_INFORMATION.UniqueProcessId));
      processes.push({
        process,
        parent: bytes.readUInt32LE(at + SYSTEM_PROCESS_INFORMATION.InheritedFromUniqueProcessId),
        name: memory.unicodeString(at + SYSTEM_PROCESS_INFORMATION.ImageName) || (process === 0 ? 'Idle' : 'System'),
        session: bytes.readUInt32LE(at + SYSTEM_PROCESS_INFORMATION.SessionId),
        threads: bytes.readUInt32LE(at + SYSTEM_PROCESS_INFORMATION.NumberOfThreads),
        handles: bytes.readUInt32LE(at + SYSTEM_PROCESS_INFORMATION.HandleCount),
      });
      const next = bytes.readUInt32LE(at + SYSTEM_PROCESS_INFORMATION.NextEntryOffset);
      if (next === 0) {
        return processes;
      }
      at += next;
    }
  });
}

export interface KernelModule {
  /** 0: the target hides kernel addresses from this agent. */
  readonly base: bigint;
  readonly size: number;
  readonly path: string;
}

/** What the kernel has loaded. On Windows; Wine's drivers are modules of their host processes. */
export function listKernelModules(): KernelModule[] {
  return withSystemInformation(SystemModuleInformation, ({ bytes }) => {
    const { size, ImageBase, ImageSize, FullPathName, pathBytes } = RTL_PROCESS_MODULE_INFORMATION;
    const count = bytes.readUInt32LE(RTL_PROCESS_MODULES.NumberOfModules);
    return Array.from({ length: count }, (_, index): KernelModule => {
      const at = RTL_PROCESS_MODULES.size + index * size;
      const path = bytes.toString('latin1', at + FullPathName, at + FullPathName + pathBytes);
      return {
        base: bytes.readBigUInt64LE(at + ImageBase),
        size: bytes.readUInt32LE(at + ImageSize),
        path: path.replace(/\0.*$/s, ''),
      };
    });
  });
}

interface HandleEntry {
  readonly process: number;
  readonly handle: bigint;
  readonly access: number;
}

/** The handles of other processes whose type is that of our own handle. Type indexes differ between systems: ours tells it. */
function handlesOfSameType(own: bigint): HandleEntry[] {
  return withSystemInformation(SystemExtendedHandleInformation, ({ bytes }) => {
    const self = BigInt(GetCurrentProcessId());
    const { size, UniqueProcessId, HandleValue, GrantedAccess, ObjectTypeIndex } = SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX;
    const first = SYSTEM_HANDLE_INFORMATION_EX.size;
    const end = first + Number(bytes.readBigUInt64LE(SYSTEM_HANDLE_INFORMATION_EX.NumberOfHandles)) * size;
    let typeIndex: number | undefined;
    for (let at = first; at < end && typeIndex === undefined; at += size) {
      if (bytes.readBigUInt64LE(at + UniqueProcessId) === self && bytes.readBigUInt64LE(at + HandleValue) === own) {
        typeIndex = bytes.readUInt16LE(at + ObjectTypeIndex);
      }
    }
    const found: HandleEntry[] = [];
    for (let at = first; at < end; at += size) {
      const process = bytes.readBigUInt64LE(at + UniqueProcessId);
      if (bytes.readUInt16LE(at + ObjectTypeIndex) === typeIndex && process !== self) {
        found.push({
          process: Number(process),
          handle: bytes.readBigUInt64LE(at + HandleValue),
          access: bytes.readUInt32LE(at + GrantedAccess),
        });
      }
    }
    return found;
  });
}

/** The handles of a process, those of one type together. */
export function handlesByType(process: number): readonly (readonly bigint[])[] {
  return withSystemInformation(SystemExtendedHandleInformation, ({ bytes }) => {
    const { size, UniqueProcessId, HandleValue, ObjectTypeIndex } = SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX;
    const first = SYSTEM_HANDLE_INFORMATION_EX.size;
    const end = first + Number(bytes.readBigUInt64LE(SYSTEM_HANDLE_INFORMATION_EX.NumberOfHandles)) * size;
    const byType = new Map<number, bigint[]>();
    for (let at = first; at < end; at += size) {
      if (bytes.readBigUInt64LE(at + UniqueProcessId) !== BigInt(process)) {
        continue;
      }
      const type = bytes.readUInt16LE(at + ObjectTypeIndex);
      const handles = byType.get(type);
      const handle = bytes.readBigUInt64LE(at + HandleValue);
      if (handles === undefined) {
        byType.set(type, [handle]);
      } else {
        handles.push(handle);
      }
    }
    return [...byType.values()];
  });
}

export interface Holder {
  readonly process: number;
  readonly processName: string;
  readonly handle: bigint;
  readonly grantedAccess: number;
}

/**
 * Who has a handle to the object at a path, the agent aside. Without object addresses, which some targets do not tell:
 * every handle of the type is duplicated and compared. Processes that do not let us are left out.
 */
export function holdersOf(path: string, typeName: string, context: CallContext): Holder[] {
  if (NtCompareObjects === undefined) {
    throw plainError('This target cannot compare objects: NtCompareObjects needs Windows 10', 'NtCompareObjects');
  }
  const { status, handle } = openObject(path, typeName, 1);
  if (status !== 0) {
    throw ntstatusError('NtOpen', status, path);
  }
  const own = BigInt(handle);
  try {
    const names = new Map(listProcesses().map(({ process, name }) => [process, name]));
    const byProcess = new Map<number, HandleEntry[]>();
    for (const entry of handlesOfSameType(own)) {
      const entries = byProcess.get(entry.process);
      if (entries === undefined) {
        byProcess.set(entry.process, [entry]);
      } else {
        entries.push(entry);
      }
    }
    const holders: Holder[] = [];
    for (const [process, entries] of byProcess) {
      const same = sameObjects(process, entries, own, context);
      holders.push(
        ...same.map((entry) => ({
          process,
          processName: names.get(process) ?? '',
          handle: entry.handle,
          grantedAccess: entry.access,
        })),
      );
    }
    return holders;
  } finally {
    NtClose(own);
  }
}

function sameObjects(
  process: number,
  entries: readonly HandleEntry[],
  own: bigint,
  context: CallContext,
): HandleEntry[] {
  const source = OpenProcess(PROCESS_DUP_HANDLE, 0, process);
  if (source === 0) {
    return [];
  }
  const copy = new BigInt64Array(1);
  const duplicateSameAccess = 2;
  try {
    return entries.filter(({ handle }) => {
      if (context.cancelled()) {
        throw new CancelledError();
      }
      if (NtDuplicateObject(source, handle, GetCurrentProcess(), copy, 0, 0, duplicateSameAccess) !== 0) {
        return false;
      }
      const theirs = copy[0] ?? 0n;
      const same = NtCompareObjects?.(own, theirs) === 0;
      NtClose(theirs);
      return same;
    });
  } finally {
    NtClose(source);
  }
}
