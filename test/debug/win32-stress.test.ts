/** Breakpoints in a hot path of 16 threads: no hit lost, none told twice, and the program computes what it would without us. */
import assert from 'node:assert/strict';
import { DebugSession, HOT_THREADS } from './debug-machine.js';

const THREADS = 16;

describe('win32 engine: a hot path of 16 threads', function () {
  this.timeout(180_000);
  let session: DebugSession;

  beforeEach(async () => {
    session = await DebugSession.start();
  });
  afterEach(() => session.close());

  async function launched(rounds: number): Promise<string> {
    const space = await session.engine.launch({
      program: HOT_THREADS,
      arguments: [String(THREADS), String(rounds), 'once'],
    });
    assert.equal((await session.stop()).reason.kind, 'entry');
    return space;
  }

  it('counts every hit of breakpoints that never stop, emulated and stepped over', async () => {
    const rounds = 60;
    const space = await launched(rounds);
    const ids: number[] = [];
    for (const name of ['HotPush', 'HotSteppedOver']) {
      const { address } = await session.exportOf('hot_threads.exe', name);
      ids.push(await session.breakAt(space, address, { ignoreCount: 1_000_000 }));
    }
    await session.engine.resume();
    const exit = () => session.events.find((event) => event.type === 'processExited');
    await session.until(() => exit() !== undefined);
    assert.equal(exit()?.exitCode, 0);
    const wanted = THREADS * rounds;
    // What it said last may come behind its end.
    await session.until(() => session.output('stdout') !== '');
    const said = session.output('stdout').trim();
    assert.equal(said, `pushed=${wanted} stepped=${wanted}`);
    const counts = session.engine.hitCounts(ids);
    assert.deepEqual(
      ids.map((id) => counts.get(id)?.hits),
      [wanted, wanted],
    );
    assert.ok(!session.hasUnreadStop);
  });

  it('stops once for each hit, whatever is done between', async () => {
    const rounds = 6;
    const space = await launched(rounds);
    const ids: number[] = [];
    for (const name of ['HotPush', 'HotSteppedOver']) {
      const { address } = await session.exportOf('hot_threads.exe', name);
      ids.push(await session.breakAt(space, address));
    }
    let stops = 0;
    let steps = 0;
    await session.engine.resume();
    const ended = (): boolean => session.events.some((event) => event.type === 'processExited');
    // Every third stop is followed by a step of its thread, every fifth by a step of another one.
    for (;;) {
      await session.until(() => session.hasUnreadStop || ended());
      if (!session.hasUnreadStop) break;
      const stop = await session.stop();
      if (stop.reason.kind === 'breakpoint') stops++;
      else assert.equal(stop.reason.kind, 'step');
      const others = session.engine.threads().filter(({ thread }) => thread !== stop.thread);
      const other = others[stops % Math.max(1, others.length)];
      if (stop.reason.kind === 'breakpoint' && stops % 3 === 0) {
        steps++;
        await session.engine.step(stop.thread);
      } else if (stop.reason.kind === 'breakpoint' && stops % 5 === 0 && other !== undefined) {
        steps++;
        // A thread that is only beginning, or ending, has no registers.
        await session.engine.step(other.thread).catch((error: unknown) => {
          assert.match(String(error), /GetThreadContext/);
          return session.engine.resume();
        });
      } else {
        await session.engine.resume();
      }
    }
    const wanted = THREADS * rounds;
    await session.until(() => session.output('stdout') !== '');
    assert.equal(session.output('stdout').trim(), `pushed=${wanted} stepped=${wanted}`);
    assert.equal(stops, 2 * wanted);
    assert.ok(steps > 50);
  });
});
