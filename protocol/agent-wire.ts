/**
 * The bytes between a client and the agent, over one TCP connection on loopback.
 *
 * 1. The client sends one greeting of exactly {@link GREETING_BYTES} bytes: magic "EVSA" (4), protocol version u32,
 *    token (32). The agent compares the token in constant time and answers with a greeting answer of
 *    {@link GREETING_ANSWER_BYTES} bytes: magic "EVSR" (4), protocol version u32, status u32 ({@link GreetingStatus}),
 *    reserved u32. On any status but `Welcome` it closes. Until then no other byte is parsed, and a client that has not
 *    greeted within {@link GREETING_TIMEOUT_MS} is cut off.
 * 2. After that, frames: length u32 (bytes behind this 8-byte head), type u8 ({@link FrameType}), 3 reserved bytes (0).
 *    - `Control`: one JSON-RPC 2.0 message in MessagePack (u64 as 64-bit integers); at most {@link MAX_CONTROL_BYTES}.
 *    - `Bulk`: {@link BULK_HEAD_BYTES} of head, then data; at most {@link MAX_BULK_BYTES} in all. Head: stream u32,
 *      kind u16 ({@link BulkKind}), source u16, sequence u64, count u64, lost u64, first u64. Sent under credit: the
 *      client grants bytes per stream with `stream/credit`, and the agent never sends more than was granted.
 * All integers are little-endian.
 */
export const PROTOCOL_VERSION = 1;
export const GREETING_MAGIC = 0x41535645; // "EVSA"
export const GREETING_ANSWER_MAGIC = 0x52535645; // "EVSR"
export const TOKEN_BYTES = 32;
export const GREETING_BYTES = 40;
export const GREETING_ANSWER_BYTES = 16;
export const GREETING_TIMEOUT_MS = 5_000;
export const FRAME_HEAD_BYTES = 8;
export const BULK_HEAD_BYTES = 40;
export const MAX_CONTROL_BYTES = 8 * 1024 * 1024;
export const MAX_BULK_BYTES = 4 * 1024 * 1024;

export enum GreetingStatus {
  Welcome = 0,
  WrongToken = 1,
  WrongVersion = 2,
  /** Another client is connected: an agent serves one. */
  Busy = 3,
}

export enum FrameType {
  Control = 1,
  Bulk = 2,
}

/** What a bulk frame carries. */
export enum BulkKind {
  /**
   * Whole trace slots ({@link file://./trace-layout.ts}). source: index of the trace source in the answer of
   * `trace/start`; count: slots; first: absolute index of the first slot; lost: the ring's lost records by now. The
   * first 8 bytes of data are: ring u32, reserved u32.
   */
  TraceSlots = 1,
  /** Bytes of a file being read. first: offset; count: bytes; a frame with count 0 ends the file. */
  FileBytes = 2,
  /** Directory entries in MessagePack: an array of [name, typeName]. count: entries; a frame with count 0 ends the list. */
  DirectoryEntries = 3,
}

export interface BulkHead {
  readonly stream: number;
  readonly kind: BulkKind;
  readonly source: number;
  readonly sequence: bigint;
  readonly count: bigint;
  readonly lost: bigint;
  readonly first: bigint;
}
