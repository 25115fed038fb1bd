import assert from 'node:assert/strict';
import { X64Context } from '../../machine/x64-context.js';
import type { EngineEvent, Stop } from '../engine.js';
import { KdEngine } from './kd-engine.js';
import { KERNEL_SPACE } from './kernel-inventory.js';
import { KdcomCarrier } from './link/kdcom-carrier.js';
import { decodeRecording, readRecording } from './replay/recording.js';
import { ReplayTarget } from './replay/replay-target.js';
import { kdRecording, withRecordings } from './replay/test-recordings.js';
import { streamPair } from './replay/stream-pair.js';

async function replayed(): Promise<{ engine: KdEngine; target: ReplayTarget; events: EngineEvent[] }> {
  const [ours, theirs] = streamPair();
  const target = new ReplayTarget(await decodeRecording(readRecording(kdRecording('live'))), theirs);
  const carrier = new KdcomCarrier({ description: 'replay', open: () => Promise.resolve(ours), reopen: false });
  const engine = new KdEngine({ carrier, target: 'replay' });
  const events: EngineEvent[] = [];
  engine.onEvent((event) => events.push(event));
  return { engine, target, events };
}

const lastStop = (events: readonly EngineEvent[]): Stop | undefined =>
  events.flatMap((event) => (event.type === 'stopped' ? [event.stop] : [])).at(-1);

function nextStop(engine: KdEngine): Promise<Stop> {
  return new Promise((resolve) => {
    const forget = engine.onEvent((event) => {
      if (event.type !== 'stopped') return;
      forget();
      resolve(event.stop);
    });
  });
}

withRecordings('the kernel engine on a recorded kernel', () => {
  it('attaches: tells the stop with its registers, and the modules', async () => {
    const { engine, events, target } = await replayed();
    await engine.attach();
    const stop = lastStop(events);
    assert.equal(stop?.reason.kind, 'pause');
    assert.equal(new X64Context(stop.registers.slice()).rip, 0xfffff80000589022n);
    assert.equal(stop.roundTrips, 1);
    assert.equal(stop.memory[0]?.data[0], 0xcc);
    assert.equal(engine.modules(KERNEL_SPACE).length, 58);
    assert.equal(events.filter((event) => event.type === 'moduleLoaded').length, 58);
    await engine.client.close();
    target.close();
  });

  it('reads what was read, as far as it can be read, and undefined where nothing can', async () => {
    const { engine, target } = await replayed();
    await engine.attach();
    const [block, nothing] = await engine.readMemory(KERNEL_SPACE, [
      { address: 0xfffff80000595ce0n, length: 832 },
      { address: 0x1000n, length: 8 },
    ]);
    assert.equal(block?.length, 832);
    assert.equal(Buffer.from(block.subarray(0x10, 0x14)).toString('latin1'), 'KDBG');
    assert.equal(nothing, undefined);
    await engine.client.close();
    target.close();
  });

  it('refuses facts of the kernel that it has no layout for', async () => {
    const { engine, target } = await replayed();
    await engine.attach();
    assert.throws(() => engine.inventory.layout.offset('EPROCESS.ActiveProcessLinks'), /build 3790 is in no table/);
    assert.equal(engine.inventory.layout.find('KTHREAD.State')?.from, 'debugger data');
    await engine.client.close();
    target.close();
  });

  it('goes on from a hard-coded INT3, and tells the stops that follow', async () => {
    const { engine, target } = await replayed();
    await engine.attach();
    const coming = nextStop(engine);
    await engine.resume();
    const stop = await coming;
    assert.equal(stop.reason.kind, 'foreignBreakpoint');
    assert.equal(stop.memory[0]?.address, 0xfffff80000497d18n);
    await engine.client.close();
    target.close();
  });
});
