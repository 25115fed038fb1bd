import assert from 'node:assert/strict';
import type { KdClient } from '../kd-client.js';
import { DR7_NONE, HardwareBreakpoints } from './hardware-breakpoints.js';

const ADDRESS = 0xffff_f800_0000_1000n;

describe('debug registers', () => {
  let registers: HardwareBreakpoints;
  /** DR7 of each processor. */
  let processors: bigint[];
  /** Of what Continue carries. */
  let reaches: number;

  beforeEach(() => {
    processors = [DR7_NONE, DR7_NONE];
    reaches = processors.length;
    const mockClient = {
      link: { description: 'mock' },
      request: ({ processor, data }: { readonly processor: number; readonly data?: Uint8Array }) => {
        const block = new DataView(new ArrayBuffer(0xf0));
        if (data !== undefined)
          processors[processor] = new DataView(data.buffer, data.byteOffset).getBigUint64(0x48, true);
        else block.setBigUint64(0x48, processors[processor] ?? 0n, true);
        return Promise.resolve({ status: 0, data: new Uint8Array(block.buffer), count: 0 });
      },
    } as unknown as KdClient;
    registers = new HardwareBreakpoints(mockClient);
  });

  const goOn = async (passesException = false): Promise<void> => {
    await registers.apply(processors.length);
    const dr7 = registers.dr7OfContinue(passesException);
    if (passesException) return;
    for (let processor = 0; processor < reaches; processor++) processors[processor] = dr7;
  };
  const isOnEverywhere = (slot: number): boolean => processors.every((dr7) => (dr7 & (2n << BigInt(2 * slot))) !== 0n);

  it('that are lent are switched by Continue once that was seen to reach every processor', async () => {
    registers.expectLending();
    await goOn();
    const slot = registers.lend(ADDRESS, 'switched');
    assert.equal(slot, 0);
    registers.switch(0, true);
    await goOn();
    assert.equal(isOnEverywhere(0), true);
    registers.switch(0, false);
    assert.equal(registers.isOn(0), false);
    await goOn();
    assert.deepEqual(processors, [DR7_NONE, DR7_NONE]);
  });

  it('that are lent are switched though the first Continue passed an exception on, which nobody reads a register of', async () => {
    registers.expectLending();
    await goOn(true);
    registers.lend(ADDRESS, 'switched');
    await goOn();
    registers.lend(ADDRESS + 16n, 'switched');
    await goOn();
    assert.equal(registers.isOn(0), false);
  });

  it('that are lent stay on where Continue does not reach every processor', async () => {
    reaches = 1;
    registers.expectLending();
    await goOn();
    registers.lend(ADDRESS, 'switched');
    await goOn();
    registers.switch(0, false);
    assert.equal(registers.isOn(0), true);
    await goOn();
    assert.equal(isOnEverywhere(0), true);
  });

  it('are given to who asks for one; a stop for what was in one before is not taken for a hit of what is in it now', async () => {
    registers.lend(ADDRESS, 'switched');
    for (let index = 1n; index < 4n; index++) registers.add({ address: index * 8n, kind: 'write', length: 8 });
    await goOn();
    const trap = { dr6: 0xffff_0ff1n, programCounter: ADDRESS };
    assert.deepEqual(registers.hits(trap), [0]);
    assert.equal(registers.lentLast, 0);
    registers.remove(0);
    assert.equal(registers.add({ address: 64n, kind: 'write', length: 8 }), 0);
    assert.deepEqual(registers.hits(trap), []);
    assert.equal(registers.wasRemoved(trap), true);
    await goOn();
    assert.deepEqual(registers.hits(trap), [0]);
    assert.equal(registers.wasRemoved(trap), false);
    assert.throws(() => registers.add({ address: 72n, kind: 'write', length: 8 }), /No debug register is free/);
  });

  it('tell by the place what was executed where another processor’s Continue has cleared DR6', async () => {
    const silent = { dr6: 0xffff_0ff0n, programCounter: ADDRESS };
    const slot = registers.add({ address: ADDRESS, kind: 'execute', length: 1 });
    await goOn();
    assert.deepEqual(registers.hits(silent), [slot]);
    assert.deepEqual(registers.hits({ ...silent, programCounter: ADDRESS + 1n }), []);
    assert.deepEqual(registers.hits({ ...silent, dr6: silent.dr6 | 0x4000n }), [], 'a step');
    registers.remove(slot);
    await goOn();
    assert.deepEqual(registers.hits(silent), []);
    assert.equal(registers.isOfRemoved(silent), true);
    assert.equal(registers.isOfRemoved({ ...silent, programCounter: ADDRESS + 1n }), false);
  });
});
