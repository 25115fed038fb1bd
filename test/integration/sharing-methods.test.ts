/**
 * Every way of sharing an event, on both targets: who signaled, who woke, in which order and with which status, as the
 * trace shows it; held against the logs that the application and the driver write themselves.
 */
import assert from 'node:assert/strict';
import { Kind } from '../../trace/model/records.js';
import { Outcome } from '../../trace/model/waits.js';
import { Evidence } from '../../trace/model/wakes.js';
import type { TraceModel } from '../../trace/model/model.js';
import { MACHINE_NAMES } from './fixture.js';
import {
  type ApplicationFact,
  detailOf,
  type DriverFact,
  isWaitEnd,
  matchDriverSignals,
  matchWaits,
  type TracedSignal,
  tracedRecords,
  type TracedWait,
  tracedWaits,
  wakeOf,
} from './oracle.js';
import { deploySample, runSample, type Sample, type SampleRun } from './sample-run.js';

/** Events that the application's log says it shares: the driver's id, and the application's handle when it has one. */
function sharedEvents(log: readonly ApplicationFact[]): { id: string; object: string; handle: bigint | undefined }[] {
  return log
    .filter((fact) => fact.what === 'pass' && fact.status === 0)
    .map((fact) => ({
      id: detailOf(fact, 'eventId') ?? '',
      object: fact.object,
      handle: fact.handle === 0 ? undefined : BigInt(fact.handle),
    }));
}

/** One object, whichever side names it: the driver's address and the application's handle. */
function assertOneObject(model: TraceModel, signals: readonly TracedSignal[], waits: readonly TracedWait[]): void {
  const ids = new Set([...signals.map(({ object }) => object), ...waits.map(({ object }) => object)]);
  assert.equal(ids.size, 1, `one shared event is ${ids.size} objects in the trace`);
  const [id = -1] = ids;
  const object = model.objects[id];
  assert.ok(object !== undefined);
  for (const { word } of signals) {
    assert.ok(object.names.some(({ kind, value }) => kind === 'pointer' && value === word));
  }
  for (const { handle } of waits) {
    assert.ok(object.names.some(({ kind, value }) => kind === 'handle' && value === handle));
  }
}

/**
 * The k-th signal woke the k-th satisfied wait: it was called before the wait returned, the trace saw both ends, and the
 * latency is what lies between them.
 */
function assertOneToOne(model: TraceModel, signals: readonly TracedSignal[], waits: readonly TracedWait[]): void {
  assert.equal(waits.length, signals.length, 'as many wakes as signals');
  waits.forEach((wait, index) => {
    const wake = wakeOf(model, wait.index);
    const signal = signals[index];
    assert.ok(wake !== undefined && signal !== undefined);
    assert.equal(wake.signal, signal.record, `wait ${index} was released by another signal`);
    assert.equal(wake.evidence, Evidence.Seen);
    assert.ok(signal.time <= wait.end, 'a signal after its wake');
    if (!Number.isNaN(wake.latency)) assert.ok(wake.latency >= 0 && wake.latency < 5e9, String(wake.latency));
  });
}

const satisfied = (waits: readonly TracedWait[]): TracedWait[] =>
  waits.filter(({ outcome }) => outcome === Outcome.Satisfied);
const factsOf = (driver: readonly DriverFact[], what: string): DriverFact[] => driver.filter((f) => f.what === what);

/** What all methods with one event and signals from the driver have in common. */
function checkDriverSignals(run: SampleRun, rounds: number): { signals: TracedSignal[]; waits: TracedWait[] } {
  const waits = matchWaits(run.model, run.application);
  assert.equal(waits.length, rounds);
  assert.ok(waits.every(({ outcome }) => outcome === Outcome.Satisfied));
  const [shared] = sharedEvents(run.application);
  assert.ok(shared !== undefined, "the application's log tells of no shared event");
  const signals = matchDriverSignals(run.model, run.driver).get(shared.id)?.slice(0, rounds) ?? [];
  assert.equal(signals.length, rounds);
  assert.ok(signals.every(({ previous }) => previous === 0));
  assertOneObject(run.model, signals, waits);
  assertOneToOne(run.model, signals, waits);
  return { signals, waits };
}

