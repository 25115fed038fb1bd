/**
 * What needs sources, over a kernel debugging link: the tests of the Wine target's adapter once more, on the KD target with a compiled driver,
 * whose PDB is on the symbol path.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { FlowBody } from '../../protocol/debug-requests.js';
import { compileDriver, DRIVER_SOURCE } from '../kd-target/compiled-driver.js';
import { DRIVER_BASE } from '../kd-target/kernel.js';
import { type DapTestClient, lineOf, SOURCES } from './dap-client.js';
import { withKdAdapter } from './kd-dap-fixture.js';
import { KdBench, until } from './kd-fixture.js';

const SOURCE = relative(SOURCES, DRIVER_SOURCE);
const SIGNAL_LINE = 'const LONG previous = KeSetEvent';
const CALL_LINE = 'EsSignal(&EsTimer, 1)';

describe('lines, locals and types over a kernel debugging link', function () {
  this.timeout(60_000);
  let bench: KdBench;
  let dap: DapTestClient;
  let folder = '';
  let driver: Buffer;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'eventscope-kd-driver-'));
    driver = await compileDriver(folder, DRIVER_BASE);
  });
  after(() => rm(folder, { recursive: true, force: true }));
  withKdAdapter(
    'each',
    (made) => ({ bench, dap } = made),
    () => KdBench.make({ booted: true, retransmitMs: 100, compiledDriver: driver }),
  );

  const attach = (configure: () => Promise<unknown>): Promise<void> =>
    dap.attach(
      { kd: { connect: bench.address }, application: false, project: undefined, symbolPath: [folder] },
      configure,
    );

  const breakAt = async (text: string, rest: object = {}): Promise<DebugProtocol.Breakpoint> =>
    dap.breakAt(SOURCE, await lineOf(SOURCE, text), rest);

  /** Attached, and stopped where the driver's timer signals. */
  async function atSignal(rest: object = {}): Promise<{ threadId: number; frame: DebugProtocol.StackFrame }> {
    await attach(() => breakAt(SIGNAL_LINE, rest));
    const { threadId, reason } = await dap.stop();
    assert.equal(reason, 'breakpoint');
    return { threadId, frame: await dap.top(threadId) };
  }

  it('stops at a line of the driver that was set before it was known', async () => {
    const { threadId, frame } = await atSignal();
    const frames = await dap.frames(threadId);
    assert.deepEqual(
      frames.slice(0, 3).map(({ name }) => name),
      ['eventsys!EsSignal', 'eventsys!EsTimerDpc', 'eventsys!EsTimerThread'],
    );
    assert.deepEqual([frame.source?.path, frame.line], [DRIVER_SOURCE, await lineOf(SOURCE, SIGNAL_LINE)]);
    const changed = dap.eventsOf('breakpoint').map(({ body }) => body as { breakpoint: DebugProtocol.Breakpoint });
    assert.ok(changed.some(({ breakpoint }) => breakpoint.verified));
    const { modules } = await dap.request<{ modules: DebugProtocol.Module[] }>('modules');
    assert.equal(modules.find(({ name }) => name === 'eventsys.sys')?.symbolStatus, 'symbols loaded');
  });

  it('shows arguments, members and dispatcher objects, and sets variables', async () => {
    const { frame } = await atSignal();
    const signaler = (await dap.scope(frame.id, 'Arguments')).get('Signaler');
    assert.match(signaler?.type ?? '', /es_signaler/);
    assert.ok(signaler !== undefined && signaler.variablesReference > 0);
    const members = await dap.children(signaler.variablesReference);
    assert.match(members.get('Event')?.value ?? '', /^0x[0-9a-f]+ (not )?signaled, synchronization/);
    assert.equal(members.get('Signals')?.evaluateName, 'Signaler->Signals');
    const objects = await dap.scope(frame.id, 'Dispatcher Objects');
    assert.match([...objects.values()][0]?.value ?? '', /signaled, synchronization/);
    const set = { variablesReference: signaler.variablesReference, name: 'Signals', value: '0x1234' };
    assert.equal((await dap.request<{ value: string }>('setVariable', set)).value, String(0x1234));
    const expression = { expression: 'Count', value: 'Count + 4', frameId: frame.id };
    assert.equal((await dap.request<{ value: string }>('setExpression', expression)).value, '5');
    await dap.setBreakpoints(SOURCE, []);
    await breakAt('return previous');
    const { id } = await dap.top((await dap.continueToStop()).threadId);
    assert.equal((await dap.evaluate('Signaler->Signals', id)).result, String(0x1234 + 5));
  });

  it('evaluates expressions, changes nothing in a watch, and completes', async () => {
    const { frame } = await atSignal();
    assert.match((await dap.evaluate('*Signaler->Event', frame.id, 'hover')).result, /signaled, synchronization/);
    assert.match((await dap.evaluate('&nt!KeSetEvent', frame.id)).result, /ntoskrnl!KeSetEvent/);
    assert.equal((await dap.evaluate('sizeof(KEVENT)', frame.id)).result, '24');
    const assignment = { expression: 'EsTimer.Signals = 77', frameId: frame.id };
    assert.match(await dap.refusal('evaluate', { ...assignment, context: 'watch' }), /not allowed/);
    await dap.request('evaluate', { ...assignment, context: 'repl' });
    assert.equal((await dap.evaluate('Signaler->Signals', frame.id)).result, '77');
    const complete = async (text: string): Promise<string[]> => {
      const request = { text, column: text.length + 1, frameId: frame.id };
      const { targets } = await dap.request<{ targets: { label: string }[] }>('completions', request);
      return targets.map(({ label }) => label);
    };
    assert.ok((await complete('1 + Signaler->Si')).includes('Signals'));
    assert.ok((await complete('nt!KeSetEv')).includes('KeSetEvent'));
  });

  it('steps over, into and out of lines; a tree stays unfolded', async () => {
    await attach(() => breakAt(CALL_LINE));
    const { threadId } = await dap.stop();
    const before = await dap.top(threadId);
    const step = async (command: string): Promise<DebugProtocol.StackFrame> => {
      await dap.request(command, { threadId });
      const stop = await dap.stop();
      assert.deepEqual([stop.reason, stop.threadId], ['step', threadId]);
      return dap.top(threadId);
    };
    const inside = await step('stepIn');
    assert.equal(inside.name, 'eventsys!EsSignal');
    const next = await step('next');
    assert.deepEqual([next.name, next.line], ['eventsys!EsSignal', await lineOf(SOURCE, 'Signals += Count')]);
    const unfolded = (await dap.scope(next.id, 'Arguments')).get('Signaler')?.variablesReference;
    const after = await step('next');
    assert.equal(after.id, next.id);
    assert.equal((await dap.scope(after.id, 'Arguments')).get('Signaler')?.variablesReference, unfolded);
    const out = await step('stepOut');
    assert.equal(out.name, before.name);
  });

  it('stops at conditions, hit counts and function names, and logs without stopping', async () => {
    await attach(async () => {
      await breakAt(SIGNAL_LINE, { condition: 'Signaler->Signals >= 3' });
      await dap.request('setFunctionBreakpoints', {
        breakpoints: [{ name: 'eventsys!EsWorker' }, { name: 'nowhere!Nothing' }],
      });
    });
    const { threadId } = await dap.stop();
    const { id } = await dap.top(threadId);
    assert.ok(Number((await dap.evaluate('Signaler->Signals', id)).result) >= 3);
    await breakAt(SIGNAL_LINE, { logMessage: 'signal {Signaler->Signals} of {Signaler}' });
    await dap.continue();
    await dap.until('the log message', () => /signal \d+ of 0x[0-9a-f]+/.test(dap.output('console')));
    await breakAt(SIGNAL_LINE, { hitCondition: '3' });
    const counted = await dap.stop();
    assert.equal((await dap.top(counted.threadId)).name, 'eventsys!EsSignal');
  });

  it('stops at data that changes, named as in the source', async () => {
    const { frame } = await atSignal();
    await dap.setBreakpoints(SOURCE, []);
    const info = await dap.request<{ dataId: string | null; description: string }>('dataBreakpointInfo', {
      name: 'Signaler->Signals',
      frameId: frame.id,
    });
    assert.match(info.description, /4 bytes at /);
    const set = { breakpoints: [{ dataId: info.dataId, accessType: 'write' }] };
    await dap.request('setDataBreakpoints', set);
    const stop = await dap.continueToStop();
    assert.equal(stop.reason, 'data breakpoint');
    assert.match(stop.description ?? '', /Changed from /);
    // The instruction that has changed it was the line's last.
    assert.equal((await dap.top(stop.threadId)).line, await lineOf(SOURCE, 'Previous = previous'));
  });

  it('goes to another line of the function, and tells of sources and where breakpoints can be', async () => {
    const { threadId, frame } = await atSignal();
    const source = { path: DRIVER_SOURCE };
    const line = await lineOf(SOURCE, 'return previous');
    const { targets } = await dap.request<{ targets: DebugProtocol.GotoTarget[] }>('gotoTargets', { source, line });
    await dap.request('goto', { threadId, targetId: targets[0]?.id });
    assert.equal((await dap.stop()).reason, 'goto');
    assert.equal((await dap.top(threadId)).line, line);
    const { sources } = await dap.request<{ sources: DebugProtocol.Source[] }>('loadedSources');
    assert.ok(sources.some(({ path }) => path === DRIVER_SOURCE));
    const request = { source, line: frame.line, endLine: frame.line + 3 };
    const { breakpoints } = await dap.request<{ breakpoints: { line: number }[] }>('breakpointLocations', request);
    assert.ok(breakpoints.some((each) => each.line === frame.line));
    const { instructions } = await dap.request<{ instructions: DebugProtocol.DisassembledInstruction[] }>(
      'disassemble',
      {
        memoryReference: frame.instructionPointerReference,
        instructionOffset: -2,
        instructionCount: 6,
      },
    );
    assert.ok(instructions.some(({ location }) => location?.path === DRIVER_SOURCE));
  });

  it('follows a signal to the end of the line that waited, whose source it shows', async () => {
    const { workEvent } = bench.target.kernel.namespace;
    const filterOptions = [{ filterId: 'signal.kernel', condition: `address == 0x${workEvent.toString(16)}` }];
    await attach(() => dap.request('setExceptionBreakpoints', { filters: [], filterOptions }));
    let stop = await dap.stop();
    while (/nobody waits/.test(stop.description ?? '')) stop = await dap.continueToStop();
    // The call stack leads to the line that signals.
    const signaler = (await dap.frames(stop.threadId)).find(({ source }) => source !== undefined);
    assert.equal(signaler?.line, await lineOf(SOURCE, 'KeSetEvent(EsObjects.Work'));
    assert.equal((await dap.request<FlowBody>('eventscope/followSignal')).outcome, 'following');
    const landed = await dap.stop();
    assert.equal(landed.reason, 'follow signal');
    const [top] = await dap.frames(landed.threadId);
    assert.deepEqual([top?.name, top?.line], ['eventsys!EsWorker', await lineOf(SOURCE, 'rounds += 1')]);
    const text = await readFile(DRIVER_SOURCE, 'utf8');
    assert.ok(text.includes('rounds'));
    await dap.request('setExceptionBreakpoints', { filters: [] });
    const rounds = bench.counter(1);
    await dap.continue();
    await until('the worker’s round', () => bench.counter(1) > rounds);
  });
});
