/** Raw bindings of the Win32 debug interface, of other processes' memory and of threads. Addresses in other processes are u64. */
import koffi from 'koffi';
import { kernel32, ntdll } from './native/common-native.js';
import type { Handle } from './native/memory.js';

const kernelbase = koffi.load('kernelbase.dll');

/** Makes this thread's debug object when it has none. Returns NTSTATUS. */
export const DbgUiConnectToDbg = ntdll.func('int32_t __stdcall DbgUiConnectToDbg()') as () => number;
/** This thread's debug object: it is signaled while an event waits. */
export const DbgUiGetThreadDebugObject = ntdll.func('intptr_t __stdcall DbgUiGetThreadDebugObject()') as () => Handle;
/** Lets a thread's later debug calls work on this debug object. */
export const DbgUiSetThreadDebugObject = ntdll.func('void __stdcall DbgUiSetThreadDebugObject(intptr_t object)') as (
  object: Handle,
) => void;

/** Attaches without the thread that DebugActiveProcess starts in the process to break into it. Returns NTSTATUS. */
export const NtDebugActiveProcess = ntdll.func(
  'int32_t __stdcall NtDebugActiveProcess(intptr_t process, intptr_t debugObject)',
) as (process: Handle, debugObject: Handle) => number;
export const NtRemoveProcessDebug = ntdll.func(
  'int32_t __stdcall NtRemoveProcessDebug(intptr_t process, intptr_t debugObject)',
) as (process: Handle, debugObject: Handle) => number;
export const NtSuspendProcess = ntdll.func('int32_t __stdcall NtSuspendProcess(intptr_t process)') as (
  process: Handle,
) => number;
export const NtResumeProcess = ntdll.func('int32_t __stdcall NtResumeProcess(intptr_t process)') as (
  process: Handle,
) => number;

export const DebugSetProcessKillOnExit = kernel32.func('int32_t __stdcall DebugSetProcessKillOnExit(int32_t kill)') as (
  kill: number,
) => number;
/** event: a DEBUG_EVENT. */
export const WaitForDebugEvent = kernel32.func(
  'int32_t __stdcall WaitForDebugEvent(uint64_t event, uint32_t milliseconds)',
) as (event: bigint, milliseconds: number) => number;
export const ContinueDebugEvent = kernel32.func(
  'int32_t __stdcall ContinueDebugEvent(uint32_t process, uint32_t thread, uint32_t status)',
) as (process: number, thread: number, status: number) => number;

export const ReadProcessMemory = kernel32.func(
  'int32_t __stdcall ReadProcessMemory(intptr_t process, uint64_t address, void *buffer, uintptr_t size, void *read)',
) as (process: Handle, address: bigint, buffer: Uint8Array, size: number, read: BigUint64Array) => number;
export const WriteProcessMemory = kernel32.func(
  'int32_t __stdcall WriteProcessMemory(intptr_t process, uint64_t address, const void *buffer, uintptr_t size, void *written)',
) as (process: Handle, address: bigint, buffer: Uint8Array, size: number, written: BigUint64Array) => number;
export const VirtualProtectEx = kernel32.func(
  'int32_t __stdcall VirtualProtectEx(intptr_t process, uint64_t address, uintptr_t size, uint32_t protection, void *before)',
) as (process: Handle, address: bigint, size: number, protection: number, before: Uint32Array) => number;
export const FlushInstructionCache = kernel32.func(
  'int32_t __stdcall FlushInstructionCache(intptr_t process, uint64_t address, uintptr_t size)',
) as (process: Handle, address: bigint, size: number) => number;

/** context: address of a CONTEXT, 16-byte aligned. */
export const GetThreadContext = kernel32.func(
  'int32_t __stdcall GetThreadContext(intptr_t thread, uint64_t context)',
) as (thread: Handle, context: bigint) => number;
export const SetThreadContext = kernel32.func(
  'int32_t __stdcall SetThreadContext(intptr_t thread, uint64_t context)',
) as (thread: Handle, context: bigint) => number;
/** Count before the call; 0xFFFFFFFF on failure. */
export const SuspendThread = kernel32.func('uint32_t __stdcall SuspendThread(intptr_t thread)') as (
  thread: Handle,
) => number;
export const ResumeThread = kernel32.func('uint32_t __stdcall ResumeThread(intptr_t thread)') as (
  thread: Handle,
) => number;
export const OpenThread = kernel32.func(
  'intptr_t __stdcall OpenThread(uint32_t access, int32_t inherit, uint32_t thread)',
) as (access: number, inherit: number, thread: number) => Handle;

/** HRESULT; out: the text, to be freed with LocalFree. */
export const GetThreadDescription = kernelbase.func(
  'int32_t __stdcall GetThreadDescription(intptr_t thread, void *out)',
) as (thread: Handle, out: BigUint64Array) => number;

/** UTF-16 units without the null; 0 on failure. */
export const K32GetModuleFileNameExW = kernel32.func(
  'uint32_t __stdcall K32GetModuleFileNameExW(intptr_t process, uint64_t module, void *name, uint32_t units)',
) as (process: Handle, module: bigint, name: Buffer, units: number) => number;
export const GetFinalPathNameByHandleW = kernel32.func(
  'uint32_t __stdcall GetFinalPathNameByHandleW(intptr_t file, void *name, uint32_t units, uint32_t flags)',
) as (file: Handle, name: Buffer, units: number, flags: number) => number;

/** out: a FILETIME, UTC. */
export const GetSystemTimePreciseAsFileTime = kernel32.func(
  'void __stdcall GetSystemTimePreciseAsFileTime(void *out)',
) as (out: BigUint64Array) => void;

/** startup: STARTUPINFOW; information: PROCESS_INFORMATION. */
export const CreateProcessW = kernel32.func(
  'int32_t __stdcall CreateProcessW(str16 program, void *commandLine, void *processAttributes, void *threadAttributes, int32_t inherit, uint32_t flags, void *environment, str16 folder, uint64_t startup, void *information)',
) as (
  program: string | null,
  commandLine: Buffer,
  processAttributes: null,
  threadAttributes: null,
  inherit: number,
  flags: number,
  environment: Buffer,
  folder: string | null,
  startup: bigint,
  information: Buffer,
) => number;
export const SetHandleInformation = kernel32.func(
  'int32_t __stdcall SetHandleInformation(intptr_t handle, uint32_t mask, uint32_t flags)',
) as (handle: Handle, mask: number, flags: number) => number;

export const DEBUG_ONLY_THIS_PROCESS = 2;
export const CREATE_UNICODE_ENVIRONMENT = 0x400;
export const CREATE_NO_WINDOW = 0x0800_0000;
export const CREATE_SUSPENDED = 4;
export const DBG_CONTINUE = 0x0001_0002;
export const DBG_EXCEPTION_NOT_HANDLED = 0x8001_0001;
export const HANDLE_FLAG_INHERIT = 1;
