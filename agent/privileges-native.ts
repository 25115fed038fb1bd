/** Raw bindings for the privileges of this process's token. */
import { advapi32 } from './native/common-native.js';
import type { Handle } from './native/memory.js';

export const LookupPrivilegeValueW = advapi32.func(
  'int32_t __stdcall LookupPrivilegeValueW(str16 system, str16 name, void *luid)',
) as (system: null, name: string, luid: Buffer) => number;

/** Answers TRUE also when nothing was enabled: GetLastError tells. */
export const AdjustTokenPrivileges = advapi32.func(
  'int32_t __stdcall AdjustTokenPrivileges(intptr_t token, int32_t disableAll, void *state, uint32_t length, void *previous, void *returned)',
) as (token: Handle, disableAll: number, state: Buffer, length: number, previous: null, returned: null) => number;
