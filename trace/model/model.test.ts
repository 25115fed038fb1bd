import assert from 'node:assert/strict';
import { generate, recordKey, type Generated, type GeneratorOptions, type RecordKey } from '../generator.js';
import { RecordingBuilder } from '../recording.js';
import { RingWriter, type RecordFields } from '../ring-writer.js';
import { buildModel, type TraceModel } from './model.js';
import { Flag, Kind, ObjectType } from './records.js';
import { Fate, FATE_WORDS } from './transitions.js';
import { Evidence } from './wakes.js';

const SEEDS = 16;

interface Tally {
  seen: number;
  inferred: number;
  ambiguous: number;
  unseen: number;
  fates: number;
  decidedFates: number;
}

const keyOf = (model: TraceModel, record: number): RecordKey =>
  recordKey(model.records.source[record] ?? 0, model.records.ring[record] ?? 0, model.records.slot[record] ?? 0);

/** Compares every claim of the model with what really happened. Throws at the first wrong one. */
function checkAgainstTruth({ recording, truth }: Generated, tally: Tally): TraceModel {
  const model = buildModel(recording);
  checkIdentity(model, truth);
  for (let edge = 0; edge < model.wakes.count; edge += 1) checkEdge(model, truth, edge, tally);
  checkFates(model, truth, tally);
  return model;
}

function checkIdentity(model: TraceModel, truth: Generated['truth']): void {
  const trueOf = new Map<number, number>();
  for (let record = 0; record < model.records.count; record += 1) {
    const object = model.objectOf[record] ?? -1;
    const really = truth.objects.get(keyOf(model, record));
    if (object < 0 || really === undefined) continue;
    const known = trueOf.get(object);
    if (known === undefined) trueOf.set(object, really);
    // Lost records can hide that a handle changed its object: then the model must not call it sure (checked by edges).
    else if (truth.lost === 0)
      assert.equal(really, known, `object ${object} is two objects, at ${keyOf(model, record)}`);
  }
}

function checkEdge(model: TraceModel, truth: Generated['truth'], edge: number, tally: Tally): void {
  const { wakes, waits } = model;
  const end = waits.endRecord[wakes.wait[edge] ?? 0] ?? -1;
  const really = truth.wakes.get(keyOf(model, end));
  assert.ok(really !== undefined, 'an edge to a wait that took nothing');
  const signals = really.map(({ signal }) => signal);
  const signal = wakes.signal[edge] ?? -1;
  const claimed = signal < 0 ? 'initial' : keyOf(model, signal);
  const where = `${EVIDENCE[wakes.evidence[edge] ?? 0]} edge to the wait that ended at ${keyOf(model, end)}: ${claimed}, really ${signals.join(', ')}`;
  // Its owner took a mutant once more, and that it is one, or whose it was, is not recorded: then nothing is sure.
  const named = signal >= 0 ? signal : (wakes.candidates[wakes.firstCandidate[edge] ?? 0] ?? -1);
  const about = truth.objects.get(keyOf(model, named)) ?? -1;
  const tookNoSignal =
    really.length === 0 || (truth.types[about] === 'mutant' && !really.some(({ object }) => object === about));
  if (tookNoSignal && wakes.evidence[edge] !== Evidence.Seen) return;
  switch (wakes.evidence[edge] ?? -1) {
    case Evidence.Seen:
      tally.seen += 1;
      assert.ok(signals.includes(claimed), where);
      break;
    case Evidence.Inferred:
      tally.inferred += 1;
      assert.ok(signals.includes(claimed) || signals.includes('lost') || truth.lost > 1, where);
      break;
    case Evidence.Ambiguous: {
      tally.ambiguous += 1;
      const first = wakes.firstCandidate[edge] ?? 0;
      const until = wakes.firstCandidate[edge + 1] ?? 0;
      const candidates = [...wakes.candidates.subarray(first, until)].map((record) => keyOf(model, record));
      const among = signals.some((one) => one === 'initial' || one === 'lost' || candidates.includes(one));
      assert.ok(among || candidates.length >= 16 || truth.lost > 1, `${where}, candidates ${candidates.join(', ')}`);
      break;
    }
    default:
      tally.unseen += 1;
      // Of an object whose creation could not be told to be its own, the first state was not recorded either.
      if (signals.includes('initial') && model.objects[wakes.object[edge] ?? -1]?.initiallySet === undefined) break;
      assert.ok(signals.includes('lost') || truth.lost > 1, where);
  }
}
const EVIDENCE = ['seen', 'inferred', 'ambiguous', 'unseen'];

