/** What the win32 engine leaves behind: after a detach, and after the agent is killed. Code is compared with the file, from outside. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { attachDriver } from '../../debug-adapter/win32/driver-start.js';
import type { SpaceId } from '../../debug-adapter/engine.js';
import type { AgentClient } from '../../target/agent-client.js';
import { Bystander } from './bystander.js';
import { APPLICATION, codeSectionsOf, connectAgent, debugMachine, DebugSession, HOT_THREADS } from './debug-machine.js';

const THREADS = 8;
const ROUNDS = 4_000;
/** Until the hot path begins: an attach takes a good second on a busy machine. */
const DELAY_MS = '5000';

/** Debugs from an agent of its own, which is looked at by another one. */
describe('win32 engine: what stays behind', function () {
  this.timeout(120_000);
  let session: DebugSession;
  let outside: AgentClient;

  beforeEach(async () => {
    outside = await connectAgent();
    session = await DebugSession.start();
  });
  afterEach(async () => {
    await session.client.close().catch(() => {});
    await outside.close();
  });

  async function killAgent(): Promise<void> {
    const { processId } = await session.client.request('agent/info', {});
    await outside.request('process/end', { process: processId, exitCode: 9 });
    await session.client.closed;
  }

  /** Attaches a second debugger that has inserted nothing, so that it reads what is there. */
  async function assertCodeIsOfFile(process: number, module: string, file: string): Promise<void> {
    const other = new DebugSession(outside);
    const space = await other.engine.attach(process);
    await assertCode(other, space, module, file);
    await other.engine.detach();
  }

  async function assertCode(other: DebugSession, space: SpaceId, module: string, file: string): Promise<void> {
    const { base } = other.module(module);
    for (const { rva, data } of await codeSectionsOf(file)) {
      const [there] = await other.engine.readMemory(space, [{ address: base + BigInt(rva), length: data.length }]);
      assert.ok(there !== undefined && Buffer.compare(there, data) === 0, `${module}+0x${rva.toString(16)} is changed`);
    }
  }

  async function hotThreads(): Promise<{ readonly program: Bystander; readonly ids: readonly number[] }> {
    const program = await Bystander.start(outside, HOT_THREADS, [`${THREADS}`, `${ROUNDS}`, 'stay', DELAY_MS]);
    const space = await session.engine.attach(program.process);
    const ids: number[] = [];
    for (const name of ['HotPush', 'HotSteppedOver']) {
      const { address } = await session.exportOf('hot_threads.exe', name);
      ids.push(await session.breakAt(space, address, { ignoreCount: 1_000_000 }));
    }
    const hits = (): number => session.engine.hitCounts(ids).get(ids[1] ?? 0)?.hits ?? 0;
    await session.until(() => hits() > 200);
    return { program, ids };
  }

  const allCounted = new RegExp(`pushed=${THREADS * ROUNDS} stepped=${THREADS * ROUNDS}\\s`);
  const hotFile = async (): Promise<string> => join((await debugMachine()).folder, 'hot_threads.exe');

  it('a detach in a hot path: no instruction lost or repeated, and the code is as in the file', async () => {
    const { program } = await hotThreads();
    await session.engine.detach();
    await program.says(allCounted);
    await assertCodeIsOfFile(program.process, 'hot_threads.exe', await hotFile());
  });

  it('the agent killed in a hot path: the program goes on as if there had been no debugger', async () => {
    const { program } = await hotThreads();
    await killAgent();
    await program.says(allCounted);
    await assertCodeIsOfFile(program.process, 'hot_threads.exe', await hotFile());
  });

  it('the agent killed while the driver host is stopped: driver and application go on', async () => {
    const application = await Bystander.start(outside, APPLICATION, ['app-handle', '--count', '300', '--period', '30']);
    const space = await attachDriver(session.engine, session.client, 'eventsys');
    const { address } = await session.exportOf('ntoskrnl.exe', 'KeSetEvent');
    await session.breakAt(space, address);
    assert.equal((await session.stop()).reason.kind, 'breakpoint');
    await killAgent();
    await application.says(/as promised/);
    const { status } = await outside.request('service/query', { name: 'eventsys' });
    assert.equal(status?.state, 'running');
    await assertCodeIsOfFile(
      status.processId,
      'ntoskrnl.exe',
      '/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/ntoskrnl.exe',
    );
  });
});
