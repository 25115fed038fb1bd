/** Stopping tracepoints on Wine: calls that no import slot leads to, recorded with their returns while nobody asks the host. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { RunningTracepoints, SpaceId, TracepointRequest } from '../../debug-adapter/engine.js';
import { parseFilter } from '../../machine/conditions.js';
import { pointNamed } from '../../machine/points.js';
import { decodeSlots, TraceKind, type TraceRecord } from '../../protocol/trace-layout.js';
import type { AgentClient } from '../../target/agent-client.js';
import { startTracepoints } from '../../target/tracepoints.js';
import { Bystander } from './bystander.js';
import { codeSectionsOf, connectAgent, debugMachine, DebugSession, STOP_POINTS } from './debug-machine.js';

const THREADS = 4;
const ROUNDS = 150;
const NTDLL = '/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/ntdll.dll';

const index = (name: string): number => pointNamed(name)?.index ?? -1;

/** What a recording has brought. */
class Records {
  readonly all: TraceRecord[] = [];
  readonly sink = {
    slots: (_source: number, _ring: number, firstSlot: bigint, lost: bigint, bytes: Uint8Array): void => {
      assert.equal(lost, 0n, 'records were lost');
      decodeSlots(bytes, firstSlot, (record) => this.all.push(record));
    },
  };
  of(kind: TraceKind): TraceRecord[] {
    return this.all.filter((record) => record.kind === kind);
  }
}

