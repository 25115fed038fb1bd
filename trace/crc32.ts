/** CRC-32 as in IEEE 802.3 and zip (reflected, polynomial 0xEDB88320), sixteen bytes a step. */
const STEP = 16;
/** What a byte does to the sum when `table` more bytes follow it in its step: at `table * 256 + byte`. */
const TABLES = makeTables();

function makeTables(): Uint32Array {
  const tables = new Uint32Array(STEP * 256);
  for (let value = 0; value < 256; value += 1) {
    let remainder = value;
    for (let bit = 0; bit < 8; bit += 1) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
    tables[value] = remainder;
  }
  for (let at = 256; at < tables.length; at += 1) {
    const before = tables[at - 256] ?? 0;
    tables[at] = (before >>> 8) ^ (tables[before & 0xff] ?? 0);
  }
  return tables;
}

/** Continue a sum by passing the one of the bytes before. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const table = TABLES;
  let sum = ~before;
  let at = 0;
  // Up to where words begin, and then by words: little-endian, as every machine is that VS Code runs on.
  for (; at < bytes.length && (bytes.byteOffset + at) % 4 !== 0; at += 1)
    sum = (sum >>> 8) ^ (table[(sum ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  if (at === bytes.length) return ~sum >>> 0;
  const words = new Int32Array(
    bytes.buffer,
    bytes.byteOffset + at,
    Math.floor((bytes.length - at) / STEP) * (STEP / 4),
  );
  at += words.byteLength;
  // Written out: this loop goes over every byte of a recording, and a call in it costs as much as what it does.
  for (let word = 0; word < words.length; word += STEP / 4) {
    const a = (words[word] ?? 0) ^ sum;
    const b = words[word + 1] ?? 0;
    const c = words[word + 2] ?? 0;
    const d = words[word + 3] ?? 0;
    sum =
      (table[0xf00 + (a & 0xff)] ?? 0) ^
      (table[0xe00 + ((a >>> 8) & 0xff)] ?? 0) ^
      (table[0xd00 + ((a >>> 16) & 0xff)] ?? 0) ^
      (table[0xc00 + (a >>> 24)] ?? 0) ^
      (table[0xb00 + (b & 0xff)] ?? 0) ^
      (table[0xa00 + ((b >>> 8) & 0xff)] ?? 0) ^
      (table[0x900 + ((b >>> 16) & 0xff)] ?? 0) ^
      (table[0x800 + (b >>> 24)] ?? 0) ^
      (table[0x700 + (c & 0xff)] ?? 0) ^
      (table[0x600 + ((c >>> 8) & 0xff)] ?? 0) ^
      (table[0x500 + ((c >>> 16) & 0xff)] ?? 0) ^
      (table[0x400 + (c >>> 24)] ?? 0) ^
      (table[0x300 + (d & 0xff)] ?? 0) ^
      (table[0x200 + ((d >>> 8) & 0xff)] ?? 0) ^
      (table[0x100 + ((d >>> 16) & 0xff)] ?? 0) ^
      (table[d >>> 24] ?? 0);
  }
  for (; at < bytes.length; at += 1) sum = (sum >>> 8) ^ (table[(sum ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return ~sum >>> 0;
}
