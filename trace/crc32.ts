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

/** What four bytes do to the sum when `behind` more follow them in their step. */
const ofFour = (word: number, behind: number): number => {
  const table = behind << 8;
  return (
    (TABLES[table + 768 + (word & 0xff)] ?? 0) ^
    (TABLES[table + 512 + ((word >>> 8) & 0xff)] ?? 0) ^
    (TABLES[table + 256 + ((word >>> 16) & 0xff)] ?? 0) ^
    (TABLES[table + (word >>> 24)] ?? 0)
  );
};

/** Continue a sum by passing the one of the bytes before. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = ~before;
  let at = 0;
  for (; at + STEP <= bytes.length; at += STEP) {
    sum =
      ofFour(view.getInt32(at, true) ^ sum, 12) ^
      ofFour(view.getInt32(at + 4, true), 8) ^
      ofFour(view.getInt32(at + 8, true), 4) ^
      ofFour(view.getInt32(at + 12, true), 0);
  }
  for (; at < bytes.length; at += 1) sum = (sum >>> 8) ^ (TABLES[(sum ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return ~sum >>> 0;
}
