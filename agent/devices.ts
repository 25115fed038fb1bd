/** Device-control requests, bounded and cancellable. Runs in a worker. */
import {
  CloseHandle,
  CreateEventW,
  CreateFileW,
  FILE_FLAG_OVERLAPPED,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
  GENERIC_READ,
  GENERIC_WRITE,
  GetLastError,
  isInvalid,
  OPEN_EXISTING,
  ResetEvent,
  WaitForMultipleObjects,
  WaitForSingleObject,
} from './native/common-native.js';
import { CancelIoEx, NtDeviceIoControlFile, RtlNtStatusToDosError } from './devices-native.js';
import { IO_STATUS_BLOCK } from './native/layouts.js';
import { NativeMemory, type Handle } from './native/memory.js';
import { win32Error } from './native/native-error.js';

const STATUS_PENDING = 0x103;
const STATUS_IO_TIMEOUT = 0xc00000b5;
const STATUS_CANCELLED = 0xc0000120;
const ERROR_ACCESS_DENIED = 5;
const WAIT_OBJECT_0 = 0;
const MAX_ALIGN = 16;
/** How long a driver may take to finish a request that was cancelled. */
const CANCEL_MS = 2_000;

const aligned = (size: number): number => Math.ceil(size / MAX_ALIGN) * MAX_ALIGN;

export interface ControlAnswer {
  /** NTSTATUS of the request. */
  readonly status: number;
  readonly output: Uint8Array;
}

/** A device, opened for overlapped requests, one at a time. */
export class Device {
  readonly #handle: Handle;
  readonly #event: Handle;
  #memory: NativeMemory;
  /** Set when the driver holds on to a request: its buffers must live for ever. */
  #abandoned = false;

  /** path: a Win32 device path, such as \\.\EventSys. Asks for read and write access, then for read alone. */
  constructor(readonly path: string) {
    const open = (access: number): Handle =>
      CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE, null, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, 0);
    let handle = open(GENERIC_READ | GENERIC_WRITE);
    let error = isInvalid(handle) ? GetLastError() : 0;
    if (error === ERROR_ACCESS_DENIED) {
      handle = open(GENERIC_READ);
      error = isInvalid(handle) ? GetLastError() : 0;
    }
    if (isInvalid(handle)) {
      throw win32Error('CreateFileW', error, path);
    }
    this.#handle = handle;
    this.#event = CreateEventW(null, 1, 0, null);
    this.#memory = new NativeMemory(4_096);
  }

  /**
   * One request. The output is a view that holds until the next request. A request that takes longer than timeoutMs, or is
   * cancelled, is cancelled in the driver and answered with STATUS_IO_TIMEOUT or STATUS_CANCELLED.
   */
  control(code: number, input: Uint8Array, outputBytes: number, timeoutMs: number, cancelEvent: Handle): ControlAnswer {
    const inputAt = aligned(IO_STATUS_BLOCK.size);
    const outputAt = inputAt + aligned(input.length);
    this.#reserve(outputAt + outputBytes);
    const { bytes, address } = this.#memory;
    bytes.fill(0, 0, IO_STATUS_BLOCK.size);
    bytes.set(input, inputAt);
    ResetEvent(this.#event);
    let status =
      NtDeviceIoControlFile(
        this.#handle,
        this.#event,
        null,
        null,
        address,
        code,
        input.length === 0 ? null : address + BigInt(inputAt),
        input.length,
        outputBytes === 0 ? null : address + BigInt(outputAt),
        outputBytes,
      ) >>> 0;
    if (status === STATUS_PENDING) {
      status = this.#wait(timeoutMs, cancelEvent);
    }
    const error = status >= 0xc000_0000;
    const length = error ? 0 : Math.min(Number(bytes.readBigUInt64LE(IO_STATUS_BLOCK.Information)), outputBytes);
    return { status, output: bytes.subarray(outputAt, outputAt + length) };
  }

  close(): void {
    CloseHandle(this.#handle);
    CloseHandle(this.#event);
    if (!this.#abandoned) {
      this.#memory.free();
    }
  }

  #wait(timeoutMs: number, cancelEvent: Handle): number {
    const handles = new BigInt64Array([BigInt(this.#event), BigInt(cancelEvent)]);
    const waited = WaitForMultipleObjects(2, handles, 0, timeoutMs) >>> 0;
    if (waited !== WAIT_OBJECT_0) {
      CancelIoEx(this.#handle, null);
      if (WaitForSingleObject(this.#event, CANCEL_MS) !== WAIT_OBJECT_0) {
        this.#abandoned = true;
        this.#memory = new NativeMemory(4_096);
        return waited === 1 ? STATUS_CANCELLED : STATUS_IO_TIMEOUT;
      }
    }
    const status = this.#memory.bytes.readUInt32LE(IO_STATUS_BLOCK.Status);
    return waited !== WAIT_OBJECT_0 && waited !== 1 && status === STATUS_CANCELLED ? STATUS_IO_TIMEOUT : status;
  }

  #reserve(size: number): void {
    if (this.#memory.size < size) {
      this.#memory.free();
      this.#memory = new NativeMemory(size);
    }
  }
}

/** DeviceIoControl on a handle opened for this call. */
export function controlDevice(
  request: {
    readonly device: string;
    readonly code: number;
    readonly input: Uint8Array;
    readonly outputBytes: number;
    readonly timeoutMs: number;
  },
  cancelEvent: Handle,
): { status: number; win32Error: number; output: Uint8Array<ArrayBuffer> } {
  const device = new Device(request.device);
  try {
    const { status, output } = device.control(
      request.code,
      request.input,
      request.outputBytes,
      request.timeoutMs,
      cancelEvent,
    );
    // A copy that owns its memory: the view dies with the device.
    return {
      status,
      win32Error: status === 0 ? 0 : RtlNtStatusToDosError(status | 0),
      output: Uint8Array.from(output),
    };
  } finally {
    device.close();
  }
}
