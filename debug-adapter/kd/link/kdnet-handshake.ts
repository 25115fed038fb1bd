/** KDNET's control channel: the target pokes every 3 s, the host's response makes the keys of a session. */
import { randomBytes } from 'node:crypto';

export const POKE_BYTES = 344;
export const RESPONSE_BYTES = 322;
const NONCE_BYTES = 32;
const PEER_PORT_AT = 86;

export interface Poke {
  readonly nonce: Uint8Array;
  /** The target's data channel is bound to a host: answering would make new keys for a link that lives. */
  readonly bound: boolean;
}

/** Undefined when the body is no poke. Longer bodies are accepted: later versions may have more to say. */
export function readPoke(body: Uint8Array): Poke | undefined {
  if (body.length < PEER_PORT_AT + 2 || body[0] !== 1 || body[1] !== 1) return undefined;
  const port = ((body[PEER_PORT_AT] ?? 0) << 8) | (body[PEER_PORT_AT + 1] ?? 0);
  return { nonce: body.slice(2, 2 + NONCE_BYTES), bound: port !== 0 };
}

export function makeResponse(nonce: Uint8Array, random: Uint8Array = randomBytes(NONCE_BYTES)): Uint8Array {
  const body = new Uint8Array(RESPONSE_BYTES);
  body[0] = 1;
  body[1] = 2;
  body.set(nonce, 2);
  body.set(random, 2 + NONCE_BYTES);
  return body;
}
