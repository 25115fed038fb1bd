/** Who gets in: loopback alone, a token compared in constant time, one client. See protocol/agent-wire.ts. */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { decodeGreeting, encodeGreetingAnswer } from '../protocol/agent-codec.js';
import { readExactly } from '../protocol/agent-greeting.js';
import { GREETING_BYTES, GREETING_TIMEOUT_MS, GreetingStatus, PROTOCOL_VERSION } from '../protocol/agent-wire.js';

/** Connections that have not greeted yet. More are cut off at once. */
const MAX_GREETING = 8;

export interface ServerOptions {
  readonly token: Uint8Array;
  readonly log: (line: string) => void;
  /** The one client, greeted and welcomed. */
  readonly onClient: (socket: Socket) => void;
}

/** Listens on a port that the system chooses, and tells which. */
export async function listen(options: ServerOptions): Promise<number> {
  let taken = false;
  let greeting = 0;
  // Not reading until asked to: what a client sends ahead of its greeting's answer stays in the system's buffer.
  const server: Server = createServer({ noDelay: true, pauseOnConnect: false }, (socket) => {
    socket.on('error', (error) => options.log(`connection: ${error.message}`));
    if (greeting >= MAX_GREETING) {
      socket.destroy();
      return;
    }
    greeting++;
    greet(socket, options.token, () => taken)
      .then((status) => {
        if (status === GreetingStatus.Welcome) {
          taken = true;
          options.onClient(socket);
        } else {
          options.log(`refused a client: ${GreetingStatus[status]}`);
        }
      })
      .catch((error: unknown) => {
        options.log(`cut off a client: ${error instanceof Error ? error.message : String(error)}`);
        socket.destroy();
      })
      .finally(() => greeting--);
  });
  return await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, () => resolve((server.address() as AddressInfo).port));
  });
}

async function greet(socket: Socket, token: Uint8Array, isTaken: () => boolean): Promise<GreetingStatus> {
  const bytes = await readExactly(socket, GREETING_BYTES, GREETING_TIMEOUT_MS);
  const received = bytes === undefined ? undefined : decodeGreeting(bytes);
  if (received === undefined) {
    throw new Error('it sent no greeting');
  }
  const status = judge(received.version, timingSafeEqual(received.token, token), isTaken());
  const answer = encodeGreetingAnswer(status);
  if (status === GreetingStatus.Welcome) {
    socket.write(answer);
  } else {
    socket.end(answer, () => socket.destroySoon());
  }
  return status;
}

/** A client with a wrong token learns nothing else. */
function judge(version: number, tokenIsRight: boolean, taken: boolean): GreetingStatus {
  if (!tokenIsRight) {
    return GreetingStatus.WrongToken;
  }
  if (version !== PROTOCOL_VERSION) {
    return GreetingStatus.WrongVersion;
  }
  return taken ? GreetingStatus.Busy : GreetingStatus.Welcome;
}
