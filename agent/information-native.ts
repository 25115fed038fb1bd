/** Raw bindings for what the agent tells about itself and its system. */
import { advapi32, kernel32, ntdll } from './native/common-native.js';
import type { Handle } from './native/memory.js';

export const RtlGetVersion = ntdll.func('int32_t __stdcall RtlGetVersion(void *information)') as (
  information: Buffer,
) => number;

export const QueryPerformanceFrequency = kernel32.func(
  'int32_t __stdcall QueryPerformanceFrequency(void *frequency)',
) as (frequency: BigInt64Array) => number;

/** Wine's own export; undefined on Windows. */
export const wineGetVersion = ((): (() => string) | undefined => {
  try {
    return ntdll.func('str wine_get_version()') as () => string;
  } catch {
    return undefined;
  }
})();

export const OpenProcessToken = advapi32.func(
  'int32_t __stdcall OpenProcessToken(intptr_t process, uint32_t access, void *token)',
) as (process: Handle, access: number, token: BigInt64Array) => number;

export const GetTokenInformation = advapi32.func(
  'int32_t __stdcall GetTokenInformation(intptr_t token, int32_t informationClass, void *information, uint32_t length, void *returned)',
) as (
  token: Handle,
  informationClass: number,
  information: Uint32Array,
  length: number,
  returned: Uint32Array,
) => number;
