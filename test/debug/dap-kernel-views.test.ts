/** What views of a stopped kernel are filled from, as an editor asks for it: namespace, objects with their waiters, a driver. */
import assert from 'node:assert/strict';
import * as v from 'valibot';
import {
  directoryBody,
  driverObjectBody,
  kernelObjectsBody,
  type KernelObject,
  KernelViewRequest,
} from '../../protocol/kernel-views.js';
import { duration } from '../../trace/wording.js';
import { KTHREAD, SHARED_USER_DATA, ThreadState, TIME_INCREMENT, WAIT_BLOCK } from '../kd-target/layouts.js';
import type { DapTestClient } from './dap-client.js';
import { withKdAdapter } from './kd-dap-fixture.js';
import type { KdBench } from './kd-fixture.js';

const TICK_COUNT = SHARED_USER_DATA.address + BigInt(SHARED_USER_DATA.TickCount);

describe('views of a stopped kernel', function () {
  this.timeout(60_000);
  let bench: KdBench;
  let dap: DapTestClient;

  withKdAdapter('all', async (made) => {
    ({ bench, dap } = made);
    await dap.attach({ kd: { connect: bench.address }, application: false, project: undefined }, () =>
      dap.request('setFunctionBreakpoints', { breakpoints: [{ name: 'ntoskrnl!KeSetEvent' }] }),
    );
    await dap.stop();
  });

  const ask = async <T extends v.GenericSchema>(command: string, args: object, body: T): Promise<v.InferOutput<T>> =>
    v.parse(body, await dap.request<object>(command, args));
  const objects = async (...paths: string[]): Promise<readonly (KernelObject | null)[]> =>
    (await ask(KernelViewRequest.objects, { paths }, kernelObjectsBody)).objects;

  it('lists a directory of the object manager', async () => {
    const { entries } = await ask(KernelViewRequest.directory, { path: '\\BaseNamedObjects' }, directoryBody);
    assert.deepEqual(entries.map(({ name, typeName }) => `${typeName} ${name}`).sort(), [
      'Event AlwaysSignaled',
      'Event Heartbeat',
      'Event SharedEvent',
      'Mutant SharedMutant',
      'Semaphore SharedSemaphore',
      'Timer SharedTimer',
    ]);
    await assert.rejects(dap.request(KernelViewRequest.directory, { path: '\\Nowhere' }), /could not be listed/);
  });

  it('tells the state of each object, and null for one that is not there', async () => {
    const names = ['AlwaysSignaled', 'SharedMutant', 'sharedsemaphore', 'SharedTimer', 'Nothing'];
    const told = await objects(...names.map((name) => `\\BaseNamedObjects\\${name}`));
    assert.deepEqual(
      told.map((object) => object?.state),
      [
        { type: 'Event', kind: 'notification', signaled: true },
        { type: 'Mutant', count: 1, abandoned: false },
        { type: 'Semaphore', count: 3, maximum: 10 },
        { type: 'Timer', signaled: false },
        undefined,
      ],
    );
    assert.equal(told.at(-1), null);
    const [link] = await objects('\\GLOBAL??\\EventSys');
    assert.equal(link?.linkTarget, '\\Device\\EventSys');
  });

  it('tells the driver: image, devices, dispatch table', async () => {
    const { driver } = await ask(KernelViewRequest.driver, { name: 'eventsys' }, driverObjectBody);
    assert.equal(driver?.name, '\\Driver\\eventsys');
    assert.equal(BigInt(driver.imageBase), bench.target.kernel.driver.base);
    // The driver of the target has neither exports nor a PDB.
    const inDriver = (name: string): string =>
      `eventsys+0x${(bench.at('eventsys.sys', name) - bench.target.kernel.driver.base).toString(16)}`;
    assert.equal(driver.majorFunctions[0]?.symbol, inDriver('EsDispatch'));
    assert.equal(driver.unload?.symbol, inDriver('EsUnload'));
    assert.deepEqual(
      driver.devices.map(({ name, deviceType }) => [name, deviceType]),
      [['\\Device\\EventSys', 0x22]],
    );
    const none = await ask(KernelViewRequest.driver, { name: 'nosuch' }, driverObjectBody);
    assert.equal(none.driver, undefined);
  });

  it('tells who waits, since when and how, in each stop anew, and refuses while the machine runs', async () => {
    const { kernel } = bench.target;
    const waiters = async (): Promise<readonly string[]> =>
      (await objects('\\BaseNamedObjects\\SharedEvent'))[0]?.waiters ?? [];
    const main = kernel.threads.find(({ name }) => name === 'main');
    const of = (offset: number): bigint => (main?.address ?? 0n) + BigInt(offset);
    const stopWhereItWaits = async (): Promise<void> => {
      do {
        await dap.request('continue', { threadId: 0 });
        await dap.stop();
      } while (kernel.memory.get8(of(KTHREAD.State)) !== ThreadState.Waiting);
    };
    await stopWhereItWaits();
    const ticks = kernel.memory.get32(TICK_COUNT) - kernel.memory.get32(of(KTHREAD.WaitTime));
    const since = ticks === 0 ? 'under 15.6 ms' : duration(ticks * TIME_INCREMENT * 100);
    const waits = `thread ${main?.threadId} of process 1204, UserRequest for ${since}`;
    assert.deepEqual(await waiters(), [waits]);

    await stopWhereItWaits();
    // As if it waited for two more objects.
    kernel.memory.u8(of(KTHREAD.WaitBlockCount), 3);
    kernel.memory.u16(of(KTHREAD.WaitBlock + WAIT_BLOCK.WaitKey), 2);
    assert.match(
      (await waiters()).join(),
      /^thread \d+ of process 1204, UserRequest for .*, any of 3 objects, as number 2$/,
    );
    kernel.memory.u8(of(KTHREAD.WaitBlockCount), 1);

    await dap.request('setFunctionBreakpoints', { breakpoints: [] });
    await dap.request('continue', { threadId: 0 });
    await assert.rejects(dap.request(KernelViewRequest.directory, { path: '\\' }), /notStopped/);
  });
});
