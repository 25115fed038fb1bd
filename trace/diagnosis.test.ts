import assert from 'node:assert/strict';
import { diagnose, nearlySame, type Finding } from './diagnosis.js';
import { flowWakes } from './flow-wakes.js';
import { describeFlow, flowToJson } from './flow.js';
import { buildModel, type TraceModel } from './model/model.js';
import { Flag, Kind } from './model/records.js';
import { RecordingBuilder } from './recording.js';
import { RingWriter, type RecordFields } from './ring-writer.js';

const POINTER = 0xffff_8000_1234_5680n;
type Step = Omit<RecordFields, 'tsc' | 'process' | 'thread'> & {
  readonly us: number;
  readonly thread?: number;
  readonly process?: number;
};

/** A driver (process 4) and an application (process 8), 3 ticks a ns; `us` is each record's time. */
function model(kernel: readonly Step[], user: readonly Step[]): TraceModel {
  const builder = new RecordingBuilder({ target: 't', host: 'h', versions: {}, startUtcMs: 0 });
  const sides = [
    { side: 'kernel', description: 'eventsys.sys', process: 4, steps: kernel },
    { side: 'user', description: 'eventapp.exe', process: 8, steps: user },
  ] as const;
  for (const { side, description, process, steps } of sides) {
    const source = builder.addSource({ side, description, process, session: 1, ringCount: 1, slotsPerRing: 64 });
    const ring = new RingWriter();
    for (const us of [0, 50_000]) ring.write(calibration(us, process));
    for (const { us, ...fields } of steps) {
      ring.write({ process, thread: process + 1, duration: 3_000, ...fields, tsc: BigInt(us) * 3_000n });
    }
    builder.slots(source, 0, 0n, 0n, ring.bytes);
  }
  return buildModel(builder.finish());
}

const calibration = (us: number, process: number): RecordFields => ({
  ...{
    kind: Kind.Calibration,
    tsc: BigInt(us) * 3_000n,
    caller: 10_000_000n,
    argument: BigInt(us) * 10n,
    process,
    thread: 1,
  },
});
const created: Step = { us: 10, kind: Kind.Create, object: 4n, flags: Flag.Synchronization };
const referenced: Step = { us: 20, kind: Kind.Reference, object: POINTER, argument: 4n, process: 8 };
const waited = (from: number, until: number, status = 0, thread = 9): Step[] => [
  { us: from, kind: Kind.WaitBegin, object: 4n, thread, duration: 0 },
  { us: until, kind: Kind.WaitEnd, object: 4n, thread, status, duration: (until - from) * 3_000 },
];
const set = (us: number, previous = 0): Step => ({ us, kind: Kind.Set, object: POINTER, previous });
const rules = (findings: readonly Finding[]): string[] => findings.map(({ rule }) => rule);

describe('flow', () => {
  it('joins the handle of one side with the address of the other, and tells who released whom', () => {
    const one = model([referenced, set(200)], [created, ...waited(100, 243)]);
    const [wake] = flowWakes(one);
    assert.equal(one.objects.length, 1);
    assert.equal(wake?.evidence, 'seen');
    assert.equal(wake.released, true);
    assert.equal(wake.signal?.side, 'kernel');
    assert.equal(wake.wait.side, 'user');
    assert.ok(Math.abs((wake.latency ?? 0) - 43_000) < 1);
    assert.match(
      describeFlow(one),
      /set unnamed event #0 .*, was not signaled; released eventapp thread 9 after 43\.0 us/,
    );
    assert.doesNotThrow(() => JSON.stringify(flowToJson(one)));
  });

  it('finds a request completion to be the signal of its event, by the request id', () => {
    const request: Step = { us: 90, kind: Kind.Request, object: 4n, argument: 77n, duration: 0 };
    const complete: Step = { us: 300, kind: Kind.Complete, object: 0xabcn, argument: 77n };
    const one = model([complete], [created, request, ...waited(100, 340)]);
    const [wake] = flowWakes(one);
    assert.equal(wake?.signal?.action, 'complete');
    assert.equal(wake.evidence, 'seen');
  });

  it('does not join what a reused handle meant before and after', () => {
    const close: Step = { us: 400, kind: Kind.Close, object: 4n };
    const again: Step = { ...created, us: 500 };
    const one = model([referenced, set(200)], [created, ...waited(100, 243), close, again, ...waited(600, 700, 0x102)]);
    assert.equal(one.objects.length, 2);
    assert.deepEqual(
      one.objects.map(({ id }) => one.transitions.counters[id]?.signals),
      [1, 0],
    );
  });

  it('knows one named event from both sides', () => {
    const byUser: Step = { ...created, text: 'Global\\Shared' };
    const byDriver: Step = {
      ...{ us: 60, kind: Kind.Open, object: 0x40n, flags: Flag.ObjectIsHandle, text: '\\BaseNamedObjects\\Shared' },
    };
    const own: Step = { us: 70, kind: Kind.Reference, object: POINTER, argument: 0x40n };
    const one = model([byDriver, own, set(200)], [byUser, ...waited(100, 243)]);
    assert.deepEqual(
      one.objects.map(({ label }) => label),
      ['\\BaseNamedObjects\\Shared'],
    );
    assert.equal(flowWakes(one)[0]?.evidence, 'seen');
  });

  it('tells each wait for all by the signal that came last', () => {
    const other: Step = { us: 30, kind: Kind.Create, object: 8n, flags: Flag.Synchronization };
    const begin: Step = { us: 100, kind: Kind.WaitBegin, object: 4n, list: [4n, 8n], flags: Flag.WaitAll, duration: 0 };
    const end: Step = { us: 500, kind: Kind.WaitEnd, object: 4n, duration: 400 * 3_000 };
    const signals: Step[] = [4n, 8n].map((object, index) => ({
      ...{ us: 200 + index * 100, kind: Kind.Set, object, previous: 0, thread: 12 },
    }));
    const one = model([], [created, other, begin, ...signals, end]);
    const { wakes, records } = one;
    assert.equal(wakes.count, 2);
    const last = [...wakes.last].indexOf(1);
    assert.ok(Math.abs((records.time[wakes.signal[last] ?? 0] ?? 0) - 290_000) < 1);
  });
});