for (const machine of MACHINE_NAMES) {
  describe(`sharing methods on ${machine}`, function () {
    this.timeout(120_000);
    let sample: Sample;

    before('the sample is deployed', async function () {
      this.timeout(300_000);
      sample = await deploySample(machine);
    });
    after(async () => {
      // Undefined when deploying failed.
      await (sample as Sample | undefined)?.client.close();
    });

    const oneEvent: readonly { title: string; args: string[]; method: string; word: string; path: boolean }[] = [
      { title: "1: the application's handle", args: ['app-handle'], method: '1', word: 'register', path: false },
      { title: "2: the driver's handle", args: ['driver-handle'], method: '2', word: 'give', path: false },
      {
        title: "3: the application's name, opened strictly",
        args: ['app-name', '--strict'],
        method: '4',
        word: 'named',
        path: true,
      },
      {
        title: "3: the application's name, opened the classic way",
        args: ['app-name', '--classic'],
        method: '3',
        word: 'named',
        path: true,
      },
      { title: "4: the driver's name", args: ['driver-name'], method: '5', word: 'named', path: true },
    ];
    for (const { title, args, method, word, path } of oneEvent) {
      for (const type of ['notification', 'synchronization']) {
        it(`${title}, ${type}: each signal of the timer's DPC releases the wait for it`, async () => {
          const run = await runSample(sample, [...args, '--type', type, '--count', '3', '--period', '50']);
          const { signals } = checkDriverSignals(run, 3);
          const object = run.model.objects[signals[0]?.object ?? -1];
          assert.ok(object !== undefined);
          assert.equal(object.kind, type);
          assert.equal(object.paths.length > 0, path, object.paths.join());
          const [shared] = factsOf(run.driver, word).filter(({ values }) => values['method'] === method);
          assert.ok(shared !== undefined, `no "${word}" line of method ${method} in the driver's log`);
          if (path) assert.deepEqual(object.paths, [shared.values['name']]);
          // All of it was given back.
          const [released] = factsOf(run.driver, 'release').filter(
            ({ values }) => values['id'] === shared.values['id'],
          );
          assert.equal(released?.values['coalesced'], '0');
        });
      }
    }

    it('5: the inverted call: each completion of a pended request releases the wait for its event', async () => {
      const run = await runSample(sample, ['inverted-call', '--count', '4', '--period', '50']);
      const waits = matchWaits(run.model, run.application);
      assert.equal(waits.length, 8);
      const completions = tracedRecords(run.model, 'kernel', Kind.Complete);
      const logged = factsOf(run.driver, 'complete').sort((a, b) => Number(a.values['seq']) - Number(b.values['seq']));
      assert.equal(logged.length, 8);
      const requestIds = (list: readonly { record: number }[]): string[] =>
        list.map(({ record }) => run.model.records.words.toBigInt(run.model.records.argument[record] ?? 0).toString());
      // Scheduled ones in the order in which they were pended, those by hand youngest first.
      const expected = ['1001', '1002', '1003', '1004', '1004', '1003', '1002', '1001'];
      assert.deepEqual(
        logged.map(({ values }) => values['request']),
        expected,
      );
      const released = waits.map((wait) => wakeOf(run.model, wait.index)?.signal ?? -1);
      assert.deepEqual(requestIds(released.map((record) => ({ record }))), expected);
      for (const record of released) assert.ok(completions.some((completion) => completion.record === record));
      // The one that nobody answered was cancelled: that is a completion too, and it woke nobody.
      assert.equal(factsOf(run.driver, 'cancel').length, 1);
    });

    it('6: the shared buffer: work wakes the driver’s thread, done wakes the application, in turns', async () => {
      const rounds = 5;
      const run = await runSample(sample, ['shared-buffer', '--count', String(rounds)]);
      const { model } = run;
      const [work, done] = ['work', 'done'].map((name) => sharedEvents(run.application).find((e) => e.object === name));
      assert.ok(work?.handle !== undefined && done?.handle !== undefined);

      const doneSignals = matchDriverSignals(model, run.driver).get(done.id) ?? [];
      const doneWaits = matchWaits(model, run.application).filter(({ handle }) => handle === done.handle);
      assertOneObject(model, doneSignals, doneWaits);
      assertOneToOne(model, doneSignals, satisfied(doneWaits));

      // The other direction: set by the application, taken by a system thread.
      const workSignals = tracedRecords(model, 'user', Kind.Set).filter(({ word }) => word === work.handle);
      const workObject = workSignals[0]?.object ?? -1;
      const logged = run.application.filter((fact) => fact.what === 'signal' && fact.object === 'work');
      assert.equal(workSignals.length, logged.length);
      const workWaits = satisfied(tracedWaits(model, 'kernel').filter(({ object }) => object === workObject));
      const loggedRounds = factsOf(run.driver, 'round');
      assertOneToOne(model, workSignals, workWaits.slice(0, loggedRounds.length));
      // What the thread took last was the driver's own call to end.
      const kernelSets = tracedRecords(model, 'kernel', Kind.Set).map(({ record }) => record);
      for (const wait of workWaits.slice(loggedRounds.length)) {
        assert.ok(kernelSets.includes(wakeOf(model, wait.index)?.signal ?? -1));
      }
      assert.ok(loggedRounds.length >= rounds);
      // Turns: done is never set before its work.
      workSignals.forEach((signal, index) => {
        assert.ok(signal.time < (doneSignals[index]?.time ?? NaN));
        const next = workSignals[index + 1];
        if (next !== undefined) assert.ok((doneWaits[index]?.end ?? NaN) <= next.time);
      });
    });

    for (const [from, source] of [
      ['dpc', '0'],
      ['worker', '1'],
    ] as const) {
      for (const type of ['notification', 'synchronization']) {
        it(`7: ${type}, signaled from a ${from}: wakes and coalesced signals are all the signals`, async () => {
          const count = 5;
          const run = await runSample(sample, [
            'signals',
            '--from',
            from,
            '--type',
            type,
            '--count',
            String(count),
            '--period',
            '40',
          ]);
          const [shared] = sharedEvents(run.application);
          assert.ok(shared !== undefined);
          const signals = matchDriverSignals(run.model, run.driver).get(shared.id) ?? [];
          assert.equal(signals.length, count);
          const sources = factsOf(run.driver, 'signal').map(({ values }) => values['source']);
          assert.equal(new Set(sources).size, 1, `sources ${sources.join()}, expected ${source}`);
          const waits = satisfied(matchWaits(run.model, run.application));
          const coalesced = signals.filter(({ previous }) => previous !== 0);
          assert.equal(waits.length + coalesced.length, count);
          assertOneObject(run.model, signals, waits);
          assertOneToOne(
            run.model,
            signals.filter(({ previous }) => previous === 0),
            waits,
          );
          const counters = run.model.transitions.counters[signals[0]?.object ?? -1];
          assert.equal(counters?.signals, count);
          assert.equal(counters.coalesced, coalesced.length);
        });
      }
    }

    it('7: by hand: the states before are those that KeSetEvent told, and a cleared signal is wiped', async () => {
      const run = await runSample(sample, ['signals', '--from', 'hand', '--count', '3', '--period', '20']);
      const matched = matchDriverSignals(run.model, run.driver);
      for (const { id } of sharedEvents(run.application)) {
        const signals = matched.get(id) ?? [];
        assert.deepEqual(
          signals.map(({ previous }) => previous),
          [0, 0, 0, 0, 1],
        );
        const counters = run.model.transitions.counters[signals[0]?.object ?? -1];
        assert.equal(counters?.signals, 5);
        assert.equal(counters.taken, 3);
        assert.equal(counters.coalesced, 1);
        assert.equal(counters.wiped, 1);
      }
      assert.equal(satisfied(matchWaits(run.model, run.application)).length, 6);
    });

    it('7: from completed requests: IoCompleteRequest is the signal', async () => {
      const run = await runSample(sample, [
        'signals',
        '--from',
        'irp',
        '--type',
        'notification',
        '--count',
        '3',
        '--period',
        '20',
      ]);
      const waits = satisfied(matchWaits(run.model, run.application));
      assert.equal(waits.length, 3);
      for (const wait of waits) {
        const wake = wakeOf(run.model, wait.index);
        assert.ok(wake !== undefined);
        assert.equal(run.model.records.kind[wake.signal], Kind.Complete);
      }
      assert.equal(factsOf(run.driver, 'complete').length, 3);
    });

    it('stress: every signal of every event is accounted for, in the trace as well', async () => {
      const run = await runSample(sample, ['stress', '--events', '24', '--threads', '4', '--signals', '20']);
      const matched = matchDriverSignals(run.model, run.driver, true);
      const taken = new Map<string, number>();
      for (const fact of run.application.filter(isWaitEnd)) taken.set(fact.object, (taken.get(fact.object) ?? 0) + 1);
      const shared = sharedEvents(run.application);
      assert.equal(shared.length, 24);
      for (const { id, object } of shared) {
        const signals = matched.get(id) ?? [];
        assert.equal(signals.length, 20);
        const counters = run.model.transitions.counters[signals[0]?.object ?? -1];
        assert.ok(counters !== undefined);
        const coalesced = signals.filter(({ previous }) => previous !== 0).length;
        assert.equal(counters.coalesced, coalesced, object);
        assert.equal(counters.satisfied, taken.get(object), object);
        assert.equal(counters.satisfied + counters.coalesced, 20, object);
      }
    });
  });
}
