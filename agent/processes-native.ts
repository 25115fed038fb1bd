/** Raw bindings of job objects. */
import { kernel32 } from './native/common-native.js';
import type { Handle } from './native/memory.js';

export const CreateJobObjectW = kernel32.func('intptr_t __stdcall CreateJobObjectW(void *attributes, str16 name)') as (
  attributes: null,
  name: null,
) => Handle;

export const SetInformationJobObject = kernel32.func(
  'int32_t __stdcall SetInformationJobObject(intptr_t job, int32_t informationClass, void *information, uint32_t length)',
) as (job: Handle, informationClass: number, information: Buffer, length: number) => number;

export const AssignProcessToJobObject = kernel32.func(
  'int32_t __stdcall AssignProcessToJobObject(intptr_t job, intptr_t process)',
) as (job: Handle, process: Handle) => number;

export const TerminateJobObject = kernel32.func(
  'int32_t __stdcall TerminateJobObject(intptr_t job, uint32_t exitCode)',
) as (job: Handle, exitCode: number) => number;
