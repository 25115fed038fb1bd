/**
 * 16 threads in a hot path with breakpoints, random pauses and steps of random threads: no hit is lost, and neither an INT3 nor a changed
 * import slot stays behind. Code and import table are read by the host's own means and compared with the file and with what they were.
 */
import assert from 'node:assert/strict';
import type { ThreadId } from '../../debug-adapter/engine.js';
import { X64Context } from '../../machine/x64-context.js';
import type { AgentClient } from '../../target/agent-client.js';
import { toHostPath } from '../../target/wine/paths.js';
import { WineTarget } from '../../target/wine/wine-target.js';
import { ImportSlots } from '../integration/import-slots.js';
import { Bystander } from './bystander.js';
import { codeSectionsOf, connectAgent, debugMachine, DebugSession, HOT_THREADS } from './debug-machine.js';

const THREADS = 16;
const ROUNDS = 500;
const ACTIONS = 24;
const STEPS_AT_MOST = 5;
/** Until the hot path begins: an attach takes a good second on a busy machine. */
const DELAY_MS = '5000';

/** xorshift: the same actions in each run, though not at the same moments. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

describe('win32 engine: what a hot path of 16 threads keeps of a restless debugger', function () {
  this.timeout(120_000);
  let session: DebugSession;
  let outside: AgentClient;
  let program: Bystander;
  let slots: ImportSlots;
  let imports: readonly bigint[];
  let ids: number[];
  let file: string;

  before(async function () {
    this.timeout(240_000);
    await debugMachine();
  });
  beforeEach(async () => {
    const { target } = await debugMachine();
    assert.ok(target instanceof WineTarget);
    file = await toHostPath(target.prefix.folder, HOT_THREADS);
    outside = await connectAgent();
    session = await DebugSession.start();
    program = await Bystander.start(outside, HOT_THREADS, [`${THREADS}`, `${ROUNDS}`, 'stay', DELAY_MS]);
    slots = await ImportSlots.of(file);
    imports = await slots.whenBound();
    const space = await session.engine.attach(program.process);
    ids = [];
    for (const name of ['HotPush', 'HotSteppedOver']) {
      const { address } = await session.exportOf('hot_threads.exe', name);
      ids.push(await session.breakAt(space, address, { ignoreCount: 1_000_000 }));
    }
    await session.until(() => hits().every((count) => count > 100));
  });
  afterEach(async () => {
    await session.client.close().catch(() => {});
    await outside.close();
  });

  const hits = (): number[] => {
    const counts = session.engine.hitCounts(ids);
    return ids.map((id) => counts.get(id)?.hits ?? 0);
  };

  /** One that waits would not come to the end of a step while the others are held. */
  async function runsOwnCode(thread: ThreadId): Promise<boolean> {
    try {
      const { rip } = new X64Context(Uint8Array.from(await session.engine.readRegisters(thread)));
      const { base, size } = session.module('hot_threads.exe');
      return rip >= base && rip < base + BigInt(size);
    } catch (error) {
      // A thread that is only beginning, or ending, has no registers.
      assert.match(String(error), /GetThreadContext/);
      return false;
    }
  }

  /** @returns steps that were made */
  async function disturb(actions: number): Promise<number> {
    const random = randomNumbers(20_260_402);
    let made = 0;
    for (let action = 0; action < actions; action++) {
      await session.engine.pause();
      await session.stop();
      for (let steps = random(STEPS_AT_MOST); steps > 0; steps--) {
        const threads = session.engine.threads();
        const chosen = threads[random(threads.length)]?.thread;
        if (chosen === undefined || !(await runsOwnCode(chosen))) continue;
        await session.engine.step(chosen);
        const { reason } = await session.stop();
        assert.equal(reason.kind, 'step');
        made++;
      }
      await session.engine.resume();
    }
    return made;
  }

  async function assertNothingIsLeft(): Promise<void> {
    await program.says(new RegExp(`pushed=${THREADS * ROUNDS} stepped=${THREADS * ROUNDS}\\s`));
    for (const { rva, data } of await codeSectionsOf(file)) {
      assert.equal(Buffer.compare(await slots.image(rva, data.length), data), 0, `code at 0x${rva.toString(16)}`);
    }
    assert.deepEqual(await slots.read(), imports);
  }

  it('every hit is counted, and a detach leaves nothing', async () => {
    assert.ok((await disturb(ACTIONS)) > 0);
    const wanted = THREADS * ROUNDS;
    await session.until(() => hits().every((count) => count >= wanted));
    assert.deepEqual(hits(), [wanted, wanted]);
    await session.engine.detach();
    await assertNothingIsLeft();
  });

  it('an agent that is killed between the steps leaves nothing', async () => {
    await disturb(ACTIONS / 4);
    const { processId } = await session.client.request('agent/info', {});
    await outside.request('process/end', { process: processId, exitCode: 9 });
    await session.client.closed;
    await assertNothingIsLeft();
  });
});
