/** Breakpoints, watchpoints and steps of the kernel engine, in the kernel and in a process. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseFilter } from '../../machine/conditions.js';
import { X64Context } from '../../machine/x64-context.js';
import type { Stop } from '../../debug-adapter/engine.js';
import { KdBench, openApplication, until } from './kd-fixture.js';

const CONTINUE2 = 0x313c;
/** Numbers of registers. */
const [RCX, RSP] = [1, 4];

const ripOf = (stop: Stop): bigint => new X64Context(stop.registers.slice()).rip;
const idsOf = ({ reason }: Stop): readonly number[] =>
  reason.kind === 'breakpoint' || reason.kind === 'data' ? reason.breakpoints : [];

describe('breakpoints of the kernel engine', () => {
  let bench: KdBench;
  beforeEach(async () => {
    bench = await KdBench.make();
  });
  afterEach(() => bench.close());

  it('are more than the target’s 32, are not seen in what is read, and are gone after the detach', async () => {
    const made = await bench.attached();
    const { kernel } = bench.target;
    const { image } = kernel;
    const before = kernel.memory.space.read(image.base, image.bytes.length);
    const first = image.base + 0x1000n;
    for (let index = 0n; index < 64n; index++) await made.breakAt(first + 3n * index);
    const inserted = kernel.memory.space.read(first, 192);
    assert.ok(Array.from({ length: 64 }, (_, index) => inserted[3 * index]).every((byte) => byte === 0xcc));
    assert.deepEqual(await made.read(first, 192), before.slice(0x1000, 0x1000 + 192));
    await made.engine.detach();
    assert.deepEqual(kernel.memory.space.read(image.base, image.bytes.length), before);
    await bench.runs();
  });

  it('stop each time, on every processor, with the emulated instruction done once', async () => {
    const made = await bench.attached();
    const dpc = await made.breakAt(bench.at('eventsys.sys', 'EsTimerDpc'));
    const set = await made.breakAt(bench.at('ntoskrnl.exe', 'KeSetEvent'));
    const rounds = bench.counter(0);
    const seen: number[] = [];
    for (let index = 0; index < 12; index++) seen.push(...idsOf(await made.resumeToStop()));
    assert.ok(seen.every((id) => id === dpc || id === set));
    // The timer's routine sets one event, the rest of the round another, the worker a third.
    assert.ok(seen.filter((id) => id === set).length >= 2 * (seen.filter((id) => id === dpc).length - 1));
    await made.engine.removeBreakpoints([dpc, set]);
    await made.engine.resume();
    await until('two rounds', () => bench.counter(0) > rounds + 4n);
  });

  it('filter by thread with one stop and three requests a hit', async () => {
    const made = await bench.attached();
    const at = bench.at('ntoskrnl.exe', 'KeSetEvent');
    // A stop in each thread first: what their ids are is known then.
    const all = await made.breakAt(at);
    const threads = new Set<string>();
    while (threads.size < 2) threads.add((await made.resumeToStop()).thread);
    const timer = made.engine.threads().find(({ thread }) => thread === [...threads][0]);
    assert.ok(timer !== undefined);
    await made.engine.removeBreakpoints([all]);
    const id = await made.breakAt(at, { filter: parseFilter('thread.id == 1') });
    await made.engine.resume();
    const filtered = (): number => made.engine.hitCounts([id]).get(id)?.filtered ?? 0;
    const stopsBefore = bench.target.requests.get(CONTINUE2) ?? 0;
    const [requests, hits] = [made.engine.client.requests, filtered()];
    await until('40 filtered hits', () => filtered() >= hits + 40);
    const count = filtered() - hits;
    const asked = made.engine.client.requests - requests;
    const resumed = (bench.target.requests.get(CONTINUE2) ?? 0) - stopsBefore;
    assert.ok(asked <= 3 * (count + 1), `${asked} requests for ${count} hits`);
    assert.ok(resumed <= count + 1, `${resumed} times let go for ${count} hits`);
    assert.equal(
      made.stops.filter(({ reason }) => reason.kind === 'breakpoint' && idsOf({ reason } as Stop)[0] === id).length,
      0,
    );
  });

  it('that filter every hit hold up neither a pause nor a detach, and memory is read meanwhile', async () => {
    const made = await bench.attached();
    const at = bench.at('ntoskrnl.exe', 'KeSetEvent');
    const id = await made.breakAt(at, { filter: parseFilter('process.name == "nobody.exe"') });
    await made.engine.resume();
    const filtered = (): number => made.engine.hitCounts([id]).get(id)?.filtered ?? 0;
    await until('filtered hits', () => filtered() > 10);
    for (let index = 0; index < 3; index++) assert.equal((await made.read(at, 1))[0], 0x48);
    for (let index = 0; index < 3; index++) {
      await made.engine.pause();
      assert.equal((await made.stop()).reason.kind, 'pause');
      const hits = filtered();
      await made.engine.resume();
      await until('more filtered hits', () => filtered() > hits + 10);
    }
    await made.engine.detach();
    await bench.runs();
    assert.equal(made.stops.length, 4);
  });

  it('in a sleeping process are set through its page tables, with a handful of requests', async () => {
    const made = await bench.attached();
    const space = await openApplication(made);
    const before = made.engine.client.requests;
    const id = await made.breakAt(bench.at('eventapp.exe', 'main'), { space });
    const wait = await made.breakAt(bench.at('ntdll.dll', 'NtWaitForSingleObject'), { space });
    assert.ok(made.engine.client.requests - before <= 24, `${made.engine.client.requests - before} requests`);
    const stop = await made.resumeToStop();
    assert.deepEqual(idsOf(stop), [wait]);
    assert.equal(ripOf(stop), bench.at('ntdll.dll', 'NtWaitForSingleObject'));
    const code = await made.read(bench.at('ntdll.dll', 'NtWaitForSingleObject'), 4, space);
    assert.deepEqual([...code.subarray(0, 3)], [0x49, 0x89, 0xca]);
    await made.engine.removeBreakpoints([id, wait]);
    const { kernel } = bench.target;
    const counted = kernel.app.space.unsigned(kernel.appCounter, 8);
    await made.engine.resume();
    await until('the application’s count', () => kernel.app.space.unsigned(kernel.appCounter, 8) > counted + 1n);
  });

  it('in one process let another that maps the same frames pass', async () => {
    const made = await bench.attached();
    const space = await openApplication(made);
    bench.target.kernel.startSecondApplication();
    const { kernel } = bench.target;
    const at = bench.at('ntdll.dll', 'NtWaitForSingleObject');
    const id = await made.breakAt(at, { space });
    const stop = await made.resumeToStop();
    assert.deepEqual(idsOf(stop), [id]);
    assert.equal(stop.thread, `thread:${kernel.threads.find(({ name }) => name === 'main')?.address.toString(16)}`);
    for (let index = 0; index < 3; index++) {
      assert.equal((await made.resumeToStop()).thread, stop.thread);
    }
    assert.ok((made.engine.hitCounts([id]).get(id)?.filtered ?? 0) > 0);
    assert.ok(kernel.secondApplication !== undefined);
    const counted = kernel.secondApplication.space.unsigned(kernel.appCounter, 8);
    await made.engine.removeBreakpoints([id]);
    await made.engine.resume();
    await until('the second application’s count', () => {
      return (kernel.secondApplication?.space.unsigned(kernel.appCounter, 8) ?? 0n) > counted;
    });
  });

  it('by debug registers: execution, and writes to a signal state', async () => {
    const made = await bench.attached();
    const { kernel } = bench.target;
    const address = kernel.namespace.sharedEvent + 4n;
    const execute = await made.breakAt(bench.at('eventsys.sys', 'EsTimerDpc'), { kind: 'execute' });
    const watch = await made.breakAt(address, { kind: 'write', length: 4 });
    const kinds = new Set<string>();
    for (let index = 0; index < 4; index++) {
      const stop = await made.resumeToStop();
      kinds.add(`${stop.reason.kind} ${idsOf(stop).join()}`);
    }
    assert.deepEqual(kinds, new Set([`breakpoint ${execute}`, `data ${watch}`]));
    const three = [
      await made.breakAt(address, { kind: 'readwrite' }),
      await made.breakAt(address + 8n, { kind: 'write' }),
    ];
    const [fifth] = await made.engine.setBreakpoints([{ space: 'kernel', kind: 'write', address: address + 16n }]);
    assert.ok(fifth instanceof Error, 'a fifth debug register');
    await made.engine.removeBreakpoints([execute, watch, ...three]);
    await made.engine.resume();
    await bench.runs();
    assert.equal(made.stops.length, 5);
  });

  it('leaves a processor’s own INT3 by one byte, under a breakpoint of ours too', async () => {
    const made = await bench.attached();
    const at = bench.at('ntoskrnl.exe', 'DbgBreakPointWithStatus');
    const id = await made.breakAt(at);
    await made.engine.resume();
    await bench.runs();
    await made.engine.pause();
    const stop = await made.stop();
    assert.deepEqual(idsOf(stop), [id]);
    await made.engine.resume();
    await bench.runs();
  });

  it('steps: one instruction, into a call, over a call, by a range', async () => {
    const made = await bench.attached();
    const dpc = bench.at('eventsys.sys', 'EsTimerDpc');
    const id = await made.breakAt(dpc);
    const { thread } = await made.resumeToStop();
    const step = async (options: Parameters<typeof made.engine.step>[1] = {}): Promise<bigint> => {
      await made.engine.step(thread, options);
      const stop = await made.stop();
      assert.equal(stop.reason.kind, 'step');
      assert.equal(stop.thread, thread);
      return ripOf(stop);
    };
    const before = made.engine.client.requests;
    assert.equal(await step(), dpc + 4n);
    assert.ok(made.engine.client.requests - before <= 2, 'the instruction under our INT3 was done here');
    assert.ok(bench.target.kernel.slots.some(({ processor }) => processor.registers.rip === dpc + 4n));
    const code = await made.read(dpc, 64);
    const call = dpc + BigInt(Buffer.from(code).indexOf(Buffer.from([0xff, 0x15])));
    const after = await step({ range: { from: dpc, to: call + 6n }, stepOverCalls: true });
    assert.equal(after, call + 6n);
    await made.engine.removeBreakpoints([id]);
    const again = await made.breakAt(call);
    assert.deepEqual(idsOf(await made.resumeToStop()), [again]);
    assert.equal(await step(), bench.at('ntoskrnl.exe', 'KeSetEvent'));
  });

  it('steps over the call that a breakpoint stood on which is gone by then, and shows the code as it is', async () => {
    const made = await bench.attached();
    const dpc = bench.at('eventsys.sys', 'EsTimerDpc');
    const code = Buffer.from(await made.read(dpc, 64));
    const call = dpc + BigInt(code.indexOf(Buffer.from([0xff, 0x15])));
    await made.breakAt(call, { once: true });
    const { thread, memory } = await made.resumeToStop();
    assert.deepEqual(memory[0]?.data.slice(0, 2), Uint8Array.of(0xff, 0x15));
    await made.engine.step(thread, { range: { from: call, to: call + 6n }, stepOverCalls: true });
    assert.equal(ripOf(await made.stop()), call + 6n);
  });

  async function metByBoth(kind: 'software' | 'execute'): Promise<void> {
    const made = await bench.attached();
    const { kernel } = bench.target;
    const both = await made.breakAt(bench.at('ntoskrnl.exe', 'KeResetEvent'), { kind });
    await made.engine.resume();
    await bench.runs();
    for (const { processor } of kernel.slots) {
      processor.registers.rip = bench.at('ntoskrnl.exe', 'KeResetEvent');
      processor.registers.cs = 0x10;
    }
    bench.target.stepAllOnce();
    const first = await made.stop();
    const second = await made.resumeToStop();
    assert.deepEqual([idsOf(first), idsOf(second)], [[both], [both]]);
    assert.notEqual(first.thread, second.thread);
  }

  it('tells both of two processors that stop in one moment', () => metByBoth('software'));

  it('tells both where debug registers stop them', () => metByBoth('execute'));

  /** Both processors meet KeResetEvent in one moment; the second has not reported when the breakpoint is taken away. */
  async function removedBetween(kind: 'software' | 'execute'): Promise<void> {
    const made = await bench.attached();
    const { kernel } = bench.target;
    const both = await made.breakAt(bench.at('ntoskrnl.exe', 'KeResetEvent'), { kind });
    await made.engine.resume();
    await bench.runs();
    for (const { processor, current } of kernel.slots) {
      processor.registers.rip = bench.at('ntoskrnl.exe', 'KeResetEvent');
      processor.registers.cs = 0x10;
      processor.registers.general[RCX] = kernel.namespace.doneEvent;
      // On the thread's own kernel stack, wherever it was.
      processor.registers.general[RSP] = current.stackTop - 0x100n;
      processor.push(bench.at('ntoskrnl.exe', 'KiThreadExit'));
    }
    bench.target.stepAllOnce();
    assert.deepEqual(idsOf(await made.stop()), [both]);
    await made.engine.removeBreakpoints([both]);
    const stops = made.stops.length;
    await made.engine.resume();
    await until('the machine to run', () => !bench.target.isStopped);
    await made.engine.pause();
    assert.equal((await made.stop()).reason.kind, 'pause');
    assert.equal(made.stops.length, stops + 1);
  }

  it('that are removed between the stops of two processors that met them together do not stop the second', () =>
    removedBetween('software'));

  it('of debug registers that are removed so neither', () => removedBetween('execute'));

  it('of a debugger that was killed are put back from its journal', async () => {
    const { image } = bench.target.kernel;
    const before = bench.target.kernel.memory.space.read(image.base, image.bytes.length);
    const killed = fork(
      join(import.meta.dirname, 'programs', 'kd-victim.ts'),
      [bench.address, bench.folder, `${bench.at('ntoskrnl.exe', 'KeSetEvent')}`],
      {
        execArgv: ['--import', 'tsx'],
      },
    );
    await once(killed, 'message');
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    assert.notDeepEqual(bench.target.kernel.memory.space.read(image.base, image.bytes.length), before);
    const made = bench.engine({ journalDirectory: bench.folder });
    await made.engine.attach();
    assert.match(made.log.join('\n'), /put back 1 bytes/);
    assert.deepEqual(bench.target.kernel.memory.space.read(image.base, image.bytes.length), before);
    await made.engine.detach();
    await bench.runs();
  });
});
