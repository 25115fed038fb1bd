import assert from 'node:assert/strict';
import { crc32 } from './crc32.js';

describe('the checksum', () => {
  // The check value of CRC-32/ISO-HDLC in every catalogue of such sums.
  const nine = new TextEncoder().encode('123456789');

  it('is that of zip, wherever the bytes lie', () => {
    for (let offset = 0; offset < 8; offset += 1) {
      const room = new Uint8Array(32);
      room.set(nine, offset);
      assert.equal(crc32(room.subarray(offset, offset + nine.length)), 0xcbf4_3926, `at ${offset}`);
      assert.equal(crc32(room.subarray(offset, offset)), 0);
    }
  });

  it('of a whole is that of its parts, one continued by the next, whatever their lengths', () => {
    const bytes = Uint8Array.from({ length: 200 }, (_, at) => (at * 167 + 13) & 0xff);
    // Byte by byte there are no words.
    const expected = bytes.reduce((sum, _, at) => crc32(bytes.subarray(at, at + 1), sum), 0);
    for (let cut = 0; cut <= bytes.length; cut += 1)
      assert.equal(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut))), expected, `cut at ${cut}`);
  });
});
