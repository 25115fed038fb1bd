/** Requests of the protocol that a debugger's user may need beside those that a session makes all the time, each against the target. */
import assert from 'node:assert/strict';
import { X64Context } from '../../machine/x64-context.js';
import {
  causeBugCheck,
  fillMemory,
  getBusData,
  getContextEx,
  queryMemory,
  readIoSpace,
  readMsr,
  readPhysicalMemory,
  restoreBreakPoint,
  searchMemory,
  setContextEx,
  writeBreakPoint,
  writeIoSpace,
  writeMsr,
  writePhysicalMemory,
} from '../../debug-adapter/kd/protocol/requests.js';
import { type EngineUnderTest, KdBench } from './kd-fixture.js';

const SUCCESS = 0;
const STATUS_UNSUCCESSFUL = 0xc000_0001;
const STATUS_NOT_FOUND = 0xc000_0225;
const MSR_GS_BASE = 0xc000_0101;
const PART_BYTES = 512;

describe('requests of the kernel debugger’s protocol', () => {
  let bench: KdBench;
  let made: EngineUnderTest;
  beforeEach(async () => {
    bench = await KdBench.make();
    made = await bench.attached();
  });
  afterEach(() => bench.close());

  it('search, fill and tell of memory', async () => {
    const { client } = made.engine;
    const { image, memory } = bench.target.kernel;
    const pattern = Buffer.from('RSDS');
    const found = await client.request(searchMemory(image.base, BigInt(image.bytes.length), pattern));
    assert.deepEqual(found, {
      status: SUCCESS,
      address: image.base + BigInt(Buffer.from(image.bytes).indexOf(pattern)),
    });
    const nothing = await client.request(searchMemory(image.base, 64n, Buffer.from('nowhere in it')));
    assert.equal(nothing.status, STATUS_NOT_FOUND);
    const at = bench.target.kernel.counters;
    const filled = await client.request(fillMemory(at, 8, Uint8Array.of(1, 2)));
    assert.deepEqual(filled, { status: SUCCESS, count: 8 });
    assert.deepEqual([...memory.space.read(at, 8)], [1, 2, 1, 2, 1, 2, 1, 2]);
    const { space, readable, writable, executable } = await client.request(queryMemory(image.base));
    assert.deepEqual({ space, readable, writable, executable }, { space: 'kernel', readable: true, writable: true, executable: true }); // prettier-ignore
    assert.equal((await client.request(queryMemory(0xffff_8123_0000_0000n))).status, STATUS_UNSUCCESSFUL);
  });

  it('read and write physical memory', async () => {
    const { client } = made.engine;
    const { counters, memory } = bench.target.kernel;
    const frame = memory.space.translate(counters) ?? 0n;
    assert.deepEqual((await client.request(readPhysicalMemory(frame, 16))).data, memory.space.read(counters, 16));
    assert.deepEqual(await client.request(writePhysicalMemory(frame, Uint8Array.of(9))), { status: SUCCESS, count: 1 });
    assert.equal(memory.get8(counters), 9);
  });

  it('read and write a context in parts, which count when the last has come', async () => {
    const { client } = made.engine;
    const whole = new X64Context();
    for (let offset = 0; offset < whole.bytes.length; offset += PART_BYTES) {
      const count = Math.min(PART_BYTES, whole.bytes.length - offset);
      const { data, status } = await client.request(getContextEx(0, offset, count));
      assert.deepEqual([status, data.length], [SUCCESS, count]);
      whole.bytes.set(data, offset);
    }
    const { registers } = bench.target.kernel.slots[0]?.processor ?? {};
    assert.equal(whole.rip, registers?.rip);
    const changed = whole.copy();
    changed.set('r15', 0x1234n);
    for (let offset = 0; offset < changed.bytes.length; offset += PART_BYTES) {
      assert.notEqual(registers?.general[15], 0x1234n);
      const part = changed.bytes.subarray(offset, offset + PART_BYTES);
      assert.equal(await client.request(setContextEx(0, offset, part, changed.bytes.length)), SUCCESS);
    }
    assert.equal(registers?.general[15], 0x1234n);
  });

  it('use the target’s own table of breakpoints, of which there are 32', async () => {
    const { client } = made.engine;
    const first = bench.target.kernel.image.base + 0x1000n;
    const handles: number[] = [];
    for (let index = 0n; index < 32n; index++) {
      const { status, handle } = await client.request(writeBreakPoint(first + index));
      assert.equal(status, SUCCESS);
      handles.push(handle);
    }
    assert.equal((await client.request(writeBreakPoint(first + 32n))).status, STATUS_UNSUCCESSFUL);
    for (const handle of handles) assert.equal(await client.request(restoreBreakPoint(handle)), SUCCESS);
    assert.equal(await client.request(restoreBreakPoint(1)), STATUS_UNSUCCESSFUL);
  });

  it('read a model-specific register, and are told what a target does not have', async () => {
    const { client } = made.engine;
    const { value, status } = await client.request(readMsr(0, MSR_GS_BASE));
    assert.deepEqual([status, value], [SUCCESS, bench.target.kernel.slots[0]?.pcr]);
    const refused = [
      (await client.request(readMsr(0, 0x1234))).status,
      await client.request(writeMsr(0, 0x1234, 1n)),
      (await client.request(readIoSpace(0x3f8, 1))).status,
      await client.request(writeIoSpace(0x3f8, 1, 0)),
      (await client.request(getBusData({ bus: 0, device: 1, function: 0 }, 0, 4))).status,
    ];
    assert.deepEqual(new Set(refused), new Set([STATUS_UNSUCCESSFUL]));
  });

  it('crash the target, which tells it as a bug check', async () => {
    await made.engine.client.letGo(causeBugCheck());
    const { reason } = await made.stop();
    assert.deepEqual(reason, { kind: 'bugcheck', code: 0xe2, parameters: [0n, 0n, 0n, 0n] });
  });
});
