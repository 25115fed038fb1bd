/** Each classic mistake, shown to happen on both targets: by the trace, and by the logs of both sides. */
import assert from 'node:assert/strict';
import { Kind } from '../../trace/model/records.js';
import { Outcome } from '../../trace/model/waits.js';
import { MACHINE_NAMES } from './fixture.js';
import { detailOf, type DriverFact, matchDriverSignals, matchWaits, wakeOf } from './oracle.js';
import { driverState } from './driver-requests.js';
import { deploySample, runSample, type Sample, type SampleRun } from './sample-run.js';

const STATUS_OBJECT_NAME_NOT_FOUND = 0xc000_0034;

/** The application's event and the driver's are two objects; the driver's was signaled, and the wait for ours was in vain. */
function checkSplitPair(run: SampleRun, ours: RegExp, theirs: RegExp): void {
  const { model } = run;
  const [vain] = matchWaits(model, run.application);
  assert.ok(vain !== undefined);
  assert.equal(vain.outcome, Outcome.TimedOut);
  assert.equal(wakeOf(model, vain.index), undefined);
  assert.match(model.objects[vain.object]?.paths.join() ?? '', ours);

  const [opened] = run.driver.filter(({ what, values }) => what === 'named' && values['method'] === '3');
  assert.ok(opened !== undefined);
  assert.notEqual(opened.values['existed'], '1', 'the classic call found an event: no mistake');
  assert.match(opened.values['name'] ?? '', theirs);
  const signals = matchDriverSignals(model, run.driver).get(opened.values['id'] ?? '') ?? [];
  assert.equal(signals.length, 1);
  // Signaled from its beginning: the signal found it so, and changed nothing.
  assert.equal(signals[0]?.previous, 1);
  assert.notEqual(signals[0].object, vain.object);
  assert.match(model.objects[signals[0].object]?.paths.join() ?? '', theirs);
}

const releases = (driver: readonly DriverFact[]): string[] =>
  driver.filter(({ what }) => what === 'release').map(({ values }) => values['id'] ?? '');

for (const machine of MACHINE_NAMES) {
  describe(`pitfalls on ${machine}`, function () {
    this.timeout(120_000);
    let sample: Sample;

    before('the sample is deployed', async function () {
      this.timeout(300_000);
      sample = await deploySample(machine);
    });
    after(async () => {
      await (sample as Sample | undefined)?.client.close();
    });

    it('wrong-name: the mistyped name is a second event, and only the strict call says so', async () => {
      const run = await runSample(sample, ['wrong-name']);
      checkSplitPair(run, /^\\BaseNamedObjects\\EventscopeEvent-\d+$/, /^\\BaseNamedObjects\\EventscopeEvnet-\d+$/);
      const refused = run.application.filter((fact) => fact.what === 'pass' && detailOf(fact, 'how') === 'strict');
      assert.deepEqual(
        refused.map(({ status }) => status),
        [STATUS_OBJECT_NAME_NOT_FOUND],
      );
      const [logged] = run.driver.filter(({ what }) => what === 'refuse');
      assert.equal(logged?.values['status'], '0xc0000034');
    });

    it('wrong-namespace: without Global\\ each side has an event of its own; with it they share one', async () => {
      const run = await runSample(sample, ['wrong-namespace']);
      checkSplitPair(
        run,
        /^\\Sessions\\\d+\\BaseNamedObjects\\EventscopeLocal-\d+$/,
        /^\\BaseNamedObjects\\EventscopeLocal-\d+$/,
      );
      const waits = matchWaits(run.model, run.application);
      assert.equal(waits.length, 2);
      assert.equal(waits[1]?.outcome, Outcome.Satisfied);
      assert.match(run.model.objects[waits[1].object]?.paths.join() ?? '', /^\\BaseNamedObjects\\/);
      assert.equal(run.model.records.kind[wakeOf(run.model, waits[1].index)?.signal ?? -1], Kind.Set);
    });

    it('leak: what the application leaves behind, the driver gives back when it is gone', async () => {
      const before = await driverState(sample.client);
      const run = await runSample(sample, ['leak', '--count', '8']);
      const [note] = run.application.filter((fact) => fact.what === 'note' && fact.object === 'leak');
      assert.ok(note !== undefined);
      const [handlesBefore, handlesAfter] = [detailOf(note, 'handlesBefore'), detailOf(note, 'handlesAfter')].map(
        Number,
      );
      assert.ok((handlesAfter ?? 0) >= (handlesBefore ?? 0) + 12);
      assert.equal(run.application.filter(({ what }) => what === 'close').length, 0, 'it closed nothing');

      const shared = run.driver.filter(({ what }) => what === 'register').map(({ values }) => values['id'] ?? '');
      assert.ok(shared.length >= 8);
      // The driver's clean-up follows the end of the process: it may be later than the end of the run.
      const after = await driverState(sample.client, (state) => state.totals.files === before.totals.files);
      assert.equal(after.totals.events, before.totals.events);
      assert.equal(after.totals.schedules, before.totals.schedules);
      assert.equal(after.totals.requests, before.totals.requests);
      assert.equal(after.totals.buffers, before.totals.buffers);
      assert.equal(after.totals.objectReferences, before.totals.objectReferences);
      assert.equal(after.totals.handles, before.totals.handles);
      for (const id of releases(run.driver)) assert.ok(shared.includes(id));
    });

    it('slow-reset: a reset after the work wipes the signals that came meanwhile; before it, none', async () => {
      const run = await runSample(sample, ['slow-reset', '--count', '4']);
      const notes = run.application.filter((fact) => detailOf(fact, 'order') !== undefined);
      assert.deepEqual(
        notes.map((note) => detailOf(note, 'order')),
        ['wait-work-reset', 'wait-reset-work'],
      );
      const matched = matchDriverSignals(run.model, run.driver);
      const shared = run.driver.filter(({ what }) => what === 'register').map(({ values }) => values['id'] ?? '');
      notes.forEach((note, index) => {
        const signals = matched.get(shared[index] ?? '') ?? [];
        const counters = run.model.transitions.counters[signals[0]?.object ?? -1];
        assert.equal(counters?.signals, Number(detailOf(note, 'sent')));
        // Set while still set from before, and then wiped with it: the trace calls such a signal coalesced.
        assert.equal(counters.coalesced + counters.wiped, Number(detailOf(note, 'wiped')));
        assert.equal(counters.taken, Number(detailOf(note, 'taken')));
      });
      assert.equal(detailOf(notes[0] ?? assert.fail(), 'wiped'), '4');
      assert.equal(detailOf(notes[1] ?? assert.fail(), 'wiped'), '0');
    });
  });
}
