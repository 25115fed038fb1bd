/** Makes the smallest PDB that is one, for tests of what finds PDBs: description, types, DBI, nothing in them. */
const BLOCK = 512;
export const MINIMAL_GUID = '12345678-9ABC-DEF0-1122-334455667788';

export function makeMinimalPdb(guid = MINIMAL_GUID): Buffer {
  const info = Buffer.alloc(28 + 4 + 4 * 5);
  info.writeUInt32LE(20000404, 0);
  info.writeUInt32LE(1, 8);
  const [a = '', b = '', c = '', d = '', e = ''] = guid.split('-');
  info.writeUInt32LE(parseInt(a, 16), 12);
  info.writeUInt16LE(parseInt(b, 16), 16);
  info.writeUInt16LE(parseInt(c, 16), 18);
  info.write(d + e, 20, 'hex');
  const types = Buffer.alloc(56);
  [20040203, 56, 0x1000, 0x1000, 0].forEach((word, index) => types.writeUInt32LE(word, index * 4));
  types.writeUInt32LE(0xffffffff, 20);
  const dbi = Buffer.alloc(64);
  dbi.writeInt32LE(-1, 0);
  dbi.writeUInt32LE(19990903, 4);
  dbi.writeUInt32LE(1, 8);
  for (const at of [12, 16, 20]) dbi.writeUInt16LE(0xffff, at);
  dbi.writeUInt16LE(0x8664, 58);
  return makeMsf([Buffer.alloc(0), info, types, dbi, types]);
}

/** Streams of at most one block each. */
function makeMsf(streams: readonly Buffer[]): Buffer {
  const firstBlock = 5;
  const directory: number[] = [streams.length, ...streams.map(({ length }) => length)];
  const blocks: Buffer[] = [];
  for (const stream of streams) {
    if (stream.length === 0) continue;
    directory.push(firstBlock + blocks.length);
    blocks.push(Buffer.concat([stream, Buffer.alloc(BLOCK - stream.length)]));
  }
  const file = Buffer.alloc(firstBlock * BLOCK);
  file.write('Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0', 0, 'latin1');
  [BLOCK, 1, firstBlock + blocks.length, directory.length * 4, 0, 3].forEach((word, index) =>
    file.writeUInt32LE(word, 32 + index * 4),
  );
  file.writeUInt32LE(4, 3 * BLOCK);
  directory.forEach((word, index) => file.writeUInt32LE(word, 4 * BLOCK + index * 4));
  return Buffer.concat([file, ...blocks]);
}
