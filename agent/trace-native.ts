/** Raw bindings of sections and clocks. */
import { kernel32 } from './native/common-native.js';
import type { Handle } from './native/memory.js';

export const CreateFileMappingW = kernel32.func(
  'intptr_t __stdcall CreateFileMappingW(intptr_t file, void *attributes, uint32_t protection, uint32_t sizeHigh, uint32_t sizeLow, str16 name)',
) as (file: number, attributes: null, protection: number, sizeHigh: number, sizeLow: number, name: string) => Handle;

export const OpenFileMappingW = kernel32.func(
  'intptr_t __stdcall OpenFileMappingW(uint32_t access, int32_t inherit, str16 name)',
) as (access: number, inherit: number, name: string) => Handle;

export const MapViewOfFile = kernel32.func(
  'void *__stdcall MapViewOfFile(intptr_t section, uint32_t access, uint32_t offsetHigh, uint32_t offsetLow, uintptr_t bytes)',
) as (section: Handle, access: number, offsetHigh: number, offsetLow: number, bytes: number) => bigint | null;

export const UnmapViewOfFile = kernel32.func('int32_t __stdcall UnmapViewOfFile(void *address)') as (
  address: bigint,
) => number;

export const PAGE_READWRITE = 4;
export const FILE_MAP_READ_AND_WRITE = 6;
