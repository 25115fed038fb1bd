/** Memory of a stopped target through the kernel engine: what is asked of the target for it, and what is kept. */
import assert from 'node:assert/strict';
import { KERNEL_SPACE } from '../../debug-adapter/kd/kernel-inventory.js';
import { type EngineUnderTest, KdBench, openApplication } from './kd-fixture.js';

const PAGE = 0x1000n;

describe('memory over a kernel debugging link', () => {
  let bench: KdBench;
  let made: EngineUnderTest;
  /** What the target was asked to read, in order. */
  let reads: { readonly from: bigint; readonly to: bigint }[];

  beforeEach(async () => {
    bench = await KdBench.make();
    made = await bench.attached();
    made.engine.memory.invalidate();
    reads = [];
    // Whichever address space the processor that reported is in.
    for (const space of new Set(bench.target.kernel.slots.map(({ processor }) => processor.space))) {
      const read = space.read.bind(space);
      space.read = (address, length) => {
        reads.push({ from: address, to: address + BigInt(length) });
        return read(address, length);
      };
    }
  });
  afterEach(() => bench.close());

  it('is asked for within what is wanted alone, once in a stop, and anew after the target has run', async () => {
    const { counters } = bench.target.kernel;
    const wanted = { address: counters, length: 16 };
    const counted = async (): Promise<bigint> => {
      const [bytes] = await made.engine.readMemory(KERNEL_SPACE, [wanted]);
      return Buffer.from(bytes ?? []).readBigUInt64LE(0);
    };
    const first = await counted();
    assert.equal(await counted(), first);
    assert.deepEqual(reads, [{ from: counters, to: counters + 16n }]);
    // What is known of it is not asked for again; what is not, is.
    await made.read(counters - 8n, 32);
    assert.ok(reads.every(({ from, to }) => from >= counters - 8n && to <= counters + 24n));
    await made.engine.resume();
    await bench.runs();
    await made.engine.pause();
    await made.stop();
    assert.ok((await counted()) > first);
  });

  it('is cut at pages, ends where a page is missing, and is not there behind it', async () => {
    const { image, memory } = bench.target.kernel;
    const last = image.base + PAGE * BigInt(image.bytes.length / 0x1000);
    const asked = { address: last - 0x800n, length: 0x1000 };
    const [bytes, behind] = await made.engine.readMemory(KERNEL_SPACE, [asked, { address: last, length: 8 }]);
    assert.deepEqual(bytes, memory.space.read(last - 0x800n, 0x800));
    assert.equal(behind, undefined);
    assert.ok(reads.every(({ from, to }) => from / PAGE === (to - 1n) / PAGE));
  });

  it('of a process that is switched out is found through its page tables; a write shows in what is read', async () => {
    const space = await openApplication(made);
    const { kernel } = bench.target;
    const there = (): Uint8Array => kernel.app.space.read(kernel.application.base, 64);
    assert.deepEqual(await made.read(kernel.application.base, 64, space), there());
    await made.engine.writeMemory(space, kernel.appCounter, Uint8Array.of(1, 2, 3, 4));
    assert.deepEqual([...(await made.read(kernel.appCounter, 4, space))], [1, 2, 3, 4]);
    assert.deepEqual([...kernel.app.space.read(kernel.appCounter, 4)], [1, 2, 3, 4]);
    const refused = made.engine.writeMemory(space, 0x10n, Uint8Array.of(1));
    await assert.rejects(refused, /its page is not in memory/);
  });
});
