/** DAP's framing: `Content-Length: N`, an empty line, N bytes of JSON. */
import type { DebugProtocol } from '@vscode/debugprotocol';

const HEADER_LIMIT = 4_096;
/** A write to memory comes in base64; nothing else of a client is large. */
const BODY_LIMIT = 64 * 1024 * 1024;
const END_OF_HEADER = '\r\n\r\n';

/** Takes bytes as they come, gives messages. Throws RangeError or SyntaxError when the stream is no DAP: it cannot go on then. */
export class MessageReader {
  #buffer = Buffer.alloc(0);
  /** Of the message that is being read. */
  #length: number | undefined;
  readonly #onMessage: (message: DebugProtocol.ProtocolMessage) => void;

  constructor(onMessage: (message: DebugProtocol.ProtocolMessage) => void) {
    this.#onMessage = onMessage;
  }

  push(data: Uint8Array): void {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    for (;;) {
      if (this.#length === undefined) {
        const end = this.#buffer.indexOf(END_OF_HEADER);
        if (end < 0) {
          if (this.#buffer.length > HEADER_LIMIT) throw new RangeError('The header of a message is too long');
          return;
        }
        this.#length = lengthIn(this.#buffer.toString('latin1', 0, end));
        this.#buffer = this.#buffer.subarray(end + END_OF_HEADER.length);
      }
      if (this.#buffer.length < this.#length) return;
      const text = this.#buffer.toString('utf8', 0, this.#length);
      this.#buffer = this.#buffer.subarray(this.#length);
      this.#length = undefined;
      const message: unknown = JSON.parse(text);
      if (typeof message !== 'object' || message === null || !('type' in message)) {
        throw new SyntaxError('A message has no type');
      }
      this.#onMessage(message as DebugProtocol.ProtocolMessage);
    }
  }
}

function lengthIn(header: string): number {
  const match = /^content-length: *(\d{1,9}) *$/im.exec(header);
  const length = Number(match?.[1]);
  if (match === null || length > BODY_LIMIT) throw new RangeError('A message has no Content-Length, or is too long');
  return length;
}

export function frame(message: DebugProtocol.ProtocolMessage): string {
  const text = JSON.stringify(message);
  return `Content-Length: ${Buffer.byteLength(text)}${END_OF_HEADER}${text}`;
}
