/**
 * What was there before a recording by tracepoints began: the dispatcher objects that its processes have handles of. Their names and types go
 * into the recording; and a driver's recorder is told the handles of the others, so that it recognizes the objects behind the addresses
 * that its driver comes with. Of their states nothing is said: a signal between the question and the first record would make it wrong.
 */
import { TRACEPOINT_KNOWN_BYTES, TRACEPOINT_KNOWN_OFFSET as KNOWN } from '../protocol/tracepoint-layout.js';
import { TraceObjectType } from '../protocol/trace-layout.js';
import { HandleReader } from './handle-objects.js';
import { CloseHandle, GetCurrentProcess, OpenProcess } from './native/common-native.js';
import type { Handle } from './native/memory.js';
import { handlesByType } from './system-information.js';
import { DuplicateHandle } from './tracepoints-native.js';

const PROCESS_DUP_HANDLE = 0x40;
/** More than a program waits for; what comes behind has neither name nor join until it is seen. */
const MAX_HANDLES = 512;

const TYPES: Readonly<Record<string, TraceObjectType>> = {
  Event: TraceObjectType.Event,
  Semaphore: TraceObjectType.Semaphore,
  Mutant: TraceObjectType.Mutant,
  Timer: TraceObjectType.Timer,
};

export interface KnownHandle {
  readonly handle: bigint;
  readonly type: TraceObjectType;
  /** Of events; undefined: it was not told. */
  readonly kind: 'notification' | 'synchronization' | undefined;
  /** Object manager path; undefined: none. */
  readonly path: string | undefined;
}

/** Handles of dispatcher objects in a process; none where it lets nobody see them. */
export function knownHandles(process: number): readonly KnownHandle[] {
  const known: KnownHandle[] = [];
  const reader = HandleReader.open(process);
  if (reader === undefined) return known;
  try {
    for (const handles of handlesByType(process)) {
      for (const handle of handles) {
        const described = reader.describe(handle);
        // It was closed meanwhile: the others may still be there.
        if (described === undefined) continue;
        const type = TYPES[described.typeName];
        if (type === undefined) break;
        if (known.length === MAX_HANDLES) return known;
        const { state, name } = described;
        const kind = state !== undefined && 'type' in state && state.type === 'Event' ? state.kind : undefined;
        known.push({ handle, type, kind, path: name });
      }
    }
    return known;
  } finally {
    reader.close();
  }
}

/**
 * Handles of other processes as a recorder asks about them: an ES_TP_KNOWN each, with a handle of the recorder's own process to the other,
 * which its thread closes when the recording ends.
 */
export function knownTable(recorder: Handle, peers: readonly number[]): Buffer {
  const entries = peers.flatMap((peer) => {
    const handles = knownHandles(peer);
    const process = handles.length === 0 ? undefined : processFor(recorder, peer);
    if (process === undefined) return [];
    return handles.map(({ handle }) => {
      const entry = Buffer.alloc(TRACEPOINT_KNOWN_BYTES);
      entry.writeBigUInt64LE(process, KNOWN.process);
      entry.writeBigUInt64LE(handle, KNOWN.handle);
      entry.writeBigUInt64LE(BigInt(peer), KNOWN.processId);
      return entry;
    });
  });
  return Buffer.concat(entries);
}

/** Good for duplicating its handles and nothing else. */
function processFor(recorder: Handle, peer: number): bigint | undefined {
  const own = OpenProcess(PROCESS_DUP_HANDLE, 0, peer);
  if (own === 0) return undefined;
  const theirs = new BigUint64Array(1);
  const made = DuplicateHandle(GetCurrentProcess(), own, recorder, theirs, PROCESS_DUP_HANDLE, 0, 0);
  CloseHandle(own);
  return made === 0 ? undefined : theirs[0];
}