function checkFates(model: TraceModel, truth: Generated['truth'], tally: Tally): void {
  for (let record = 0; record < model.records.count; record += 1) {
    const claimed = model.transitions.fate[record] ?? 0;
    const really = truth.fates.get(keyOf(model, record));
    if (claimed === Fate.None || really === undefined) continue;
    tally.fates += 1;
    if (claimed === Fate.Undecided) continue;
    tally.decidedFates += 1;
    // Recorded waits can end after the simulation: a pending signal may have been taken by one still on its way.
    if (claimed === Fate.Taken && truth.lost > 0) continue;
    assert.equal(FATE_WORDS[claimed], really, `signal ${keyOf(model, record)}`);
  }
}

function run(options: Omit<GeneratorOptions, 'seed'>, seeds = SEEDS): Tally {
  const tally: Tally = { seen: 0, inferred: 0, ambiguous: 0, unseen: 0, fates: 0, decidedFates: 0 };
  for (let seed = 1; seed <= seeds; seed += 1) {
    try {
      checkAgainstTruth(generate({ ...options, seed }), tally);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  return tally;
}

const share = (tally: Tally): number =>
  tally.seen / Math.max(1, tally.seen + tally.inferred + tally.ambiguous + tally.unseen);

describe('model', () => {
  it('finds the signal of every wait that can be decided, and is never wrong', () => {
    const tally = run({});
    assert.equal(tally.unseen, 0);
    assert.equal(tally.inferred, 0);
    assert.ok(share(tally) > 0.9, JSON.stringify(tally));
    assert.ok(tally.decidedFates / tally.fates > 0.8, JSON.stringify(tally));
  });

  it('does not need the state before a signal, which Win32 does not tell', () => {
    const tally = run({ userPrevious: false });
    assert.ok(share(tally) > 0.5, JSON.stringify(tally));
  });

  it('is never wrong when threads run into each other all the time', () => {
    const tally = run({ pause: 3_000, span: 3e6, threadsPerProcess: 5 });
    assert.ok(tally.ambiguous > 0, 'the test is meant to have undecidable waits');
    assert.ok(tally.seen > 0);
  });

  it('is never wrong about signals that are one call with a wait', () => {
    const { seen, ambiguous } = run({ signalAndWait: 0.4, userPrevious: false, span: 8e6 });
    assert.ok(seen > ambiguous);
  });

  it('is never wrong when records are lost', () => {
    const tally = run({ lost: 0.05 });
    assert.ok(tally.inferred + tally.ambiguous > 0);
  });

  it('brings sources with clocks of their own together, and doubts what their difference leaves open', () => {
    const tally = run({ skewed: true });
    assert.ok(share(tally) > 0.5, JSON.stringify(tally));
  });

  for (const type of ['semaphore', 'mutant', 'timer'] as const) {
    it(`knows a ${type} for what it is, and is never wrong about it`, () => {
      const tally = run({ types: [type] });
      assert.equal(tally.unseen, 0);
      assert.equal(tally.inferred > 0, type === 'timer', 'only the expiry of a timer is not recorded');
      assert.ok(tally.seen + tally.inferred > 200, JSON.stringify(tally));
      const { recording, truth } = generate({ seed: 5, types: [type] });
      const model = buildModel(recording);
      assert.equal(model.objects.length, truth.objectCount);
      for (const object of model.objects) assert.equal(object.type, type);
    });
  }

  it('is never wrong about all types together, with clocks of their own and lost records', () => {
    const types = ['event', 'semaphore', 'mutant', 'timer'] as const;
    const tally = run({ types }, 24);
    assert.ok(tally.seen > 500, JSON.stringify(tally));
    run({ types, pause: 3_000, span: 3e6, threadsPerProcess: 5 });
    run({ types, skewed: true }, 24);
    run({ types, lost: 0.05 }, 24);
  });

  it('reads batches in whatever order they come', () => {
    const inOrder = buildModel(generate({ seed: 7 }).recording);
    const shuffled = buildModel(generate({ seed: 7, shuffled: true }).recording);
    assert.equal(shuffled.gaps.length, 0);
    assert.deepEqual(shuffled.wakes.signal, inOrder.wakes.signal);
    assert.deepEqual(shuffled.transitions.time, inOrder.transitions.time);
    run({ shuffled: true, skewed: true, lost: 0.03 }, 20);
  });

  it('does not doubt what happened to an object because of what was lost before it was made', () => {
    const builder = new RecordingBuilder({ target: 't', host: 'h', versions: {}, startUtcMs: 0 });
    builder.addSource({ side: 'user', description: 'app.exe', process: 1, session: 1, ringCount: 1, slotsPerRing: 64 });
    const ring = new RingWriter();
    const write = (us: number, thread: number, fields: Pick<RecordFields, 'kind' | 'duration' | 'flags'>): unknown =>
      ring.write({ tsc: BigInt(us * 3_000), object: 4n, process: 1, thread, ...fields });
    write(1, 2, { kind: Kind.Note });
    ring.lost = 100;
    write(10, 2, { kind: Kind.Note });
    write(20, 2, { kind: Kind.Create, flags: Flag.Synchronization, duration: 3_000 });
    write(30, 3, { kind: Kind.WaitBegin });
    write(40, 2, { kind: Kind.Set, duration: 3_000 });
    write(50, 3, { kind: Kind.WaitEnd, duration: 20 * 3_000 });
    builder.slots(0, 0, 0n, 100n, ring.bytes);
    const { wakes, gaps } = buildModel(builder.finish());
    assert.equal(gaps.length, 1);
    assert.deepEqual([...wakes.evidence], [Evidence.Seen]);
  });

  it('joins what a driver and an application had before the recording, and tells of nothing that was merely there', () => {
    const builder = new RecordingBuilder({ target: 't', host: 'h', versions: {}, startUtcMs: 0 });
    const shape = { ringCount: 1, slotsPerRing: 64 };
    builder.addSource({ side: 'user', description: 'app.exe', process: 1, session: 1, ...shape });
    builder.addSource({ side: 'kernel', description: 'driver.sys', process: 9, ...shape });
    const app = new RingWriter();
    const driver = new RingWriter();
    type Fields = Pick<RecordFields, 'kind' | 'duration' | 'flags' | 'argument' | 'object'>;
    const user = (us: number, fields: Fields): unknown =>
      app.write({ tsc: BigInt(us * 3_000), process: 1, thread: 2, ...fields });
    const kernel = (us: number, { flags = 0, ...fields }: Fields, process = 9): unknown =>
      driver.write({ tsc: BigInt(us * 3_000), process, thread: 8, flags: flags | Flag.Kernel, ...fields });
    user(1, { kind: Kind.Name, object: 4n, argument: 1n, flags: Flag.Synchronization });
    user(1, { kind: Kind.Name, object: 8n, argument: 1n });
    user(10, { kind: Kind.WaitBegin, object: 4n });
    // Another thread of the driver came with the address while the first one was still asking what it is.
    kernel(18, { kind: Kind.Reset, object: 0x1000n, duration: 3_000 });
    kernel(20, { kind: Kind.Reference, object: 0x1000n, argument: 4n, flags: Flag.Existed }, 1);
    kernel(30, { kind: Kind.Set, object: 0x1000n, duration: 3_000 });
    user(32, { kind: Kind.WaitEnd, object: 4n, duration: 22 * 3_000 });
    builder.slots(0, 0, 0n, 0n, app.bytes);
    builder.slots(1, 0, 0n, 0n, driver.bytes);
    const { wakes, objects, objectOf, records } = buildModel(builder.finish());
    assert.deepEqual(
      objects.map(({ type, kind, sources, initiallySet }) => [type, kind, sources.length, initiallySet]),
      [['event', 'synchronization', 2, undefined]],
    );
    const resets = records.kind.indexOf(Kind.Reset);
    assert.equal(objectOf[resets], 0);
    assert.deepEqual([wakes.count, records.kind[wakes.signal[0] ?? -1]], [1, Kind.Set]);
  });

  it('knows by the state that a later signal found that a reset within the call of a signal came behind it', () => {
    const wakesOf = (previous: number): [number, number] => {
      const builder = new RecordingBuilder({ target: 't', host: 'h', versions: {}, startUtcMs: 0 });
      builder.addSource({
        ...{ side: 'user', description: 'app.exe', process: 1, session: 1, ringCount: 1, slotsPerRing: 64 },
      });
      const ring = new RingWriter();
      const write = (
        us: number,
        took: number,
        thread: number,
        fields: Omit<RecordFields, 'tsc' | 'process' | 'thread'>,
      ): unknown =>
        ring.write({ tsc: BigInt(us * 3_000), duration: took * 3_000, process: 1, thread, object: 4n, ...fields });
      write(0, 0, 1, { kind: Kind.Create, argument: BigInt(ObjectType.Event) });
      // Whoever it released resets the event before the call that signaled it has returned.
      write(10, 20, 1, { kind: Kind.Set, previous: 0 });
      write(25, 2, 2, { kind: Kind.Reset });
      write(40, 0, 2, { kind: Kind.WaitBegin });
      write(80, 5, 1, { kind: Kind.Set, previous });
      write(83, 43, 2, { kind: Kind.WaitEnd });
      builder.slots(0, 0, 0n, 0n, ring.bytes);
      const { wakes, records } = buildModel(builder.finish());
      return [wakes.evidence[0] ?? -1, (records.time[wakes.signal[0] ?? -1] ?? NaN) / 1_000];
    };
    assert.deepEqual(wakesOf(0), [Evidence.Seen, 80]);
    assert.deepEqual(wakesOf(-1)[0], Evidence.Ambiguous, 'unknown: the reset may have come first');
  });

  it('counts every lost record in a gap of its ring', () => {
    const { recording, truth } = generate({ seed: 3, lost: 0.1 });
    const model = buildModel(recording);
    assert.ok(truth.lost > 0);
    assert.equal(
      model.gaps.reduce((sum, gap) => sum + gap.count, 0),
      truth.lost,
    );
  });
});
