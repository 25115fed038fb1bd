/** For tests only: connected pairs of real sockets on loopback. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class TestSockets {
  readonly #sockets: Socket[] = [];

  private constructor(readonly server: Server) {}

  static async listen(): Promise<TestSockets> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TestSockets(server);
  }

  async pair(): Promise<[Socket, Socket]> {
    const accepted = once(this.server, 'connection') as Promise<[Socket]>;
    const mine = connect((this.server.address() as AddressInfo).port, '127.0.0.1');
    await once(mine, 'connect');
    const [theirs] = await accepted;
    this.#sockets.push(mine, theirs);
    return [mine, theirs];
  }

  /** Between two tests. */
  destroyPairs(): void {
    for (const socket of this.#sockets.splice(0)) {
      socket.destroy();
    }
  }

  close(): void {
    this.destroyPairs();
    this.server.close();
  }
}
