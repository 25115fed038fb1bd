/** Points recorded from a debug session: by tracepoints in both sides, to a trace file that is whole when the session ends. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { SetPointsBody, TracepointsBody } from '../../protocol/debug-requests.js';
import { readTrace } from '../../target/trace-file.js';
import { toColumns } from '../../trace/columns/from-model.js';
import { flowWakes, type FlowWake } from '../../trace/flow-wakes.js';
import { buildModel, type TraceModel } from '../../trace/model/model.js';
import { Kind } from '../../trace/model/records.js';
import { type DapTestClient, lineOf, SIGNAL_LINE, signalsFromDpc, SOURCES } from './dap-client.js';
import { adapterForEach } from './dap-fixture.js';
import { build } from '../../target/build.js';
import { loadProject } from '../../target/project.js';
import { debugMachine, operation } from './debug-machine.js';

const HELD_MS = 300;

/**
 * Waits of the application that signals of the driver ended. Where each reset overlaps the call of the signal before it, as on one busy
 * processor, it cannot be told which of two did.
 */
const releasedByDriver = (model: TraceModel): readonly FlowWake[] =>
  flowWakes(model).filter(({ signal, candidates, wait }) => {
    const signals = signal === undefined ? candidates : [signal];
    return wait.side === 'user' && signals.length > 0 && signals.every(({ side }) => side === 'kernel');
  });

