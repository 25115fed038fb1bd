/** CRC-32 as in IEEE 802.3 and zip (reflected, polynomial 0xEDB88320), four bytes a step. */
const TABLES = makeTables();

function makeTables(): readonly Uint32Array[] {
  const first = new Uint32Array(256);
  for (let value = 0; value < 256; value += 1) {
    let remainder = value;
    for (let bit = 0; bit < 8; bit += 1) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
    first[value] = remainder;
  }
  const tables = [first];
  for (let step = 1; step < 4; step += 1) {
    const before = tables[step - 1] ?? first;
    tables.push(before.map((entry) => (entry >>> 8) ^ (first[entry & 0xff] ?? 0)));
  }
  return tables;
}

/** Continue a sum by passing the one of the bytes before. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3] = TABLES as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  let sum = ~before;
  let index = 0;
  const whole = bytes.length - (bytes.length % 4);
  for (; index < whole; index += 4) {
    sum ^=
      (bytes[index] ?? 0) |
      ((bytes[index + 1] ?? 0) << 8) |
      ((bytes[index + 2] ?? 0) << 16) |
      ((bytes[index + 3] ?? 0) << 24);
    sum =
      (t3[sum & 0xff] ?? 0) ^ (t2[(sum >>> 8) & 0xff] ?? 0) ^ (t1[(sum >>> 16) & 0xff] ?? 0) ^ (t0[sum >>> 24] ?? 0);
  }
  for (; index < bytes.length; index += 1) sum = (sum >>> 8) ^ (t0[(sum ^ (bytes[index] ?? 0)) & 0xff] ?? 0);
  return ~sum >>> 0;
}
