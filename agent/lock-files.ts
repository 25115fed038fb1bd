/**
 * Locks between agents: a file opened for writing and shared for reading alone. The open handle is the lock, so it goes with
 * its process however that ends; the text in the file names the holder. Runs in a call worker.
 */
import type { CallContext } from './call-context.js';
import {
  CloseHandle,
  CREATE_ALWAYS,
  CreateFileW,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
  GENERIC_READ,
  GENERIC_WRITE,
  GetLastError,
  isInvalid,
  OPEN_EXISTING,
} from './native/common-native.js';
import { ReadFile, WriteFile } from './lock-files-native.js';
import type { Handle } from './native/memory.js';
import { win32Error } from './native/native-error.js';

const ERROR_FILE_NOT_FOUND = 2;
const ERROR_PATH_NOT_FOUND = 3;
const ERROR_SHARING_VIOLATION = 32;
const MAX_HOLDER_BYTES = 4_096;
const READ_ATTEMPTS = 10;
const READ_AGAIN_MS = 20;

export type LockAnswer =
  { readonly acquired: true; readonly handle: Handle } | { readonly acquired: false; readonly holder: string };

/** Takes the lock, or tells who has it. The folder must be there. */
export function openLockFile(path: string, holder: string, context: CallContext): LockAnswer {
  const handle = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, null, CREATE_ALWAYS, 0, 0);
  if (isInvalid(handle)) {
    const error = GetLastError();
    if (error !== ERROR_SHARING_VIOLATION) {
      throw win32Error('CreateFileW', error, path);
    }
    return { acquired: false, holder: readHolder(path, context) };
  }
  const text = Buffer.from(holder, 'utf8').subarray(0, MAX_HOLDER_BYTES);
  if (WriteFile(handle, text, text.length, new Uint32Array(1), null) === 0) {
    const error = GetLastError();
    CloseHandle(handle);
    throw win32Error('WriteFile', error, path);
  }
  return { acquired: true, handle };
}

/**
 * Who has the lock, without taking it; undefined when nobody has. The file of a holder that was killed stays: it is opened so
 * that a holder's writing handle would be in the way, for an instant in which a lock that is asked for is refused.
 */
export function readLockFile(path: string, context: CallContext): string | undefined {
  const handle = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, null, OPEN_EXISTING, 0, 0);
  if (!isInvalid(handle)) {
    CloseHandle(handle);
    return undefined;
  }
  const error = GetLastError();
  if (error === ERROR_SHARING_VIOLATION) {
    return readHolder(path, context);
  }
  if (error === ERROR_FILE_NOT_FOUND || error === ERROR_PATH_NOT_FOUND) {
    return undefined;
  }
  throw win32Error('CreateFileW', error, path);
}

function readHolder(path: string, context: CallContext): string {
  const share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  // The holder may be between opening the file and writing its name.
  for (let attempt = 0; attempt < READ_ATTEMPTS && !context.cancelled(); attempt++) {
    const handle = CreateFileW(path, GENERIC_READ, share, null, OPEN_EXISTING, 0, 0);
    if (!isInvalid(handle)) {
      const data = Buffer.alloc(MAX_HOLDER_BYTES);
      const read = new Uint32Array(1);
      ReadFile(handle, data, data.length, read, null);
      CloseHandle(handle);
      if (read[0] !== undefined && read[0] > 0) {
        return data.toString('utf8', 0, read[0]);
      }
    }
    context.sleep(READ_AGAIN_MS);
  }
  return 'an unknown agent';
}
