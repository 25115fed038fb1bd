import assert from 'node:assert/strict';
import { translate } from './page-tables.js';

const ADDRESS = 0x00007ff612345678n;
const index = (level: number): bigint => (ADDRESS >> (12n + 9n * BigInt(level))) & 0x1ffn;

/** Tables at 0x1000 (top), 0x2000, 0x3000 and 0x4000; the entries given stand where ADDRESS looks. */
function tables(entries: readonly bigint[]): (physical: bigint) => Promise<bigint | undefined> {
  const memory = new Map(entries.map((entry, at) => [BigInt(at + 1) * 0x1000n + index(3 - at) * 8n, entry] as const));
  return (physical) => Promise.resolve(memory.get(physical));
}
const ROOT = { directoryTableBase: 0x1000n, la57: false };

describe('page tables', () => {
  it('a page of 4 KiB, four levels down, with the rights of all levels', async () => {
    const place = await translate(tables([0x2007n, 0x3007n, 0x4007n, 0xabc005n]), ROOT, ADDRESS);
    assert.deepEqual(place, {
      physical: 0xabc678n,
      left: 0x1000 - 0x678,
      writable: false,
      user: true,
      executable: true,
      transition: false,
    });
  });

  it('a page of 2 MiB ends the walk one level earlier', async () => {
    const place = await translate(tables([0x2007n, 0x3007n, 0x4000_0087n]), ROOT, ADDRESS);
    assert.equal(place?.physical, 0x4000_0000n + (ADDRESS & 0x1fffffn));
  });

  it('a page of 1 GiB two levels earlier', async () => {
    const place = await translate(tables([0x2007n, 0x8000_0087n]), ROOT, ADDRESS);
    assert.equal(place?.physical, 0x8000_0000n + (ADDRESS & 0x3fffffffn));
    assert.equal(place.left, 0x4000_0000 - Number(ADDRESS & 0x3fffffffn));
  });

  it('five levels where the processor has them', async () => {
    // Its top table is at 0x9000; the rest stands below it as ever.
    const address = ADDRESS | (5n << 48n);
    const below = tables([0x2007n, 0x3007n, 0x4007n, 0xabc005n]);
    const entry = (physical: bigint): Promise<bigint | undefined> =>
      physical === 0x9000n + 5n * 8n ? Promise.resolve(0x1007n) : below(physical);
    const place = await translate(entry, { directoryTableBase: 0x9000n, la57: true }, address);
    assert.equal(place?.physical, 0xabc678n);
    assert.equal(await translate(entry, { directoryTableBase: 0x9000n, la57: true }, ADDRESS), undefined);
  });

  it('a page in transition still has its frame; a page that is away has none', async () => {
    const upper = [0x2007n, 0x3007n, 0x4007n];
    assert.equal((await translate(tables([...upper, 0xabc800n]), ROOT, ADDRESS))?.transition, true);
    assert.equal(await translate(tables([...upper, 0xabcc00n]), ROOT, ADDRESS), undefined);
    assert.equal(await translate(tables([...upper, 0n]), ROOT, ADDRESS), undefined);
    assert.equal(await translate(tables(upper), ROOT, ADDRESS), undefined);
  });

  it('CR3 carries a PCID that is no address', async () => {
    const root = { directoryTableBase: 0x8000_0000_0000_1002n, la57: false };
    assert.equal((await translate(tables([0x2007n, 0x3007n, 0x4007n, 0xabc005n]), root, ADDRESS))?.physical, 0xabc678n);
  });
});
