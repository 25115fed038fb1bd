import assert from 'node:assert/strict';
import { KdClient, type KdEvent } from '../kd-client.js';
import { KdcomCarrier } from '../link/kdcom-carrier.js';
import { KdMemory } from '../machine/kd-memory.js';
import { readKernelModules } from '../nt/modules.js';
import { DBG_CONTINUE, getContext, getVersion, readMsr } from '../protocol/requests.js';
import { decodeRecording, readRecording } from './recording.js';
import { ReplayTarget } from './replay-target.js';
import { streamPair } from './stream-pair.js';
import { kdRecording, withRecordings } from './test-recordings.js';

async function replay(name: 'boot' | 'live'): Promise<{ client: KdClient; target: ReplayTarget; events: KdEvent[] }> {
  const recording = await decodeRecording(readRecording(kdRecording(name)));
  const [ours, theirs] = streamPair();
  const target = new ReplayTarget(recording, theirs);
  const events: KdEvent[] = [];
  const carrier = new KdcomCarrier({ description: name, open: () => Promise.resolve(ours), reopen: false });
  const client = new KdClient(carrier, { onEvent: (event) => events.push(event) });
  return { client, target, events };
}

const NO_PATCHES = { virtual: () => undefined, physical: () => undefined, size: 0 };

withRecordings('a recording replayed as a target', () => {
  it('live.jsonl: stops at a break-in, tells its version and its 58 modules', async () => {
    const { client, target } = await replay('live');
    await client.connect({ breakIn: true });
    const version = await client.request(getVersion());
    assert.equal(version.buildNumber, 3790);
    assert.equal(version.kernelBase, 0xfffff80000400000n);
    const memory = new KdMemory(client, NO_PATCHES);
    const reader = { read: (address: bigint, length: number) => memory.readVirtual(address, length) };
    const modules = await readKernelModules(reader, version.loadedModuleList);
    assert.equal(modules.length, 58);
    assert.equal(modules[0]?.name, 'ntoskrnl.exe');
    assert.equal(modules[0].base, version.kernelBase);
    const context = await client.request(getContext(0));
    assert.equal(context.data.length, 1232);
    assert.equal(target.counts.unanswered, 0);
    await client.close();
    target.close();
  });

  it('counts what it has no answer for, and refuses it', async () => {
    const { client, target } = await replay('live');
    await client.connect({ breakIn: true });
    const msr = await client.request(readMsr(0, 0x1234));
    assert.equal(msr.status, 0xc0000001);
    assert.equal(target.counts.unanswered, 1);
    await client.close();
    target.close();
  });

  it('boot.jsonl: follows a boot through its 62 module loads', async () => {
    const { client, target, events } = await replay('boot');
    await client.connect({ breakIn: false });
    let loads = 0;
    for (;;) {
      const { stop } = client;
      if (stop?.kind === 'loadSymbols') loads++;
      await client.resume({ status: DBG_CONTINUE, trace: false, dr7: stop?.report.dr7 ?? 0x400n });
      if (loads === 62) break;
      if (client.state === 'running') await client.connect({ breakIn: false });
    }
    assert.ok(events.some((event) => event.type === 'print' && event.text.includes('ReactOS 0.4.16')));
    assert.equal(events.filter((event) => event.type === 'odd').length, 0);
    await client.close();
    target.close();
  });
});
