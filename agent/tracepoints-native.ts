/** Raw bindings for placing code and memory in another process. */
import { kernel32, ntdll } from './native/common-native.js';
import type { Handle } from './native/memory.js';

export const VirtualAllocEx = kernel32.func(
  'uint64_t __stdcall VirtualAllocEx(intptr_t process, uint64_t address, uintptr_t size, uint32_t type, uint32_t protection)',
) as (process: Handle, address: bigint, size: number, type: number, protection: number) => number | bigint;
export const VirtualFreeEx = kernel32.func(
  'int32_t __stdcall VirtualFreeEx(intptr_t process, uint64_t address, uintptr_t size, uint32_t type)',
) as (process: Handle, address: bigint, size: number, type: number) => number;
export const CreateRemoteThread = kernel32.func(
  'intptr_t __stdcall CreateRemoteThread(intptr_t process, void *attributes, uintptr_t stack, uint64_t start, uint64_t parameter, uint32_t flags, void *thread)',
) as (
  process: Handle,
  attributes: null,
  stack: number,
  start: bigint,
  parameter: bigint,
  flags: number,
  thread: Uint32Array,
) => Handle;
/** base: in, out. Returns NTSTATUS. */
export const NtMapViewOfSection = ntdll.func(
  'int32_t __stdcall NtMapViewOfSection(intptr_t section, intptr_t process, void *base, uintptr_t zeroBits, uintptr_t commit, void *offset, void *size, uint32_t inherit, uint32_t type, uint32_t protection)',
) as (
  section: Handle,
  process: Handle,
  base: BigUint64Array,
  zeroBits: number,
  commit: number,
  offset: null,
  size: BigUint64Array,
  inherit: number,
  type: number,
  protection: number,
) => number;
export const DuplicateHandle = kernel32.func(
  'int32_t __stdcall DuplicateHandle(intptr_t sourceProcess, intptr_t source, intptr_t targetProcess, void *target, uint32_t access, int32_t inherit, uint32_t options)',
) as (
  sourceProcess: Handle,
  source: Handle,
  targetProcess: Handle,
  target: BigUint64Array,
  access: number,
  inherit: number,
  options: number,
) => number;
export const GetModuleHandleW = kernel32.func('uint64_t __stdcall GetModuleHandleW(str16 name)') as (
  name: string,
) => number | bigint;
export const GetProcAddress = kernel32.func('uint64_t __stdcall GetProcAddress(uint64_t module, str name)') as (
  module: bigint,
  name: string,
) => number | bigint;

export const NtQueryInformationProcess = ntdll.func(
  'int32_t __stdcall NtQueryInformationProcess(intptr_t process, int32_t informationClass, void *information, uint32_t bytes, void *returned)',
) as (process: Handle, informationClass: number, information: BigUint64Array, bytes: number, returned: null) => number;

export const MEM_COMMIT_RESERVE = 0x3000;
export const MEM_RELEASE = 0x8000;
export const PAGE_READWRITE = 4;
export const PAGE_EXECUTE_READ = 0x20;
export const PAGE_EXECUTE_READWRITE = 0x40;
export const VIEW_UNMAP = 2;
export const DUPLICATE_SAME_ACCESS = 2;
