/** DEBUG_IO (type 3): DbgPrint's text, and DbgPrompt's question, which holds the target until it is answered. */
const HEADER_BYTES = 16;
const PRINT = 0x3230;
const PROMPT = 0x3231;

export type DebugIo =
  | { readonly kind: 'print'; readonly processor: number; readonly text: string }
  | {
      readonly kind: 'prompt';
      readonly processor: number;
      readonly processorLevel: number;
      readonly text: string;
      /** Bytes that an answer may have. */
      readonly room: number;
    };

/** Undefined when the payload is none. Text is in the target's ANSI code page; what is not ASCII is read as Latin-1. */
export function decodeDebugIo(payload: Uint8Array): DebugIo | undefined {
  if (payload.length < HEADER_BYTES) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const api = view.getUint32(0, true);
  const processorLevel = view.getUint16(4, true);
  const processor = view.getUint16(6, true);
  const length = view.getUint32(8, true);
  const text = Buffer.from(payload.subarray(HEADER_BYTES, HEADER_BYTES + length)).toString('latin1');
  if (api === PRINT) return { kind: 'print', processor, text };
  if (api === PROMPT) return { kind: 'prompt', processor, processorLevel, text, room: view.getUint32(12, true) };
  return undefined;
}

/** The packet that answers a prompt; an answer that is longer than its room is cut. */
export function encodePromptAnswer(prompt: Extract<DebugIo, { kind: 'prompt' }>, answer: string): Uint8Array {
  const text = Buffer.from(answer, 'latin1').subarray(0, Math.max(0, prompt.room));
  const bytes = new Uint8Array(HEADER_BYTES + text.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, PROMPT, true);
  view.setUint16(4, prompt.processorLevel, true);
  view.setUint16(6, prompt.processor, true);
  view.setUint32(8, Math.min(prompt.text.length, 0xffffffff), true);
  view.setUint32(12, text.length, true);
  bytes.set(text, HEADER_BYTES);
  return bytes;
}
