/** Raw bindings for lock files. */
import { kernel32 } from './native/common-native.js';
import type { Handle } from './native/memory.js';

export const WriteFile = kernel32.func(
  'int32_t __stdcall WriteFile(intptr_t file, void *data, uint32_t length, void *written, void *overlapped)',
) as (file: Handle, data: Buffer, length: number, written: Uint32Array, overlapped: null) => number;

export const ReadFile = kernel32.func(
  'int32_t __stdcall ReadFile(intptr_t file, void *data, uint32_t length, void *read, void *overlapped)',
) as (file: Handle, data: Buffer, length: number, read: Uint32Array, overlapped: null) => number;
