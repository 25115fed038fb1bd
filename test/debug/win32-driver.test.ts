/** The win32 engine on the driver host of Wine and on the application together. */
import assert from 'node:assert/strict';
import { attachDriver, startDriver, type StartedDriver } from '../../debug-adapter/win32/driver-start.js';
import { DriverService } from '../../target/driver-service.js';
import { APPLICATION, debugMachine, DebugSession, operation, registersOf } from './debug-machine.js';

/** Over the 10 s after which the service control manager gives up. */
const IN_ENTRY_MS = 15_000;

const wait = (ms: number): Promise<void> => new Promise((next) => setTimeout(next, ms));

describe('win32 engine: driver host and application', function () {
  this.timeout(120_000);
  let session: DebugSession;
  let driver: StartedDriver | undefined;

  beforeEach(async () => {
    session = await DebugSession.start();
  });
  afterEach(async () => {
    await session.engine.terminate().catch(() => {});
    await driver?.close();
    driver = undefined;
    await session.client.close();
  });

  it('stops before DriverEntry, stays there past the control manager, and the start still succeeds', async () => {
    await session.client.request('service/stop', { name: 'eventsys', timeoutMs: 15_000 });
    await session.engine.stopOnLoad(['EventSys.sys']);
    driver = await startDriver(session.engine, session.client, 'eventsys');
    const stop = await session.stop();
    assert.equal(stop.reason.kind, 'moduleLoad');
    const { space, base } = session.module('eventsys.sys');
    assert.equal(space, driver.space);
    const [header] = await session.engine.readMemory(space, [{ address: base, length: 4_096 }]);
    const view = new DataView(header?.buffer ?? new ArrayBuffer(0), header?.byteOffset);
    const entry = base + BigInt(view.getUint32(view.getUint32(0x3c, true) + 40, true));
    await session.breakAt(space, entry, { once: true });
    await session.engine.resume();
    const inEntry = await session.stop();
    assert.equal(inEntry.reason.kind, 'breakpoint');
    assert.equal(registersOf(inEntry).rip, entry);
    await wait(IN_ENTRY_MS);
    const { status } = await session.client.request('service/query', { name: 'eventsys' });
    assert.notEqual(status?.state, 'running');
    await session.engine.resume();
    assert.equal((await driver.running).state, 'running');
  });

  it('has both sides in one list, stops at KeSetEvent, and holds the other side meanwhile', async () => {
    const space = await attachDriver(session.engine, session.client, 'eventsys');
    await session.engine.launch({ program: APPLICATION, arguments: ['app-handle', '--count', '3', '--period', '50'] });
    assert.equal((await session.stop()).reason.kind, 'entry');
    assert.deepEqual(
      session.engine
        .processes()
        .map(({ name, side }) => `${side} ${name}`)
        .sort(),
      ['kernel winedevice.exe', 'user eventapp.exe'],
    );
    const keSetEvent = await session.exportOf('ntoskrnl.exe', 'KeSetEvent');
    assert.equal(keSetEvent.space, space);
    const id = await session.breakAt(space, keSetEvent.address);
    await session.engine.resume();
    const stop = await session.stop();
    assert.deepEqual(stop.reason, { kind: 'breakpoint', breakpoints: [id] });
    assert.equal(registersOf(stop).rip, keSetEvent.address);
    assert.ok(stop.allStopped);
    const back = new DataView(stop.memory[0]?.data.buffer ?? new ArrayBuffer(8), stop.memory[0]?.data.byteOffset);
    const { base, size } = session.module('eventsys.sys');
    const caller = back.getBigUint64(0, true) - base;
    assert.ok(caller > 0n && caller < BigInt(size), 'called from the driver');
    // The application stands still: it says nothing for as long as we look.
    const said = session.output('stdout').length + session.output('stderr').length;
    await wait(400);
    assert.equal(session.output('stdout').length + session.output('stderr').length, said);
    // Requests of the same agent that concern the stopped driver are bounded.
    const answer = await session.client
      .request(
        'device/control',
        { device: '\\\\.\\EventSys', code: 0x226004, input: new Uint8Array(8), outputBytes: 65_536, timeoutMs: 1_000 },
        { timeoutMs: 15_000 },
      )
      .then(({ status }) => status)
      .catch(() => 'refused');
    assert.notEqual(answer, 0);
    await session.engine.removeBreakpoints([id]);
    await session.engine.resume();
    await session.until(() => session.events.some((event) => event.type === 'processExited'));
    // What it said last may come after its end is told.
    await session.until(() => session.output('stderr').includes('as promised'));
    const exit = session.events.find((event) => event.type === 'processExited');
    assert.ok(exit?.type === 'processExited' && exit.exitCode === 0);
  });

  it('decides conditions on the target', async () => {
    const { parseFilter } = await import('../../machine/conditions.js');
    const space = await attachDriver(session.engine, session.client, 'eventsys');
    await session.engine.launch({ program: APPLICATION, arguments: ['app-handle', '--count', '4', '--period', '30'] });
    await session.stop();
    const { address } = await session.exportOf('ntoskrnl.exe', 'KeSetEvent');
    const never = await session.breakAt(space, address, { filter: parseFilter('caller.module == "other.sys"') });
    const third = await session.breakAt(space, address, {
      filter: parseFilter('side == kernel && caller.module == "EVENTSYS.SYS" && hits == 3'),
    });
    await session.engine.resume();
    const stop = await session.stop();
    assert.deepEqual(stop.reason, { kind: 'breakpoint', breakpoints: [third] });
    await session.until(() => session.engine.hitCounts([third]).get(third)?.hits === 1);
    const counts = session.engine.hitCounts([never, third]);
    assert.deepEqual([counts.get(never)?.hits, counts.get(third)?.filtered, counts.get(third)?.hits], [0, 2, 1]);
    await session.engine.resume();
    await session.until(() => session.events.some((event) => event.type === 'processExited'));
  });

  it('reads names, timeouts and states of the objects of a call for a condition', async () => {
    const { parseFilter } = await import('../../machine/conditions.js');
    const { pointNamed } = await import('../../machine/points.js');
    const name = 'Win32ConditionEvent';
    const space = await session.engine.launch({
      program: APPLICATION,
      arguments: ['driver-name', '--count', '3', '--period', '30', '--name', name],
    });
    await session.stop();
    const at = async (point: string, filter: string): Promise<number> => {
      const { address } = await session.exportOf('ntdll.dll', point);
      const index = pointNamed(`ntdll.dll!${point}`)?.index;
      return session.breakAt(space, address, { point: index, filter: parseFilter(filter) });
    };
    const wait = 'NtWaitForMultipleObjects';
    const other = await at(wait, 'event == "\\BaseNamedObjects\\OtherEvent"');
    const short = await at(wait, `event == "${name}" && timeout < 10`);
    const ours = await at(wait, `event == "\\BaseNamedObjects\\${name}" && point == ${wait} && timeout > 100`);
    await session.engine.resume();
    for (let stops = 0; stops < 3; stops++) {
      assert.deepEqual((await session.stop()).reason, { kind: 'breakpoint', breakpoints: [ours] });
      await session.engine.resume();
    }
    await session.until(() => session.events.some((event) => event.type === 'processExited'));
    const counts = session.engine.hitCounts([other, short, ours]);
    assert.deepEqual(
      [other, short, ours].map((id) => counts.get(id)?.hits),
      [0, 0, 3],
    );
    assert.match(session.output('stderr'), /as promised/);
  });

  it('loses the breakpoints of a driver that unloads, and says so', async () => {
    // A driver that was held in DriverEntry for longer than the control manager waits cannot be stopped by its service alone.
    const { target } = await debugMachine();
    await new DriverService(target, session.client, 'eventsys').stop(operation);
    await session.client.request('service/start', { name: 'eventsys', timeoutMs: 15_000 });
    const space = await attachDriver(session.engine, session.client, 'eventsys');
    const { base } = session.module('eventsys.sys');
    const id = await session.breakAt(space, base + 0x1000n, { ignoreCount: 1_000_000 });
    // Another driver keeps the host alive only with us; here the host may end with its last driver.
    await session.client.request('service/stop', { name: 'eventsys', timeoutMs: 15_000 });
    await session.until(() =>
      session.events.some((event) => event.type === 'breakpointLost' && event.breakpoint === id),
    );
    const { state } = await session.client.request('service/start', { name: 'eventsys', timeoutMs: 15_000 });
    assert.equal(state, 'running');
  });
});
