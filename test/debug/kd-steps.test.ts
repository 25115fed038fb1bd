/** Steps of the kernel engine over calls in which others stop the machine, and over calls that do not return. */
import assert from 'node:assert/strict';
import { parseFilter } from '../../machine/conditions.js';
import { X64Context } from '../../machine/x64-context.js';
import type { Stop, TracepointOptions } from '../../debug-adapter/engine.js';
import { KERNEL_SPACE } from '../../debug-adapter/kd/kernel-inventory.js';
import { TraceKind } from '../../protocol/trace-layout.js';
import { type EngineUnderTest, indexOf, KdBench, recordsIn, until } from './kd-fixture.js';

const RET = 0xc3;
const INT3 = 0xcc;
const CALL_SLOT = Buffer.from([0xff, 0x15]);
const CALL_BYTES = 6n;
/** More than any function of the model's kernel has. */
const FUNCTION_BYTES = 0x30n;

const ripOf = (stop: Stop): bigint => new X64Context(stop.registers.slice()).rip;

/** Tells the kinds of the records that are made. */
const kindsInto = (records: TraceKind[]): TracepointOptions => ({
  sink: {
    slots: (_source, _ring, first, _lost, bytes) => records.push(...recordsIn(bytes, first).map(({ kind }) => kind)),
  },
  onSources: () => undefined,
});

