/**
 * The hash of names in the tables of globals, publics and types (microsoft-pdb, misc.h, LHashPbCb): not modulo anything yet.
 * ASCII letters hash alike in both cases.
 */
export function hashName(name: string): number {
  const bytes = Buffer.from(name, 'utf8');
  let hash = 0;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) hash ^= bytes.readUInt32LE(at);
  if (at + 2 <= bytes.length) {
    hash ^= bytes.readUInt16LE(at);
    at += 2;
  }
  if (at < bytes.length) hash ^= bytes.readUInt8(at);
  hash |= 0x20202020;
  hash ^= hash >>> 11;
  return (hash ^ (hash >>> 16)) >>> 0;
}
