/** Attaching to targets in every state, and leaving them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CancelledError } from '../../protocol/errors.js';
import { KERNEL_SPACE } from '../../debug-adapter/kd/kernel-inventory.js';
import { getVersion } from '../../debug-adapter/kd/protocol/requests.js';
import { KdBench, openApplication, until } from './kd-fixture.js';

describe('the kernel engine attaches', () => {
  let bench: KdBench;
  afterEach(() => bench.close());

  it('to a running target, and leaves it running', async () => {
    bench = await KdBench.make();
    const made = bench.engine();
    const { engine } = made;
    const stop = await made.attach();
    assert.equal(stop.reason.kind, 'pause');
    assert.ok(stop.roundTrips <= 3, `${stop.roundTrips} round trips`);
    assert.deepEqual(
      engine.modules(KERNEL_SPACE).map(({ name }) => name),
      ['ntoskrnl.exe', 'eventsys.sys'],
    );
    const held = bench.counter(0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(bench.counter(0), held);
    await engine.detach();
    await bench.runs();
  });

  it('to a target that a killed debugger has left stopped, over a Unix socket', async () => {
    bench = await KdBench.unborn();
    await bench.listen(join(bench.folder, 'kd'));
    const killed = await bench.attached();
    await killed.engine.client.close();
    assert.ok(bench.target.isStopped);
    const second = bench.engine();
    await second.attach();
    await second.engine.detach();
    await bench.runs();
  });

  it('over a serial device, and again when it is plugged in anew', async () => {
    bench = await KdBench.unborn();
    const [line, device] = [join(bench.folder, 'kd'), join(bench.folder, 'tty')];
    await bench.listen(line);
    const plugIn = async (): Promise<ChildProcess> => {
      const cable = spawn('socat', [`PTY,link=${device},raw,echo=0`, `UNIX-CONNECT:${line}`], { stdio: 'inherit' });
      await until('the device', () => existsSync(device));
      return cable;
    };
    let cable = await plugIn();
    try {
      const made = bench.engine({}, `serial:${device},115200`);
      assert.equal((await made.attach()).reason.kind, 'pause');
      const { image } = bench.target.kernel;
      const there = bench.target.kernel.memory.space.read(image.base, 4_096);
      assert.deepEqual(await made.read(image.base, 4_096), there);
      cable.kill();
      await once(cable, 'exit');
      await rm(device, { force: true });
      cable = await plugIn();
      await until('the word that it is back', () =>
        made.events.some((event) => event.type === 'output' && event.text.startsWith('The link is back')),
      );
      made.engine.memory.invalidate();
      assert.deepEqual(await made.read(image.base, 4_096), there);
      await made.engine.detach();
      await bench.runs();
    } finally {
      cable.kill();
    }
  });

  it('to one that boots: stops at the load of a driver, before its entry', async () => {
    bench = await KdBench.make({});
    const booting = bench.engine({ breakIn: false });
    await booting.engine.stopOnLoad(['eventsys.sys']);
    await booting.engine.attach();
    const stop = await booting.stop();
    assert.ok(stop.reason.kind === 'moduleLoad' && stop.reason.module.name === 'eventsys.sys');
    assert.match(booting.printed, /Refreshing KD connection/);
    assert.doesNotMatch(booting.printed, /eventsys: started/);
    await booting.breakAt(bench.at('eventsys.sys', 'DriverEntry'));
    const entry = await booting.resumeToStop();
    assert.equal(entry.reason.kind, 'breakpoint');
    assert.doesNotMatch(booting.printed, /eventsys: started/);
    await booting.engine.resume();
    await until('the driver’s print', () => booting.printed.includes('eventsys: started'));
  });

  it('again and again, in step at once wherever the debugger before has stopped counting packets', async () => {
    bench = await KdBench.make();
    for (const extra of [0, 1, 0, 1]) {
      const { engine } = await bench.attached();
      for (let time = 0; time < extra; time++) await engine.client.request(getVersion());
      // None was taken for one that the target had had before, and asked again.
      const { sent, retransmitted } = engine.client.link.statistics;
      assert.equal(sent - retransmitted, engine.client.requests);
      await engine.detach();
      await bench.runs();
    }
  });

  it('to one that comes later', async () => {
    bench = await KdBench.unborn();
    const place = join(bench.folder, 'late');
    const early = bench.engine({}, `unix:${place}`);
    const attached = early.attach();
    await bench.listen(place);
    assert.equal((await attached).reason.kind, 'pause');
  });

  it('and gives up when it is cancelled, without waiting for anything', async () => {
    bench = await KdBench.unborn();
    const { engine } = bench.engine({}, `unix:${join(bench.folder, 'never')}`);
    const cancel = new AbortController();
    const attached = engine.attach(cancel.signal);
    await new Promise((resolve) => setTimeout(resolve, 100));
    cancel.abort();
    await assert.rejects(attached, CancelledError);
  });

  it('in the middle of an application’s thread, which is the application’s once that is opened; a processor is told of the one that stopped', async () => {
    bench = await KdBench.make();
    const made = await bench.attached();
    const { engine } = made;
    const wait = await made.breakAt(bench.at('ntoskrnl.exe', 'NtWaitForSingleObject'));
    const { thread } = await made.resumeToStop();
    const told = () => engine.threads().find((each) => each.thread === thread);
    assert.equal(told()?.space, KERNEL_SPACE);
    assert.match(told()?.name ?? '', /^processor \d$/);
    const space = await openApplication(made);
    assert.deepEqual([told()?.space, told()?.name], [space, undefined]);
    await engine.removeBreakpoints([wait]);
    await made.breakAt(bench.at('eventsys.sys', 'EsTimerDpc'));
    const timer = (await made.resumeToStop()).thread;
    const named = engine.threads().filter(({ name }) => name !== undefined);
    assert.deepEqual(
      named.map((each) => each.thread),
      [timer],
    );
  });

  it('again after the target has restarted: its breakpoints are told as lost, its modules anew', async () => {
    bench = await KdBench.make({});
    const made = bench.engine({ breakIn: false });
    await made.engine.stopOnLoad(['eventsys.sys']);
    await made.engine.attach();
    await made.stop();
    const id = await made.breakAt(bench.at('ntoskrnl.exe', 'KeSetEvent'));
    await made.resumeToStop();
    await made.engine.removeBreakpoints([]);
    void bench.target.reboot();
    const again = await made.stop();
    assert.equal(again.reason.kind, 'moduleLoad');
    assert.ok(made.events.some((event) => event.type === 'breakpointLost' && event.breakpoint === id));
    await made.engine.resume();
    await bench.runs();
  });

  it('and follows the cable: away, back, and still in step', async () => {
    bench = await KdBench.make();
    const made = await bench.attached();
    await made.breakAt(bench.at('eventsys.sys', 'EsTimerDpc'));
    await made.resumeToStop();
    bench.listening.unplug();
    await until('the word that it is back', () =>
      made.events.some((event) => event.type === 'output' && event.text.startsWith('The link is back')),
    );
    assert.equal((await made.read(bench.at('eventsys.sys', 'EsTimerDpc'), 1))[0], 0x48);
    await made.resumeToStop();
    await made.engine.detach();
    await bench.runs();
  });
});
