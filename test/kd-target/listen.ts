/** Offers a KD target on a stream socket: what a serial port, a named pipe or a TCP port is for the debugger. */
import { createServer, type Server, type Socket } from 'node:net';
import { KdTarget, type KdTargetOptions } from './kd-target.js';
import { misbehave, type Misbehaviour } from './misbehaviour.js';

export interface ListeningTarget {
  readonly target: KdTarget;
  /** Where it listens: a path, or a port on loopback. */
  readonly place: string | number;
  /** The cable is pulled; the next connection plugs it in again. */
  unplug(): void;
  close(): Promise<void>;
}

/**
 * Starts a target behind a Unix socket (path) or a TCP port (0: any). Its bytes go to who is connected, and are lost while nobody is,
 * as on a serial line. line: how the line misbehaves, each way.
 */
export async function listenKdTarget(
  place: string | 0,
  options: Omit<KdTargetOptions, 'send'> = {},
  line: { readonly toHost?: Misbehaviour; readonly toTarget?: Misbehaviour } = {},
): Promise<ListeningTarget> {
  let client: Socket | undefined;
  const raw = (bytes: Uint8Array): void => void client?.write(bytes);
  const target = new KdTarget({ ...options, send: line.toHost === undefined ? raw : misbehave(raw, line.toHost) });
  const take = (bytes: Uint8Array): void => target.receive(bytes);
  const received = line.toTarget === undefined ? take : misbehave(take, line.toTarget);
  const server: Server = createServer((socket) => {
    client?.destroy();
    client = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      // An acknowledgement and the answer behind it leave together, as over a wire.
      socket.cork();
      received(bytes);
      socket.uncork();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (client === socket) client = undefined;
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (typeof place === 'string') server.listen(place, resolve);
    else server.listen(place, '127.0.0.1', resolve);
  });
  const address = server.address();
  target.start().catch((error: unknown) => server.emit('error', error));
  return {
    target,
    place: typeof address === 'string' || address === null ? String(address) : address.port,
    unplug: () => client?.destroy(),
    close: async () => {
      target.end();
      client?.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