describe('steps of the kernel engine', () => {
  let bench: KdBench;
  beforeEach(async () => {
    bench = await KdBench.make();
  });
  afterEach(() => bench.close());

  /** The first call of another image in a function. */
  function callIn(name: string): bigint {
    const at = bench.at('eventsys.sys', name);
    return at + BigInt(Buffer.from(bench.target.kernel.memory.space.read(at, 64)).indexOf(CALL_SLOT));
  }

  /** Stopped in front of it. */
  async function stopAt(made: EngineUnderTest, address: bigint): Promise<Stop> {
    await made.breakAt(address, { once: true });
    return made.resumeToStop();
  }

  const stepOver = async (made: EngineUnderTest, { thread }: Stop, call: bigint): Promise<void> =>
    made.engine.step(thread, { range: { from: call, to: call + CALL_BYTES }, stepOverCalls: true });

  it('go on past hits that are filtered, which are counted', async () => {
    const made = await bench.attached();
    const call = callIn('EsTimerDpc');
    const stop = await stopAt(made, call);
    const id = await made.breakAt(bench.at('ntoskrnl.exe', 'KeSetEvent'), { filter: parseFilter('thread.id == 1') });
    await stepOver(made, stop, call);
    const end = await made.stop();
    assert.deepEqual([end.reason.kind, ripOf(end), end.thread], ['step', call + CALL_BYTES, stop.thread]);
    assert.equal(made.engine.hitCounts([id]).get(id)?.filtered, 1);
  });

  it('over a wait that is recorded end behind it, with the wait recorded', async () => {
    const made = await bench.attached();
    const records: TraceKind[] = [];
    const running = await made.engine.startTracepoints(
      [{ space: KERNEL_SPACE, point: indexOf('KeWaitForSingleObject') }],
      kindsInto(records),
    );
    const call = callIn('EsWorker');
    const stop = await stopAt(made, call);
    for (let round = 0; round < 3; round++) {
      records.length = 0;
      await stepOver(made, stop, call);
      const end = await made.stop();
      assert.deepEqual([end.reason.kind, ripOf(end), end.thread], ['step', call + CALL_BYTES, stop.thread]);
      assert.deepEqual(records, [TraceKind.WaitBegin, TraceKind.WaitEnd]);
      await stopAt(made, call);
    }
    await running.stop();
    await made.engine.detach();
    await bench.runs();
  });

  it('over a wait that is recorded by an INT3 where it returns go on behind it, with the wait recorded', async () => {
    const made = await bench.attached();
    const records: TraceKind[] = [];
    const unused = bench.target.kernel.namespace.doneEvent + 8n;
    for (let index = 0; index < 4; index++) await made.breakAt(unused, { kind: 'write', length: 4 });
    await made.engine.startTracepoints(
      [{ space: KERNEL_SPACE, point: indexOf('KeWaitForSingleObject') }],
      kindsInto(records),
    );
    const call = callIn('EsWorker');
    const stop = await stopAt(made, call);
    records.length = 0;
    // mov rbx, imm64 is behind the call.
    const to = call + CALL_BYTES + 10n;
    await made.engine.step(stop.thread, { range: { from: call, to }, stepOverCalls: true });
    const end = await made.stop();
    assert.deepEqual([end.reason.kind, ripOf(end), end.thread], ['step', to, stop.thread]);
    assert.deepEqual(records, [TraceKind.WaitBegin, TraceKind.WaitEnd]);
  });

  describe('over a call that does not return', () => {
    let made: EngineUnderTest;
    let call: bigint;
    let stop: Stop;

    beforeEach(async () => {
      made = await bench.attached();
      call = callIn('EsWorker');
      const { kernel } = bench.target;
      const set = bench.at('ntoskrnl.exe', 'KeSetEvent');
      const isSetting = ({ registers: { rip } }: { readonly registers: { readonly rip: bigint } }): boolean =>
        rip > set && rip < set + FUNCTION_BYTES;
      // In front of the wait, while nobody is about to give work.
      do stop = await stopAt(made, call);
      while (kernel.threads.some(isSetting) || kernel.slots.some(({ processor }) => isSetting(processor)));
      kernel.memory.space.write(set, Uint8Array.of(RET));
      kernel.memory.u32(kernel.namespace.workEvent + 4n, 0);
      await stepOver(made, stop, call);
      await bench.runs();
    });

    it('are paused', async () => {
      await made.engine.pause();
      assert.equal((await made.stop()).reason.kind, 'pause');
      await made.engine.resume();
      await bench.runs();
      assert.equal(made.stops.filter(({ reason }) => reason.kind === 'pause').length, 2);
    });

    it('are interrupted for memory and breakpoints, and go on', async () => {
      const { kernel } = bench.target;
      assert.deepEqual(await made.read(call, 2), Uint8Array.from(CALL_SLOT));
      const [both] = await Promise.all([made.breakAt(bench.at('ntoskrnl.exe', 'KeClearEvent')), made.read(call, 2)]);
      assert.deepEqual((await made.stop()).reason, { kind: 'breakpoint', breakpoints: [both] });
      await made.engine.removeBreakpoints([both]);
      const before = kernel.memory.space.read(call, 16);
      await made.engine.detach();
      await bench.runs();
      assert.deepEqual(kernel.memory.space.read(call, 16), before);
    });

    it('end where they were to, though they were interrupted and the return had a breakpoint for a while', async () => {
      const id = await made.breakAt(call + CALL_BYTES);
      await made.engine.removeBreakpoints([id]);
      await bench.runs();
      await made.engine.writeMemory(KERNEL_SPACE, bench.at('ntoskrnl.exe', 'KeSetEvent'), Uint8Array.of(0x48));
      const end = await made.stop();
      assert.deepEqual([end.reason.kind, ripOf(end), end.thread], ['step', call + CALL_BYTES, stop.thread]);
    });

    it('go on when a module is loaded, which is told, and end at a load that was waited for', async () => {
      const { kernel } = bench.target;
      const loaded = (): string[] =>
        made.events.flatMap((event) => (event.type === 'moduleLoaded' ? [event.module.name] : []));
      const other = { ...kernel.driver, base: kernel.driver.base + 0x100_0000n };
      await bench.target.loadSymbols(other, 4n, '\\SystemRoot\\system32\\drivers\\other.sys');
      assert.equal(loaded().at(-1), 'other.sys');
      await bench.runs();
      assert.deepEqual(kernel.memory.space.read(call + CALL_BYTES, 1), Uint8Array.of(INT3), 'it waits for the return');
      await made.engine.stopOnLoad(['third.sys']);
      const third = { ...other, base: other.base + 0x100_0000n };
      void bench.target.loadSymbols(third, 4n, '\\SystemRoot\\system32\\drivers\\third.sys');
      assert.equal((await made.stop()).reason.kind, 'moduleLoad');
      await made.engine.resume();
      await bench.runs();
    });

    it('go on past a command for the debugger', async () => {
      const { kernel } = bench.target;
      await bench.target.commandString('.symfix', '');
      await bench.runs();
      assert.deepEqual(kernel.memory.space.read(call + CALL_BYTES, 1), Uint8Array.of(INT3), 'it waits for the return');
    });

    it('are ended by a detach, which leaves nothing behind', async () => {
      const { kernel } = bench.target;
      await made.engine.detach();
      assert.deepEqual(kernel.memory.space.read(call + CALL_BYTES, 1), Uint8Array.of(0x48));
      await bench.runs();
      await until('the machine to run', () => !bench.target.isStopped);
    });
  });
});
