/** Makes PE32+ images for tests: headers, sections, directories. */
export interface TestImage {
  readonly sections: readonly { readonly rva: number; readonly bytes: Buffer }[];
  readonly directories?: Readonly<Record<number, { readonly rva: number; readonly size: number }>>;
  readonly timeDateStamp?: number;
}

const PE = 0x80;
const OPTIONAL = PE + 24;
const OPTIONAL_BYTES = 240;
const HEADERS = 0x400;

export function makePe({ sections, directories = {}, timeDateStamp = 0 }: TestImage): Buffer {
  const header = Buffer.alloc(HEADERS);
  header.write('MZ', 0, 'latin1');
  header.writeUInt32LE(PE, 0x3c);
  header.write('PE\0\0', PE, 'latin1');
  header.writeUInt16LE(0x8664, PE + 4);
  header.writeUInt16LE(sections.length, PE + 6);
  header.writeUInt32LE(timeDateStamp, PE + 8);
  header.writeUInt16LE(OPTIONAL_BYTES, PE + 20);
  header.writeUInt16LE(0x2022, PE + 22);
  header.writeUInt16LE(0x20b, OPTIONAL);
  header.writeBigUInt64LE(0x1_4000_0000n, OPTIONAL + 24);
  header.writeUInt32LE(0x1000, OPTIONAL + 32);
  header.writeUInt32LE(0x200, OPTIONAL + 36);
  const end = Math.max(...sections.map(({ rva, bytes }) => rva + bytes.length));
  header.writeUInt32LE((end + 0xfff) & ~0xfff, OPTIONAL + 56);
  header.writeUInt32LE(HEADERS, OPTIONAL + 60);
  header.writeUInt32LE(16, OPTIONAL + 108);
  for (const [index, { rva, size }] of Object.entries(directories)) {
    header.writeUInt32LE(rva, OPTIONAL + 112 + Number(index) * 8);
    header.writeUInt32LE(size, OPTIONAL + 116 + Number(index) * 8);
  }
  let offset = HEADERS;
  const parts: Buffer[] = [header];
  sections.forEach(({ rva, bytes }, index) => {
    const at = OPTIONAL + OPTIONAL_BYTES + index * 40;
    header.write(`.s${index}`, at, 'latin1');
    header.writeUInt32LE(bytes.length, at + 8);
    header.writeUInt32LE(rva, at + 12);
    header.writeUInt32LE(bytes.length, at + 16);
    header.writeUInt32LE(offset, at + 20);
    parts.push(bytes);
    offset += bytes.length;
  });
  return Buffer.concat(parts);
}

/** The debug directory's entry and the RSDS record that it names, to be put at an RVA. */
export function makeRsds(at: number, guid: string, age: number, path: string): Buffer {
  const bytes = Buffer.alloc(28 + 24 + Buffer.byteLength(path) + 1);
  bytes.writeUInt32LE(2, 12);
  bytes.writeUInt32LE(bytes.length - 28, 16);
  bytes.writeUInt32LE(at + 28, 20);
  bytes.write('RSDS', 28, 'latin1');
  const [a = '', b = '', c = '', d = '', e = ''] = guid.split('-');
  bytes.writeUInt32LE(parseInt(a, 16), 32);
  bytes.writeUInt16LE(parseInt(b, 16), 36);
  bytes.writeUInt16LE(parseInt(c, 16), 38);
  bytes.write(d + e, 40, 'hex');
  bytes.writeUInt32LE(age, 48);
  bytes.write(path, 52, 'utf8');
  return bytes;
}
