/**
 * Streams of bytes that KDCOM runs over: Unix socket, named pipe, TCP, serial port. Each one opening; the carrier opens again. Named pipes and COM
 * ports need a Windows host, where none of this has run yet.
 */
import { stat } from 'node:fs/promises';
import { createConnection, type NetConnectOpts, type Socket } from 'node:net';
import { CancelledError, EventscopeError } from '../../../protocol/errors.js';
import type { KdAddress } from './address.js';

export interface ByteStreamEvents {
  data(bytes: Uint8Array): void;
  closed(error: Error | undefined): void;
}

export interface ByteStream {
  start(events: ByteStreamEvents): void;
  /** What is written in one go leaves together, unless it is to stand alone: a break-in is lost among other bytes. */
  write(bytes: Uint8Array, alone?: boolean): void;
  close(): void;
}

/** Opens once; rejects when there is nothing to open yet. */
export type OpenByteStream = (signal: AbortSignal) => Promise<ByteStream>;

class SocketStream implements ByteStream {
  readonly #socket: Socket;
  #gathers = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  start(events: ByteStreamEvents): void {
    let failure: Error | undefined;
    this.#socket.on('data', (data: Buffer) => events.data(data));
    this.#socket.on('error', (error) => {
      failure = error;
    });
    this.#socket.on('close', () => events.closed(failure));
    if (this.#socket.destroyed) events.closed(undefined);
  }

  write(bytes: Uint8Array, alone = false): void {
    if (!this.#socket.writable) return;
    if (alone) this.#send();
    else if (!this.#gathers) this.#gather();
    this.#socket.write(bytes);
  }

  /** An acknowledgement and the request that follows from what it acknowledges are one system call. */
  #gather(): void {
    this.#gathers = true;
    this.#socket.cork();
    // Behind all promises that are settled by now.
    queueMicrotask(() => process.nextTick(() => this.#send()));
  }

  #send(): void {
    if (!this.#gathers) return;
    this.#gathers = false;
    this.#socket.uncork();
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A stream over an open socket, as a server has it. */
export const socketStream = (socket: Socket): ByteStream => new SocketStream(socket);

function openSocket(options: NetConnectOpts, signal: AbortSignal): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new CancelledError());
      return;
    }
    const socket = createConnection(options);
    socket.setNoDelay(true);
    const cancel = (): void => {
      socket.destroy();
      reject(new CancelledError());
    };
    signal.addEventListener('abort', cancel, { once: true });
    socket.once('error', (error) => {
      signal.removeEventListener('abort', cancel);
      reject(error);
    });
    socket.once('connect', () => {
      signal.removeEventListener('abort', cancel);
      socket.removeAllListeners('error');
      resolve(new SocketStream(socket));
    });
  });
}

/** What we use of the package serialport, which is loaded only when a serial port is asked for: it has native parts. */
interface SerialPortLike {
  open(done: (error: Error | null) => void): void;
  write(data: Buffer): boolean;
  /** Without `done` a port that is closed already answers with another 'error'. */
  close(done: (error: Error | null) => void): void;
  on(event: 'data', listener: (data: Buffer) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'close', listener: (error?: Error | null) => void): void;
}
interface SerialPortModule {
  readonly SerialPort: new (options: { path: string; baudRate: number; autoOpen: false }) => SerialPortLike;
}

/** A cable that is pulled is noticed within this time. */
const DEVICE_LOOK_MS = 500;

async function openSerial(path: string, baudRate: number, signal: AbortSignal): Promise<ByteStream> {
  let module: SerialPortModule;
  try {
    module = await import('serialport');
  } catch (error) {
    throw new EventscopeError({
      id: 'debug.serialport',
      what: 'Serial ports cannot be used here',
      why: error instanceof Error ? error.message : String(error),
      next: 'Install the package serialport beside Eventscope, or use a socket, pipe or network link',
      cause: error,
    });
  }
  if (signal.aborted) throw new CancelledError();
  const port = new module.SerialPort({ path, baudRate, autoOpen: false });
  await new Promise<void>((resolve, reject) => {
    port.open((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  const opened = await deviceAt(path);
  let watch: NodeJS.Timeout | undefined;
  return {
    start: (events) => {
      let isOver = false;
      const end = (error: Error | undefined): void => {
        if (isOver) return;
        isOver = true;
        clearInterval(watch);
        events.closed(error);
      };
      const look = async (): Promise<void> => {
        if ((await deviceAt(path)) === opened || isOver) return;
        port.close(() => undefined);
        end(new Error(`${path} was unplugged`));
      };
      // A terminal that was hung up reads as empty for ever: serialport then reads on and on, and tells nobody.
      if (opened !== undefined) watch = setInterval(() => void look(), DEVICE_LOOK_MS);
      port.on('data', (data) => events.data(data));
      port.on('error', (error) => port.close(() => end(error)));
      port.on('close', (error) => end(error ?? undefined));
    },
    write: (bytes) => {
      port.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    },
    close: () => {
      clearInterval(watch);
      port.close(() => undefined);
    },
  };
}

/** Which device a path names now; undefined where there is none, or none that has a place in the file system (COM ports). */
async function deviceAt(path: string): Promise<string | undefined> {
  if (process.platform === 'win32') return undefined;
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? undefined : `${found.dev}/${found.ino}/${found.rdev}`;
}

/** How to open what an address names. */
export function byteStreamOpener(address: Exclude<KdAddress, { kind: 'net' | 'replay' }>): OpenByteStream {
  switch (address.kind) {
    case 'unix':
    case 'pipe':
      return (signal) => openSocket({ path: address.path }, signal);
    case 'tcp':
      return (signal) => openSocket({ host: address.host, port: address.port }, signal);
    case 'serial':
      return (signal) => openSerial(address.path, address.baudRate, signal);
  }
}
