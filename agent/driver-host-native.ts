/** Raw bindings of another process's modules, and of what a service's host tells the control manager. */
import { advapi32, kernel32 } from './native/common-native.js';
import type { Handle } from './native/memory.js';

export const K32EnumProcessModules = kernel32.func(
  'int32_t __stdcall K32EnumProcessModules(intptr_t process, void *modules, uint32_t bytes, void *needed)',
) as (process: Handle, modules: BigInt64Array, bytes: number, needed: Uint32Array) => number;

/** Returns UTF-16 units written, 0 on failure. */
export const K32GetModuleBaseNameW = kernel32.func(
  'uint32_t __stdcall K32GetModuleBaseNameW(intptr_t process, intptr_t module, void *name, uint32_t units)',
) as (process: Handle, module: bigint, name: Buffer, units: number) => number;

/** Wine takes a handle of OpenServiceW with SERVICE_SET_STATUS; its driver host calls it so. */
export const SetServiceStatus = advapi32.func('int32_t __stdcall SetServiceStatus(intptr_t service, void *status)') as (
  service: Handle,
  status: Buffer,
) => number;
