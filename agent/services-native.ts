/** Raw bindings of the service control manager. */
import { advapi32 } from './native/common-native.js';
import type { Handle } from './native/memory.js';

export const OpenSCManagerW = advapi32.func(
  'intptr_t __stdcall OpenSCManagerW(str16 machine, str16 database, uint32_t access)',
) as (machine: null, database: null, access: number) => Handle;

export const OpenServiceW = advapi32.func(
  'intptr_t __stdcall OpenServiceW(intptr_t manager, str16 name, uint32_t access)',
) as (manager: Handle, name: string, access: number) => Handle;

export const CreateServiceW = advapi32.func(
  'intptr_t __stdcall CreateServiceW(intptr_t manager, str16 name, str16 displayName, uint32_t access, uint32_t type, uint32_t start, uint32_t errorControl, str16 path, str16 group, void *tag, void *dependencies, str16 account, str16 password)',
) as (
  manager: Handle,
  name: string,
  displayName: string,
  access: number,
  type: number,
  start: number,
  errorControl: number,
  path: string,
  group: string | null,
  tag: null,
  dependencies: null,
  account: null,
  password: null,
) => Handle;

export const StartServiceW = advapi32.func(
  'int32_t __stdcall StartServiceW(intptr_t service, uint32_t count, void *arguments)',
) as (service: Handle, count: number, args: null) => number;

export const ControlService = advapi32.func(
  'int32_t __stdcall ControlService(intptr_t service, uint32_t control, void *status)',
) as (service: Handle, control: number, status: Buffer) => number;

export const DeleteService = advapi32.func('int32_t __stdcall DeleteService(intptr_t service)') as (
  service: Handle,
) => number;

export const CloseServiceHandle = advapi32.func('int32_t __stdcall CloseServiceHandle(intptr_t handle)') as (
  handle: Handle,
) => number;

export const QueryServiceStatusEx = advapi32.func(
  'int32_t __stdcall QueryServiceStatusEx(intptr_t service, int32_t level, void *buffer, uint32_t size, void *needed)',
) as (service: Handle, level: number, buffer: Buffer, size: number, needed: Uint32Array) => number;

export const QueryServiceConfigW = advapi32.func(
  'int32_t __stdcall QueryServiceConfigW(intptr_t service, void *buffer, uint32_t size, void *needed)',
) as (service: Handle, buffer: bigint, size: number, needed: Uint32Array) => number;

export const EnumServicesStatusExW = advapi32.func(
  'int32_t __stdcall EnumServicesStatusExW(intptr_t manager, int32_t level, uint32_t type, uint32_t state, void *buffer, uint32_t size, void *needed, void *returned, void *resume, str16 group)',
) as (
  manager: Handle,
  level: number,
  type: number,
  state: number,
  buffer: bigint,
  size: number,
  needed: Uint32Array,
  returned: Uint32Array,
  resume: Uint32Array,
  group: null,
) => number;

/** SERVICE_NO_CHANGE for what stays; the four null pointers mean the same. */
export const ChangeServiceConfigW = advapi32.func(
  'int32_t __stdcall ChangeServiceConfigW(intptr_t service, uint32_t type, uint32_t start, uint32_t errorControl, str16 path, str16 group, void *tag, void *dependencies, str16 account, str16 password, str16 displayName)',
) as (
  service: Handle,
  type: number,
  start: number,
  errorControl: number,
  path: null,
  group: string,
  tag: null,
  dependencies: null,
  account: null,
  password: null,
  displayName: null,
) => number;
