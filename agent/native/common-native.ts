/** Raw bindings that several modules use: handles, events, waits, this process. */
import koffi from 'koffi';
import type { Handle } from './memory.js';

export const kernel32 = koffi.load('kernel32.dll');
export const ntdll = koffi.load('ntdll.dll');
export const advapi32 = koffi.load('advapi32.dll');

export const CloseHandle = kernel32.func('int32_t __stdcall CloseHandle(intptr_t handle)') as (
  handle: Handle,
) => number;

/** Of this thread's last call. Only right after it: anything between may change it. */
export const GetLastError = kernel32.func('uint32_t __stdcall GetLastError()') as () => number;

export const CreateEventW = kernel32.func(
  'intptr_t __stdcall CreateEventW(void *attributes, int32_t manualReset, int32_t initialState, str16 name)',
) as (attributes: null, manualReset: number, initialState: number, name: string | null) => Handle;
export const SetEvent = kernel32.func('int32_t __stdcall SetEvent(intptr_t event)') as (event: Handle) => number;
export const ResetEvent = kernel32.func('int32_t __stdcall ResetEvent(intptr_t event)') as (event: Handle) => number;

export const WaitForSingleObject = kernel32.func(
  'uint32_t __stdcall WaitForSingleObject(intptr_t handle, uint32_t milliseconds)',
) as (handle: Handle, milliseconds: number) => number;

/** handles: an array of 64-bit handles. */
export const WaitForMultipleObjects = kernel32.func(
  'uint32_t __stdcall WaitForMultipleObjects(uint32_t count, void *handles, int32_t waitAll, uint32_t milliseconds)',
) as (count: number, handles: BigInt64Array, waitAll: number, milliseconds: number) => number;

export const GetCurrentProcessId = kernel32.func('uint32_t __stdcall GetCurrentProcessId()') as () => number;
export const GetCurrentProcess = kernel32.func('intptr_t __stdcall GetCurrentProcess()') as () => Handle;
export const OpenProcess = kernel32.func(
  'intptr_t __stdcall OpenProcess(uint32_t access, int32_t inherit, uint32_t process)',
) as (access: number, inherit: number, process: number) => Handle;
export const TerminateProcess = kernel32.func(
  'int32_t __stdcall TerminateProcess(intptr_t process, uint32_t exitCode)',
) as (process: Handle, exitCode: number) => number;
export const ProcessIdToSessionId = kernel32.func(
  'int32_t __stdcall ProcessIdToSessionId(uint32_t process, void *session)',
) as (process: number, session: Uint32Array) => number;

export const CreateFileW = kernel32.func(
  'intptr_t __stdcall CreateFileW(str16 name, uint32_t access, uint32_t share, void *attributes, uint32_t disposition, uint32_t flags, intptr_t template)',
) as (
  name: string,
  access: number,
  share: number,
  attributes: null,
  disposition: number,
  flags: number,
  template: number,
) => Handle;

export const LocalFree = kernel32.func('void *__stdcall LocalFree(void *memory)') as (memory: bigint) => unknown;

export const INVALID_HANDLE_VALUE = -1;
export const INFINITE = 0xffff_ffff;
export const WAIT_TIMEOUT = 0x102;
export const GENERIC_READ = 0x8000_0000;
export const GENERIC_WRITE = 0x4000_0000;
export const FILE_SHARE_READ = 1;
export const FILE_SHARE_WRITE = 2;
export const FILE_SHARE_DELETE = 4;
export const CREATE_ALWAYS = 2;
export const OPEN_EXISTING = 3;
export const FILE_FLAG_OVERLAPPED = 0x4000_0000;

export const isInvalid = (handle: Handle): boolean => handle === INVALID_HANDLE_VALUE || handle === 0;