describe('recording points from a debug session on the Wine target', function () {
  this.timeout(120_000);
  let folder = '';
  let dap: DapTestClient;

  adapterForEach((started, machine) => ([dap, folder] = [started, machine]));

  /** Waits of the application that have returned, as it says itself. */
  const waits = (): number => dap.output('stdout').split('"what":"wait-end"').length;

  it('records both sides from a stop on; the recording is kept when the session ends', async () => {
    const line = await lineOf('sys/events.c', SIGNAL_LINE);
    await dap.launch(signalsFromDpc(folder, 1_000), () => dap.breakAt('sys/events.c', line));
    await dap.stop();
    const { message } = await dap.request<TracepointsBody>('eventscope/startTracepoints');
    assert.equal(message, 'Recording begins when the target goes on');
    assert.match(await dap.refusal('eventscope/startTracepoints'), /are being recorded already/);
    await dap.setBreakpoints('sys/events.c', []);
    await dap.continue();
    await dap.until('the recording', () => dap.eventsOf('eventscope/tracepointsStarted').length > 0);
    const started = dap.eventsOf('eventscope/tracepointsStarted')[0]?.body as TracepointsBody;
    const mechanisms = new Map(started.points.map(({ point, mechanism }) => [point, mechanism]));
    assert.equal(mechanisms.get('KeSetEvent'), 'importTracepoint', started.message);
    assert.equal(mechanisms.get('WaitForSingleObject'), 'importTracepoint', started.message);
    // A wait that begins from now on is recorded.
    const already = waits();
    await dap.until('the waits that began before', () => waits() > already + 1);
    // From one signal to the next the wait for the first has been satisfied.
    await dap.breakAt('sys/events.c', line);
    const stop = await dap.stop();
    // The application waits for the signal before which its driver stands.
    await setTimeout(HELD_MS + 100);
    // The timer catches up: another stop at the line would come while the first call of KeSetEvent, not recorded yet, is held.
    await dap.setBreakpoints('sys/events.c', []);
    const before = waits();
    await dap.continue();
    await dap.until('the waits behind the stop', () => waits() > before + 2);
    await dap.request('terminate');
    await dap.until('the end', () => dap.eventsOf('terminated').length > 0);
    const ended = dap.eventsOf('eventscope/tracepointsEnded')[0]?.body as TracepointsBody;
    assert.ok(ended.file !== undefined, ended.message);
    const { recording } = await readTrace(ended.file);
    assert.deepEqual(recording.sources.map(({ side }) => side).sort(), ['kernel', 'user']);
    const held = (recording.metadata.stops ?? []).find((one) => one.untilUtcMs - one.fromUtcMs >= HELD_MS);
    assert.equal(held?.reason, stop.description ?? stop.reason, 'the time that the target stood is told');
    const model = buildModel(recording);
    const drawn = toColumns(model).stops.filter(({ from, until }) => until - from >= HELD_MS * 1e6);
    assert.ok(drawn.length > 0, 'the timeline hatches it');
    const prolonged = flowWakes(model).filter(({ wait }) => wait.held >= HELD_MS * 1e6);
    assert.ok(prolonged.length > 0, 'a wait that spanned it is told as such');
    // The driver had its reference to the application's event long before the recording.
    const across = releasedByDriver(model);
    assert.ok(across.length > 0, 'the signals of the driver release the waits of the application');
    const event = model.objects[across[0]?.object ?? -1];
    assert.deepEqual([event?.type, event?.sources.length], ['event', 2]);
    assert.notEqual(event?.kind, 'unknown');
  });

  it('leaves filters as they are: the caller is seen through the recorder, and a point says what records it', async () => {
    const line = await lineOf('sys/events.c', SIGNAL_LINE);
    const points = [{ id: 'one', point: 'KeSetEvent', place: { path: join(SOURCES, 'sys/events.c'), line } }];
    await dap.launch(signalsFromDpc(folder, 1_000));
    await dap.request('eventscope/startTracepoints');
    const { points: set } = await dap.request<SetPointsBody>('eventscope/setPoints', { points });
    assert.deepEqual([set[0]?.mechanism, set[0]?.recordedBy], ['breakpoint', 'importTracepoint']);
    const own = (frames: readonly DebugProtocol.StackFrame[]): number | undefined =>
      frames.find(({ source }) => source?.path?.endsWith('sys/events.c') === true)?.line;
    const { threadId } = await dap.stop();
    assert.equal(own(await dap.frames(threadId)), line, 'the stack leads through the recorder');
    await dap.request('eventscope/setPoints', { points: [] });
    await dap.request('setExceptionBreakpoints', { filters: ['signal.kernel'] });
    const { description = '' } = await dap.continueToStop();
    // Either of the two that the driver calls in each round.
    assert.match(description, /^(KeSetEvent on|IofCompleteRequest of) /);
    assert.doesNotMatch(description, /cannot be decided/);
    await dap.request('eventscope/stopTracepoints');
    const told = dap.eventsOf('eventscope/pointsChanged').flatMap(({ body }) => (body as SetPointsBody).points);
    assert.ok(
      told.some(({ mechanism, recordedBy }) => mechanism === 'breakpoint' && recordedBy === 'importTracepoint'),
    );
    await dap.request('terminate');
    await dap.until('the end', () => dap.eventsOf('terminated').length > 0);
  });

  it('records by stops what is to be recorded so, with the hits of each', async () => {
    await dap.launch(signalsFromDpc(folder, 1_000));
    const request = { points: ['KeSetEvent'], mechanism: 'stopping' };
    const { points } = await dap.request<TracepointsBody>('eventscope/startTracepoints', request);
    const mechanisms = new Map(points.map(({ point, mechanism }) => [point, mechanism]));
    assert.equal(mechanisms.get('KeSetEvent'), 'stoppingTracepoint');
    assert.equal(mechanisms.get('ObReferenceObjectByHandle'), 'importTracepoint', 'life cycles come along');
    const before = waits();
    await dap.until('a few of its signals', () => waits() > before + 3);
    const ended = await dap.request<TracepointsBody>('eventscope/stopTracepoints');
    assert.ok(ended.file !== undefined, ended.message);
    assert.equal(dap.hasUnreadStop, false, 'nobody was asked');
    const { recording } = await readTrace(ended.file);
    const { records } = buildModel(recording);
    const signals = records.kind.filter((kind) => kind === Kind.Set).length;
    assert.ok(signals >= 2, `${signals} signals`);
    const told = ended.points.find(({ point }) => point === 'KeSetEvent');
    assert.equal(told?.mechanism, 'stoppingTracepoint');
    assert.ok((told.hits ?? 0) >= signals, `${told.hits} hits, ${signals} records`);
    await dap.request('terminate');
    await dap.until('the end', () => dap.eventsOf('terminated').length > 0);
  });

  describe('of a program that is built with eventscope_trace.h', () => {
    let symbols = '';

    before(async () => {
      symbols = await traced();
    });

    const launched = (): object => {
      const sample = signalsFromDpc(folder, 1_000, { symbolPath: [symbols] }) as { application: object };
      return { ...sample, application: { ...sample.application, program: 'ringapp.exe' } };
    };

    it('takes its calls from its own rings, and no call twice', async () => {
      await dap.launch(launched());
      await dap.until('its first waits', () => waits() > 2);
      const started = await dap.request<TracepointsBody>('eventscope/startTracepoints');
      assert.match(started.message, /by the program's own trace rings/);
      const mechanisms = new Map(started.points.map(({ point, mechanism }) => [point, mechanism]));
      assert.equal(mechanisms.get('ResetEvent'), 'traceRing');
      assert.equal(mechanisms.get('WaitForSingleObject'), 'traceRing');
      assert.equal(mechanisms.get('KeSetEvent'), 'importTracepoint', 'the driver is built without it');
      // The program makes this call in parentheses alone.
      assert.equal(mechanisms.get('DuplicateHandle'), 'importTracepoint');
      const reset = started.points.find(({ point }) => point === 'ResetEvent');
      assert.equal(reset?.message, undefined);
      const set = started.points.find(({ point }) => point === 'SetEvent');
      assert.match(set?.message ?? '', /Calls from .* that are kept from its trace header are not recorded/);
      const request = { points: [{ id: 'one', point: 'OpenEventW' }] };
      const { points } = await dap.request<SetPointsBody>('eventscope/setPoints', request);
      assert.deepEqual([points[0]?.mechanism, points[0]?.recordedBy], ['breakpoint', 'traceRing']);
      const before = waits();
      await dap.until('a few of its waits', () => waits() > before + 3);
      const ended = await dap.request<TracepointsBody>('eventscope/stopTracepoints');
      assert.ok(ended.file !== undefined, ended.message);
      const { recording } = await readTrace(ended.file);
      const model = buildModel(recording);
      const user = recording.sources.findIndex(({ side }) => side === 'user');
      const ofKind = (kind: number): number =>
        model.records.kind.filter((one, index) => one === kind && model.records.source[index] === user).length;
      const hits = (point: string): number => ended.points.find((one) => one.point === point)?.hits ?? 0;
      assert.ok(hits('ResetEvent') >= 3 && hits('WaitForSingleObject') >= 3, JSON.stringify(ended.points));
      assert.equal(ofKind(Kind.Reset), hits('ResetEvent'), 'each call is one record');
      assert.equal(ofKind(Kind.WaitBegin), hits('WaitForSingleObject') + hits('WaitForMultipleObjectsEx'));
      assert.deepEqual(model.gaps, []);
      assert.ok(releasedByDriver(model).length > 0, "the driver's signals release waits that the program recorded");
    });

    it('takes them again in a second recording, and not where another mechanism is asked for', async () => {
      await dap.launch(launched());
      await dap.until('its first waits', () => waits() > 2);
      for (const expected of ['traceRing', 'traceRing', 'importTracepoint']) {
        const request = expected === 'traceRing' ? {} : { points: ['ResetEvent'], mechanism: 'import' };
        await dap.request('eventscope/startTracepoints', request);
        const before = waits();
        await dap.until('a few of its waits', () => waits() > before + 2);
        const ended = await dap.request<TracepointsBody>('eventscope/stopTracepoints');
        assert.equal(ended.points.find(({ point }) => point === 'ResetEvent')?.mechanism, expected);
        const { records, gaps } = buildModel((await readTrace(ended.file ?? '')).recording);
        const resets = records.kind.filter((kind) => kind === Kind.Reset).length;
        assert.ok(resets > 0, ended.message);
        assert.deepEqual(gaps, []);
      }
    });
  });
});

/** The sample's application once more, so built, on the target beside the other. @returns the folder with its PDB */
async function traced(): Promise<string> {
  const { folder, target } = await debugMachine();
  const own = join(folder, 'ringapp');
  await mkdir(join(own, '.vscode'), { recursive: true });
  const settings = await readFile(join(folder, '.vscode', 'settings.json'), 'utf8');
  const { 'eventscope.project': project } = JSON.parse(settings) as { 'eventscope.project': { application: object } };
  const application = { ...project.application, name: 'ringapp', defines: { EVENTSCOPE_TRACE: '1' } };
  await writeFile(join(own, '.vscode', 'settings.json'), JSON.stringify({ 'eventscope.project': { ...project, application } })); // prettier-ignore
  const built = await build(await loadProject(own), operation);
  await target.upload(built.application.exe, 'C:\\eventscope\\bin\\ringapp.exe', operation);
  return dirname(built.application.exe);
}
