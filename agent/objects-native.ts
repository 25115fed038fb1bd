/** Raw bindings of the object manager. */
import { advapi32, ntdll } from './native/common-native.js';
import type { Handle } from './native/memory.js';

type OpenObject = (handle: BigInt64Array, access: number, attributes: bigint) => number;
type QueryObject = (handle: Handle, informationClass: number, buffer: Buffer, length: number, returned: null) => number;
type ChangeEvent = (handle: Handle, previous: Int32Array) => number;

const bindOpen = (name: string): OpenObject =>
  ntdll.func(`int32_t __stdcall ${name}(void *handle, uint32_t access, void *attributes)`) as OpenObject;
const bindQuery = (name: string): QueryObject =>
  ntdll.func(
    `int32_t __stdcall ${name}(intptr_t handle, uint32_t informationClass, void *buffer, uint32_t length, void *returned)`,
  ) as QueryObject;
const bindChange = (name: string): ChangeEvent =>
  ntdll.func(`int32_t __stdcall ${name}(intptr_t handle, void *previous)`) as ChangeEvent;

export const NtOpenDirectoryObject = bindOpen('NtOpenDirectoryObject');
export const NtOpenEvent = bindOpen('NtOpenEvent');
export const NtOpenMutant = bindOpen('NtOpenMutant');
export const NtOpenSemaphore = bindOpen('NtOpenSemaphore');
export const NtOpenTimer = bindOpen('NtOpenTimer');
export const NtOpenSection = bindOpen('NtOpenSection');
export const NtOpenSymbolicLinkObject = bindOpen('NtOpenSymbolicLinkObject');

export const NtQueryEvent = bindQuery('NtQueryEvent');
export const NtQueryMutant = bindQuery('NtQueryMutant');
export const NtQuerySemaphore = bindQuery('NtQuerySemaphore');
export const NtQueryTimer = bindQuery('NtQueryTimer');
export const NtQueryObject = bindQuery('NtQueryObject');

export const NtSetEvent = bindChange('NtSetEvent');
export const NtResetEvent = bindChange('NtResetEvent');
export const NtPulseEvent = bindChange('NtPulseEvent');

export const NtQueryDirectoryObject = ntdll.func(
  'int32_t __stdcall NtQueryDirectoryObject(intptr_t handle, void *buffer, uint32_t length, uint8_t single, uint8_t restart, void *context, void *returned)',
) as (
  handle: Handle,
  buffer: bigint,
  length: number,
  single: number,
  restart: number,
  context: bigint,
  returned: bigint,
) => number;

export const NtQuerySymbolicLinkObject = ntdll.func(
  'int32_t __stdcall NtQuerySymbolicLinkObject(intptr_t handle, void *target, void *returned)',
) as (handle: Handle, target: bigint, returned: null) => number;

export const NtQuerySecurityObject = ntdll.func(
  'int32_t __stdcall NtQuerySecurityObject(intptr_t handle, uint32_t what, void *buffer, uint32_t length, void *needed)',
) as (handle: Handle, what: number, buffer: Buffer, length: number, needed: Uint32Array) => number;

export const NtMakeTemporaryObject = ntdll.func('int32_t __stdcall NtMakeTemporaryObject(intptr_t handle)') as (
  handle: Handle,
) => number;

export const NtClose = ntdll.func('int32_t __stdcall NtClose(intptr_t handle)') as (handle: Handle) => number;

export const NtDuplicateObject = ntdll.func(
  'int32_t __stdcall NtDuplicateObject(intptr_t sourceProcess, intptr_t sourceHandle, intptr_t targetProcess, void *targetHandle, uint32_t access, uint32_t attributes, uint32_t options)',
) as (
  sourceProcess: Handle,
  sourceHandle: Handle,
  targetProcess: Handle,
  targetHandle: BigInt64Array,
  access: number,
  attributes: number,
  options: number,
) => number;

/** Windows 10 and later, Wine 8. Undefined before. */
export const NtCompareObjects = ((): ((first: Handle, second: Handle) => number) | undefined => {
  try {
    return ntdll.func('int32_t __stdcall NtCompareObjects(intptr_t first, intptr_t second)') as (
      first: Handle,
      second: Handle,
    ) => number;
  } catch {
    return undefined;
  }
})();

export const NtQuerySystemInformation = ntdll.func(
  'int32_t __stdcall NtQuerySystemInformation(uint32_t informationClass, void *buffer, uint32_t length, void *returned)',
) as (informationClass: number, buffer: bigint, length: number, returned: Uint32Array) => number;

export const ConvertSecurityDescriptorToStringSecurityDescriptorW = advapi32.func(
  'int32_t __stdcall ConvertSecurityDescriptorToStringSecurityDescriptorW(void *descriptor, uint32_t revision, uint32_t what, void *text, void *length)',
) as (descriptor: Buffer, revision: number, what: number, text: BigUint64Array, length: Uint32Array) => number;
