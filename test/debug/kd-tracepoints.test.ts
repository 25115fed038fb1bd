/** Tracepoints and filters of the kernel engine: what is recorded, and what each hit costs on the wire. */
import assert from 'node:assert/strict';
import { parseFilter } from '../../machine/conditions.js';
import { ES_TRACE_SLOT_BYTES, TraceKind, type TraceRecord } from '../../protocol/trace-layout.js';
import type { RunSource } from '../../target/run.js';
import { KERNEL_SPACE } from '../../debug-adapter/kd/kernel-inventory.js';
import { type EngineUnderTest, indexOf, KdBench, openApplication, recordsIn, until } from './kd-fixture.js';

const CONTINUE2 = 0x313c;
/** Of virtual and of physical memory. */
const READS = [0x3130, 0x313d];

describe('points of the kernel engine', () => {
  let bench: KdBench;
  beforeEach(async () => {
    bench = await KdBench.make();
  });
  afterEach(() => bench.close());

  /** Requests (with the one that lets the target go) and times that it was let go, while so many more hits come. */
  async function costOf(made: EngineUnderTest, hits: () => number, wanted: number): Promise<readonly [number, number]> {
    const resumed = (): number => bench.target.requests.get(CONTINUE2) ?? 0;
    const from = { requests: made.engine.client.requests, resumed: resumed(), hits: hits() };
    await until(`${wanted} hits`, () => hits() >= from.hits + wanted);
    const count = hits() - from.hits;
    return [(made.engine.client.requests - from.requests) / count, (resumed() - from.resumed) / count];
  }

  it('decide a filter on an object’s name by its address, with one stop and three requests a hit', async () => {
    const made = await bench.attached();
    const id = await made.breakAt(bench.at('ntoskrnl.exe', 'KeSetEvent'), {
      point: indexOf('KeSetEvent'),
      filter: parseFilter('event == "\\\\BaseNamedObjects\\\\AlwaysSignaled" && caller.module ~ ".sys"'),
    });
    const filtered = (): number => made.engine.hitCounts([id]).get(id)?.filtered ?? 0;
    await made.engine.resume();
    // The first hits ask who has the name.
    await until('the first hits', () => filtered() > 20);
    const [requests, resumed] = await costOf(made, filtered, 40);
    assert.ok(requests <= 3.2, `${requests} requests a hit`);
    assert.ok(resumed <= 1.05, `${resumed} stops a hit`);
    assert.equal(made.stops.length, 1);
  });

  it('stop at the one object that is named, whose name is looked at again', async () => {
    const made = await bench.attached();
    const id = await made.breakAt(bench.at('ntoskrnl.exe', 'KeSetEvent'), {
      point: indexOf('KeSetEvent'),
      filter: parseFilter('event == "\\\\BaseNamedObjects\\\\SharedEvent" && previous == 0'),
    });
    const { reason, registers } = await made.resumeToStop();
    assert.deepEqual(reason, { kind: 'breakpoint', breakpoints: [id] });
    const rcx = new DataView(registers.buffer, registers.byteOffset).getBigUint64(0x80, true);
    assert.equal(rcx, bench.target.kernel.namespace.sharedEvent);
  });

  it('at a system call of a program are decided by the stop report alone: another process’s calls are never read', async () => {
    const made = await bench.attached();
    const { kernel } = bench.target;
    const space = await openApplication(made);
    kernel.startSecondApplication();
    const second = kernel.threads.find(({ name }) => name === 'second main');
    const id = await made.breakAt(bench.at('ntdll.dll', 'NtWaitForSingleObject'), {
      ...{ space, point: indexOf('NtWaitForSingleObject') },
      filter: parseFilter(
        `object == "\\\\BaseNamedObjects\\\\SharedEvent" && process.id == ${second?.process.processId}`,
      ),
    });
    const filtered = (): number => made.engine.hitCounts([id]).get(id)?.filtered ?? 0;
    const reads = (): number => READS.reduce((sum, api) => sum + (bench.target.requests.get(api) ?? 0), 0);
    await made.engine.resume();
    // Whose a thread is is asked for once.
    await until('the first hits', () => filtered() > 20);
    const before = reads();
    const [requests, resumed] = await costOf(made, filtered, 40);
    assert.equal(reads(), before);
    assert.ok(requests <= 3.1, `${requests} requests a hit`);
    assert.ok(resumed <= 1.05, `${resumed} stops a hit`);
    assert.equal(made.stops.length, 1);
  });

  it('filter writes that leave an object in the other state, with one stop and two requests a hit', async () => {
    const made = await bench.attached();
    const address = bench.target.kernel.namespace.heartbeat + 4n;
    const never = parseFilter('thread.id == 1');
    const id = await made.breakAt(address, { kind: 'write', length: 4, leaves: 'notSignaled', filter: never });
    const filtered = (): number => made.engine.hitCounts([id]).get(id)?.filtered ?? 0;
    await made.engine.resume();
    await until('the first hits', () => filtered() > 4);
    const [requests, resumed] = await costOf(made, filtered, 40);
    assert.ok(requests <= 2.2, `${requests} requests a hit`);
    assert.ok(resumed <= 1.05, `${resumed} stops a hit`);
  });

  it('record calls of a driver with their state before and their results, and leave nothing behind', async () => {
    const made = await bench.attached();
    const { kernel } = bench.target;
    const code = (): Uint8Array => kernel.memory.space.read(kernel.image.base, kernel.image.bytes.length);
    const before = code();
    const slots: Uint8Array[] = [];
    const sources: RunSource[] = [];
    const running = await made.engine.startTracepoints(
      [
        { space: KERNEL_SPACE, point: indexOf('KeSetEvent') },
        { space: KERNEL_SPACE, point: indexOf('KeWaitForSingleObject') },
        { space: KERNEL_SPACE, point: indexOf('KeReleaseMutex') },
        { space: KERNEL_SPACE, point: indexOf('KeSetEvent'), mechanism: 'import' },
      ],
      {
        sink: { slots: (_source, _ring, _first, _lost, bytes) => slots.push(bytes.slice()) },
        onSources: (told) => sources.push(...told),
      },
    );
    assert.deepEqual(
      running.points.map(({ mechanism }) => mechanism),
      ['stopping', 'stopping', 'none', 'none'],
    );
    assert.deepEqual(
      sources.map(({ side, process, source }) => [side, process, source]),
      [['kernel', 4, 0]],
    );
    const records = (): TraceRecord[] => recordsIn(Buffer.concat(slots));
    await made.engine.resume();
    await until('twenty waits', () => records().filter(({ kind }) => kind === TraceKind.WaitEnd).length > 20);
    const totals = await running.stop();
    assert.equal(made.stops.length, 1);
    const all = records();
    assert.equal(totals[0]?.slots, BigInt(Buffer.concat(slots).length / ES_TRACE_SLOT_BYTES));
    const { sharedEvent, workEvent, doneEvent, heartbeat } = kernel.namespace;
    const inDriver = (caller: bigint): boolean =>
      caller >= kernel.driver.base && caller < kernel.driver.base + BigInt(kernel.driver.bytes.length);
    const calls = all.filter(({ kind }) => kind !== TraceKind.Calibration);
    assert.ok(calls.every(({ caller, irql }) => inDriver(caller) && irql === undefined));
    const sets = calls.filter(({ kind }) => kind === TraceKind.Set);
    assert.deepEqual(
      new Set(sets.map(({ object }) => object)),
      new Set([sharedEvent, workEvent, doneEvent, heartbeat]),
    );
    // Nobody takes the worker's answer: it stays signaled from the first time on.
    const done = sets.filter(({ object }) => object === doneEvent).map(({ previous }) => previous);
    assert.ok(done.slice(1).every((previous) => previous === 1));
    const waits = calls.filter(
      ({ thread }) => thread === kernel.threads.find(({ name }) => name === 'EsWorker')?.threadId,
    );
    const ends = waits.filter(({ kind }) => kind === TraceKind.WaitEnd);
    assert.ok(ends.every(({ object, status, duration }) => object === workEvent && status === 0 && duration > 0));
    assert.deepEqual(code(), before);
    await bench.runs();
  });

  async function signalCostsFour(): Promise<void> {
    const made = await bench.attached();
    let count = 0;
    const running = await made.engine.startTracepoints([{ space: KERNEL_SPACE, point: indexOf('KeSetEvent') }], {
      sink: {
        slots: (_source, _ring, first, _lost, bytes) => {
          count += recordsIn(bytes, first).filter(({ kind }) => kind === TraceKind.Set).length;
        },
      },
      onSources: () => undefined,
    });
    await made.engine.resume();
    // Who a thread is is asked for at its first hit.
    await until('the first records', () => count > 10);
    // Letting the target go is a request that has no answer to wait for.
    const [requests, stops] = await costOf(made, () => count, 40);
    await running.stop();
    assert.ok(stops <= 1.05, `${stops} stops a signal`);
    assert.ok(requests - stops <= 4.2, `${requests - stops} round trips a signal`);
  }

  it('record a signal with one stop and four round trips', signalCostsFour);

  describe('where the function begins with a write, as most of Windows do', () => {
    beforeEach(async () => {
      await bench.close();
      bench = await KdBench.make({ booted: true, retransmitMs: 100, savesRegisters: true });
    });

    const filter = parseFilter('thread.id == 1');
    const codeAt = (address: bigint): number | undefined => bench.target.kernel.memory.space.read(address, 1)[0];
    const usedRegisters = (): readonly bigint[] => bench.target.kernel.slots.map(({ processor }) => processor.dr7);

    it('record a signal with one stop and four round trips', signalCostsFour);

    it('filter a hit with one stop and three requests, and with four once the debug registers are wanted', async () => {
      const made = await bench.attached();
      const at = bench.at('ntoskrnl.exe', 'KeSetEvent');
      const id = await made.breakAt(at, { filter });
      const filtered = (): number => made.engine.hitCounts([id]).get(id)?.filtered ?? 0;
      await made.engine.resume();
      await until('the first hits', () => filtered() > 10);
      assert.notEqual(codeAt(at), 0xcc);
      const [requests, stops] = await costOf(made, filtered, 40);
      assert.ok(requests <= 3.05, `${requests} requests a hit`);
      assert.ok(stops <= 1.05, `${stops} stops a hit`);
      const unused = bench.target.kernel.namespace.doneEvent + 8n;
      for (let count = 0; count < 4; count++) await made.breakAt(unused, { kind: 'write', length: 4 });
      assert.equal(codeAt(at), 0xcc);
      const [more, again] = await costOf(made, filtered, 40);
      assert.ok(more <= 4.2 && again <= 1.05, `${more} requests, ${again} stops a hit`);
      await made.engine.detach();
      assert.notEqual(codeAt(at), 0xcc);
      await bench.runs();
      assert.equal(made.stops.length, 1);
    });

    it('filter a hit with four requests on a target that lets nobody set debug registers, and goes on', async () => {
      await bench.close();
      bench = await KdBench.make({
        booted: true,
        retransmitMs: 100,
        savesRegisters: true,
        refusesDebugRegisters: true,
      });
      const made = await bench.attached();
      const id = await made.breakAt(bench.at('ntoskrnl.exe', 'KeSetEvent'), { filter });
      const filtered = (): number => made.engine.hitCounts([id]).get(id)?.filtered ?? 0;
      await made.engine.resume();
      await until('the first hits', () => filtered() > 10);
      const [requests, stops] = await costOf(made, filtered, 20);
      assert.ok(requests <= 4.3 && stops <= 1.1, `${requests} requests, ${stops} stops a hit`);
      await made.engine.detach();
      await bench.runs();
    });

    it('stop once for all that are at one address, whichever is set first', async () => {
      const made = await bench.attached();
      const at = bench.at('ntoskrnl.exe', 'KeSetEvent');
      const one = await made.breakAt(at, { filter: parseFilter('hits > 0') });
      const other = await made.breakAt(at, { filter: parseFilter('hits > 1') });
      assert.deepEqual((await made.resumeToStop()).reason, { kind: 'breakpoint', breakpoints: [one] });
      assert.notEqual(codeAt(at), 0xcc);
      const plain = await made.breakAt(at);
      const all = { kind: 'breakpoint', breakpoints: [one, other, plain] };
      for (let count = 0; count < 3; count++) assert.deepEqual((await made.resumeToStop()).reason, all);
      await made.engine.removeBreakpoints([one, other, plain]);
      const rounds = bench.counter(0);
      await made.engine.resume();
      await until('rounds of the driver', () => bench.counter(0) > rounds + 5n);
      assert.equal(made.stops.length, 5);
      assert.deepEqual(new Set(usedRegisters()), new Set([0x400n]));
    });
  });
});
