/** The win32 engine on one program: steps, data breakpoints, pauses, exceptions, memory under INT3s, and a program that is ended. */
import assert from 'node:assert/strict';
import type { SpaceId, Stop } from '../../debug-adapter/engine.js';
import { EventscopeError } from '../../protocol/errors.js';
import { DebugSession, registersOf, STEPPING } from './debug-machine.js';

const EXCEPTION_OF_OURS = 0xe000_0001;

describe('win32 engine: one program', function () {
  this.timeout(120_000);
  let session: DebugSession;
  let space: SpaceId;

  beforeEach(async () => {
    session = await DebugSession.start();
    space = await session.engine.launch({ program: STEPPING, arguments: [] });
    assert.equal((await session.stop()).reason.kind, 'entry');
  });
  afterEach(() => session.close());

  const place = async (name: string): Promise<bigint> => (await session.exportOf('stepping.exe', name)).address;

  async function number(name: string): Promise<bigint> {
    const [data] = await session.engine.readMemory(space, [{ address: await place(name), length: 8 }]);
    assert.equal(data?.length, 8);
    return Buffer.from(data).readBigInt64LE();
  }

  async function runTo(name: string): Promise<Stop> {
    await session.breakAt(space, await place(name), { once: true });
    await session.engine.resume();
    return session.stop();
  }

  it('steps through a range in one request, over a call, into a call and out of it', async () => {
    const [loop, call, behind, callee] = [
      await place('StepLoop'),
      await place('StepCall'),
      await place('StepBehindCall'),
      await place('StepCallee'),
    ];
    const { thread } = await runTo('StepLoop');
    await session.engine.step(thread, { range: { from: loop, to: call } });
    const atCall = await session.stop();
    assert.equal(atCall.reason.kind, 'step');
    assert.equal(registersOf(atCall).rip, call);
    assert.equal(registersOf(atCall).get('rax'), 3n);
    await session.engine.step(thread, { range: { from: call, to: behind }, stepOverCalls: true });
    const over = await session.stop();
    assert.equal(registersOf(over).rip, behind);
    assert.equal(registersOf(over).get('rax'), 8n);
    // The processor's own step: LOCK is not emulated.
    const before = await number('Rounds');
    await session.engine.step(thread);
    const locked = registersOf(await session.stop());
    assert.notEqual(locked.rip, behind);
    assert.equal(locked.eflags & 0x100, 0, 'the trap flag is not left');
    assert.equal(await number('Rounds'), before + 1n);
    await runTo('StepCall');
    await session.engine.step(thread, { range: { from: call, to: behind } });
    assert.equal(registersOf(await session.stop()).rip, callee);
    await session.engine.step(thread);
    await session.stop();
    await session.engine.step(thread);
    assert.equal(registersOf(await session.stop()).rip, behind);
  });

  it('stops at writes of a watched variable, behind the instruction, and at nothing else', async () => {
    const address = await place('Watched');
    const [id] = await session.engine.setBreakpoints([{ space, address, kind: 'write', length: 8 }]);
    for (let round = 1n; round <= 3n; round++) {
      await session.engine.resume();
      assert.deepEqual((await session.stop()).reason, { kind: 'data', breakpoints: [id] });
      assert.equal(await number('Watched'), round);
      assert.equal(await number('Rounds'), round);
    }
    await session.engine.removeBreakpoints([id as number]);
    await session.engine.resume();
    const crooked = await session.engine.setBreakpoints([{ space, address: address + 1n, kind: 'write', length: 8 }]);
    assert.ok(crooked[0] instanceof EventscopeError && crooked[0].id === 'debug.breakpoint');
    const wanted = Array.from({ length: 5 }, () => ({ space, address, kind: 'readwrite' as const, length: 8 }));
    await session.engine.pause();
    await session.stop();
    const full = await session.engine.setBreakpoints(wanted);
    assert.deepEqual(
      full.map((each) => typeof each),
      ['number', 'number', 'number', 'number', 'object'],
    );
    await session.engine.removeBreakpoints(full.filter((each) => typeof each === 'number'));
    const byRegister = await session.engine.setBreakpoints([
      { space, address: await place('StepCallee'), kind: 'execute' },
    ]);
    await session.engine.resume();
    const executed = await session.stop();
    assert.deepEqual(executed.reason, { kind: 'data', breakpoints: byRegister });
    assert.equal(registersOf(executed).rip, await place('StepCallee'));
  });

  it('stops at first-chance exceptions that were asked for, and the program handles them', async () => {
    await session.engine.stopOnExceptions([EXCEPTION_OF_OURS]);
    await session.engine.resume();
    const { reason } = await session.stop();
    assert.ok(reason.kind === 'exception' && reason.code === EXCEPTION_OF_OURS && reason.firstChance);
    await session.engine.stopOnExceptions([]);
    const handled = await number('Handled');
    const { thread } = await (async () => {
      await session.breakAt(space, await place('StepCall'), { once: true });
      await session.engine.resume({ passException: true });
      return session.stop();
    })();
    assert.equal(await number('Handled'), handled + 1n);
    assert.ok(session.engine.threads().some((each) => each.thread === thread));
  });

  it('pauses and goes on; a running target refuses what needs a stopped one', async () => {
    await session.engine.resume();
    const [thread] = session.engine.threads();
    assert.ok(thread !== undefined);
    await assert.rejects(
      session.engine.readRegisters(thread.thread),
      (error) => error instanceof EventscopeError && error.id === 'debug.running',
    );
    for (let round = 0; round < 10; round++) {
      await session.engine.pause();
      const stop = await session.stop();
      assert.equal(stop.reason.kind, 'pause');
      const rounds = await number('Rounds');
      await new Promise((next) => setTimeout(next, 60));
      assert.equal(await number('Rounds'), rounds, 'it stands still');
      await session.engine.resume();
    }
  });

  it('shows and takes memory as the program sees it, under its INT3s too', async () => {
    const address = await place('StepCallee');
    const [before] = await session.engine.readMemory(space, [{ address, length: 5 }]);
    await session.breakAt(space, address);
    const [under] = await session.engine.readMemory(space, [{ address, length: 5 }]);
    assert.deepEqual(under, before);
    // lea 5(%rax) becomes lea 7(%rax), the byte under the INT3 included.
    const changed = Uint8Array.from(before ?? []);
    assert.deepEqual([...changed.subarray(0, 4)], [0x48, 0x8d, 0x40, 5]);
    changed[3] = 7;
    await session.engine.writeMemory(space, address, changed);
    await session.engine.resume();
    const stop = await session.stop();
    assert.equal(stop.reason.kind, 'breakpoint');
    await session.engine.step(stop.thread);
    assert.equal(registersOf(await session.stop()).get('rax'), 10n);
    assert.deepEqual(await session.engine.readMemory(space, [{ address: 0n, length: 16 }]), [undefined]);
    await assert.rejects(
      session.engine.writeMemory(space, 16n, Uint8Array.of(1)),
      (error) => error instanceof EventscopeError && error.id === 'debug.memory' && error.message.includes('0x10'),
    );
  });

  it('says so when the program is ended while it is stopped', async () => {
    await runTo('StepCall');
    const [program] = session.engine.processes();
    await session.client.request('process/end', { process: program?.processId ?? 0, exitCode: 77 });
    await session.until(() => session.events.some((event) => event.type === 'processExited'));
    const exited = session.events.find((event) => event.type === 'processExited');
    assert.ok(exited?.type === 'processExited' && exited.exitCode === 77);
    assert.deepEqual(session.engine.threads(), []);
    await assert.rejects(session.engine.readMemory(space, [{ address: 0x1000n, length: 1 }]), EventscopeError);
  });
});
