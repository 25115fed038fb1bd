/** Raw bindings of device control. */
import { kernel32, ntdll } from './native/common-native.js';
import type { Handle } from './native/memory.js';

export const NtDeviceIoControlFile = ntdll.func(
  'int32_t __stdcall NtDeviceIoControlFile(intptr_t file, intptr_t event, void *apc, void *apcContext, void *ioStatus, uint32_t code, void *input, uint32_t inputBytes, void *output, uint32_t outputBytes)',
) as (
  file: Handle,
  event: Handle,
  apc: null,
  apcContext: null,
  ioStatus: bigint,
  code: number,
  input: bigint | null,
  inputBytes: number,
  output: bigint | null,
  outputBytes: number,
) => number;

export const RtlNtStatusToDosError = ntdll.func('uint32_t __stdcall RtlNtStatusToDosError(int32_t status)') as (
  status: number,
) => number;

/** overlapped: null cancels every request that this process began on the handle. */
export const CancelIoEx = kernel32.func('int32_t __stdcall CancelIoEx(intptr_t file, void *overlapped)') as (
  file: Handle,
  overlapped: null,
) => number;