describe('stopping tracepoints', function () {
  this.timeout(120_000);
  let session: DebugSession;
  let space: SpaceId;
  let records: Records;

  beforeEach(async () => {
    records = new Records();
    session = await DebugSession.start();
  });
  afterEach(() => session.close());

  async function launch(): Promise<void> {
    space = await session.engine.launch({ program: STOP_POINTS, arguments: [`${THREADS}`, `${ROUNDS}`, '2000'] });
    assert.equal((await session.stop()).reason.kind, 'entry');
  }

  async function record(requests: readonly Omit<TracepointRequest, 'space'>[]): Promise<RunningTracepoints> {
    // It is stopped at its entry: the recording begins when it goes on.
    const started = session.engine.startTracepoints(
      requests.map((request) => ({ space, ...request })),
      { sink: records.sink, onSources: () => {} },
    );
    await session.engine.resume();
    return started;
  }

  const finished = (): Promise<void> => session.until(() => /wrong=/.test(session.output('stdout')));

  async function assertCode(other: DebugSession, of: SpaceId, module: string, file: string): Promise<void> {
    const { base } = other.module(module);
    for (const { rva, data } of await codeSectionsOf(file)) {
      const [there] = await other.engine.readMemory(of, [{ address: base + BigInt(rva), length: data.length }]);
      assert.ok(there !== undefined && Buffer.compare(there, data) === 0, `${module}+0x${rva.toString(16)} is changed`);
    }
  }

  it('record each call once, with its return, and the program notices nothing', async () => {
    await launch();
    const run = await record([{ point: index('NtSetEvent') }, { point: index('NtWaitForSingleObject') }]);
    assert.deepEqual(
      run.points.map(({ mechanism }) => mechanism),
      ['stopping', 'stopping'],
    );
    await finished();
    assert.match(session.output('stdout'), new RegExp(`wrong=0 own=${THREADS * ROUNDS}\\s`));
    const [total] = await run.stop();
    assert.deepEqual([total?.lost, total?.error], [0n, undefined]);
    // SetEvent calls NtSetEvent too.
    const sets = records.of(TraceKind.Set);
    assert.equal(sets.length, 2 * THREADS * ROUNDS);
    assert.ok(sets.every(({ status }) => status === 0));
    assert.ok(sets.every(({ previous }) => previous === 0));
    const ends = records.of(TraceKind.WaitEnd);
    assert.equal(ends.length, 2 * THREADS * ROUNDS);
    assert.ok(ends.every(({ status }) => status === 0));
    const begins = records.of(TraceKind.WaitBegin);
    const callers = new Set(begins.map(({ thread }) => thread));
    assert.equal(callers.size, THREADS + 1, 'the threads, and the one that waits for ever');
    assert.equal(begins.length, ends.length + 1);
    const { base, size } = session.module('stop_points.exe');
    assert.ok(begins.every(({ caller }) => caller >= base && caller < base + BigInt(size)));
    assert.equal(session.hasUnreadStop, false);
    await session.engine.detach();
    const own = new DebugSession(session.client);
    const process = (await session.client.request('process/list', {})).processes.find(
      ({ name }) => name === 'stop_points.exe',
    );
    assert.ok(process !== undefined, 'it goes on, with a thread inside of the recorder');
    await assertCode(own, await own.engine.attach(process.process), 'ntdll.dll', NTDLL);
    await own.engine.detach();
    await session.client.request('process/end', { process: process.process, exitCode: 0 });
  });

  it('a function whose first instruction cannot be moved is recorded too, once a call', async () => {
    await launch();
    const { address } = await session.exportOf('stop_points.exe', 'OwnSet');
    const run = await record([{ point: index('SetEvent'), mechanism: 'stopping', address }]);
    await finished();
    assert.match(session.output('stdout'), new RegExp(`wrong=0 own=${THREADS * ROUNDS}\\s`));
    await run.stop();
    assert.equal(records.of(TraceKind.Set).length, THREADS * ROUNDS);
    assert.ok(records.of(TraceKind.Set).every(({ status }) => status === 0));
  });

  it('a condition is decided on the target, and counted; a breakpoint at the same place stops as ever', async () => {
    await launch();
    const place = await session.exportOf('ntdll.dll', 'NtSetEvent');
    const stops = await session.breakAt(space, place.address, { ignoreCount: 10, once: true });
    const filter = parseFilter(`caller.module == "stop_points.exe"`);
    const run = await record([{ point: index('NtSetEvent'), filter }]);
    const [served] = run.points;
    assert.ok(served?.mechanism === 'stopping');
    assert.deepEqual((await session.stop()).reason, { kind: 'breakpoint', breakpoints: [stops] });
    await session.engine.resume();
    await finished();
    const counts = () => session.engine.hitCounts([served.breakpoint]).get(served.breakpoint);
    await session.until(() => (counts()?.hits ?? 0) + (counts()?.filtered ?? 0) === 2 * THREADS * ROUNDS);
    assert.deepEqual(counts(), { hits: THREADS * ROUNDS, filtered: THREADS * ROUNDS });
    await run.stop();
    assert.equal(records.of(TraceKind.Set).length, THREADS * ROUNDS, 'SetEvent calls it from kernelbase.dll');
    assert.match(session.output('stdout'), /wrong=0 /);
  });

  it('what cannot be recorded is said for each point', async () => {
    await launch();
    const run = await record([
      { point: index('NtSetEvent') },
      { point: index('CloseHandle'), mechanism: 'import' },
      { point: index('NtDelayExecution') },
      { point: index('SetEvent'), mechanism: 'import' },
    ]);
    assert.deepEqual(
      run.points.map(({ mechanism }) => mechanism),
      ['stopping', 'none', 'none', 'none'],
    );
    await run.stop();
  });

  describe('with nobody else debugging', () => {
    let outside: AgentClient;
    before(async () => (outside = await connectAgent()));
    after(() => outside.close());

    it('the agent killed while it records: the program goes on, its code is as in the file', async () => {
      const program = await Bystander.start(outside, STOP_POINTS, [`${THREADS}`, '1500', '4000']);
      const run = await startTracepoints(
        session.client,
        [
          {
            ...{ process: program.process, side: 'user', description: 'stop_points.exe', points: [] },
            stops: [{ point: 'NtSetEvent', always: false }],
          },
        ],
        { sink: records.sink, onSources: () => {}, signal: new AbortController().signal },
      );
      assert.deepEqual(
        run.processes.map(({ stops }) => stops.map(({ mechanism }) => mechanism)),
        [['stopping']],
      );
      while (records.of(TraceKind.Set).length < 100) await new Promise((next) => setTimeout(next, 20));
      const { processId } = await session.client.request('agent/info', {});
      await outside.request('process/end', { process: processId, exitCode: 9 });
      await session.client.closed;
      await program.says(new RegExp(`wrong=0 own=${THREADS * 1500}\\s`));
      const other = new DebugSession(outside);
      await assertCode(other, await other.engine.attach(program.process), 'ntdll.dll', NTDLL);
      await assertCode(
        other,
        other.engine.processes()[0]?.space ?? '',
        'stop_points.exe',
        join((await debugMachine()).folder, 'stop_points.exe'),
      );
      await other.engine.detach();
      await outside.request('process/end', { process: program.process, exitCode: 0 });
    });
  });
});
