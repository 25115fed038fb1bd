/** What a running target says and asks by itself: text, prompts, files of the host. It is held until it has its answer. */
import { PacketType } from './link/packet.js';
import { type DebugIo, decodeDebugIo, encodePromptAnswer } from './protocol/debug-io.js';
import { decodeFileIo, encodeFileIoAnswer, type FileIo, type FileIoAnswer } from './protocol/file-io.js';

export interface TargetAsksOptions {
  /** Answers a prompt of the target; the default breaks when it may, else ignores. */
  readonly answerPrompt?: ((text: string) => string) | undefined;
  /** Answers a request for a file of this machine; without it every one is refused. */
  readonly files?: ((request: FileIo) => Promise<FileIoAnswer> | FileIoAnswer) | undefined;
  readonly send: (type: PacketType, payload: Uint8Array) => Promise<void>;
  /** A stopped target prints nothing and wants no files. */
  readonly heardOfRunning: () => void;
  readonly print: (text: string) => void;
  readonly odd: (what: string) => void;
}

const STATUS_NO_SUCH_FILE = 0xc000000f;

const defaultAnswer = (text: string): string => {
  const choices = /\(([a-z]+)\)\s*\??\s*$/i.exec(text)?.[1]?.toLowerCase() ?? '';
  return choices.includes('b') || choices === '' ? 'b' : 'i';
};

export class TargetAsks {
  readonly #options: TargetAsksOptions;

  constructor(options: TargetAsksOptions) {
    this.#options = options;
  }

  receiveDebugIo(payload: Uint8Array): void {
    const message = decodeDebugIo(payload);
    if (message === undefined) {
      this.#options.odd(`a DEBUG_IO of ${payload.length} bytes`);
      return;
    }
    this.#options.heardOfRunning();
    this.#options.print(message.text);
    if (message.kind === 'prompt') this.#answerPrompt(message);
  }

  receiveFileIo(payload: Uint8Array): void {
    const request = decodeFileIo(payload);
    if (request === undefined) {
      this.#options.odd(`a FILE_IO of ${payload.length} bytes`);
      return;
    }
    this.#options.heardOfRunning();
    const refusal: FileIoAnswer = { status: STATUS_NO_SUCH_FILE };
    const { files } = this.#options;
    if (files === undefined) {
      this.#send(PacketType.FileIo, encodeFileIoAnswer(payload, refusal));
      return;
    }
    Promise.resolve(files(request)).then(
      (answer) => this.#send(PacketType.FileIo, encodeFileIoAnswer(payload, answer)),
      (error: unknown) => {
        this.#options.odd(`a file request failed: ${error instanceof Error ? error.message : String(error)}`);
        this.#send(PacketType.FileIo, encodeFileIoAnswer(payload, refusal));
      },
    );
  }

  #answerPrompt(prompt: Extract<DebugIo, { kind: 'prompt' }>): void {
    const answer = (this.#options.answerPrompt ?? defaultAnswer)(prompt.text);
    this.#send(PacketType.DebugIo, encodePromptAnswer(prompt, answer));
  }

  #send(type: PacketType, payload: Uint8Array): void {
    this.#options.send(type, payload).catch((error: unknown) => {
      this.#options.odd(`an answer was not taken: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
}
