/** What the kernel engine reads of NT in the target's memory, and what the target says and asks by itself. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServedFolder } from '../../debug-adapter/kd/served-folder.js';
import { readDispatcherObject, readWaiters } from '../../debug-adapter/kd/nt/dispatcher.js';
import { readDriver } from '../../debug-adapter/kd/nt/drivers.js';
import { readHandles } from '../../debug-adapter/kd/nt/objects.js';
import { readPointer } from '../../debug-adapter/kd/nt/records.js';
import { type EngineUnderTest, KdBench, until } from './kd-fixture.js';

const STATUS_NO_SUCH_FILE = 0xc000000f;
const STATUS_ACCESS_DENIED = 0xc0000022;

describe('NT as the kernel engine sees it', () => {
  let bench: KdBench;
  beforeEach(async () => {
    bench = await KdBench.make();
  });
  afterEach(() => bench.close());

  /** Stopped in the timer's routine: worker and application wait then. */
  async function inTimer(): Promise<EngineUnderTest> {
    const made = await bench.attached();
    await made.breakAt(bench.at('eventsys.sys', 'EsTimerDpc'));
    for (let index = 0; index < 4; index++) await made.resumeToStop();
    return made;
  }

  it('processes and threads, with what they wait for', async () => {
    const { engine } = await inTimer();
    const processes = await engine.inventory.listProcesses();
    assert.deepEqual(
      processes.map(({ name, processId }) => [name, processId]),
      [
        ['System', 4],
        ['eventapp.exe', 1_204],
      ],
    );
    const [system, application] = processes;
    assert.ok(system !== undefined && application !== undefined);
    const [main] = await engine.inventory.listThreads(application);
    assert.equal(main?.state, 'waiting');
    assert.equal(main.waitReason, 'UserRequest');
    const ofSystem = await engine.inventory.listThreads(system);
    assert.ok(ofSystem.some(({ state }) => state === 'running'));
  });

  it('an event by its name, who waits for it, and the handle that leads to it', async () => {
    const { engine } = await inTimer();
    const { inventory } = engine;
    const namespace = await inventory.namespace();
    const event = await namespace.find('\\BaseNamedObjects\\SharedEvent');
    assert.equal(event?.address, bench.target.kernel.namespace.sharedEvent);
    assert.equal(event.typeName, 'Event');
    const header = await readDispatcherObject(inventory.reader, event.address);
    assert.deepEqual([header?.type, header?.signalState], ['synchronization event', 0]);
    const waiters = await readWaiters(inventory.reader, event.address);
    const main = bench.target.kernel.threads.find(({ name }) => name === 'main');
    assert.deepEqual(
      waiters.map(({ thread, object }) => [thread, object]),
      [[main?.address, event.address]],
    );
    const application = (await inventory.listProcesses()).find(({ processId }) => processId === 1_204);
    const table = await readPointer(
      inventory.reader,
      (application?.address ?? 0n) + BigInt(inventory.layout.offset('EPROCESS.ObjectTable')),
    );
    const handles = await readHandles(inventory.reader, inventory.layout, table ?? 0n);
    assert.deepEqual(handles[0], { handle: 4, object: event.address, grantedAccess: 0x1f0003 });
  });

  it('the driver with its devices, and the links to them', async () => {
    const { engine } = await inTimer();
    const namespace = await engine.inventory.namespace();
    const object = await namespace.find('\\Driver\\eventsys');
    const driver = await readDriver(engine.inventory.reader, object?.address ?? 0n);
    assert.equal(driver?.name, '\\Driver\\eventsys');
    assert.equal(driver.start, bench.target.kernel.driver.base);
    assert.equal(driver.devices.length, 1);
    assert.equal(driver.majorFunctions[0], bench.at('eventsys.sys', 'EsDispatch'));
    const links = await namespace.list('\\GLOBAL??');
    assert.ok(links?.some(({ typeName }) => typeName === 'SymbolicLink'));
  });

  it('a bug check: its code and parameters', async () => {
    const made = await bench.attached();
    await made.engine.resume();
    await bench.runs();
    void bench.target.bugCheck(0x50, [0x10n, 1n, 0xfffff80320001020n, 0n]);
    const { reason } = await made.stop();
    assert.deepEqual(reason, { kind: 'bugcheck', code: 0x50, parameters: [0x10n, 1n, 0xfffff80320001020n, 0n] });
  });

  it('answers a prompt, and goes on being asked', async () => {
    const made = await bench.attached({ answerPrompt: (text) => (text.includes('Ignore') ? 'i' : 'b') });
    await made.engine.resume();
    assert.equal(await bench.target.prompt('Break, or Ignore (bi)? '), 'i');
    assert.match(made.printed, /Break, or Ignore/);
    await bench.runs();
  });

  it('refuses files, and gives those of one folder alone when there is one', async () => {
    const made = await bench.attached();
    await made.engine.resume();
    const name = '\\SystemRoot\\system32\\drivers\\eventsys.sys';
    assert.equal(await bench.target.openHostFile(name), STATUS_NO_SUCH_FILE);
    await made.engine.detach();
    const served = join(bench.folder, 'served');
    await mkdir(served);
    await writeFile(join(served, 'EventSys.sys'), 'MZ-driver');
    await writeFile(join(bench.folder, 'secret'), 'no');
    const folder = new ServedFolder(served);
    const second = await bench.attached({ files: folder.answer });
    await second.engine.resume();
    assert.equal(await bench.target.openHostFile(name), 0);
    assert.equal(await bench.target.openHostFile('..\\secret'), STATUS_NO_SUCH_FILE);
    const read = await folder.answer({ kind: 'read', handle: 1n, offset: 3n, length: 100 });
    assert.equal(Buffer.from(read.data ?? []).toString(), 'driver');
    const write = await folder.answer({ kind: 'write', handle: 1n, offset: 0n, data: Uint8Array.of(0) });
    assert.equal(write.status, STATUS_ACCESS_DENIED);
    await folder.close();
  });

  it('a driver that is unloaded is told, and its breakpoint does no harm', async () => {
    const made = await bench.attached();
    await made.breakAt(bench.at('eventsys.sys', 'EsUnload'));
    await made.engine.resume();
    await bench.runs();
    const { kernel } = bench.target;
    await bench.target.loadSymbols(kernel.driver, 4n, '\\SystemRoot\\system32\\drivers\\eventsys.sys', true);
    await until('the word of it', () =>
      made.events.some((event) => event.type === 'moduleUnloaded' && event.module.name === 'eventsys.sys'),
    );
    await made.engine.detach();
  });
});
