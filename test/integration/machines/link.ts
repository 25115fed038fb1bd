/**
 * The network between a client and the test machine: a TCP relay on loopback that can be cut, at once or after a number
 * of bytes, and put together again.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class Link {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #bytesLeft = Infinity;
  #atLimit: (() => void) | undefined;
  /** Connections refused while the cable is out. */
  #out = false;

  private constructor(toPort: number) {
    this.#server = createServer((near) => {
      if (this.#out) {
        near.destroy();
        return;
      }
      const far = connect({ port: toPort, host: '127.0.0.1', noDelay: true });
      near.setNoDelay(true);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => from.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
      near.on('data', (data: Buffer) => this.#forward(data, near, far));
      far.pipe(near);
    });
  }

  static async open(toPort: number): Promise<Link> {
    const link = new Link(toPort);
    await new Promise<void>((resolve, reject) => {
      link.#server.once('error', reject);
      link.#server.listen(0, '127.0.0.1', resolve);
    });
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #forward(data: Buffer, near: Socket, far: Socket): void {
    this.#bytesLeft -= data.length;
    if (this.#bytesLeft < 0) {
      this.#bytesLeft = Infinity;
      this.#atLimit?.();
    }
    if (this.#out) return;
    if (!far.write(data)) {
      near.pause();
      far.once('drain', () => near.resume());
    }
  }

  /** Cuts every connection, and refuses new ones until {@link mend}. */
  cut(): void {
    this.#out = true;
    this.#bytesLeft = Infinity;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves when clients have sent so many more bytes. */
  notifyAfter(bytes: number): Promise<void> {
    this.#bytesLeft = bytes;
    return new Promise((resolve) => (this.#atLimit = resolve));
  }

  /** Cuts when clients have sent so many more bytes; resolves then. */
  cutAfter(bytes: number): Promise<void> {
    this.#bytesLeft = bytes;
    return new Promise((resolve) => {
      this.#atLimit = () => {
        this.cut();
        resolve();
      };
    });
  }

  mend(): void {
    this.#out = false;
    this.#bytesLeft = Infinity;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** For the end of the process, where nothing can be awaited. */
  closeNow(): void {
    this.cut();
    this.#server.close();
  }
}
