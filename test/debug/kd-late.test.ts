/** Stops of the kernel engine that come late, twice, or while the link is away: each is told once, and none holds the machine unseen. */
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { X64Context } from '../../machine/x64-context.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { Stop } from '../../debug-adapter/engine.js';
import { KERNEL_SPACE } from '../../debug-adapter/kd/kernel-inventory.js';
import { type EngineUnderTest, KdBench, until } from './kd-fixture.js';

const BREAK_IN = Uint8Array.of(0x62);
const CALL_SLOT = Buffer.from([0xff, 0x15]);
const CALL_BYTES = 6n;
const INT3 = 0xcc;
const [RCX, RSP] = [1, 4];
const CONTINUE2 = 0x313c;
const GET_CONTEXT = 0x3132;
const HEADER_BYTES = 16;

const ripOf = (stop: Stop): bigint => new X64Context(stop.registers.slice()).rip;

/** Whether a data packet on a serial line, perhaps behind an acknowledgement, has this request. */
function isRequest(bytes: Uint8Array, api: number): boolean {
  const at = Buffer.from(bytes).indexOf('0000') + HEADER_BYTES;
  return at >= HEADER_BYTES && at + 4 <= bytes.length && Buffer.from(bytes).readUInt32LE(at) === api;
}

describe('late stops of the kernel engine', () => {
  let bench: KdBench;
  /** Asked for everything that is on its way to the target: true takes it away. */
  let whenSent: ((bytes: Uint8Array) => boolean) | undefined;
  beforeEach(async () => {
    whenSent = undefined;
    const swallows = (bytes: Uint8Array): boolean => whenSent?.(bytes) === true;
    bench = await KdBench.make(undefined, { toTarget: { seed: 1, swallows } });
  });
  afterEach(() => bench.close());

  /** Where the machine comes when a test says so and never by itself: the call of another image in the driver's entry. */
  const rarely = (): bigint => {
    const entry = bench.at('eventsys.sys', 'DriverEntry');
    return entry + BigInt(Buffer.from(bench.target.kernel.memory.space.read(entry, 64)).indexOf(CALL_SLOT));
  };

  /** A processor goes there, on a stack from which it does not come back. */
  function send(processor: number, address: bigint, rcx = 0n): void {
    const { processor: sent, current } = bench.target.kernel.slots[processor] ?? assert.fail();
    sent.registers.rip = address;
    sent.registers.cs = 0x10;
    sent.registers.general[RCX] = rcx;
    sent.registers.general[RSP] = current.stackTop - 0x100n;
    sent.push(bench.at('ntoskrnl.exe', 'KiThreadExit'));
  }

  /**
   * The second processor has stopped at an address, and is stepped past a breakpoint there; the first comes to another breakpoint before
   * that step has begun. The stop of the first is told by then.
   */
  async function stopInFrontOfStep(made: EngineUnderTest, address: bigint, other: bigint, rcx = 0n): Promise<void> {
    await made.engine.resume();
    await until('the machine to run', () => !bench.target.isStopped);
    send(1, address, rcx);
    bench.target.stepAllOnce();
    assert.equal(ripOf(await made.stop()), address);
    whenSent = (bytes) => {
      if (!isRequest(bytes, CONTINUE2)) return false;
      whenSent = undefined;
      bench.target.receive(bytes);
      send(0, other);
      bench.target.stepOnce(0);
      return true;
    };
    await made.engine.resume();
    assert.equal(ripOf(await made.stop()), other);
  }

  it('a breakpoint that a thread was about to be stepped past is not met twice', async () => {
    const made = await bench.attached({ emulate: () => Promise.resolve(false) });
    const entry = bench.at('eventsys.sys', 'DriverEntry');
    const other = bench.at('eventsys.sys', 'EsDispatch');
    const ids = [await made.breakAt(entry), await made.breakAt(other)];
    await stopInFrontOfStep(made, entry, other);
    await made.engine.resume();
    await until('the machine to run', () => !bench.target.isStopped);
    await made.engine.pause();
    assert.equal((await made.stop()).reason.kind, 'pause');
    assert.deepEqual(
      ids.map((id) => made.engine.hitCounts(ids).get(id)?.hits),
      [1, 1],
    );
  });

  it('a write that is watched, of a thread that was about to be stepped, is told', async () => {
    const made = await bench.attached({ emulate: () => Promise.resolve(false) });
    const { kernel } = bench.target;
    const { root } = kernel.namespace;
    const other = bench.at('eventsys.sys', 'EsDispatch');
    // mov [rcx + 4], edx
    const write = bench.at('ntoskrnl.exe', 'KeResetEvent') + 8n;
    assert.deepEqual(kernel.memory.space.read(write, 3), Uint8Array.of(0x89, 0x51, 4));
    await made.breakAt(write);
    await made.breakAt(other);
    const data = await made.breakAt(root, { kind: 'write', length: 4 });
    await stopInFrontOfStep(made, write, other, root - 4n);
    assert.deepEqual((await made.resumeToStop()).reason, { kind: 'data', breakpoints: [data] });
  });

  /** A processor that the driver’s timer does not need is sent to the driver's entry, and a break-in comes that is still to be met when it stops. */
  async function stopInFrontOfBreakIn(made: EngineUnderTest): Promise<Stop> {
    await made.engine.resume();
    await until('the machine to run', () => !bench.target.isStopped);
    whenSent = (bytes) => {
      if (Buffer.compare(bytes, BREAK_IN) !== 0) return false;
      whenSent = undefined;
      bench.target.receive(bytes);
      // Without the timer's thread the driver would stand still.
      const { slots } = bench.target.kernel;
      send(slots[1]?.current.name === 'EsTimerThread' ? 0 : 1, bench.at('eventsys.sys', 'DriverEntry'));
      for (let count = 0; count < 1_000 && !bench.target.isStopped; count++) bench.target.stepAllOnce();
      return true;
    };
    await made.engine.pause();
    return made.stop();
  }

  it('a break-in that a breakpoint came before is not told, however long the stop has been looked at', async () => {
    const made = await bench.attached();
    const id = await made.breakAt(rarely());
    assert.deepEqual((await stopInFrontOfBreakIn(made)).reason, { kind: 'breakpoint', breakpoints: [id] });
    await made.engine.removeBreakpoints([id]);
    await setTimeout(2_200);
    const stops = made.stops.length;
    await made.engine.resume();
    await bench.runs();
    assert.equal(made.stops.length, stops);
  });

  it('a break-in that a breakpoint came before does not end a step', async () => {
    const made = await bench.attached();
    const call = rarely();
    await made.breakAt(call, { once: true });
    const stop = await stopInFrontOfBreakIn(made);
    assert.equal(ripOf(stop), call);
    await made.engine.step(stop.thread, { range: { from: call, to: call + CALL_BYTES }, stepOverCalls: true });
    const end = await made.stop();
    assert.deepEqual([end.reason.kind, ripOf(end), end.thread], ['step', call + CALL_BYTES, stop.thread]);
  });

  it('a break-in that a breakpoint came before does not hold the machine after a detach', async () => {
    const made = await bench.attached();
    await made.breakAt(rarely());
    await stopInFrontOfBreakIn(made);
    await made.engine.detach();
    await bench.runs();
    await setTimeout(50);
    assert.equal(bench.target.isStopped, false);
  });

  /** Requests that were made anew because their answer did not come. A packet that a busy host has only sent again is none. */
  function unanswered({ engine: { client } }: EngineUnderTest): number {
    const { sent, retransmitted } = client.link.statistics;
    return sent - retransmitted - client.requests;
  }

  it('a pause that the target sees late leaves both sides in step', async () => {
    const made = await bench.attached();
    for (let round = 0; round < 2; round++) {
      await made.engine.resume();
      await bench.runs();
      let lost = 0;
      // The third is sent after the target was asked whether it has stopped.
      whenSent = (bytes) => Buffer.compare(bytes, BREAK_IN) === 0 && ++lost <= 2;
      const before = unanswered(made);
      await made.engine.pause();
      assert.equal((await made.stop()).reason.kind, 'pause');
      assert.ok(lost > 2);
      assert.equal(unanswered(made), before);
    }
  });

  it('a cable that was away while the machine ran leaves both sides in step', async () => {
    const made = await bench.attached();
    for (let round = 0; round < 2; round++) {
      await made.engine.resume();
      await bench.runs();
      const isBack = (): number =>
        made.events.filter((event) => event.type === 'output' && /is back/.test(event.text)).length;
      const backs = isBack();
      bench.listening.unplug();
      await until('the cable', () => isBack() > backs);
      const before = unanswered(made);
      await made.engine.pause();
      assert.equal((await made.stop()).reason.kind, 'pause');
      assert.equal(unanswered(made), before);
      await made.breakAt(rarely());
    }
  });

  it('goes on from where it was moved to, not from where it stopped, though a breakpoint is there', async () => {
    const made = await bench.attached();
    const dpc = bench.at('eventsys.sys', 'EsTimerDpc');
    const set = bench.at('ntoskrnl.exe', 'KeClearEvent');
    await made.breakAt(dpc);
    const { thread, registers } = await made.resumeToStop();
    await made.breakAt(set);
    const context = new X64Context(registers.slice());
    const rsp = context.rsp;
    context.rip = set;
    await made.engine.writeRegisters(thread, context.bytes);
    await made.engine.step(thread);
    const after = new X64Context((await made.stop()).registers.slice());
    // mov edx, 0
    assert.deepEqual([after.rip, after.rsp], [set + 5n, rsp]);
  });

  it('does what was written over the instruction that it stands at', async () => {
    const made = await bench.attached();
    const dpc = bench.at('eventsys.sys', 'EsTimerDpc');
    await made.breakAt(dpc);
    const { thread, registers } = await made.resumeToStop();
    const { rsp } = new X64Context(registers.slice());
    await made.engine.writeMemory(KERNEL_SPACE, dpc, Uint8Array.of(0x90, 0x90, 0x90, 0x90));
    await made.engine.step(thread);
    const after = new X64Context((await made.stop()).registers.slice());
    assert.deepEqual([after.rip, after.rsp], [dpc + 1n, rsp]);
  });

  it('of two processes that have a breakpoint in one frame the other keeps its own', async () => {
    const made = await bench.attached();
    bench.target.kernel.startSecondApplication();
    const spaces: string[] = [];
    for (const process of await made.engine.inventory.listProcesses()) {
      if (process.name.startsWith('eventapp')) spaces.push(await made.engine.inventory.openProcess(process));
    }
    assert.equal(spaces.length, 2);
    const at = bench.at('ntdll.dll', 'NtWaitForSingleObject');
    const ids = [];
    for (const space of spaces) ids.push(await made.breakAt(at, { space }));
    await made.engine.removeBreakpoints([ids[0] ?? 0]);
    assert.deepEqual((await made.resumeToStop()).reason, { kind: 'breakpoint', breakpoints: [ids[1]] });
  });

  it('a stop whose report is cut off by the cable is told when that is back', async () => {
    const made = await bench.attached();
    const at = bench.at('eventsys.sys', 'EsTimerDpc');
    await made.breakAt(at);
    whenSent = (bytes) => {
      if (!isRequest(bytes, GET_CONTEXT)) return false;
      whenSent = undefined;
      bench.listening.unplug();
      return true;
    };
    await made.engine.resume();
    const stop = await made.stop();
    assert.equal(ripOf(stop), at);
  });

  it('a machine that was stopped for a moment goes on though the cable went away with that', async () => {
    const made = await bench.attached();
    await made.engine.resume();
    await bench.runs();
    whenSent = (bytes) => {
      if (!isRequest(bytes, CONTINUE2)) return false;
      whenSent = undefined;
      bench.listening.unplug();
      return true;
    };
    await assert.rejects(made.read(rarely(), 2), { id: 'debug.linkAway' });
    await bench.runs();
    assert.equal(made.stops.length, 1);
  });

  /** Steps over the timer routine's first call while no breakpoint can be put behind it. */
  async function stepsInVain(fromCall: boolean): Promise<{ made: EngineUnderTest; call: bigint; step: Promise<void> }> {
    const made = await bench.attached();
    const dpc = bench.at('eventsys.sys', 'EsTimerDpc');
    const call = dpc + BigInt(Buffer.from(await made.read(dpc, 64)).indexOf(CALL_SLOT));
    await made.breakAt(fromCall ? call : dpc, { once: true });
    const { thread } = await made.resumeToStop();
    const { memory } = made.engine;
    const write = memory.writeVirtual.bind(memory);
    memory.writeVirtual = (address, ...rest) =>
      address === call + CALL_BYTES ? Promise.reject(new Error('A defect')) : write(address, ...rest);
    const step = made.engine.step(thread, { range: { from: dpc, to: call + CALL_BYTES }, stepOverCalls: true });
    return { made, call, step };
  }

  it('a step that cannot begin is refused, and nothing is told to go on', async () => {
    const { made, step } = await stepsInVain(true);
    const events = made.events.length;
    await assert.rejects(step, /A defect/);
    assert.deepEqual(made.events.slice(events), []);
    await made.engine.resume();
    await bench.runs();
  });

  it('a step that fails on its way ends where it stands', async () => {
    const { made, call, step } = await stepsInVain(false);
    await step;
    const end = await made.stop();
    assert.deepEqual([end.reason.kind, ripOf(end)], ['step', call]);
    await made.engine.resume();
    await bench.runs();
  });

  it('a machine that is left at a fault takes it as its own', async () => {
    const made = await bench.attached();
    await made.breakAt(rarely(), { once: true });
    const { thread, registers } = await stopInFrontOfBreakIn(made);
    const { driver, memory } = bench.target.kernel;
    // jmp to itself, behind the end of what is mapped
    memory.space.write(driver.base, Uint8Array.of(0xe9, 0xfb, 0xff, 0xff, 0xff));
    const context = new X64Context(registers.slice());
    context.rip = driver.base - 1n;
    await made.engine.writeRegisters(thread, context.bytes);
    assert.equal((await made.resumeToStop()).reason.kind, 'exception');
    await made.engine.detach();
    await setTimeout(50);
    assert.equal(bench.target.isStopped, false);
  });

  it('a breakpoint in a page that was away stays out when it is removed while a stop’s report has taken it out', async () => {
    const made = await bench.attached();
    const at = rarely();
    const { memory } = made.engine;
    const code = (): Uint8Array => bench.target.kernel.memory.space.read(at, 16);
    const before = code();
    const write = memory.writeVirtual.bind(memory);
    memory.writeVirtual = (address, ...rest) =>
      address === at + CALL_BYTES
        ? Promise.reject(new EventscopeError({ id: 'debug.memory', what: 'The page is away' }))
        : write(address, ...rest);
    const ids = [await made.breakAt(at), await made.breakAt(at + CALL_BYTES)];
    assert.equal(code()[Number(CALL_BYTES)], INT3);
    await stopInFrontOfBreakIn(made);
    memory.writeVirtual = write;
    await made.engine.removeBreakpoints(ids);
    await made.engine.resume();
    await bench.runs();
    assert.deepEqual(code(), before);
  });

  /** Steps from a breakpoint while the cable goes away with what lets the target go. */
  async function stepWithoutCable(once: boolean): Promise<EngineUnderTest> {
    const made = await bench.attached();
    const call = rarely();
    await made.breakAt(call, { once });
    const { thread } = await stopInFrontOfBreakIn(made);
    whenSent = (bytes) => {
      if (!isRequest(bytes, CONTINUE2)) return false;
      whenSent = undefined;
      bench.listening.unplug();
      return true;
    };
    await made.engine.step(thread, { range: { from: call, to: call + CALL_BYTES }, stepOverCalls: true });
    return made;
  }

  it('a step whose Continue went with the cable ends where it stands when that is back', async () => {
    const made = await stepWithoutCable(false);
    // The call was done in its place already.
    assert.equal(ripOf(await made.stop()), bench.at('ntoskrnl.exe', 'DbgPrint'));
    await made.engine.resume();
    await bench.runs();
  });

  it('a machine that reports once more a stop at a breakpoint that has been removed goes on with the instruction', async () => {
    const made = await stepWithoutCable(true);
    await until('the target to go on', () => !bench.target.isStopped);
    await bench.runs();
    assert.equal(made.stops.length, 2);
    await made.engine.detach();
    const { driver, memory } = bench.target.kernel;
    assert.equal(
      memory.space.read(rarely() + CALL_BYTES, 1)[0],
      driver.bytes[Number(rarely() + CALL_BYTES - driver.base)],
    );
  });
});