describe('diagnosis', () => {
  it('finds nothing wrong with a signal that was taken', () => {
    assert.deepEqual(rules(diagnose(model([referenced, set(200)], [created, ...waited(100, 243)]))), []);
  });

  it('finds a signal that came while the last one was still there', () => {
    const findings = diagnose(model([referenced, set(200), set(300, 1)], [created, ...waited(400, 410)]));
    assert.deepEqual(rules(findings), ['coalesced']);
    assert.match(findings[0]?.text ?? '', /1 of 2 signals/);
    assert.equal(findings[0]?.records.length, 1);
  });

  it('finds a signal that a reset wiped', () => {
    const reset: Step = { us: 300, kind: Kind.Reset, object: 4n };
    const findings = diagnose(model([referenced, set(200)], [created, reset, ...waited(400, 900, 0x102)]));
    assert.deepEqual(rules(findings), ['wiped']);
  });

  it('finds a reset behind the work that wipes what came meanwhile', () => {
    const manual: Step = { ...created, flags: 0 };
    const reset: Step = { us: 600, kind: Kind.Reset, object: 4n };
    const findings = diagnose(
      model([referenced, set(200), set(400, 1)], [manual, ...waited(100, 243), reset, ...waited(700, 900, 0x102)]),
    );
    assert.deepEqual(rules(findings), ['wiped']);
    assert.match(findings[0]?.text ?? '', /still busy/);
  });

  it('finds a pulse that nobody waited for', () => {
    const pulse: Step = { us: 200, kind: Kind.Pulse, object: 4n, previous: 0 };
    assert.deepEqual(rules(diagnose(model([], [created, pulse, ...waited(400, 900, 0x102)]))), ['pulse']);
  });

  it('finds two events where one was meant', () => {
    const mine: Step = { ...created, text: 'Shared' };
    const made: Step = {
      ...{ us: 60, kind: Kind.Create, object: 0x40n, flags: Flag.ObjectIsHandle, text: '\\BaseNamedObjects\\Shared' },
    };
    const own: Step = { us: 70, kind: Kind.Reference, object: POINTER, argument: 0x40n };
    const findings = diagnose(model([made, own, set(200)], [mine, ...waited(100, 900, 0x102)]));
    assert.deepEqual(rules(findings), ['split-pair']);
    assert.match(findings[0]?.fix ?? '', /Global\\/);
  });

  it('finds a name that is spelt another way elsewhere', () => {
    const named: Step = { ...created, text: 'Global\\SharedEvent' };
    const missed: Step = {
      ...{
        us: 90,
        kind: Kind.Open,
        flags: Flag.ObjectIsHandle,
        status: 0xc000_0034,
        text: '\\BaseNamedObjects\\SharedEvnet',
      },
    };
    assert.deepEqual(rules(diagnose(model([missed], [named]))), ['wrong-name']);
  });

  it('finds a reference that outlives the handle', () => {
    const close: Step = { us: 400, kind: Kind.Close, object: 4n };
    assert.deepEqual(rules(diagnose(model([referenced, set(200)], [created, ...waited(100, 243), close]))), [
      'reference-left',
    ]);
    const dropped: Step = { us: 450, kind: Kind.Dereference, object: POINTER };
    assert.deepEqual(
      rules(diagnose(model([referenced, set(200), dropped], [created, ...waited(100, 243), close]))),
      [],
    );
  });

  it('tells misspelt names from numbered ones', () => {
    assert.ok(nearlySame('SharedEvent', 'SharedEvnet'));
    assert.ok(nearlySame('sharedevent', 'SharedEvent'));
    assert.ok(!nearlySame('Event1', 'Event2'));
    assert.ok(!nearlySame('Work', 'Done'));
  });
});
