/** FILE_IO (type 11): the target asks for files of the host, such as a newer driver image (`.kdfiles`). It waits for the answer. */
export const FILE_IO_BYTES = 64;
const CREATE = 0x3430;
const READ = 0x3431;
const WRITE = 0x3432;
const CLOSE = 0x3433;

export type FileIo =
  | { readonly kind: 'create'; readonly name: string; readonly desiredAccess: number; readonly disposition: number }
  | { readonly kind: 'read'; readonly handle: bigint; readonly offset: bigint; readonly length: number }
  | { readonly kind: 'write'; readonly handle: bigint; readonly offset: bigint; readonly data: Uint8Array }
  | { readonly kind: 'close'; readonly handle: bigint }
  | { readonly kind: 'unknown'; readonly api: number };

function utf16(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, bytes.length & ~1)).toString('utf16le');
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

export function decodeFileIo(payload: Uint8Array): FileIo | undefined {
  if (payload.length < FILE_IO_BYTES) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const api = view.getUint32(0, true);
  const data = payload.subarray(FILE_IO_BYTES);
  const handle = view.getBigUint64(8, true);
  const offset = view.getBigUint64(16, true);
  const length = view.getUint32(24, true);
  switch (api) {
    case CREATE:
      return {
        kind: 'create',
        name: utf16(data),
        desiredAccess: view.getUint32(8, true),
        disposition: view.getUint32(20, true),
      };
    case READ:
      return { kind: 'read', handle, offset, length };
    case WRITE:
      return { kind: 'write', handle, offset, data: data.slice(0, length) };
    case CLOSE:
      return { kind: 'close', handle };
    default:
      return { kind: 'unknown', api };
  }
}

export interface FileIoAnswer {
  readonly status: number;
  /** Of an opened file. */
  readonly handle?: bigint;
  /** The opened file's length, in bytes. */
  readonly fileLength?: bigint;
  /** What was read. */
  readonly data?: Uint8Array;
  /** How much was written. */
  readonly written?: number;
}

/** The request's own header with the answer's fields, then what was read. */
export function encodeFileIoAnswer(request: Uint8Array, answer: FileIoAnswer): Uint8Array {
  const data = answer.data ?? new Uint8Array(0);
  const bytes = new Uint8Array(FILE_IO_BYTES + data.length);
  bytes.set(request.subarray(0, FILE_IO_BYTES));
  const view = new DataView(bytes.buffer);
  view.setUint32(4, answer.status, true);
  if (answer.handle !== undefined) view.setBigUint64(32, answer.handle, true);
  if (answer.fileLength !== undefined) view.setBigUint64(40, answer.fileLength, true);
  if (answer.data !== undefined) view.setUint32(24, data.length, true);
  if (answer.written !== undefined) view.setUint32(24, answer.written, true);
  bytes.set(data, FILE_IO_BYTES);
  return bytes;
}
