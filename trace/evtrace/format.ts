/** Sizes and marks of the `.evtrace` file (docs/evtrace.md), for its writer and its reader. */
export const EVTRACE_VERSION = 1;
export const FILE_HEAD_BYTES = 16;
export const CHUNK_HEAD_BYTES = 20;
export const MAX_CHUNK_BYTES = 64 * 1024 * 1024;
/** Chunks that hold JSON. */
export const MAX_TEXT_CHUNK_BYTES = 4 * 1024 * 1024;
/** The metadata is the first chunk: it ends before this. */
export const MAX_BEGINNING_BYTES = FILE_HEAD_BYTES + CHUNK_HEAD_BYTES + MAX_TEXT_CHUNK_BYTES;
/** More stops than a person makes in a day. */
export const MAX_STOPS = 10_000;
export const SLOTS_HEAD_BYTES = 32;

/** "EVTRACE" and a byte that a text-mode transfer would spoil. */
export const MAGIC = Uint8Array.of(0x45, 0x56, 0x54, 0x52, 0x41, 0x43, 0x45, 0x1a);

/** Four letters each. A reader skips a type that it does not know when the first letter is small. */
export const TYPE = { metadata: 'META', source: 'SRCE', slots: 'SLOT', log: 'LOGL', end: 'DONE' } as const;
