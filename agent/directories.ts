/** The object namespace's directories. Runs in a call worker. */
import { encodePacked } from '../protocol/agent-codec.js';
import { CancelledError } from '../protocol/errors.js';
import type { CallContext } from './call-context.js';
import { OBJECT_DIRECTORY_INFORMATION } from './native/layouts.js';
import { NativeMemory, ObjectAttributes, type Handle } from './native/memory.js';
import { ntstatusError } from './native/native-error.js';
import { NtClose, NtOpenDirectoryObject, NtQueryDirectoryObject } from './objects-native.js';

const STATUS_SUCCESS = 0;
const STATUS_MORE_ENTRIES = 0x105;
const STATUS_NO_MORE_ENTRIES = 0x8000001a;
const STATUS_NOT_IMPLEMENTED = 0xc0000002;

const DIRECTORY_QUERY_AND_TRAVERSE = 3;

/** Entries of the first part, sent at once so that a person sees something, and of those that follow. */
const FIRST_PART = 100;
const LATER_PART = 1_000;
/**
 * A part goes after this long, full or not, and the walk rests: in a directory of tens of thousands each entry costs the target more,
 * and what else runs there (a trace, an application's waits) has its turn between two slices. With what comes on top it stays under
 * 20 ms.
 */
const SLICE_MS = 8;
const REST_MS = 1;

const attributes = new ObjectAttributes();
const handleOut = new BigInt64Array(1);

export interface ListedDirectory {
  readonly count: number;
  /** The longest that the walk went on without a rest, ms. */
  readonly longestSliceMs: number;
}

/** Sends the entries of a directory as parts. */
export function listDirectory(path: string, context: CallContext): ListedDirectory {
  const status = NtOpenDirectoryObject(handleOut, DIRECTORY_QUERY_AND_TRAVERSE, attributes.named(path)) >>> 0;
  if (status !== STATUS_SUCCESS) {
    throw ntstatusError('NtOpenDirectoryObject', status, path);
  }
  const handle = handleOut[0] ?? 0n;
  try {
    const parts = new EntryParts(context);
    walkDirectory(handle, path, context, parts);
    // Windows has \?? per logon and does not list it; Wine does.
    if (path === '\\' && !parts.sawDosDevices) {
      parts.add('??', 'Directory');
    }
    return parts.finish();
  } finally {
    NtClose(handle);
  }
}

class EntryParts {
  #entries: [string, string][] = [];
  #count = 0;
  #sent = 0;
  /** When the walk began, or its last rest ended. */
  #began = performance.now();
  #longestMs = 0;
  sawDosDevices = false;

  constructor(readonly context: CallContext) {}

  add(name: string, typeName: string): void {
    this.sawDosDevices ||= name === '??';
    this.#entries.push([name, typeName]);
    this.#count++;
    const first = this.#sent === 0;
    const over = performance.now() - this.#began > SLICE_MS;
    if (over || this.#entries.length >= (first ? FIRST_PART : LATER_PART)) {
      this.#send();
    }
    if (over) {
      this.#endSlice();
      this.context.sleep(REST_MS);
      this.#began = performance.now();
    }
  }

  finish(): ListedDirectory {
    if (this.#entries.length > 0) {
      this.#send();
    }
    this.#endSlice();
    return { count: this.#count, longestSliceMs: this.#longestMs };
  }

  #endSlice(): void {
    this.#longestMs = Math.max(this.#longestMs, performance.now() - this.#began);
  }

  #send(): void {
    this.context.emit(encodePacked(this.#entries), this.#entries.length);
    this.#sent++;
    this.#entries = [];
  }
}

function walkDirectory(handle: Handle, path: string, context: CallContext, parts: EntryParts): void {
  const contextOffset = 0;
  const bufferOffset = 16;
  // An entry takes at most 32 bytes of head and two strings of 64 KiB.
  const memory = new NativeMemory(bufferOffset + 256 * 1024);
  try {
    const buffer = memory.address + BigInt(bufferOffset);
    // Wine 8 answers single entries only, and says so.
    let single = 0;
    for (let restart = 1; ; restart = 0) {
      if (context.cancelled()) {
        throw new CancelledError();
      }
      const query = (): number =>
        NtQueryDirectoryObject(
          handle,
          buffer,
          memory.size - bufferOffset,
          single,
          restart,
          memory.address + BigInt(contextOffset),
          memory.address + 8n,
        ) >>> 0;
      let status = query();
      if (status === STATUS_NOT_IMPLEMENTED && single === 0) {
        single = 1;
        status = query();
      }
      if (status === STATUS_NO_MORE_ENTRIES) {
        return;
      }
      if (status !== STATUS_SUCCESS && status !== STATUS_MORE_ENTRIES) {
        throw ntstatusError('NtQueryDirectoryObject', status, path);
      }
      for (let at = bufferOffset; ; at += OBJECT_DIRECTORY_INFORMATION.size) {
        const name = memory.unicodeString(at + OBJECT_DIRECTORY_INFORMATION.Name);
        if (name === '') {
          break;
        }
        parts.add(name, memory.unicodeString(at + OBJECT_DIRECTORY_INFORMATION.TypeName));
        if (single === 1) {
          break;
        }
      }
    }
  } finally {
    memory.free();
  }
}
